package azmlbatch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// The whole flow: a model and a script behind a batch endpoint, a job over a local folder, its predictions as typed rows.
// Against Azure only the client is made in another way, see ExampleNewClient.
func Example() {
	ctx := context.Background()
	azure, err := emulator.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}

	model, err := client.Models().Upload(ctx, "vases", "testdata/vases", nil)
	if err != nil {
		log.Fatal(err)
	}
	code, err := client.Codes().Upload(ctx, "lengths", "testdata/lengths", nil)
	if err != nil {
		log.Fatal(err)
	}
	environment, err := client.Environments().CreateOrUpdate(ctx, "plain", azmlbatch.Environment{Image: "python:3.11"}, nil)
	if err != nil {
		log.Fatal(err)
	}
	cluster := azmlbatch.Compute{Properties: azmlbatch.AmlCompute{VMSize: "STANDARD_D2_V2", MaxNodes: 2}}
	if _, err := client.Computes().CreateOrUpdate(ctx, "cluster", cluster, nil); err != nil {
		log.Fatal(err)
	}
	if _, err := client.Endpoints().CreateOrUpdate(ctx, "lengths", azmlbatch.Endpoint{}, nil); err != nil {
		log.Fatal(err)
	}
	blue := azmlbatch.Deployment{
		Model: azmlbatch.ModelByID{AssetID: model.Ref()}, EnvironmentID: environment.Ref(), Compute: "cluster",
		CodeConfiguration: azmlbatch.CodeConfiguration{CodeID: code.Ref(), ScoringScript: "score.py"},
	}
	if _, err := client.Deployments("lengths").CreateOrUpdate(ctx, "blue", blue, nil); err != nil {
		log.Fatal(err)
	}
	if _, err := client.Endpoints().SetDefaultDeployment(ctx, "lengths", "blue", nil); err != nil {
		log.Fatal(err)
	}

	job, err := client.Endpoints().Invoke(ctx, "lengths", azmlbatch.Invocation{Input: azmlbatch.LocalPath{Path: "testdata/vases"}})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.Jobs().Wait(ctx, job.Name, nil); err != nil {
		log.Fatal(err)
	}
	type prediction struct {
		File   string
		Length int
	}
	for row, err := range azmlbatch.Rows[prediction](ctx, client, job.Name, nil) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(row.File, row.Length)
	}
	// Output:
	// a.txt 4
	// b.txt 5
}

func ExampleNewClient() {
	azure, err := emulator.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	// Against Azure: cred, err := azidentity.NewDefaultAzureCredential(nil), and no options.
	w := azure.Workspaces()[0]
	options := &azmlbatch.ClientOptions{}
	options.Transport = azure
	client, err := azmlbatch.NewClient(azmlbatch.Workspace{
		SubscriptionID: w.SubscriptionID, ResourceGroup: w.ResourceGroup, Name: w.Name,
	}, azure.Credential(), options)
	if err != nil {
		log.Fatal(err)
	}
	access, err := client.Authenticate(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, a := range access {
		fmt.Println(a.Audience)
	}
	// Output:
	// https://management.core.windows.net/
	// https://ml.azure.com
}

func ExampleCodesClient_Upload() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	_, err = client.Codes().Upload(ctx, "lengths", "testdata/lengths", &azmlbatch.UploadCodeOptions{Script: "Score.py"})
	var bad *azmlbatch.ArgumentError
	fmt.Println(errors.As(err, &bad))
	first, err := client.Codes().Upload(ctx, "lengths", "testdata/lengths", nil)
	if err != nil {
		log.Fatal(err)
	}
	again, err := client.Codes().Upload(ctx, "lengths", "testdata/lengths", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(first.Version, again.Version) // equal content is found, and nothing is sent
	// Output:
	// true
	// 1 1
}

func ExampleModelsClient_Upload() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	model, err := client.Models().Upload(context.Background(), "digits", "examples/quickstart/digits/model", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(model.Name, model.Version, model.ModelType, model.Outcome)
	// Output: digits 1 custom_model registered
}

func ExampleClient_Environments() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	environment, err := client.Environments().CreateOrUpdate(context.Background(), "digits", azmlbatch.Environment{
		Image:     "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04",
		CondaFile: "name: digits\ndependencies:\n- python=3.11\n",
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(environment.Name, environment.Version, environment.OSType)
	// Output: digits 1 Linux
}

func ExampleDataClient_Upload() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	data, err := client.Data().Upload(context.Background(), "images", "examples/quickstart/digits/images", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(data.Name, data.Version, data.DataType)
	// Output: images 1 uri_folder
}

func ExampleClient_ListFiles() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	folder, err := client.Upload(ctx, "testdata/vases", nil)
	if err != nil {
		log.Fatal(err)
	}
	for f, err := range client.ListFiles(ctx, folder.URI) {
		if err != nil {
			log.Fatal(err)
		}
		body, err := client.OpenFile(ctx, f.URI)
		if err != nil {
			log.Fatal(err)
		}
		text, err := io.ReadAll(body)
		body.Close()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s, %d bytes: %q\n", f.Name, f.Size, text)
	}
	// Output:
	// a.txt, 4 bytes: "clay"
	// b.txt, 5 bytes: "glaze"
}

func ExampleComputesClient_CreateOrUpdate() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	cluster, err := client.Computes().CreateOrUpdate(ctx, "batch-cluster", azmlbatch.Compute{
		Properties: azmlbatch.AmlCompute{VMSize: "STANDARD_D2_V2", MaxNodes: 5, IdleTimeBeforeScaleDown: 2 * time.Minute},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(cluster.Name, cluster.ProvisioningState)
	// Output: batch-cluster Succeeded
}

func ExampleEndpointsClient_CreateOrUpdate() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	endpoint, err := client.Endpoints().CreateOrUpdate(ctx, "digits", azmlbatch.Endpoint{Tags: map[string]string{"team": "post"}},
		&azmlbatch.WaitOptions{OnProgress: func(p azmlbatch.Progress) { fmt.Println(p.Status) }})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(endpoint.ScoringURI)
	// Output:
	// Succeeded
	// https://digits.eastus.inference.ml.azure.com/jobs
}

func ExampleEndpointsClient_List() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	_, err = azure.Deploy(ctx, emulator.Script{Dir: "testdata/lengths"}, &emulator.DeployOptions{Endpoint: "lengths"})
	if err != nil {
		log.Fatal(err)
	}
	for endpoint, err := range client.Endpoints().List(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(endpoint.Name, endpoint.DefaultDeployment)
	}
	// Output: lengths blue
}

func ExampleDeploymentsClient_CreateOrUpdate() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	_, err = azure.Deploy(ctx, emulator.Script{Dir: "testdata/lengths"}, &emulator.DeployOptions{Endpoint: "lengths"})
	if err != nil {
		log.Fatal(err)
	}
	deployment, err := client.Deployments("lengths").Get(ctx, "blue")
	if err != nil {
		log.Fatal(err)
	}
	deployment.MiniBatchSize = 20 // get, change one thing, send it back
	deployment, err = client.Deployments("lengths").CreateOrUpdate(ctx, "blue", deployment, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(deployment.MiniBatchSize, deployment.CodeConfiguration.ScoringScript)
	// Output: 20 score.py
}

func ExampleEndpointsClient_Invoke() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	_, err = azure.Deploy(ctx, emulator.Script{Dir: "testdata/lengths"}, &emulator.DeployOptions{Endpoint: "lengths"})
	if err != nil {
		log.Fatal(err)
	}
	nightly := azmlbatch.Invocation{
		Key:   "night-of-2026-03-01", // a second call with this key returns the first job
		Input: azmlbatch.LocalPath{Path: "testdata/vases"},
	}
	first, err := client.Endpoints().Invoke(ctx, "lengths", nightly)
	if err != nil {
		log.Fatal(err)
	}
	second, err := client.Endpoints().Invoke(ctx, "lengths", nightly)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(first.Name == second.Name)
	// Output: true
}

func ExampleJobsClient_Wait() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	_, err = azure.Deploy(ctx, emulator.Script{Dir: "testdata/lengths"}, &emulator.DeployOptions{Endpoint: "lengths"})
	if err != nil {
		log.Fatal(err)
	}
	job, err := client.Endpoints().Invoke(ctx, "lengths", azmlbatch.Invocation{
		Input: azmlbatch.LocalPath{Path: "testdata/vases"},
	})
	if err != nil {
		log.Fatal(err)
	}
	done, err := client.Jobs().Wait(ctx, job.Name, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(done.Status, done.ExperimentName)
	// Output: Completed lengths
}

func ExampleJobFailedError() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	_, err = azure.Deploy(ctx, emulator.Script{Dir: "testdata/lengths"}, &emulator.DeployOptions{Endpoint: "lengths"})
	if err != nil {
		log.Fatal(err)
	}
	job, err := client.Endpoints().Invoke(ctx, "lengths", azmlbatch.Invocation{
		Input: azmlbatch.LocalPath{Path: "testdata/cracked"},
	})
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.Jobs().Wait(ctx, job.Name, nil)
	var failed *azmlbatch.JobFailedError
	if errors.As(err, &failed) {
		fmt.Println(failed.Message)
		fmt.Println("mini-batch", failed.MiniBatch, "file", failed.File)
		fmt.Println(strings.Contains(failed.Traceback, `score.py", line 11, in run`))
	}
	// Output:
	// ValueError: empty.txt is empty
	// mini-batch 0 file empty.txt
	// true
}

func ExampleJobsClient_Download() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	_, err = azure.Deploy(ctx, emulator.Script{Dir: "testdata/lengths"}, &emulator.DeployOptions{Endpoint: "lengths"})
	if err != nil {
		log.Fatal(err)
	}
	started, err := client.Endpoints().Invoke(ctx, "lengths", azmlbatch.Invocation{Input: azmlbatch.LocalPath{Path: "testdata/vases"}})
	if err != nil {
		log.Fatal(err)
	}
	job, err := client.Jobs().Wait(ctx, started.Name, nil)
	if err != nil {
		log.Fatal(err)
	}
	target, err := os.MkdirTemp("", "results-")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(target) }()
	result, err := client.Jobs().Download(ctx, job.Name, target, nil)
	if err != nil {
		log.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(target, "predictions.csv"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d file\n%s", result.Files, content)
	// Output:
	// 1 file
	// a.txt 4
	// b.txt 5
}

func ExampleEndpointsClient_Delete() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	_, err = azure.Deploy(ctx, emulator.Script{Dir: "testdata/lengths"}, &emulator.DeployOptions{Endpoint: "lengths"})
	if err != nil {
		log.Fatal(err)
	}
	if err := client.Endpoints().Delete(ctx, "lengths", nil); err != nil {
		log.Fatal(err)
	}
	_, err = client.Endpoints().Get(ctx, "lengths")
	fmt.Println(errors.Is(err, azmlbatch.ErrNotFound))
	// Output: true
}

func ExampleResume() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	begun, err := client.Endpoints().BeginCreateOrUpdate(ctx, "digits", azmlbatch.Endpoint{})
	if err != nil {
		log.Fatal(err)
	}
	token, err := begun.ResumeToken()
	if err != nil {
		log.Fatal(err)
	}

	// Later, in another process perhaps:
	resumed, err := azmlbatch.Resume[azmlbatch.Endpoint](client, token)
	if err != nil {
		log.Fatal(err)
	}
	endpoint, err := resumed.PollUntilDone(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(endpoint.Name, endpoint.ProvisioningState)
	// Output: digits Succeeded
}
