package deploy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
)

// changesOnly is a plan without what it leaves alone.
func changesOnly(changes *deploy.Changes) string {
	var b strings.Builder
	for _, c := range changes.List {
		if c.Action != deploy.ActionLeave || c.Obstacle != "" {
			b.WriteString(c.String())
		}
	}
	return b.String()
}

// TestPlanShowsOneProperty applies a Spec once and then changes one property of it at a time: the plan shows this
// property and what follows from it, and nothing else.
func TestPlanShowsOneProperty(t *testing.T) {
	base := studio(t)
	write(t, map[string]string{"model2/weights.txt": "4", "images2/d.csv": "4", "code2/score.py": studioScript + "\n"})
	client, _ := newClient(t)
	apply(t, client, base, nil)
	blue := func(change func(d *azmlbatch.Deployment)) func(*deploy.Spec) {
		return func(s *deploy.Spec) {
			s.Deployments = append([]deploy.Deployment(nil), s.Deployments...)
			change(&s.Deployments[0].Deployment)
		}
	}
	cluster := func(change func(c *azmlbatch.AmlCompute)) func(*deploy.Spec) {
		return func(s *deploy.Spec) {
			c := s.Computes[0].Properties.(azmlbatch.AmlCompute)
			change(&c)
			s.Computes = []azmlbatch.Compute{{Name: "cluster", Tags: s.Computes[0].Tags, Properties: c}}
		}
	}
	deployment := func(field string) string { return "~ deployment \"digits/blue\": change\n    " + field + "\n" }
	compute := func(field string) string { return "~ compute \"cluster\": change\n    " + field + "\n" }
	fixed := func(field string) string {
		name, _, _ := strings.Cut(field, ":")
		return "! compute \"cluster\": change\n    " + field + "\n    " + name + " of a compute cannot change in place; give the new cluster another name\n"
	}
	for _, test := range []struct {
		name   string
		change func(*deploy.Spec)
		want   string
	}{
		{"nothing", func(*deploy.Spec) {}, ""},
		// deployments
		{"MiniBatchSize", blue(func(d *azmlbatch.Deployment) { d.MiniBatchSize = 20 }), deployment("MiniBatchSize: 10 → 20")},
		{"the default of MiniBatchSize", blue(func(d *azmlbatch.Deployment) { d.MiniBatchSize = 10 }), ""},
		{"MaxConcurrencyPerInstance", blue(func(d *azmlbatch.Deployment) { d.MaxConcurrencyPerInstance = 2 }), deployment("MaxConcurrencyPerInstance: 1 → 2")},
		{"ErrorThreshold", blue(func(d *azmlbatch.Deployment) { d.ErrorThreshold = new(0) }), deployment("ErrorThreshold: -1 → 0")},
		{"the default of ErrorThreshold", blue(func(d *azmlbatch.Deployment) { d.ErrorThreshold = new(-1) }), ""},
		{"MaxRetries", blue(func(d *azmlbatch.Deployment) { d.RetrySettings.MaxRetries = new(0) }), deployment("RetrySettings.MaxRetries: 3 → 0")},
		{"Timeout", blue(func(d *azmlbatch.Deployment) { d.RetrySettings.Timeout = time.Minute }), deployment(`RetrySettings.Timeout: "30s" → "1m0s"`)},
		{"the default of Timeout", blue(func(d *azmlbatch.Deployment) { d.RetrySettings.Timeout = 30 * time.Second }), ""},
		{"LoggingLevel", blue(func(d *azmlbatch.Deployment) { d.LoggingLevel = "debug" }), deployment(`LoggingLevel: "Info" → "debug"`)},
		{"LoggingLevel in another case", blue(func(d *azmlbatch.Deployment) { d.LoggingLevel = "info" }), ""},
		{"OutputAction", blue(func(d *azmlbatch.Deployment) { d.OutputAction = "summary_only" }), deployment(`OutputAction: "AppendRow" → "summary_only"`)},
		{"OutputAction in another case", blue(func(d *azmlbatch.Deployment) { d.OutputAction = "append_row" }), ""},
		{"OutputFileName", blue(func(d *azmlbatch.Deployment) { d.OutputFileName = "out.csv" }), deployment(`OutputFileName: "predictions.csv" → "out.csv"`)},
		{"InstanceCount", blue(func(d *azmlbatch.Deployment) { d.Resources.InstanceCount = 2 }), deployment("Resources.InstanceCount: 1 → 2")},
		{"Description", blue(func(d *azmlbatch.Deployment) { d.Description = "new" }), deployment(`Description: nothing → "new"`)},
		{"a tag", blue(func(d *azmlbatch.Deployment) { d.Tags = map[string]string{"a": "1"} }), deployment(`Tags["a"]: nothing → "1"`)},
		{"a property", blue(func(d *azmlbatch.Deployment) { d.Properties = map[string]string{"a": "1"} }), deployment(`Properties["a"]: nothing → "1"`)},
		{"a secret variable", blue(func(d *azmlbatch.Deployment) {
			d.EnvironmentVariables = map[string]string{"API_KEY": "hash", "MODE": "fast"}
		}), deployment(`EnvironmentVariables["API_KEY"]: "REDACTED" → "REDACTED"`)},
		{"a variable", blue(func(d *azmlbatch.Deployment) {
			d.EnvironmentVariables = map[string]string{"API_KEY": "hush", "MODE": "slow"}
		}), deployment(`EnvironmentVariables["MODE"]: "fast" → "slow"`)},
		{"a variable with a password", blue(func(d *azmlbatch.Deployment) {
			d.EnvironmentVariables = map[string]string{"API_KEY": "hush", "MODE": "fast", "DATABASE_URL": "postgres://me:hush@db/x"}
		}), deployment(`EnvironmentVariables["DATABASE_URL"]: nothing → "postgres://db/x"`)},
		{"a variable with a password that is not escaped", blue(func(d *azmlbatch.Deployment) {
			d.EnvironmentVariables = map[string]string{"API_KEY": "hush", "MODE": "fast", "DATABASE_URL": "postgres://me:hu%sh@db/x"}
		}), deployment(`EnvironmentVariables["DATABASE_URL"]: nothing → "REDACTED"`)},
		{"a variable with a container", blue(func(d *azmlbatch.Deployment) {
			d.EnvironmentVariables = map[string]string{"API_KEY": "hush", "MODE": "fast", "PLACE": "abfss://c@a.dfs.core.windows.net/x"}
		}), deployment(`EnvironmentVariables["PLACE"]: nothing → "abfss://c@a.dfs.core.windows.net/x"`)},
		{"a variable less", blue(func(d *azmlbatch.Deployment) { d.EnvironmentVariables = map[string]string{"API_KEY": "hush"} }),
			deployment(`EnvironmentVariables["MODE"]: "fast" → nothing`)},
		{"the script's name", func(s *deploy.Spec) {
			write(t, map[string]string{"code/other.py": studioScript})
			blue(func(d *azmlbatch.Deployment) { d.CodeConfiguration.ScoringScript = "other.py" })(s)
		}, "+ code \"./code\": create version 1, upload 2 files of ./code (214 B)\n" +
			"~ deployment \"digits/blue\": change\n    CodeConfiguration.CodeID: OLD → NEW\n    CodeConfiguration.ScoringScript: \"score.py\" → \"other.py\"\n"},
		{"other code", blue(func(d *azmlbatch.Deployment) { d.CodeConfiguration.CodeID = "./code2" }),
			"+ code \"./code2\": create version 1, upload 1 file of ./code2 (108 B)\n~ deployment \"digits/blue\": change\n    CodeConfiguration.CodeID: OLD → NEW\n"},
		{"the compute by its id", blue(func(d *azmlbatch.Deployment) { d.Compute = client.Workspace().ID() + "/computes/cluster" }), ""},
		{"the model by its version", blue(func(d *azmlbatch.Deployment) { d.Model = &azmlbatch.ModelByID{AssetID: "azureml:digits:1"} }), ""},
		// computes
		{"MaxNodes", cluster(func(c *azmlbatch.AmlCompute) { c.MaxNodes = 5 }), compute("Properties.MaxNodes: 4 → 5")},
		{"MinNodes", cluster(func(c *azmlbatch.AmlCompute) { c.MinNodes = 1 }), compute("Properties.MinNodes: 0 → 1")},
		{"IdleTime", cluster(func(c *azmlbatch.AmlCompute) { c.IdleTimeBeforeScaleDown = time.Hour }), compute(`Properties.IdleTimeBeforeScaleDown: "2m0s" → "1h0m0s"`)},
		{"VMSize", cluster(func(c *azmlbatch.AmlCompute) { c.VMSize = "Standard_D2_v2" }), fixed(`Properties.VMSize: "SIZE" → "Standard_D2_v2"`)},
		{"VMSize in another case", cluster(func(c *azmlbatch.AmlCompute) { c.VMSize = "STANDARD_ds3_V2" }), ""},
		{"VMPriority", cluster(func(c *azmlbatch.AmlCompute) { c.VMPriority = "low_priority" }), fixed(`Properties.VMPriority: "Dedicated" → "low_priority"`)},
		{"a subnet", cluster(func(c *azmlbatch.AmlCompute) { c.SubnetID = "/subscriptions/s/subnets/x" }), fixed(`Properties.SubnetID: nothing → "/subscriptions/s/subnets/x"`)},
		{"a password", cluster(func(c *azmlbatch.AmlCompute) {
			c.Administrator = azmlbatch.NodeAdministrator{UserName: "me", Password: "hush"}
		}), fixed(`Properties.Administrator.UserName: nothing → "me"`)},
		{"a compute's tag", func(s *deploy.Spec) {
			s.Computes = []azmlbatch.Compute{{Name: "cluster", Tags: map[string]string{"team": "b"}, Properties: s.Computes[0].Properties}}
		}, compute(`Tags["team"]: "a" → "b"`)},
		{"a tag that only the workspace has", func(s *deploy.Spec) {
			s.Computes = []azmlbatch.Compute{{Name: "cluster", Properties: s.Computes[0].Properties}}
		}, ""},
		// endpoints
		{"an endpoint's description", func(s *deploy.Spec) { s.Endpoints = []azmlbatch.Endpoint{{Name: "digits"}} },
			"~ endpoint \"digits\": change\n    Description: \"reads digits\" → nothing\n"},
		{"an endpoint's default", func(s *deploy.Spec) {
			s.Endpoints = []azmlbatch.Endpoint{{Name: "digits", Description: "reads digits", DefaultDeployment: "blue"}}
		}, "> endpoint \"digits\": set default\n    DefaultDeployment: nothing → \"blue\"\n"},
		{"an endpoint's mode in another case", func(s *deploy.Spec) {
			s.Endpoints = []azmlbatch.Endpoint{{Name: "digits", Description: "reads digits", AuthMode: "aad_token"}}
		}, ""},
		// assets
		{"a model's description", func(s *deploy.Spec) {
			s.Models = []azmlbatch.Model{{Name: "digits", Description: "new", ModelURI: "./model"}}
		},
			"~ model \"digits\": change\n    Description: \"of the studio\" → \"new\"\n"},
		{"a model's files", func(s *deploy.Spec) {
			s.Models = []azmlbatch.Model{{Name: "digits", Description: "of the studio", ModelURI: "./model2"}}
		}, "+ model \"digits\": create version 2, upload 1 file of ./model2 (1 B)\n    ModelURI: OLD → \"./model2\"\n" + deployment("Model.AssetID: OLD → NEW")},
		{"a model's files under an old version", func(s *deploy.Spec) {
			s.Models = []azmlbatch.Model{{Name: "digits", Version: "1", Description: "of the studio", ModelURI: "./model2"}}
		}, "! model \"digits:1\": change\n    ModelURI: OLD → \"./model2\"\n    ModelURI cannot change in a version that exists; write another Version, or leave it out for the next one\n"},
		{"a model's type", func(s *deploy.Spec) {
			s.Models = []azmlbatch.Model{{Name: "digits", Description: "of the studio", ModelURI: "./model", ModelType: "triton_model"}}
		}, "+ model \"digits\": create version 2, 1 file of ./model (5 B) already there\n    ModelType: \"custom_model\" → \"triton_model\"\n" + deployment("Model.AssetID: OLD → NEW")},
		{"a model's tag", func(s *deploy.Spec) {
			s.Models = []azmlbatch.Model{{Name: "digits", Description: "of the studio", ModelURI: "./model", Tags: map[string]string{"a": "b"}}}
		}, "~ model \"digits\": change\n    Tags[\"a\"]: nothing → \"b\"\n"},
		{"a conda file in other words", func(s *deploy.Spec) {
			s.Environments = []azmlbatch.Environment{{Name: "digits", Image: base.Environments[0].Image, CondaFile: `{"dependencies": ["python=3.11"], "channels": ["conda-forge"]}`}}
		}, ""},
		{"a conda file", func(s *deploy.Spec) {
			s.Environments = []azmlbatch.Environment{{Name: "digits", Image: base.Environments[0].Image, CondaFile: "dependencies: [python=3.12]"}}
		}, "+ environment \"digits\": create version 2\n    CondaFile: OLD → \"dependencies: [python=3.12]\"\n" + deployment("EnvironmentID: OLD → NEW")},
		{"an image", func(s *deploy.Spec) {
			s.Environments = []azmlbatch.Environment{{Name: "digits", Image: "ubuntu", CondaFile: base.Environments[0].CondaFile}}
		}, "+ environment \"digits\": create version 2\n    Image: \"mcr.microsoft.com/azureml/ubuntu22.04\" → \"ubuntu\"\n" + deployment("EnvironmentID: OLD → NEW")},
		{"data", func(s *deploy.Spec) { s.Data = []azmlbatch.Data{{Name: "images", DataURI: "images2"}} },
			"+ data asset \"images\": create version 2, upload 1 file of images2 (1 B)\n    DataURI: OLD → \"images2\"\n"},
		{"the place of data in another spelling", func(s *deploy.Spec) {
			have, err := client.Data().Latest(t.Context(), "images")
			if err != nil {
				t.Fatal(err)
			}
			r, err := azmlbatch.ParseReference("", have.DataURI)
			if err != nil {
				t.Fatal(err)
			}
			s.Data = []azmlbatch.Data{{Name: "images", DataURI: "azureml://datastores/" + r.Datastore + "/paths/" + strings.TrimSuffix(r.Path, "/")}}
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			spec := base
			test.change(&spec)
			got := changesOnly(plan(t, client, spec, nil))
			if diff := cmp.Diff(test.want, withoutIDs(got)); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
		write(t, map[string]string{"code/other.py": ""})
		remove(t, "code/other.py")
	}
}
