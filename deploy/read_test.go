package deploy_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
)

// files writes files into a folder of the test's own and moves there. A name that ends in a slash
// is a folder.
func files(t *testing.T, content map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range content {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReadKinds reads one document of each kind with all of its keys.
func TestReadKinds(t *testing.T) {
	files(t, map[string]string{"sub/model/MLmodel": "", "sub/data/a.csv": "", "sub/code/score.py": "", "sub/build/Dockerfile": "", "sub/conda.yml": "name: x\n"})
	for _, test := range []struct {
		name, text string
		want       deploy.Spec
	}{
		{"endpoint", `
name: digits
description: of images
tags: {task: images, year: 2026}
properties: {owner: team}
auth_mode: aad_token
location: westeurope
defaults:
  deployment_name: blue
identity:
  type: system_assigned
id: azureml:/subscriptions/x
provisioning_state: succeeded
scoring_uri: https://digits
`, deploy.Spec{Endpoints: []azmlbatch.Endpoint{{
			Name: "digits", Description: "of images", Tags: map[string]string{"task": "images", "year": "2026"}, Properties: map[string]string{"owner": "team"},
			AuthMode: azmlbatch.AuthModeAADToken, Location: "westeurope", DefaultDeployment: "blue",
			Identity: azmlbatch.Identity{Type: azmlbatch.IdentityTypeSystemAssigned},
		}}}},
		{"deployment", `
name: blue
endpoint_name: digits
type: model
description: first
tags: {device: 16}
properties: {a.b: c}
model: azureml:digits:3
code_configuration:
  code: code
  scoring_script: score.py
environment: azureml:digits@latest
environment_variables: {A: 1}
compute: azureml:cluster
resources:
  instance_count: 2
  instance_type: cpu
  properties: {x: [1, true]}
  shm_size: 2g
settings:
  max_concurrency_per_instance: 2
  mini_batch_size: 5
  error_threshold: 0
  logging_level: warning
  output_action: appendRow
  output_file_name: out.csv
  retry_settings: {max_retries: 1, timeout: 300}
  environment_variables: {B: $C}
`, deploy.Spec{Deployments: []deploy.Deployment{{Endpoint: "digits", Deployment: azmlbatch.Deployment{
			Name: "blue", Description: "first", Tags: map[string]string{"device": "16"}, Properties: map[string]string{"a.b": "c"},
			Model:             azmlbatch.ModelByID{AssetID: "azureml:digits:3"},
			CodeConfiguration: azmlbatch.CodeConfiguration{CodeID: filepath.Join("sub", "code"), ScoringScript: "score.py"},
			EnvironmentID:     "azureml:digits@latest", EnvironmentVariables: map[string]string{"A": "1", "B": "$C"}, Compute: "azureml:cluster",
			Resources:     azmlbatch.DeploymentResources{InstanceCount: 2, InstanceType: "cpu", Properties: map[string]json.RawMessage{"x": json.RawMessage("[1,true]")}},
			MiniBatchSize: 5, MaxConcurrencyPerInstance: 2, ErrorThreshold: new(0), LoggingLevel: azmlbatch.LoggingLevelWarning,
			OutputAction: azmlbatch.OutputActionAppendRow, OutputFileName: "out.csv",
			RetrySettings: azmlbatch.RetrySettings{MaxRetries: new(1), Timeout: 5 * time.Minute},
		}}}}},
		{"flat deployment", `
name: demo
endpoint_name: digits
model: azureml://registries/azureml/models/bert/versions/3
compute: cpu-cluster
resources:
  instance_count: 1
error_threshold: 0
logging_level: info
mini_batch_size: 10
output_file_name: predictions.csv
retry_settings:
  max_retries: 3
  timeout: 300
`, deploy.Spec{Deployments: []deploy.Deployment{{Endpoint: "digits", Deployment: azmlbatch.Deployment{
			Name: "demo", Model: azmlbatch.ModelByID{AssetID: "azureml://registries/azureml/models/bert/versions/3"}, Compute: "cpu-cluster",
			Resources: azmlbatch.DeploymentResources{InstanceCount: 1}, ErrorThreshold: new(0), LoggingLevel: azmlbatch.LoggingLevelInfo, MiniBatchSize: 10,
			OutputFileName: "predictions.csv", RetrySettings: azmlbatch.RetrySettings{MaxRetries: new(3), Timeout: 5 * time.Minute},
		}}}}},
		{"inline assets", `
name: blue
endpoint_name: digits
model:
  name: digits
  version: 2.10
  path: model
environment:
  image: ubuntu:22.04
  conda_file: conda.yml
code_configuration: {code: ./code/, scoring_script: score.py}
compute: azureml:cluster
`, deploy.Spec{
			Models:       []azmlbatch.Model{{Name: "digits", Version: "2.10", ModelURI: filepath.Join("sub", "model")}},
			Environments: []azmlbatch.Environment{{Name: "digits-blue-environment", IsAnonymous: true, Image: "ubuntu:22.04", CondaFile: "name: x\n"}},
			Deployments: []deploy.Deployment{{Endpoint: "digits", Deployment: azmlbatch.Deployment{
				Name: "blue", Model: azmlbatch.ModelByID{AssetID: "azureml:digits:2.10"}, EnvironmentID: "azureml:digits-blue-environment", Compute: "azureml:cluster",
				CodeConfiguration: azmlbatch.CodeConfiguration{CodeID: filepath.Join("sub", "code"), ScoringScript: "score.py"},
			}}},
		}},
		{"model", `
name: digits
version: 3
type: MLFlow_model
path: model
description: of images
tags: {a: b}
properties: {c: 1}
flavors: {sklearn: {sklearn_version: 1.5}}
stage: Production
datastore: azureml:models
`, deploy.Spec{
			Models: []azmlbatch.Model{{
				Name: "digits", Version: "3", ModelType: azmlbatch.ModelTypeMLFlow, ModelURI: filepath.Join("sub", "model"), Description: "of images",
				Tags: map[string]string{"a": "b"}, Properties: map[string]string{"c": "1"}, Stage: "Production",
				Flavors: map[string]azmlbatch.ModelFlavor{"sklearn": {Data: map[string]string{"sklearn_version": "1.5"}}},
			}},
			Datastores: map[string]string{filepath.Join("sub", "model"): "models"},
		}},
		{"environment", `
name: digits
version: 22.02-py3
build: {path: build, dockerfile_path: Dockerfile}
os_type: linux
inference_config:
  liveness_route: {port: 5001, path: /}
  readiness_route: {port: 5001, path: /ready}
  scoring_route: {port: 5001, path: /score}
`, deploy.Spec{Environments: []azmlbatch.Environment{{
			Name: "digits", Version: "22.02-py3", OSType: "Linux", Build: azmlbatch.BuildContext{ContextURI: filepath.Join("sub", "build"), DockerfilePath: "Dockerfile"},
			InferenceConfig: azmlbatch.InferenceConfig{
				LivenessRoute: azmlbatch.InferenceRoute{Port: 5001, Path: "/"}, ReadinessRoute: azmlbatch.InferenceRoute{Port: 5001, Path: "/ready"},
				ScoringRoute: azmlbatch.InferenceRoute{Port: 5001, Path: "/score"},
			},
		}}}},
		{"compute", `
name: cluster
type: AmlCompute
size: Standard_DS2_v2
tier: low_priority
min_instances: 1
max_instances: 3
idle_time_before_scale_down: 120
ssh_public_access_enabled: false
ssh_settings: {admin_username: me, admin_password: secret, ssh_key_value: key}
network_settings: {vnet_name: net, subnet: nodes}
enable_node_public_ip: no
identity:
  type: user_assigned
  user_assigned_identities:
    - resource_id: /subscriptions/s/resourceGroups/g/providers/p/i
`, deploy.Spec{Computes: []azmlbatch.Compute{{
			Name: "cluster",
			Identity: azmlbatch.Identity{Type: azmlbatch.IdentityTypeUserAssigned,
				UserAssignedIdentities: map[string]json.RawMessage{"/subscriptions/s/resourceGroups/g/providers/p/i": json.RawMessage("{}")}},
			Properties: azmlbatch.AmlCompute{
				VMSize: "Standard_DS2_v2", VMPriority: azmlbatch.VMPriorityLowPriority, MinNodes: 1, MaxNodes: 3, IdleTimeBeforeScaleDown: 2 * time.Minute,
				RemoteLogin: "Disabled", Administrator: azmlbatch.NodeAdministrator{UserName: "me", Password: "secret", SSHPublicKey: "key"},
				SubnetID: "virtualNetworks/net/subnets/nodes", EnableNodePublicIP: new(false),
			},
		}}}},
		{"the least of a compute", "name: cluster\ntype: amlcompute", deploy.Spec{Computes: []azmlbatch.Compute{{
			Name: "cluster", Properties: azmlbatch.AmlCompute{VMSize: "STANDARD_DS3_V2", MaxNodes: 1}}}}},
		{"data", `
name: images
version: 1
type: uri_file
path: data/a.csv
description: few
tags: {a: b}
`, deploy.Spec{Data: []azmlbatch.Data{{
			Name: "images", Version: "1", DataType: azmlbatch.DataTypeURIFile, DataURI: filepath.Join("sub", "data", "a.csv"), Description: "few", Tags: map[string]string{"a": "b"},
		}}}},
		{"data in the cloud", "$schema: https://x/data.schema.json \nname: images\npath: azureml://datastores/d/paths/p/", deploy.Spec{Data: []azmlbatch.Data{{
			Name: "images", DataType: azmlbatch.DataTypeURIFolder, DataURI: "azureml://datastores/d/paths/p/"}}}},
		{"two documents, with an anchor", `
name: digits
tags: &tags {a: b}
properties:
  <<: *tags
  c: d
---
---
name: faces
auth_mode: AADToken
`, deploy.Spec{Endpoints: []azmlbatch.Endpoint{
			{Name: "digits", Tags: map[string]string{"a": "b"}, Properties: map[string]string{"a": "b", "c": "d"}},
			{Name: "faces", AuthMode: azmlbatch.AuthModeAADToken},
		}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join("sub", "file.yml")
			if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := deploy.Read([]string{path}, nil)
			if err != nil {
				t.Fatalf("Read: %v", err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Read (-want +got):\n%s", diff)
			}
		})
	}
}
