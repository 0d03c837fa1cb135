package deploy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
)

// TestPreflight makes one mistake at a time: Plan names it, and sends nothing that writes.
func TestPreflight(t *testing.T) {
	blue := func(change func(d *azmlbatch.Deployment)) func(*deploy.Spec) {
		return func(s *deploy.Spec) { change(&s.Deployments[0].Deployment) }
	}
	const part = `deployment "digits/blue": `
	for _, test := range []struct {
		name   string
		change func(*deploy.Spec)
		want   string
	}{
		{"a data version", func(s *deploy.Spec) { s.Data[0].Version = strings.Repeat("1", 51) },
			`data asset "images:` + strings.Repeat("1", 51) + `": Version: "` + strings.Repeat("1", 51) + `" is not an asset version; use letters, digits, '-', '_' and '.', at most 50, beginning with a letter or digit; @latest is not a version, see the Latest method`},
		{"a cluster's identity", func(s *deploy.Spec) { s.Computes[0].Identity.Type = "user_assigned" },
			`compute "cluster": Identity.UserAssignedIdentities: is empty although the type is user_assigned; name the ids of the identities`},
		{"a script that is no Python", func(s *deploy.Spec) {
			write(t, map[string]string{"code/score.py": "def init():\n    pass\n\ndef run(files)\n    return []\n"})
		}, part + `CodeConfiguration.ScoringScript: "code/score.py" is no valid Python: expected ':' (line 4); fix the script; nothing was sent`},
		{"a model that is not there", blue(func(d *azmlbatch.Deployment) { d.Model = azmlbatch.ModelByID{AssetID: "azureml:letters:3"} }),
			part + `Model: "azureml:letters:3" is not in the workspace; create the model first, add it to the Spec, or refer to another one`},
		{"a version called latest", blue(func(d *azmlbatch.Deployment) { d.Model = azmlbatch.ModelByID{AssetID: "azureml:letters:latest"} }),
			part + `Model: "azureml:letters:latest" is not in the workspace; write azureml:letters@latest for its newest version`},
		{"a cluster that is not there", func(s *deploy.Spec) { s.Computes = nil },
			part + `Compute: "cluster" is not in the workspace; create the compute first, add it to the Spec, or refer to another one`},
		{"an endpoint that is not there", func(s *deploy.Spec) { s.Endpoints = nil }, `endpoint "digits": is not in the workspace; add it to the Spec`},
		{"a default that is not there", func(s *deploy.Spec) { s.Endpoints[0].DefaultDeployment = "green" },
			`endpoint "digits": DefaultDeployment: "green" is no deployment of the endpoint; add it to the Spec, or name another one`},
		{"a small cluster of the workspace", func(s *deploy.Spec) {
			s.Computes, s.Deployments[0].Deployment.Compute, s.Deployments[0].Deployment.Resources.InstanceCount = nil, "small", 3
		}, part + `Resources.InstanceCount: is 3, but compute "small" has at most 1 node, so jobs would wait forever; lower it, or raise the maximum of the compute`},
		{"an empty folder", func(s *deploy.Spec) {
			write(t, map[string]string{"nothing/.amlignore": "*\n"})
			s.Models[0].ModelURI = "nothing"
		}, `model "digits": ModelURI: "nothing"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			spec := studio(t)
			client, azure := newClient(t)
			if _, err := client.Computes().CreateOrUpdate(t.Context(), "small", azmlbatch.Compute{Properties: azmlbatch.AmlCompute{VMSize: "STANDARD_DS3_V2", MaxNodes: 1}}, nil); err != nil {
				t.Fatal(err)
			}
			n := len(azure.Requests())
			test.change(&spec)
			_, err := deploy.Plan(t.Context(), client, spec, nil)
			if err == nil {
				t.Fatal("Plan found no mistake")
			}
			got := strings.TrimPrefix(err.Error(), "deploy: ")
			if !strings.HasPrefix(got, test.want) || strings.Contains(got, "\n") {
				t.Errorf("Plan (-want +got):\n%s", cmp.Diff(test.want, got))
			}
			if diff := cmp.Diff([]string(nil), writes(azure, n)); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestScriptIsNotRun compiles and nothing more, and shows a script no variable of this process.
func TestScriptIsNotRun(t *testing.T) {
	spec := studio(t)
	t.Setenv("PYTHONSTARTUP", "code/score.py")
	write(t, map[string]string{"code/score.py": "open('ran', 'w').close()\n" + studioScript, "code/sitecustomize.py": "open('ran', 'w').close()\n"})
	client, _ := newClient(t)
	plan(t, client, spec, nil)
	if matches := glob(t, "ran"); len(matches) > 0 {
		t.Error("the script ran")
	}
}
