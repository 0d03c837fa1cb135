package deploy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
	"github.com/azmlbatch/azmlbatch/emulator"
)

const digitsFiles = `name: digits
---
type: amlcompute
name: cluster
size: Standard_DS3_v2
max_instances: 2
---
name: blue
endpoint_name: digits
model: model
code_configuration: {code: code, scoring_script: score.py}
environment: {image: ubuntu}
compute: azureml:cluster
tags: {team: a}
settings:
  mini_batch_size: 2
  environment_variables: {MODE: fast}
`

// readDigits reads digitsFiles after a change, with their sources.
func readDigits(t *testing.T, old, new string) (deploy.Spec, *deploy.Sources) {
	t.Helper()
	files(t, map[string]string{"all.yml": strings.Replace(digitsFiles, old, new, 1), "model/weights.txt": "1", "code/score.py": studioScript, "code/broken.py": "def init(:\n"})
	sources := &deploy.Sources{}
	spec, err := deploy.Read([]string{"all.yml"}, &deploy.ReadOptions{Sources: sources})
	if err != nil {
		t.Fatal(err)
	}
	return spec, sources
}

// TestPlanNamesFilesAndKeys: what Plan finds in the workspace stands where the file says it, and changes have the file's keys.
func TestPlanNamesFilesAndKeys(t *testing.T) {
	azure := emulator.NewTest(t, nil)
	client, err := azure.Client(nil)
	if err != nil {
		t.Fatal(err)
	}
	spec, sources := readDigits(t, "", "")
	apply(t, client, spec, &deploy.PlanOptions{Sources: sources})
	for _, test := range []struct{ name, old, new, want string }{
		{"a setting", "mini_batch_size: 2", "mini_batch_size: 3", "~ deployment \"digits/blue\": change\n    settings.mini_batch_size: 2 → 3\n"},
		{"a variable", "MODE: fast", "MODE: slow", "~ deployment \"digits/blue\": change\n    settings.environment_variables.MODE: \"fast\" → \"slow\"\n"},
		{"a tag", "team: a", "team: b", "~ deployment \"digits/blue\": change\n    tags.team: \"a\" → \"b\"\n"},
		{"a description", "tags: {team: a}", "description: of the studio\ntags: {team: a}", "~ deployment \"digits/blue\": change\n    description: nothing → \"of the studio\"\n"},
		{"nodes", "max_instances: 2", "max_instances: 3", "~ compute \"cluster\": change\n    max_instances: 2 → 3\n"},
	} {
		spec, sources := readDigits(t, test.old, test.new)
		if diff := cmp.Diff(test.want, changesOnly(plan(t, client, spec, &deploy.PlanOptions{Sources: sources}))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	for _, test := range []struct{ name, old, new, want string }{
		{"a compute that is not there", "compute: azureml:cluster", "compute: azureml:clutter",
			`all.yml:13:10: deployment "digits/blue": compute: "azureml:clutter" is not in the workspace; create the compute first, add it to the files, or refer to another one`},
		{"an obstacle", "size: Standard_DS3_v2", "size: Standard_D2_v2",
			`all.yml:3:1: compute "cluster": size of a compute cannot change in place; give the new cluster another name`},
		{"a script that is no Python", "scoring_script: score.py", "scoring_script: broken.py",
			`all.yml:11:50: deployment "digits/blue": code_configuration.scoring_script: "code/broken.py" is no valid Python: `},
	} {
		spec, sources := readDigits(t, test.old, test.new)
		changes, err := deploy.Plan(t.Context(), client, spec, &deploy.PlanOptions{Sources: sources})
		if err == nil {
			_, err = changes.Apply(t.Context(), nil)
		}
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.name, err, test.want)
		}
	}
	_, err = deploy.Local(t.Context(), emulator.NewClient(t, nil), withModel(spec, "azureml:letters:3"), &deploy.LocalOptions{Sources: sources})
	const want = `all.yml:10:8: deployment "digits/blue": model: "azureml:letters:3" is not in the workspace; create the model first, add it to the files, or refer to another one`
	if err == nil || err.Error() != want {
		t.Errorf("Local = %v, want %s", err, want)
	}
}

func withModel(spec deploy.Spec, id string) deploy.Spec {
	spec.Deployments = append([]deploy.Deployment(nil), spec.Deployments...)
	spec.Deployments[0].Deployment.Model = azmlbatch.ModelByID{AssetID: id}
	return spec
}
