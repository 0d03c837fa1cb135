// Command firstjob is the first program of the README: a job from nothing to its rows, on the emulator.
package main

import (
	"context"
	"fmt"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

func main() {
	ctx := context.Background()
	azure := must(emulator.New(nil))
	defer azure.Close()
	client := must(azure.Client(nil)) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	model := must(client.Models().Upload(ctx, "digits", "examples/quickstart/digits/model", nil))
	code := must(client.Codes().Upload(ctx, "score", "examples/quickstart/digits/code", nil))
	env := must(client.Environments().CreateOrUpdate(ctx, "plain", azmlbatch.Environment{Image: "python:3.11"}, nil))
	cluster := azmlbatch.Compute{Properties: azmlbatch.AmlCompute{VMSize: "STANDARD_D2_V2", MaxNodes: 1}}
	must(client.Computes().CreateOrUpdate(ctx, "cluster", cluster, nil))
	must(client.Endpoints().CreateOrUpdate(ctx, "digits", azmlbatch.Endpoint{}, nil))
	blue := azmlbatch.Deployment{Model: azmlbatch.ModelByID{AssetID: model.Ref()}, EnvironmentID: env.Ref(), Compute: "cluster",
		CodeConfiguration: azmlbatch.CodeConfiguration{CodeID: code.Ref(), ScoringScript: "score.py"}}
	must(client.Deployments("digits").CreateOrUpdate(ctx, "blue", blue, nil))
	images := azmlbatch.Inputs{"images": azmlbatch.LocalPath{Path: "examples/quickstart/digits/images"}}
	job := must(client.Endpoints().Invoke(ctx, "digits", azmlbatch.Invocation{Deployment: "blue", Inputs: images}))
	must(client.Jobs().Wait(ctx, job.Name, nil))
	for row, err := range azmlbatch.Rows[[]string](ctx, client, job.Name, nil) {
		fmt.Println(row, err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
