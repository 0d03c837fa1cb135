package deploy_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/deploy"
)

// TestReadMistakes reads files as people get them wrong. Each message says where, what and what to
// do.
func TestReadMistakes(t *testing.T) {
	const blue = "name: blue\nendpoint_name: digits\nmodel: azureml:digits:3\ncompute: azureml:cluster\n"
	for _, test := range []struct {
		name, text string
		want       string // all lines
	}{
		{"tab", "name: digits\ntags:\n\ta: b\n", `f.yml:3:1: is indented with a tab; indent with spaces`},
		{"wrong indent", blue + "settings:\n  mini_batch_size: 5\n error_threshold: 1\n",
			`f.yml:7:2: is indented differently from the lines it belongs to; line the keys of one mapping up`},
		{"indented too far", "name: digits\n  auth_mode: aad_token\n",
			`f.yml:2:12: has a colon and a blank where no key can stand; line the key up with those it belongs to, or put a text that holds a colon in quotes`},
		{"colon in text", "name: digits\ndescription: models: all\n",
			`f.yml:2:20: has a colon and a blank where no key can stand; line the key up with those it belongs to, or put a text that holds a colon in quotes`},
		{"quotes that do not end", "name: digits\ndescription: \"of images\nauth_mode: aad_token\n", `f.yml:2:14: begins a quoted text that does not end; close the quotes`},
		{"text that begins with @", "name: digits\ndescription: @team\n", `f.yml:2:14: is not YAML: found character that cannot start any token; put the value in quotes`},
		{"key twice", "name: digits\nauth_mode: aad_token\nname: faces\n", `f.yml:3:1: name: stands here twice, first in line 1; remove one of the two`},
		{"no mapping", "digits\n", `f.yml:1:1: is the text "digits"; write keys and values: name: digits`},
		{"a list", "- name: digits\n", `f.yml:1:1: is a list; write keys and values: name: digits`},
		{"empty", "\n# nothing\n", `f.yml: is empty; describe a resource in it`},
		{"not UTF-8", "name: \xff\n", `f.yml: is not YAML: invalid leading UTF-8 octet (value: 255)`},
		{"alias of nothing", "name: digits\ntags: *tags\n", `f.yml:2:7: is not YAML: unknown anchor 'tags' referenced`},
		{"alias of itself", "name: digits\ntags: &tags [*tags]\n", `f.yml:2:14: is an alias of something it is part of; write the value out`},

		{"unknown key", blue + "settings:\n  mini_batchsize: 5\n", `f.yml:6:3: unknown key "settings.mini_batchsize"; did you mean mini_batch_size?`},
		{"unknown key, far from all", "name: digits\nauth_mode: aad_token\nqqqqqqqqq: 1\n",
			`f.yml:3:1: unknown key "qqqqqqqqq"; the keys here are $schema, auth_mode, creation_context, defaults, description, id, identity, kind, location, name, openapi_uri, properties, provisioning_state, scoring_uri, swagger_uri, tags`},
		{"key in the wrong place", blue + "retrysettings: {timeout: 3}\n", `f.yml:5:1: unknown key "retrysettings"; did you mean retry_settings?`},
		{"two mistakes at once", blue + "setings: {}\ncode_configuration: {code: ., script: a.py}\n",
			`f.yml:5:1: unknown key "setings"; did you mean settings?` + "\n" + `f.yml:6:31: unknown key "code_configuration.script"; the keys here are code, scoring_script`},
		{"wrong type", blue + "settings:\n  mini_batch_size: ten\n", `f.yml:6:20: settings.mini_batch_size: is the text "ten"; write a whole number`},
		{"half a file", blue + "mini_batch_size: 2.5\n", `f.yml:5:18: mini_batch_size: is the number 2.5; write a whole number`},
		{"too many files", blue + "mini_batch_size: 99999999999999999999\n", `f.yml:5:18: mini_batch_size: is the number 99999999999999999999; write a number closer to 0`},
		{"mapping for text", "name: {a: b}\nauth_mode: aad_token\n", `f.yml:1:7: name: is a mapping; put text with braces in quotes; placeholders are not filled in: use --set`},
		{"text for mapping", blue + "settings: fast\n", `f.yml:5:11: settings: is the text "fast"; write keys and values below it, indented`},
		{"list for mapping", "name: digits\ntags: [a, b]\n", `f.yml:2:7: tags: is a list; write keys and values below it, indented`},
		{"unknown word", blue + "output_action: append_rows\n", `f.yml:5:16: output_action: is "append_rows"; did you mean append_row? Possible: append_row, summary_only`},
		{"unknown type", "name: cluster\ntype: amlcompte\nmax_instances: 2\n", `f.yml:2:7: type: is "amlcompte"; did you mean amlcompute?`},
		{"not known at all", "a: b\n", `f.yml:1:1: is none of the files that are known here; the keys or $schema must tell what it describes`},
		{"model or data", "name: digits\npath: model\n", `f.yml:1:1: could be a model or a data asset; give it the key type, or $schema`},
		{"conda file", "name: x\nchannels: [conda-forge]\ndependencies: [python]\n", `f.yml:1:1: is a conda file; it belongs to an environment: name it there in conda_file, beside an image`},
		{"online endpoint", "name: digits\nauth_mode: key\ntraffic: {blue: 100}\n", `f.yml:1:1: is an online endpoint; it is no batch endpoint`},
		{"online endpoint by its schema", "$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json\nname: digits\nauth_mode: key\n",
			`f.yml:1:1: is an online endpoint; it is no batch endpoint`},
		{"half a type", "name: digits\ntype: mlflow\npath: model\n", `f.yml:2:7: type: is "mlflow"; did you mean mlflow_model?`},
		{"a setting in two places", blue + "mini_batch_size: 3\nretry_settings: {timeout: 3}\nerror_threshold: 1\nsettings: {mini_batch_size: 4, retry_settings: {timeout: 3}, error_threshold: 1}\n",
			`f.yml:5:18: mini_batch_size: stands beside settings.mini_batch_size, which says something else; leave one of the two out` + "\n" +
				`f.yml:6:17: retry_settings: stands beside settings.retry_settings, which says something else; leave one of the two out`},
		{"no reference", blue + "environment: digits\ncode_configuration: {code: code, scoring_script: score.py}\n",
			`f.yml:5:14: deployment "digits/blue": environment: "digits" is not a reference to an environment; write azureml:NAME for an environment of these files, else azureml:NAME:VERSION or azureml:NAME@latest`},
		{"old key", blue + "code_configuration:\n  code: {local_path: ./code}\n  scoring_script: a.py\n",
			`f.yml:6:10: code_configuration.code.local_path: is a key of an older CLI; write code: PATH`},

		{"placeholder of a shell", "name: blue\nendpoint_name: $ENDPOINT\nmodel: azureml:digits:3\ncompute: cluster\n",
			`f.yml:2:16: endpoint_name: has the placeholder "$ENDPOINT", which is not filled in; write the value, or give --set endpoint_name=VALUE`},
		{"placeholder in brackets", "name: blue\nendpoint_name: digits\nmodel: azureml:digits:<VERSION>\ncompute: cluster\n",
			`f.yml:3:8: model: has the placeholder "<VERSION>", which is not filled in; write the value, or give --set model=VALUE`},
		{"placeholder of a template", "name: \"{{ name }}\"\nauth_mode: aad_token\n",
			`f.yml:1:7: name: has the placeholder "{{ name }}", which is not filled in; write the value, or give --set name=VALUE`},
		{"template without quotes", "name: {{ name }}\nauth_mode: aad_token\n", `f.yml:1:8: has a mapping in place of a key; put text with braces or brackets in quotes`},

		{"wrong name", "auth_mode: aad_token\nname: my digits\n",
			`f.yml:2:7: endpoint "my digits": name: "my digits" is not a name for a new endpoint; use 3 to 32 letters, digits and '-', beginning with a letter and not ending in '-'`},
		{"empty tag", blue + "tags:\n  a:\n", `f.yml:6:3: deployment "digits/blue": tags: tag "a" has an empty value; give it a value or leave it out; the service refuses empty ones`},
		{"negative number", blue + "settings:\n  mini_batch_size: -1\n", `f.yml:6:20: deployment "digits/blue": settings.mini_batch_size: is -1; count files; zero means 10`},
		{"more nodes at least than at most", "name: cluster\ntype: amlcompute\nmin_instances: 2\n",
			`f.yml:1:1: compute "cluster": max_instances: is 1, below min_instances 2; allow at least min_instances`},
		{"no name", "auth_mode: aad_token\n", `f.yml:1:1: endpoint "": name: is empty; name the endpoint`},
		{"no model", "name: blue\nendpoint_name: digits\ncompute: cluster\nmini_batch_size: 2\n",
			`f.yml:1:1: deployment "digits/blue": model: is missing; refer to a model, or name a local file or folder`},
		{"missing folder", "name: digits\ntype: mlflow_model\npath: ./models\n", `f.yml:3:7: model "digits": path: "models" does not exist; did you mean "model"?`},
		{"an MLflow model that is none", "name: digits\ntype: mlflow_model\npath: ./code\n",
			`f.yml:3:7: model "digits": path: "code" has no file "MLmodel"; an MLflow model is a folder with a file of this name`},
		{"no component", "name: blue\nendpoint_name: digits\ntype: pipeline\nsettings: {default_compute: cluster}\n",
			`f.yml:1:1: deployment "digits/blue": component: is empty; use azureml:NAME:VERSION, an ARM id, an azureml:// id or place, a URL or a local path`},
		{"missing script", blue + "environment: azureml:e:1\ncode_configuration:\n  code: code\n  scoring_script: run.py\n",
			`f.yml:8:19: deployment "digits/blue": code_configuration.scoring_script: "code" has no file "run.py"; give the script's path within the code folder`},
		{"missing conda file", "name: e\nimage: ubuntu\nconda_file: cnda.yml\n", `f.yml:3:13: conda_file: cannot be read: it does not exist; did you mean "conda.yml"?`},
		{"backslashes in a path", "name: digits\ntype: custom_model\npath: .\\model\\MLmodel\n",
			`f.yml:3:7: model "digits": path: ".\\model\\MLmodel" does not exist; write "model/MLmodel": a backslash separates folders on Windows only`},
		{"backslashes in a path that is not there", "name: digits\ntype: custom_model\npath: glaze\\model\n",
			`f.yml:3:7: model "digits": path: "glaze\\model" does not exist; relative paths start at the folder of the file they stand in, or in a program at the working directory`},
		{"backslashes in a conda file's path", "name: e\nimage: ubuntu\nconda_file: .\\conda.yml\n",
			`f.yml:3:13: conda_file: cannot be read: it does not exist; write "conda.yml": a backslash separates folders on Windows only`},
		{"backslashes in a script's path", blue + "environment: azureml:e:1\ncode_configuration:\n  code: code\n  scoring_script: .\\score.py\n",
			`f.yml:8:19: deployment "digits/blue": code_configuration.scoring_script: ".\\score.py" has a backslash; write the path with forward slashes`},
		{"an environment without an image", "name: e\nconda_file: conda.yml\n",
			`f.yml:1:1: environment "e": image: is empty; name a container image, or a folder with a Dockerfile in build.path`},
		{"a model that is registered", blue + "---\nname: green\nendpoint_name: digits\nmodel: {name: letters, version: 3}\ncompute: cluster\n",
			`f.yml:8:8: model "letters:3": path: is empty; give a local path, a datastore place or a cloud URL; a registered model is azureml:letters:3`},
		{"a count in the place of online deployments", blue + "instance_count: 2\nmini_batch_size: 3\n",
			`f.yml:5:1: unknown key "instance_count"; write it below resources`},
		{"settings of a level below", blue + "scoring_script: score.py\nsettings: {max_retries: 2}\n",
			`f.yml:5:1: unknown key "scoring_script"; write it below code_configuration` + "\n" +
				`f.yml:6:12: unknown key "settings.max_retries"; write it below retry_settings`},
		{"a compute of a pipeline beside its settings", "name: blue\nendpoint_name: digits\ntype: pipeline\ncomponent: azureml:c:1\ndefault_compute: cluster\n",
			`f.yml:5:1: unknown key "default_compute"; write it below settings`},
		{"zeros that would mean the defaults", blue + "resources: {instance_count: 0}\nsettings:\n  mini_batch_size: 0\n  max_concurrency_per_instance: \"0\"\n" +
			"  error_threshold: 0\n  retry_settings: {max_retries: 0, timeout: 0.0}\n",
			`f.yml:5:29: resources.instance_count: is 0; write a number above 0, or leave it out for the default` + "\n" +
				`f.yml:7:20: settings.mini_batch_size: is 0; write a number above 0, or leave it out for the default` + "\n" +
				`f.yml:8:33: settings.max_concurrency_per_instance: is 0; write a number above 0, or leave it out for the default` + "\n" +
				`f.yml:10:45: settings.retry_settings.timeout: is 0; write a number above 0, or leave it out for the default`},
		{"a cluster whose nodes stop at once", "name: cluster\ntype: amlcompute\nmax_instances: 1\nidle_time_before_scale_down: 0\n",
			`f.yml:4:30: idle_time_before_scale_down: is 0; write a number above 0, or leave it out for the default`},
		{"missing component file", "name: blue\nendpoint_name: digits\ntype: pipeline\ncomponent: pipe.yml\n",
			`f.yml:4:12: component: "pipe.yml" does not exist; relative paths start at the folder of the file they stand in, or in a program at the working directory`},
		{"model without a version", "name: blue\nendpoint_name: digits\nmodel: azureml:digits\ncompute: cluster\n",
			`f.yml:3:8: deployment "digits/blue": model: "azureml:digits" is not a model of these files; write azureml:digits@latest or azureml:digits:VERSION for one of the workspace`},
		{"two documents of one name", "name: digits\nauth_mode: aad_token\n---\nname: digits\ndescription: another\n",
			`f.yml:4:1: name: names a second endpoint "digits", the first is in f.yml:1; remove one of the two, rename it, or give both versions`},
		{"too many nodes", blue + "resources: {instance_count: 4}\n---\nname: cluster\ntype: amlcompute\nmax_instances: 2\n",
			`f.yml:5:29: deployment "digits/blue": resources.instance_count: is 4, but compute "cluster" has at most 2 nodes, so jobs would wait forever; lower it, or raise the maximum of the compute`},
		{"counts that contradict", blue + "resources: {instance_count: 4}\nsettings: {instance_count: 2}\n",
			`f.yml:6:28: settings.instance_count: is 2, but resources.instance_count is 4; leave one of the two out`},
		{"a file name with summary_only", blue + "settings:\n  output_action: summary_only\n  output_file_name: p.csv\n",
			`f.yml:7:21: deployment "digits/blue": settings.output_file_name: is "p.csv", but with summary_only no such file is written; leave it out, or use append_row`},
	} {
		t.Run(test.name, func(t *testing.T) {
			files(t, map[string]string{"model/MLmodel": "", "code/score.py": "", "conda.yml": "", "f.yml": test.text})
			_, err := deploy.Read([]string{"f.yml"}, nil)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Read (-want +got):\n%s", diff)
			}
		})
	}
}

// TestReadUnreadable says why a file cannot be read.
func TestReadUnreadable(t *testing.T) {
	files(t, map[string]string{"folder/f.yml": "", "file": ""})
	_, err := deploy.ReadInvocation("folder", nil)
	if want := "folder: cannot be read: is a directory"; err == nil || err.Error() != want {
		t.Errorf("ReadInvocation: %v, want %s", err, want)
	}
	_, err = deploy.Read([]string{"file/f.yml"}, nil)
	if want := "file/f.yml: cannot be read: not a directory"; err == nil || err.Error() != want {
		t.Errorf("Read: %v, want %s", err, want)
	}
}

// TestReadMissingFile suggests the name that was probably meant.
func TestReadMissingFile(t *testing.T) {
	files(t, map[string]string{"deployment.yml": ""})
	_, err := deploy.Read([]string{"deploymnet.yml"}, nil)
	if want := `deploymnet.yml: does not exist; did you mean "deployment.yml"?`; err == nil || err.Error() != want {
		t.Errorf("Read: %v, want %s", err, want)
	}
}

// TestReadAliasBomb ends at once, with little memory.
func TestReadAliasBomb(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString("name: digits\na: &a [x,x,x,x,x,x,x,x,x]\n")
	for c := 'b'; c <= 'j'; c++ {
		bomb.WriteString(strings.NewReplacer("B", string(c), "A", string(c-1)).Replace("B: &B [*A,*A,*A,*A,*A,*A,*A,*A,*A]\n"))
	}
	files(t, map[string]string{"f.yml": bomb.String()})
	_, err := deploy.Read([]string{"f.yml"}, nil)
	if err == nil || !strings.Contains(err.Error(), "has more than 100000 values") {
		t.Errorf("Read: %v", err)
	}
	if err := os.WriteFile("f.yml", make([]byte, 5<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := deploy.Read([]string{"f.yml"}, nil); err == nil || err.Error() != "f.yml: is larger than 4 MiB; name a YAML file" {
		t.Errorf("Read of a large file: %v", err)
	}
}
