package deploy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
)

// TestReadSet sets keys before a file is checked, so the file alone may lack what is needed.
func TestReadSet(t *testing.T) {
	const bare = "type: model\nresources:\nsettings:\n  mini_batch_size: 1\n"
	files(t, map[string]string{"bare.yml": bare, "endpoint.yml": "name: digits\nauth_mode: aad_token\n",
		"green.yml": "name: green\nendpoint_name: digits\nmodel: azureml:digits:1\ncompute: cluster\n"})
	named := []string{"name=blue", "endpoint_name=digits", "model=azureml://registries/r/models/m/versions/1", "compute=cpu"}
	read := func(paths string, set ...string) (deploy.Spec, error) {
		return deploy.Read(strings.Fields(paths), &deploy.ReadOptions{Set: set})
	}
	for _, test := range []struct {
		name  string
		paths string
		set   []string
		want  func(d *azmlbatch.Deployment) // of the first deployment
	}{
		{"what is missing", "bare.yml", named, func(*azmlbatch.Deployment) {}},
		{"below a mapping", "bare.yml", append(named, "settings.mini_batch_size=7"), func(d *azmlbatch.Deployment) { d.MiniBatchSize = 7 }},
		{"below an empty key", "bare.yml", append(named, "resources.instance_count=3"), func(d *azmlbatch.Deployment) { d.Resources.InstanceCount = 3 }},
		{"a new mapping", "bare.yml", append(named, "settings.environment_variables.KEY=a=b"),
			func(d *azmlbatch.Deployment) { d.EnvironmentVariables = map[string]string{"KEY": "a=b"} }},
		{"JSON", "bare.yml", append(named, `tags={"a": "b", "c": 1}`), func(d *azmlbatch.Deployment) { d.Tags = map[string]string{"a": "b", "c": "1"} }},
		{"the last one wins", "bare.yml", append(named, "compute=gpu"), func(d *azmlbatch.Deployment) { d.Compute = "gpu" }},
		{"an empty text", "bare.yml", append(named, "description="), func(*azmlbatch.Deployment) {}},
		{"by endpoint and name", "bare.yml endpoint.yml", append([]string{"deployment:name=blue"}, append(named[1:], "digits/blue:compute=cpu")...), func(*azmlbatch.Deployment) {}},
		{"by key among others", "bare.yml endpoint.yml", append([]string{"deployment:name=blue"}, named[1:]...), func(*azmlbatch.Deployment) {}},
	} {
		t.Run(test.name, func(t *testing.T) {
			spec, err := read(test.paths, test.set...)
			if err != nil {
				t.Fatalf("Read: %v", err)
			}
			want := azmlbatch.Deployment{Name: "blue", Compute: "cpu", MiniBatchSize: 1,
				Model: azmlbatch.ModelByID{AssetID: "azureml://registries/r/models/m/versions/1"}}
			test.want(&want)
			if diff := cmp.Diff([]deploy.Deployment{{Endpoint: "digits", Deployment: want}}, spec.Deployments); diff != "" {
				t.Errorf("Read (-want +got):\n%s", diff)
			}
		})
	}
	for _, test := range []struct{ paths, set, want string }{
		{"green.yml", "compute", `--set compute: has no =; write KEY=VALUE, as in settings.mini_batch_size=5`},
		{"green.yml", "settings..a=1", `--set settings..a: has an empty key; write KEY=VALUE, as in settings.mini_batch_size=5`},
		{"green.yml", "model.path=x", `--set model.path: model is the text "azureml:digits:1" in green.yml; set that key as a whole`},
		{"green.yml", "tags={a: [}", `--set tags: has a value that is not JSON; check its braces, brackets and quotes`},
		{"green.yml", "computer=x", `green.yml:1:1: unknown key "computer"; did you mean compute?`},
		{"green.yml endpoint.yml", "setings.mini_batch_size=5", `--set setings.mini_batch_size: fits no document; did you mean settings?`},
		{"bare.yml", "mini_batch_size=5", `bare.yml:1:1: mini_batch_size: stands beside settings.mini_batch_size, which says something else; leave one of the two out`},
		{"green.yml endpoint.yml", "name=x", `--set name: fits 2 documents, the first in green.yml; put the kind or name of the document before it: blue:compute=cluster`},
		{"green.yml endpoint.yml", "model:path=x", `--set model:path: fits no document; begin with a key of the document, or with its kind or name: deployment:compute=cluster`},
		{"green.yml", "green:settings.mini_batch_size=x", `green.yml:1:1: settings.mini_batch_size: is the text "x"; write a whole number`},
	} {
		if _, err := read(test.paths, test.set); err == nil || err.Error() != test.want {
			t.Errorf("Read with --set %s:\n got %v\nwant %s", test.set, err, test.want)
		}
	}
}
