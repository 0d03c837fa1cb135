package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
)

// TestSmokeTestKeepsTheOldDefault deploys a script that raises beside one that works.
func TestSmokeTestKeepsTheOldDefault(t *testing.T) {
	spec := studio(t)
	client, _ := newClient(t)
	options := &deploy.PlanOptions{SetDefault: true, SmokeInput: azmlbatch.LocalPath{Path: "smoke"}}
	apply(t, client, spec, options)
	write(t, map[string]string{"broken/score.py": "def init():\n    pass\n\ndef run(files):\n    raise KeyError('no such digit')\n"})
	green := spec.Deployments[0]
	green.Deployment.Name, green.Deployment.CodeConfiguration.CodeID = "green", "./broken"
	green.Deployment.ErrorThreshold = new(0)
	spec.Deployments = []deploy.Deployment{green}
	_, err := plan(t, client, spec, options).Apply(t.Context(), nil)
	var smoke *deploy.SmokeError
	var failed *azmlbatch.JobFailedError
	if !errors.As(err, &smoke) || !errors.As(err, &failed) {
		t.Fatalf("Apply of a script that raises = %v, want a SmokeError with a JobFailedError", err)
	}
	if smoke.Default != "blue" || smoke.Deployment != "green" || !strings.Contains(err.Error(), `"blue" is still the default deployment`) {
		t.Errorf("error = %v", err)
	}
	if !strings.Contains(failed.Traceback, "KeyError: 'no such digit'") || !strings.Contains(err.Error(), "KeyError: 'no such digit'") {
		t.Errorf("traceback = %q in %v", failed.Traceback, err)
	}
	endpoint, err := client.Endpoints().Get(t.Context(), "digits")
	if err != nil || endpoint.DefaultDeployment != "blue" {
		t.Errorf("default deployment = %q, %v, want blue", endpoint.DefaultDeployment, err)
	}
	if _, err := client.Deployments("digits").Get(t.Context(), "green"); err != nil {
		t.Errorf("the new deployment is gone: %v", err)
	}
}

// TestSmokeTestIsRepeatedUntilItPasses applies the same Spec again, as a retry in CI does: a deployment that
// failed its test fails again, and one that passed is not tested twice.
func TestSmokeTestIsRepeatedUntilItPasses(t *testing.T) {
	spec := studio(t)
	client, _ := newClient(t)
	options := &deploy.PlanOptions{SmokeInput: azmlbatch.LocalPath{Path: "smoke"}}
	write(t, map[string]string{"broken/score.py": "def init():\n    pass\n\ndef run(files):\n    raise KeyError('no such digit')\n"})
	good := spec.Deployments[0].Deployment.CodeConfiguration.CodeID
	spec.Deployments[0].Deployment.CodeConfiguration.CodeID = "./broken"
	spec.Deployments[0].Deployment.ErrorThreshold = new(0)
	for try := range 2 {
		changes := plan(t, client, spec, options)
		if changes.Empty() {
			t.Fatalf("plan %d of a deployment that fails its test is empty", try+1)
		}
		var smoke *deploy.SmokeError
		if _, err := changes.Apply(t.Context(), nil); !errors.As(err, &smoke) {
			t.Fatalf("Apply %d = %v, want a SmokeError", try+1, err)
		}
	}
	spec.Deployments[0].Deployment.CodeConfiguration.CodeID = good
	apply(t, client, spec, options)
	if changes := plan(t, client, spec, options); !changes.Empty() {
		t.Errorf("plan after a test that passed:\n%s", changes)
	}
}

// TestSmokeTestSeesFailedFiles takes no job for a good one that has ignored a failed file, or left no rows.
func TestSmokeTestSeesFailedFiles(t *testing.T) {
	studio(t)
	write(t, map[string]string{"bad/bad.csv": "", "bad/good.csv": ""})
	bubble(t, quick, func(ctx context.Context, s *simulated, code string) error {
		spec := simulatedSpec(t, code)
		spec.Deployments[0].Deployment.MiniBatchSize = 1
		_, err := deployOnce(ctx, s, spec, &deploy.PlanOptions{SetDefault: true, SmokeInput: azmlbatch.LocalPath{Path: "bad"}})
		var smoke *deploy.SmokeError
		if !errors.As(err, &smoke) || !strings.HasPrefix(smoke.Problem, "1 of 2 files failed") {
			return fmt.Errorf("want a SmokeError about one of two files, got %w", err)
		}
		lines, err := s.dump(ctx)
		if !strings.Contains(strings.Join(lines, "\n"), "endpoint digits reads digits default  Succeeded") {
			err = errors.Join(err, fmt.Errorf("the deployment became the default:\n%s", strings.Join(lines, "\n")))
		}
		return err
	})
}

// TestSmokeInput must be there.
func TestSmokeInput(t *testing.T) {
	spec := studio(t)
	client, _ := newClient(t)
	_, err := deploy.Plan(t.Context(), client, spec, &deploy.PlanOptions{SmokeInput: azmlbatch.LocalPath{Path: "smoked"}})
	want := `deploy: SmokeInput: "smoked" does not exist; name a file or a folder with files in it`
	if err == nil || err.Error() != want {
		t.Errorf("Plan = %v, want %s", err, want)
	}
}

// TestKeep deploys five times beside each other: the newest stay, and the default whatever its age.
func TestKeep(t *testing.T) {
	studio(t)
	bubble(t, quick, func(ctx context.Context, s *simulated, code string) error {
		for n := 1; n <= 5; n++ {
			spec := simulatedSpec(t, code)
			spec.Deployments[0].Deployment.Name = fmt.Sprintf("night-%d", n)
			options := &deploy.PlanOptions{SetDefault: n != 4, Keep: 2}
			if n < 3 {
				options.Keep = 0
			}
			if _, err := deployOnce(ctx, s, spec, options); err != nil {
				return err
			}
			client, err := s.azure.Client(nil)
			if err != nil {
				return err
			}
			var names []string
			err = each(client.Deployments("digits").List(ctx), func(d azmlbatch.Deployment) { names = append(names, d.Name) })
			want := map[int][]string{1: {"night-1"}, 2: {"night-1", "night-2"}, 3: {"night-2", "night-3"}, 4: {"night-3", "night-4"}, 5: {"night-4", "night-5"}}[n]
			if diff := cmp.Diff(want, names); diff != "" || err != nil {
				return errors.Join(err, fmt.Errorf("deployments after night %d (-want +got):\n%s", n, diff))
			}
		}
		return nil
	})
}

// TestKeepAndTheDefault never deletes the default, not even for room.
func TestKeepAndTheDefault(t *testing.T) {
	studio(t)
	bubble(t, quick, func(ctx context.Context, s *simulated, code string) error {
		for n := 1; n <= 3; n++ {
			spec := simulatedSpec(t, code)
			spec.Deployments[0].Deployment.Name = fmt.Sprintf("night-%d", n)
			if _, err := deployOnce(ctx, s, spec, &deploy.PlanOptions{SetDefault: n == 1, Keep: 1}); err != nil {
				return err
			}
		}
		lines, err := s.dump(ctx)
		var got []string
		for _, line := range lines {
			if name, ok := strings.CutPrefix(line, "deployment digits/"); ok {
				name, _, _ = strings.Cut(name, " ")
				got = append(got, name)
			}
		}
		if diff := cmp.Diff([]string{"night-1", "night-3"}, got); diff != "" {
			err = errors.Join(err, fmt.Errorf("deployments (-want +got):\n%s", diff))
		}
		return err
	})
}

// TestLocal tries a Spec that refers to a cluster, an endpoint and an environment of a workspace on an emulator that has
// none of them.
func TestLocal(t *testing.T) {
	spec := studio(t)
	spec.Computes, spec.Endpoints, spec.Environments = nil, nil, nil
	spec.Deployments[0].Deployment.EnvironmentID = "azureml:digits:7"
	client, _ := newClient(t)
	result, err := deploy.Local(t.Context(), client, spec, &deploy.LocalOptions{SmokeInput: azmlbatch.LocalPath{Path: "images"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Tests) != 1 || result.Tests[0].Rows != 2 {
		t.Errorf("tests = %+v, want 2 rows", result.Tests)
	}
	if diff := cmp.Diff([]string{`compute "cluster"`, `environment "digits:7"`, `endpoint "digits"`}, result.StandIns); diff != "" {
		t.Errorf("stand-ins (-want +got):\n%s", diff)
	}
	spec.Deployments[0].Deployment.Model = azmlbatch.ModelByID{AssetID: "azureml:letters:3"}
	if _, err := deploy.Local(t.Context(), client, spec, nil); err == nil || !strings.Contains(err.Error(), `"azureml:letters:3" is not in the workspace`) {
		t.Errorf("Local with a model of the workspace = %v, want an error about the model", err)
	}
}

// TestLocalLeavesTheSpec adds stand-ins to no slice of the caller.
func TestLocalLeavesTheSpec(t *testing.T) {
	spec := studio(t)
	computes, endpoints, environments := make([]azmlbatch.Compute, 1), make([]azmlbatch.Endpoint, 1), make([]azmlbatch.Environment, 1)
	spec.Computes, spec.Endpoints, spec.Environments = computes[:0], endpoints[:0], environments[:0]
	spec.Deployments[0].Deployment.EnvironmentID = "azureml:digits:7"
	client, _ := newClient(t)
	if _, err := deploy.Local(t.Context(), client, spec, nil); err != nil {
		t.Fatal(err)
	}
	if computes[0].Name != "" || endpoints[0].Name != "" || environments[0].Name != "" {
		t.Errorf("behind the slices of the Spec are now %q, %q and %q", computes[0].Name, endpoints[0].Name, environments[0].Name)
	}
}

// TestLocalSendsNothingForAMistake finds local content that cannot be uploaded before the first request.
func TestLocalSendsNothingForAMistake(t *testing.T) {
	spec := studio(t)
	write(t, map[string]string{"model/weights.": "1"}) // storage does not keep the dot
	client, azure := newClient(t)
	before := len(azure.Requests())
	if _, err := deploy.Local(t.Context(), client, spec, nil); err == nil || !strings.Contains(err.Error(), "weights.") {
		t.Errorf("Local of a name that storage does not keep = %v, want an error about it", err)
	}
	for _, r := range azure.Requests()[before:] {
		t.Errorf("sent %s %s", r.Method, r.Path)
	}
}

// TestMissingInOneOrder tells what the workspace lacks in the same order every time.
func TestMissingInOneOrder(t *testing.T) {
	spec := studio(t)
	spec.Endpoints = nil
	blue := spec.Deployments[0]
	spec.Deployments = nil
	for _, name := range []string{"e-d", "e-c", "e-b", "e-a"} {
		d := blue
		d.Endpoint, d.Deployment.Model = name, azmlbatch.ModelByID{AssetID: "azureml:m" + name + ":1"}
		spec.Deployments = append(spec.Deployments, d)
	}
	client, _ := newClient(t)
	_, err := deploy.Plan(t.Context(), client, spec, nil)
	if err == nil {
		t.Fatal("Plan has no error")
	}
	var got []string
	for line := range strings.Lines(err.Error()) {
		got = append(got, regexp.MustCompile(`"azureml:[^"]*"|endpoint "[^"]*"`).FindString(line))
	}
	want := []string{`"azureml:me-a:1"`, `"azureml:me-b:1"`, `"azureml:me-c:1"`, `"azureml:me-d:1"`,
		`endpoint "e-a"`, `endpoint "e-b"`, `endpoint "e-c"`, `endpoint "e-d"`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s\n%v", diff, err)
	}
}

// TestSmokeTestOfAScriptThatWritesFiles of its own asks for files and not for rows.
func TestSmokeTestOfAScriptThatWritesFiles(t *testing.T) {
	spec := studio(t)
	client, _ := newClient(t)
	options := &deploy.PlanOptions{SmokeInput: azmlbatch.LocalPath{Path: "smoke"}}
	blue := &spec.Deployments[0].Deployment
	blue.OutputAction, blue.CodeConfiguration.CodeID = azmlbatch.OutputActionSummaryOnly, "./own"
	const script = "import os, shutil\ndef run(files):\n    for f in files:\n        %s\n    return files\n"
	write(t, map[string]string{"own/score.py": fmt.Sprintf(script, "pass")})
	var smoke *deploy.SmokeError
	if _, err := plan(t, client, spec, options).Apply(t.Context(), nil); !errors.As(err, &smoke) || smoke.Problem != "the job left no files in its outputs" {
		t.Fatalf("Apply of a script that writes nothing = %v, want a SmokeError about files", err)
	}
	write(t, map[string]string{"own/score.py": fmt.Sprintf(script, "shutil.copy(f, os.environ['AZUREML_BI_OUTPUT_PATH'])")})
	if result := apply(t, client, spec, options); len(result.Tests) != 1 || result.Tests[0].Rows < 1 {
		t.Errorf("tests = %+v, want one that left files", result.Tests)
	}
}
