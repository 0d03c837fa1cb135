package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch"
)

const (
	image   = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
	cluster = "batch-cluster"
	blue    = "blue"
)

// tour carries what one step leaves for the next.
type tour struct {
	client   *azmlbatch.Client
	out      io.Writer
	digits   string // folder with images, labels, model and script
	endpoint string

	store       azmlbatch.Datastore
	code        azmlbatch.Code
	model       azmlbatch.Model
	environment azmlbatch.Environment
	images      azmlbatch.Uploaded
	data        azmlbatch.Data
	jobs        []azmlbatch.BatchJob
}

// walkthrough takes the steps in their order, and says how long each one took.
func walkthrough(ctx context.Context, client *azmlbatch.Client, digits string, out io.Writer) error {
	t := &tour{client: client, out: out, digits: digits}
	began := time.Now()
	for i, step := range []struct {
		what string
		do   func(context.Context) (string, error)
	}{
		{"sign in", t.signIn},
		{"choose a unique endpoint name", t.chooseName},
		{"find the default datastore", t.findDatastore},
		{"upload and register the code", t.uploadCode},
		{"upload and register the model", t.uploadModel},
		{"create the environment", t.createEnvironment},
		{"create the compute cluster", t.createCluster},
		{"create the batch endpoint", t.createEndpoint},
		{"create the deployment", t.createDeployment},
		{"make it the default", t.setDefault},
		{"invoke with data in cloud storage", t.invokeFolder},
		{"register the data and invoke with it", t.invokeAsset},
		{"follow the jobs and read the predictions", t.readPredictions},
		{"delete the endpoint and its deployments", t.deleteEndpoint},
	} {
		start := time.Now()
		done, err := step.do(ctx)
		if err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, step.what, err)
		}
		fmt.Fprintf(out, "%2d. %-42s %6.2fs  %s\n", i+1, step.what, time.Since(start).Seconds(), done)
	}
	fmt.Fprintf(out, "\nAll steps took %.1f s.\n", time.Since(began).Seconds())
	return nil
}

func (t *tour) signIn(ctx context.Context) (string, error) {
	access, err := t.client.Authenticate(ctx)
	var audiences []string
	for _, a := range access {
		audiences = append(audiences, a.Audience)
	}
	return "tokens for " + strings.Join(audiences, " and "), err
}

// chooseName makes a name that no other workspace of the region has.
func (t *tour) chooseName(context.Context) (string, error) {
	t.endpoint = "digits-" + strings.ToLower(rand.Text()[:8])
	return t.endpoint, nil
}

func (t *tour) findDatastore(ctx context.Context) (string, error) {
	var err error
	t.store, err = t.client.Datastores().Default(ctx)
	return t.store.Name, err
}

func (t *tour) uploadCode(ctx context.Context) (string, error) {
	var err error
	t.code, err = t.client.Codes().Upload(ctx, "score-digits", filepath.Join(t.digits, "code"), &azmlbatch.UploadCodeOptions{Script: "score.py"})
	return t.code.Name + ":" + t.code.Version, err
}

func (t *tour) uploadModel(ctx context.Context) (string, error) {
	var err error
	t.model, err = t.client.Models().Upload(ctx, "digits", filepath.Join(t.digits, "model"), nil)
	return t.model.Name + ":" + t.model.Version, err
}

func (t *tour) createEnvironment(ctx context.Context) (string, error) {
	conda, err := os.ReadFile(filepath.Join(t.digits, "conda.yaml"))
	if err != nil {
		return "", err
	}
	t.environment, err = t.client.Environments().CreateOrUpdate(ctx,
		"digits", azmlbatch.Environment{Image: image, CondaFile: string(conda)}, nil)
	return t.environment.Name + ":" + t.environment.Version, err
}

func (t *tour) createCluster(ctx context.Context) (string, error) {
	c, err := t.client.Computes().CreateOrUpdate(ctx, cluster, azmlbatch.Compute{
		Properties: azmlbatch.AmlCompute{VMSize: "STANDARD_D2_V2", MaxNodes: 2, IdleTimeBeforeScaleDown: 2 * time.Minute},
	}, nil)
	return c.Name + " is " + string(c.ProvisioningState), err
}

func (t *tour) createEndpoint(ctx context.Context) (string, error) {
	ep, err := t.client.Endpoints().CreateOrUpdate(ctx, t.endpoint, azmlbatch.Endpoint{Description: "handwritten digits"}, nil)
	return ep.ScoringURI, err
}

func (t *tour) createDeployment(ctx context.Context) (string, error) {
	d, err := t.client.Deployments(t.endpoint).CreateOrUpdate(ctx, blue, azmlbatch.Deployment{
		Model:                     azmlbatch.ModelByID{AssetID: t.model.Ref()},
		CodeConfiguration:         azmlbatch.CodeConfiguration{CodeID: t.code.Ref(), ScoringScript: "score.py"},
		EnvironmentID:             t.environment.Ref(),
		Compute:                   cluster,
		MiniBatchSize:             10,
		MaxConcurrencyPerInstance: 2,
		RetrySettings:             azmlbatch.RetrySettings{Timeout: time.Minute},
	}, nil)
	return d.Name + " is " + string(d.ProvisioningState), err
}

func (t *tour) setDefault(ctx context.Context) (string, error) {
	ep, err := t.client.Endpoints().SetDefaultDeployment(ctx, t.endpoint, blue, nil)
	return "default is " + ep.DefaultDeployment, err
}

func (t *tour) invokeFolder(ctx context.Context) (string, error) {
	var err error
	if t.images, err = t.client.Upload(ctx, filepath.Join(t.digits, "images"), nil); err != nil {
		return "", err
	}
	return t.invoke(ctx, azmlbatch.Invocation{
		Inputs: azmlbatch.Inputs{"images": azmlbatch.URIFolder{URI: t.images.URL}}, // the https URL of a folder of blobs
	})
}

func (t *tour) invokeAsset(ctx context.Context) (string, error) {
	var err error
	t.data, err = t.client.Data().CreateOrUpdate(ctx, "digits", azmlbatch.Data{DataType: azmlbatch.DataTypeURIFolder, DataURI: t.images.URI}, nil)
	if err != nil {
		return "", err
	}
	job, err := t.invoke(ctx, azmlbatch.Invocation{Inputs: azmlbatch.Inputs{"images": azmlbatch.URIFolder{URI: t.data.Ref()}}})
	if err != nil {
		return "", err
	}
	older, err := t.invoke(ctx, azmlbatch.Invocation{Dataset: azmlbatch.DataURL{Path: t.images.URL}}) // as the API of 2021 did
	return job + " and, in the older form, " + older, err
}

func (t *tour) invoke(ctx context.Context, inv azmlbatch.Invocation) (string, error) {
	job, err := t.client.Endpoints().Invoke(ctx, t.endpoint, inv)
	t.jobs = append(t.jobs, job)
	return job.Name, err
}

func (t *tour) deleteEndpoint(ctx context.Context) (string, error) {
	return t.endpoint, t.client.Endpoints().Delete(ctx, t.endpoint, nil)
}
