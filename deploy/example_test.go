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

// nightly registers the model if it has changed, deploys it beside the one of yesterday, lets it score the smoke input,
// makes it the default, keeps two and deletes those that are older.
func nightly(ctx context.Context, client *azmlbatch.Client, folder string) (*deploy.Changes, error) {
	model, err := client.Models().Upload(ctx, "digits", folder+"/model", nil)
	if err != nil {
		return nil, err
	}
	spec := deploy.Spec{
		Computes:     []azmlbatch.Compute{{Name: "cluster", Properties: azmlbatch.AmlCompute{VMSize: "STANDARD_DS3_V2", MaxNodes: 4}}},
		Environments: []azmlbatch.Environment{{Name: "digits", Image: "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"}},
		Endpoints:    []azmlbatch.Endpoint{{Name: "digits"}},
		Deployments: []deploy.Deployment{{Endpoint: "digits", Deployment: azmlbatch.Deployment{
			Name:              "model-" + model.Version,
			Model:             azmlbatch.ModelByID{AssetID: model.Ref()},
			CodeConfiguration: azmlbatch.CodeConfiguration{CodeID: folder + "/code", ScoringScript: "score.py"},
			EnvironmentID:     "azureml:digits",
			Compute:           "cluster",
		}}},
	}
	plan, err := deploy.Plan(ctx, client, spec, &deploy.PlanOptions{
		SmokeInput: azmlbatch.LocalPath{Path: folder + "/smoke"}, SetDefault: true, Keep: 2,
	})
	if err != nil {
		return nil, err
	}
	_, err = plan.Apply(ctx, nil)
	return plan, err
}

// A nightly deployment beside the old one.
func ExamplePlan() {
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
	folder, err := os.MkdirTemp("", "nightly-")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	for night, weights := range []string{"1", "2", "2", "3"} {
		writeNight(folder, weights)
		plan, err := nightly(ctx, client, folder)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("night %d:", night+1)
		for _, c := range plan.List {
			if c.Kind == "deployments" && c.Action != deploy.ActionTest {
				fmt.Printf(" %s %s", c.Action, c.Name)
			}
		}
		fmt.Println()
	}
	// Output:
	// night 1: create digits/model-1
	// night 2: create digits/model-2
	// night 3: leave digits/model-2
	// night 4: create digits/model-3 delete digits/model-1
}

// writeNight writes model, code and smoke input.
func writeNight(folder, weights string) {
	for name, text := range map[string]string{"model/weights.txt": weights, "smoke/a.csv": "1", "code/score.py": studioScript} {
		path := folder + "/" + name
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			log.Fatal(err)
		}
	}
}
