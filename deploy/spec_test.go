package deploy_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
)

// folders makes a folder with a model, code with score.py and an MLflow model, and moves there.
func folders(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, name := range []string{"model/weights.txt", "code/score.py", "mlflow/MLmodel", "data/a.csv", "build/Dockerfile"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// digits is a Spec without mistakes, in the folders of the test.
func digits() deploy.Spec {
	return deploy.Spec{
		Computes:     []azmlbatch.Compute{{Name: "cluster", Properties: azmlbatch.AmlCompute{VMSize: "STANDARD_DS3_V2", MaxNodes: 4}}},
		Models:       []azmlbatch.Model{{Name: "digits", ModelURI: "./model"}},
		Environments: []azmlbatch.Environment{{Name: "digits", Image: "ubuntu"}},
		Data:         []azmlbatch.Data{{Name: "images", DataURI: "data"}},
		Endpoints:    []azmlbatch.Endpoint{{Name: "digits"}},
		Deployments: []deploy.Deployment{{Endpoint: "digits", Deployment: azmlbatch.Deployment{
			Name:              "blue",
			Model:             azmlbatch.ModelByID{AssetID: "azureml:digits"},
			CodeConfiguration: azmlbatch.CodeConfiguration{CodeID: "./code", ScoringScript: "score.py"},
			EnvironmentID:     "azureml:digits@latest",
			Compute:           "cluster",
		}}},
	}
}

// TestCheck makes one mistake at a time in a Spec that has none.
func TestCheck(t *testing.T) {
	folders(t)
	if err := digits().Check(); err != nil {
		t.Fatalf("Check of a Spec without mistakes: %v", err)
	}
	blue := func(change func(d *azmlbatch.Deployment)) func(*deploy.Spec) {
		return func(s *deploy.Spec) { change(&s.Deployments[0].Deployment) }
	}
	for _, test := range []struct {
		name   string
		change func(*deploy.Spec)
		want   string // empty for no mistake
	}{
		{"data without a name", func(s *deploy.Spec) { s.Data[0].Name = "" }, `data asset "": Name: is empty; name the data asset`},
		{"deployment without an endpoint", func(s *deploy.Spec) { s.Deployments[0].Endpoint = "" },
			`deployment "/blue": Endpoint: is empty; name the endpoint that the deployment belongs to`},
		{"two endpoints of one name", func(s *deploy.Spec) { s.Endpoints = append(s.Endpoints, s.Endpoints[0]) },
			`endpoint "digits": Name: stands here twice; remove one of the two, or rename it`},
		{"two versions of a model", func(s *deploy.Spec) {
			s.Models[0].Version = "1"
			s.Models = append(s.Models, azmlbatch.Model{Name: "digits", Version: "2", ModelURI: "model"})
		}, `deployment "digits/blue": Model: "azureml:digits" could be any of 2 versions here; write the version`},
		{"a version that the Spec has", func(s *deploy.Spec) {
			s.Models[0].Version = "2"
			s.Deployments[0].Deployment.Model = azmlbatch.ModelByID{AssetID: "azureml:digits:2"}
		}, ""},
		{"a version of the workspace", blue(func(d *azmlbatch.Deployment) { d.Model = azmlbatch.ModelByID{AssetID: "azureml:digits:7"} }), ""},
		{"a model that is not there", blue(func(d *azmlbatch.Deployment) { d.Model = azmlbatch.ModelByID{AssetID: "azureml:digit"} }),
			`deployment "digits/blue": Model: "azureml:digit" is not a model of this Spec; write azureml:digit@latest or azureml:digit:VERSION for one of the workspace`},
		{"a model of a registry", blue(func(d *azmlbatch.Deployment) {
			d.Model = azmlbatch.ModelByID{AssetID: "azureml://registries/azureml/models/bert/labels/latest"}
		}), ""},
		{"a local model", blue(func(d *azmlbatch.Deployment) { d.Model = &azmlbatch.ModelByID{AssetID: "./model"} }), ""},
		{"a local model that is not there", blue(func(d *azmlbatch.Deployment) { d.Model = azmlbatch.ModelByID{AssetID: "./models"} }),
			`deployment "digits/blue": Model: "./models" does not exist; did you mean "model"?`},
		{"no model", blue(func(d *azmlbatch.Deployment) { d.Model = nil }),
			`deployment "digits/blue": Model: is missing; refer to a model, or name a local file or folder`},
		{"no compute", blue(func(d *azmlbatch.Deployment) { d.Compute = "" }),
			`deployment "digits/blue": Compute: is empty; name the cluster that jobs run on`},
		{"an ARM id in place of a compute", blue(func(d *azmlbatch.Deployment) { d.Compute = "./cluster" }),
			`deployment "digits/blue": Compute: "./cluster" is not a reference to a compute; write its name`},
		{"too many nodes", blue(func(d *azmlbatch.Deployment) { d.Resources.InstanceCount = 5 }),
			`deployment "digits/blue": Resources.InstanceCount: is 5, but compute "cluster" has at most 4 nodes, so jobs would wait forever; lower it, or raise the maximum of the compute`},
		{"no script", blue(func(d *azmlbatch.Deployment) { d.CodeConfiguration.ScoringScript = "" }),
			`deployment "digits/blue": CodeConfiguration.ScoringScript: is empty although code is given; name the file in the code folder that defines init and run, for example score.py`},
		{"another script", blue(func(d *azmlbatch.Deployment) { d.CodeConfiguration.ScoringScript = "Scores.py" }),
			`deployment "digits/blue": CodeConfiguration.ScoringScript: "./code" has no file "Scores.py"; did you mean "score.py"?`},
		{"no environment", blue(func(d *azmlbatch.Deployment) { d.EnvironmentID = "" }),
			`deployment "digits/blue": EnvironmentID: is empty although a scoring script is given; name the environment that the script runs in; an MLflow model needs none if you leave CodeConfiguration empty`},
		{"no code", blue(func(d *azmlbatch.Deployment) { d.CodeConfiguration = azmlbatch.CodeConfiguration{} }),
			`deployment "digits/blue": CodeConfiguration: is empty, but only an MLflow model scores without a script; name the code folder and its script; an MLflow model is a folder with a file MLmodel and has the type mlflow_model`},
		{"no code with an MLflow model", func(s *deploy.Spec) {
			s.Models[0].ModelURI, s.Deployments[0].Deployment.CodeConfiguration = "mlflow", azmlbatch.CodeConfiguration{}
		}, ""},
		{"a file name without a file", blue(func(d *azmlbatch.Deployment) {
			d.OutputAction, d.OutputFileName = azmlbatch.OutputActionSummaryOnly, "p.csv"
		}),
			`deployment "digits/blue": OutputFileName: is "p.csv", but with SummaryOnly no such file is written; leave it out, or use AppendRow`},
		{"a model and a component", blue(func(d *azmlbatch.Deployment) {
			d.Configuration = azmlbatch.PipelineComponentDeployment{ComponentID: "azureml:steps:1"}
		}), `deployment "digits/blue": Model: is set beside a pipeline component; leave one of the two out`},
		{"a local component", blue(func(d *azmlbatch.Deployment) {
			d.Model, d.Configuration = nil, azmlbatch.PipelineComponentDeployment{ComponentID: "./steps.yml"}
		}), `deployment "digits/blue": Configuration.ComponentID: "./steps.yml" is not a reference to a component; write azureml:NAME for a component of this Spec, else azureml:NAME:VERSION or azureml:NAME@latest`},
		{"a data file for a folder", func(s *deploy.Spec) { s.Data[0].DataURI = "data/a.csv" },
			`data asset "images": DataURI: "data/a.csv" is a file; name a folder`},
		{"no MLTable", func(s *deploy.Spec) { s.Data[0].DataType = azmlbatch.DataTypeMLTable },
			`data asset "images": DataURI: "data" has no file "MLTable"; an mltable is a folder with a file of this name`},
		{"data in the cloud", func(s *deploy.Spec) { s.Data[0].DataURI = "https://account.blob.core.windows.net/images/" }, ""},
		{"a name that no endpoint has", func(s *deploy.Spec) { s.Endpoints[0].Name = "my digits" },
			`endpoint "my digits": Name: "my digits" is not a name for a new endpoint; use 3 to 32 letters, digits and '-', beginning with a letter and not ending in '-'`},
		{"a version that no model has", func(s *deploy.Spec) {
			s.Models = append(s.Models, azmlbatch.Model{Name: "faces", Version: "1/2", ModelURI: "model"})
		}, `model "faces:1/2": Version: "1/2" is not an asset version; use letters, digits, '-', '_' and '.', at most 255, beginning with a letter or digit; @latest is not a version, see the Latest method`},
		{"an empty tag", blue(func(d *azmlbatch.Deployment) { d.Tags = map[string]string{"a": ""} }),
			`deployment "digits/blue": Tags: tag "a" has an empty value; give it a value or leave it out; the service refuses empty ones`},
		{"a script that cannot be imported", func(s *deploy.Spec) {
			s.Deployments[0].Deployment.CodeConfiguration = azmlbatch.CodeConfiguration{CodeID: "azureml:score:1", ScoringScript: "batch-score.v2.py"}
		}, `deployment "digits/blue": CodeConfiguration.ScoringScript: "batch-score.v2.py" cannot be imported as a module because of a dot in its name; rename it, so that .py has the only dot of the path`},
		{"fewer nodes than the least", func(s *deploy.Spec) {
			s.Computes[0].Properties = azmlbatch.AmlCompute{VMSize: "s", MinNodes: 3, MaxNodes: 2}
		}, `compute "cluster": Properties.MaxNodes: is 2, below MinNodes 3; allow at least MinNodes`},
		{"an endpoint with keys", func(s *deploy.Spec) { s.Endpoints[0].AuthMode = "Key" },
			`endpoint "digits": AuthMode: is "Key"; batch endpoints take aad_token only; leave it out`},
		{"an endpoint with an identity of the user's", func(s *deploy.Spec) { s.Endpoints[0].Identity.Type = azmlbatch.IdentityTypeUserAssigned },
			`endpoint "digits": Identity: is "UserAssigned"; batch endpoints take system_assigned only; give the cluster the identity that reads the data`},
		{"an image and a build", func(s *deploy.Spec) { s.Environments[0].Build.ContextURI = "build" },
			`environment "digits": Build: is given beside Image; leave one of the two out`},
		{"neither image nor build", func(s *deploy.Spec) { s.Environments[0].Image = "" },
			`environment "digits": Image: is empty; name a container image, or a folder with a Dockerfile in Build.ContextURI`},
		{"no Dockerfile", func(s *deploy.Spec) {
			s.Environments[0] = azmlbatch.Environment{Name: "digits", Build: azmlbatch.BuildContext{ContextURI: "code"}}
		},
			`environment "digits": Build.ContextURI: "code" has no file "Dockerfile"; set Build.DockerfilePath if it has another name`},
	} {
		t.Run(test.name, func(t *testing.T) {
			spec := digits()
			test.change(&spec)
			got := ""
			if err := spec.Check(); err != nil {
				got = strings.TrimPrefix(err.Error(), "deploy: ")
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Check (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCheckFindsAll wants all mistakes at once.
func TestCheckFindsAll(t *testing.T) {
	folders(t)
	spec := digits()
	spec.Models[0].ModelURI = ""
	spec.Deployments[0].Deployment.Compute = ""
	err := spec.Check()
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 2 {
		t.Errorf("Check found %d mistakes, want 2:\n%v", len(lines), err)
	}
	var mistake *deploy.SpecError
	if !errors.As(err, &mistake) {
		t.Fatalf("Check returned %T, want *SpecError within", err)
	}
	if mistake.Part != `model "digits"` || mistake.Field != "ModelURI" {
		t.Errorf("the first mistake is of %s, %s", mistake.Part, mistake.Field)
	}
}
