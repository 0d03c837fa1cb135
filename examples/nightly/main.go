// Command nightly deploys the model of a folder beside the one that runs: it registers the model if
// it has changed, tests the new deployment with a few files, makes it the default, keeps the one
// before and deletes older ones. After a break, run it again: it does what is left to do.
//
//	nightly FOLDER
//
// FOLDER has model/, code/score.py and smoke/, some files to test with. The workspace is that of
// config.json or the environment.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
)

func nightly(ctx context.Context, client *azmlbatch.Client, folder, night string) error {
	spec := deploy.Spec{
		Computes: []azmlbatch.Compute{{Name: "cluster", Properties: azmlbatch.AmlCompute{VMSize: "STANDARD_DS3_V2",
			MaxNodes: 4}}},
		Models: []azmlbatch.Model{{Name: "digits", ModelURI: filepath.Join(folder, "model")}},
		Environments: []azmlbatch.Environment{{Name: "digits",
			Image: "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"}},
		Endpoints: []azmlbatch.Endpoint{{Name: "digits"}},
		Deployments: []deploy.Deployment{{Endpoint: "digits", Deployment: azmlbatch.Deployment{
			Name:  "night-" + night,
			Model: azmlbatch.ModelByID{AssetID: "azureml:digits"},
			// the one above, whichever version it gets
			CodeConfiguration: azmlbatch.CodeConfiguration{CodeID: filepath.Join(folder, "code"),
				ScoringScript: "score.py"},
			EnvironmentID: "azureml:digits",
			Compute:       "cluster",
		}}},
	}
	plan, err := deploy.Plan(ctx, client, spec, &deploy.PlanOptions{
		SmokeInput: azmlbatch.LocalPath{Path: filepath.Join(folder, "smoke")}, SetDefault: true, Keep: 2,
	})
	if err != nil {
		return err
	}
	fmt.Print(plan)
	_, err = plan.Apply(ctx, nil)
	return err
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: nightly FOLDER")
	}
	credential, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		log.Fatal(err)
	}
	workspace, err := azmlbatch.FindWorkspace("")
	if err != nil {
		log.Fatal(err)
	}
	client, err := azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := nightly(context.Background(), client, os.Args[1], time.Now().Format("20060102")); err != nil {
		log.Fatal(err)
	}
}
