package azmlbatch_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// laptop returns a client of an emulator of its own. A program for Azure calls azmlbatch.NewClient instead.
func laptop() (*azmlbatch.Client, func()) {
	azure, err := emulator.New(nil)
	check(err)
	client, err := azure.Client(nil)
	check(err)
	return client, func() { check(azure.Close()) }
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// folder writes files into a new folder with the given name.
func folder(name string, files map[string]string) string {
	dir, err := os.MkdirTemp("", "azmlbatch-example-")
	check(err)
	exampleDirs = append(exampleDirs, dir)
	dir = filepath.Join(dir, name)
	check(os.MkdirAll(dir, 0o750))
	for name, content := range files {
		check(os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	return dir
}

// lengths is a scoring script that needs no model: it says how long each file is, and fails for an empty one.
const lengths = `
import os

def run(mini_batch):
    rows = []
    for path in mini_batch:
        size = os.path.getsize(path)
        if size == 0:
            raise ValueError(f"{os.path.basename(path)} is empty")
        rows.append(f"{os.path.basename(path)} {size}")
    return rows
`

// deploy makes the endpoint lengths with the default deployment blue.
func deploy(ctx context.Context, client *azmlbatch.Client) {
	code, err := client.Codes().Upload(ctx, "lengths", folder("code", map[string]string{"score.py": lengths}), nil)
	check(err)
	model, err := client.Models().Upload(ctx, "lengths", folder("model", map[string]string{"unit.txt": "bytes"}), nil)
	check(err)
	environment, err := client.Environments().CreateOrUpdate(ctx, azmlbatch.Environment{Name: "plain", Image: "python:3.11"}, nil)
	check(err)
	_, err = client.Computes().CreateOrUpdate(ctx, "batch-cluster",
		azmlbatch.Compute{Properties: azmlbatch.AmlCompute{VMSize: "STANDARD_D2_V2", MaxNodes: 2}}, nil)
	check(err)
	_, err = client.Endpoints().CreateOrUpdate(ctx, "lengths", azmlbatch.Endpoint{}, nil)
	check(err)
	_, err = client.Deployments("lengths").CreateOrUpdate(ctx, "blue", azmlbatch.Deployment{
		Model: model.Ref(), Compute: "batch-cluster", EnvironmentID: environment.Ref(), ErrorThreshold: new(0),
		CodeConfiguration: azmlbatch.CodeConfiguration{CodeID: code.Ref(), ScoringScript: "score.py"},
	}, nil)
	check(err)
	_, err = client.Endpoints().SetDefaultDeployment(ctx, "lengths", "blue", nil)
	check(err)
}

// score runs a job over two files and waits for it.
func score(ctx context.Context, client *azmlbatch.Client) string {
	job, err := client.Endpoints().Invoke(ctx, "lengths", azmlbatch.Invocation{
		Inputs: azmlbatch.Inputs{"files": azmlbatch.LocalPath{Path: folder("files", map[string]string{"a.txt": "clay", "b.txt": "glaze"})}},
	})
	check(err)
	_, err = client.Jobs().Wait(ctx, job.Name, nil)
	check(err)
	return job.Name
}

func ExampleNewClient() {
	azure, err := emulator.New(nil)
	check(err)
	defer azure.Close()
	// Against Azure: cred, err := azidentity.NewDefaultAzureCredential(nil), and no options.
	w := azure.Workspaces()[0]
	options := &azmlbatch.ClientOptions{}
	options.Transport = azure
	client, err := azmlbatch.NewClient(azmlbatch.Workspace{
		SubscriptionID: w.SubscriptionID, ResourceGroup: w.ResourceGroup, Name: w.Name,
	}, azure.Credential(), options)
	check(err)
	access, err := client.Authenticate(context.Background())
	check(err)
	for _, a := range access {
		fmt.Println(a.Audience)
	}
	// Output:
	// https://management.core.windows.net/
	// https://ml.azure.com
}

func ExampleCodesClient_Upload() {
	client, stop := laptop()
	defer stop()
	ctx := context.Background()
	code := folder("code", map[string]string{"score.py": lengths})
	_, err := client.Codes().Upload(ctx, "lengths", code, &azmlbatch.UploadCodeOptions{Script: "Score.py"})
	var bad *azmlbatch.ArgumentError
	fmt.Println(errors.As(err, &bad))
	first, err := client.Codes().Upload(ctx, "lengths", code, nil)
	check(err)
	again, err := client.Codes().Upload(ctx, "lengths", code, nil)
	check(err)
	fmt.Println(first.Version, again.Version) // equal content is found, and nothing is sent
	// Output:
	// true
	// 1 1
}

func ExampleModelsClient_Upload() {
	client, stop := laptop()
	defer stop()
	model, err := client.Models().Upload(context.Background(), "digits", "examples/quickstart/digits/model", nil)
	check(err)
	fmt.Println(model.Name, model.Version, model.ModelType)
	// Output: digits 1 custom_model
}

func ExampleClient_Environments() {
	client, stop := laptop()
	defer stop()
	environment, err := client.Environments().CreateOrUpdate(context.Background(), azmlbatch.Environment{
		Name: "digits", Image: "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04",
		CondaFile: "name: digits\ndependencies:\n- python=3.11\n",
	}, nil)
	check(err)
	fmt.Println(environment.Name, environment.Version, environment.OSType)
	// Output: digits 1 Linux
}

func ExampleDataClient_Upload() {
	client, stop := laptop()
	defer stop()
	data, err := client.Data().Upload(context.Background(), "images", "examples/quickstart/digits/images", nil)
	check(err)
	fmt.Println(data.Name, data.Version, data.DataType)
	// Output: images 1 uri_folder
}

func ExampleComputesClient_CreateOrUpdate() {
	client, stop := laptop()
	defer stop()
	ctx := context.Background()
	cluster, err := client.Computes().CreateOrUpdate(ctx, "batch-cluster", azmlbatch.Compute{
		Properties: azmlbatch.AmlCompute{VMSize: "STANDARD_D2_V2", MaxNodes: 5, IdleTimeBeforeScaleDown: 2 * time.Minute},
	}, nil)
	check(err)
	fmt.Println(cluster.Name, cluster.ProvisioningState)
	// Output: batch-cluster Succeeded
}

func ExampleEndpointsClient_CreateOrUpdate() {
	client, stop := laptop()
	defer stop()
	ctx := context.Background()
	endpoint, err := client.Endpoints().CreateOrUpdate(ctx, "digits", azmlbatch.Endpoint{Tags: map[string]string{"team": "post"}},
		&azmlbatch.WaitOptions{OnProgress: func(p azmlbatch.Progress) { fmt.Println(p.Status) }})
	check(err)
	fmt.Println(endpoint.ScoringURI)
	// Output:
	// Updating
	// Succeeded
	// https://digits.eastus.inference.ml.azure.com/jobs
}

func ExampleEndpointsClient_List() {
	client, stop := laptop()
	defer stop()
	ctx := context.Background()
	deploy(ctx, client)
	for endpoint, err := range client.Endpoints().List(ctx) {
		check(err)
		fmt.Println(endpoint.Name, endpoint.DefaultDeployment)
	}
	// Output: lengths blue
}

func ExampleDeploymentsClient_CreateOrUpdate() {
	client, stop := laptop()
	defer stop()
	ctx := context.Background()
	deploy(ctx, client)
	deployment, err := client.Deployments("lengths").Get(ctx, "blue")
	check(err)
	deployment.MiniBatchSize = 20 // get, change one thing, send it back
	deployment, err = client.Deployments("lengths").CreateOrUpdate(ctx, "blue", deployment, nil)
	check(err)
	fmt.Println(deployment.MiniBatchSize, deployment.CodeConfiguration.ScoringScript, *deployment.ErrorThreshold)
	// Output: 20 score.py 0
}

func ExampleEndpointsClient_Invoke() {
	client, stop := laptop()
	defer stop()
	ctx := context.Background()
	deploy(ctx, client)
	nightly := azmlbatch.Invocation{
		Key:    "night-of-2026-03-01", // a second call with this key returns the first job
		Inputs: azmlbatch.Inputs{"files": azmlbatch.LocalPath{Path: folder("files", map[string]string{"a.txt": "clay"})}},
	}
	first, err := client.Endpoints().Invoke(ctx, "lengths", nightly)
	check(err)
	second, err := client.Endpoints().Invoke(ctx, "lengths", nightly)
	check(err)
	fmt.Println(first.Name == second.Name)
	// Output: true
}

func ExampleJobsClient_Wait() {
	client, stop := laptop()
	defer stop()
	ctx := context.Background()
	deploy(ctx, client)
	job, err := client.Endpoints().Invoke(ctx, "lengths", azmlbatch.Invocation{
		Inputs: azmlbatch.Inputs{"files": azmlbatch.LocalPath{Path: folder("files", map[string]string{"a.txt": "clay"})}},
	})
	check(err)
	done, err := client.Jobs().Wait(ctx, job.Name, nil)
	check(err)
	fmt.Println(done.Status, done.ExperimentName)
	// Output: Completed lengths
}

func ExampleJobFailedError() {
	client, stop := laptop()
	defer stop()
	ctx := context.Background()
	deploy(ctx, client)
	job, err := client.Endpoints().Invoke(ctx, "lengths", azmlbatch.Invocation{
		Inputs: azmlbatch.Inputs{"files": azmlbatch.LocalPath{Path: folder("files", map[string]string{"empty.txt": ""})}},
	})
	check(err)
	_, err = client.Jobs().Wait(ctx, job.Name, nil)
	var failed *azmlbatch.JobFailedError
	if errors.As(err, &failed) {
		fmt.Println(failed.Message)
		fmt.Println("mini-batch", failed.MiniBatch, "file", failed.File)
		fmt.Println(strings.Contains(failed.Traceback, `score.py", line 9, in run`))
	}
	// Output:
	// ValueError: empty.txt is empty
	// mini-batch 0 file empty.txt
	// true
}

func ExampleRows() {
	client, stop := laptop()
	defer stop()
	ctx := context.Background()
	deploy(ctx, client)
	job := score(ctx, client)
	type row struct {
		File string
		Size int
	}
	for r, err := range azmlbatch.Rows[row](ctx, client, job, nil) {
		check(err)
		fmt.Println(r.File, r.Size)
	}
	// Output:
	// a.txt 4
	// b.txt 5
}

func ExampleReadRows() {
	const predictions = "\"red vase.png\" 7 0.93\nbowl.png 2 \n" // pandas quotes what has spaces, and writes NaN as nothing
	type row struct {
		File  string
		Class int
		Score float64
	}
	for r, err := range azmlbatch.ReadRows[row](strings.NewReader(predictions), "predictions.csv", nil) {
		check(err)
		fmt.Printf("%+v\n", r)
	}
	// Output:
	// {File:red vase.png Class:7 Score:0.93}
	// {File:bowl.png Class:2 Score:0}
}

func ExampleJobsClient_Download() {
	client, stop := laptop()
	defer stop()
	ctx := context.Background()
	deploy(ctx, client)
	job := score(ctx, client)
	target := filepath.Join(folder("results", nil), "new")
	result, err := client.Jobs().Download(ctx, job, target, nil)
	check(err)
	content, err := os.ReadFile(filepath.Join(target, "predictions.csv"))
	check(err)
	fmt.Printf("%d file\n%s", result.Files, content)
	// Output:
	// 1 file
	// a.txt 4
	// b.txt 5
}

func ExampleEndpointsClient_Delete() {
	client, stop := laptop()
	defer stop()
	ctx := context.Background()
	deploy(ctx, client)
	check(client.Endpoints().Delete(ctx, "lengths", nil))
	_, err := client.Endpoints().Get(ctx, "lengths")
	fmt.Println(errors.Is(err, azmlbatch.ErrNotFound))
	// Output: true
}

func ExampleResume() {
	client, stop := laptop()
	defer stop()
	ctx := context.Background()
	begun, err := client.Endpoints().BeginCreateOrUpdate(ctx, "digits", azmlbatch.Endpoint{})
	check(err)
	token, err := begun.ResumeToken()
	check(err)

	// Later, in another process perhaps:
	resumed, err := azmlbatch.Resume[azmlbatch.Endpoint](client, token)
	check(err)
	endpoint, err := resumed.PollUntilDone(ctx, nil)
	check(err)
	fmt.Println(endpoint.Name, endpoint.ProvisioningState)
	// Output: digits Succeeded
}
