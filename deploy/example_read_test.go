package deploy_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// Files of az ml become a Spec: the model and the environment that stand in the deployment are parts of it.
func ExampleRead() {
	spec, err := deploy.Read([]string{"testdata/digits"}, &deploy.ReadOptions{Set: []string{"deployment:compute=gpu-cluster"}})
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range spec.Deployments {
		fmt.Println(d.Endpoint, d.Deployment.Name, "on", d.Deployment.Compute)
	}
	fmt.Println(spec.Models[0].Name, "is", filepath.ToSlash(spec.Models[0].ModelURI))
	// Output:
	// digits blue on gpu-cluster
	// digits is testdata/digits/model
}

// Every mistake of a file has a place and a way out.
func ExampleRead_mistakes() {
	_, err := deploy.Read([]string{"testdata/mistakes.yml"}, nil)
	fmt.Println(err)
	// Output:
	// testdata/mistakes.yml:4:10: compute: has the placeholder "$CLUSTER", which is not filled in; write the value, or give --set compute=VALUE
	// testdata/mistakes.yml:6:3: unknown key "settings.mini_batchsize"; did you mean mini_batch_size?
}

// The inputs file of "az ml batch-endpoint invoke --file" starts a job.
func ExampleReadInvocation() {
	invocation, err := deploy.ReadInvocation("testdata/inputs.yml", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(invocation.Inputs["images"], invocation.Inputs["mode"])
	// Output:
	// {azureml:images:1 ReadOnlyMount  map[]} {append map[]}
}

// A Spec that a program fills in is checked without a request.
func ExampleSpec_Check() {
	spec := deploy.Spec{
		Computes: []azmlbatch.Compute{{Name: "cluster", Properties: azmlbatch.AmlCompute{VMSize: "STANDARD_DS3_V2", MaxNodes: 2}}},
		Models:   []azmlbatch.Model{{Name: "digits", ModelURI: "testdata/digits/model"}},
		Deployments: []deploy.Deployment{{Endpoint: "digits", Deployment: azmlbatch.Deployment{
			Name: "blue", Model: azmlbatch.ModelByID{AssetID: "azureml:digits"}, Compute: "cluster",
			CodeConfiguration: azmlbatch.CodeConfiguration{CodeID: "testdata/digits/code", ScoringScript: "scores.py"}, EnvironmentID: "azureml:digits:1",
			Resources: azmlbatch.DeploymentResources{InstanceCount: 3},
		}}},
	}
	fmt.Println(spec.Check())
	// Output:
	// deploy: deployment "digits/blue": CodeConfiguration.ScoringScript: "testdata/digits/code" has no file "scores.py"; did you mean "score.py"?
	// deploy: deployment "digits/blue": Resources.InstanceCount: is 3, but compute "cluster" has at most 2 nodes, so jobs would wait forever; lower it, or raise the maximum of the compute
}

// What a workspace has of an endpoint, as YAML.
func ExampleExport() {
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
	if _, err := client.Endpoints().CreateOrUpdate(ctx, "digits", azmlbatch.Endpoint{Tags: map[string]string{"team": "blue"}}, nil); err != nil {
		log.Fatal(err)
	}
	spec, err := deploy.Export(ctx, client, "digits")
	if err != nil {
		log.Fatal(err)
	}
	if err := spec.Write(os.Stdout, nil); err != nil {
		log.Fatal(err)
	}
	// Output:
	// $schema: https://azuremlschemas.azureedge.net/latest/batchEndpoint.schema.json
	// name: digits
	// tags:
	//   team: blue
	// auth_mode: aad_token
}
