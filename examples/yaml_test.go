package examples_test

import (
	"testing"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// TestYAML deploys the folder of YAML that the README names, makes the deployment the default after
// a test, and scores with it.
func TestYAML(t *testing.T) {
	client := emulator.NewClient(t, nil)
	spec, err := deploy.Read([]string{"yaml"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	images := azmlbatch.LocalPath{Path: "quickstart/digits/images"}
	plan, err := deploy.Plan(t.Context(), client, spec, &deploy.PlanOptions{SetDefault: true, SmokeInput: images})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plan.Apply(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	job, err := client.Endpoints().Invoke(t.Context(), "digits", azmlbatch.Invocation{Input: images})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Jobs().Wait(t.Context(), job.Name, nil); err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, err := range azmlbatch.Rows[[]string](t.Context(), client, job.Name, nil) {
		if err != nil {
			t.Fatal(err)
		}
		rows++
	}
	if rows != 300 {
		t.Errorf("%d predictions, want one for each of the 300 images", rows)
	}
}
