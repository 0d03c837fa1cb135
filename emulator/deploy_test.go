package emulator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
)

// folder writes files below a new folder of the given name.
func folder(t *testing.T, name string, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	for file, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// score invokes an endpoint on two files and returns the lines of the predictions.
func score(t *testing.T, client *azmlbatch.Client, endpoint string) ([]string, error) {
	t.Helper()
	data := folder(t, "vases", map[string]string{"a.txt": "clay", "b.txt": "glaze"})
	job, err := client.Endpoints().Invoke(t.Context(), endpoint, azmlbatch.Invocation{Inputs: azmlbatch.Inputs{"in": azmlbatch.LocalPath{Path: data}}})
	if err != nil {
		t.Fatalf("Invoke: %v", err)
	}
	if _, err := client.Jobs().Wait(t.Context(), job.Name, nil); err != nil {
		return nil, err
	}
	var rows []string
	for row, err := range azmlbatch.Rows[string](t.Context(), client, job.Name, &azmlbatch.RowsOptions{Format: azmlbatch.RowFormatLines}) {
		if err != nil {
			t.Fatalf("Rows: %v", err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// sizes is a Func that says how long each file is.
func sizes(_ context.Context, files []string) ([]string, error) {
	var rows []string
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			return nil, err
		}
		rows = append(rows, fmt.Sprint(filepath.Base(file), " ", info.Size()))
	}
	return rows, nil
}

const sizesScript = `
import os, glaze
def run(files):
    return [f"{os.path.basename(f)} {glaze.size(f)}" for f in files]
`

// sizesCode is a folder of code whose script is not at its top.
func sizesCode(t *testing.T) string {
	return folder(t, "code", map[string]string{"src/main.py": sizesScript, "glaze.py": "import os\nsize = os.path.getsize\n"})
}

func TestNewEndpoint(t *testing.T) {
	want := []string{"a.txt 4", "b.txt 5"}
	t.Run("function", func(t *testing.T) {
		client, endpoint := NewEndpoint(t, Func(sizes), nil)
		got, err := score(t, client, endpoint)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("rows (-want +got):\n%s%v", diff, err)
		}
	})
	t.Run("script", func(t *testing.T) {
		client, endpoint := NewEndpoint(t, Script{Dir: sizesCode(t), File: "src/main.py"}, nil)
		got, err := score(t, client, endpoint)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("rows (-want +got):\n%s%v", diff, err)
		}
	})
	t.Run("script with a model", func(t *testing.T) {
		script := "import os\ndef run(files):\n    return open(os.environ['AZUREML_MODEL_DIR'] + '/weights/w.txt').read().split()\n"
		model := folder(t, "weights", map[string]string{"w.txt": "0.5 0.25"})
		client, endpoint := NewEndpoint(t, Script{Dir: folder(t, "code", map[string]string{"score.py": script}), Model: model}, nil)
		got, err := score(t, client, endpoint)
		if diff := cmp.Diff([]string{"0.5", "0.25"}, got); diff != "" || err != nil {
			t.Errorf("rows (-want +got):\n%s%v", diff, err)
		}
	})
}

// The names and settings of what Deploy has made, as any client sees them.
func TestDeploySettings(t *testing.T) {
	ctx := t.Context()
	azure := NewTest(t, nil)
	client, err := azure.Client(nil)
	if err != nil {
		t.Fatal(err)
	}
	first, err := azure.Deploy(ctx, Func(sizes), nil)
	if err != nil || first != "endpoint-1" {
		t.Fatalf("Deploy = %q, %v", first, err)
	}
	second, err := azure.Deploy(ctx, Func(sizes), &DeployOptions{Deployment: azmlbatch.Deployment{MiniBatchSize: 7, ErrorThreshold: new(3)}})
	if err != nil || second != "endpoint-2" {
		t.Fatalf("second Deploy = %q, %v", second, err)
	}
	named, err := azure.Deploy(ctx, Script{Dir: sizesCode(t), File: "src/main.py"}, &DeployOptions{Endpoint: "vases"})
	if err != nil || named != "vases" {
		t.Fatalf("Deploy with a name = %q, %v", named, err)
	}
	endpoint, err := client.Endpoints().Get(ctx, second)
	if err != nil || endpoint.DefaultDeployment != DeployDeployment {
		t.Errorf("endpoint %s: default deployment %q, %v", second, endpoint.DefaultDeployment, err)
	}
	d, err := client.Deployments(second).Get(ctx, DeployDeployment)
	if err != nil || d.MiniBatchSize != 7 || *d.ErrorThreshold != 3 {
		t.Errorf("deployment: mini-batch size %d, error threshold %v, %v; want 7 and 3", d.MiniBatchSize, d.ErrorThreshold, err)
	}
	if !strings.HasSuffix(d.Compute, "/computes/"+DeployCluster) || !strings.HasSuffix(d.EnvironmentID, "/environments/"+DeployEnvironment+"/versions/1") {
		t.Errorf("deployment: compute %s, environment %s", d.Compute, d.EnvironmentID)
	}
}

func TestDeployOnOwnClusterAndEnvironment(t *testing.T) {
	ctx := t.Context()
	azure := NewTest(t, nil)
	client, err := azure.Client(nil)
	if err != nil {
		t.Fatal(err)
	}
	cluster := azmlbatch.Compute{Properties: azmlbatch.AmlCompute{VMSize: "STANDARD_D2_V2", MaxNodes: 1}}
	if _, err := client.Computes().CreateOrUpdate(ctx, "kiln", cluster, nil); err != nil {
		t.Fatal(err)
	}
	env, err := client.Environments().CreateOrUpdate(ctx, "glazes", azmlbatch.Environment{Version: "3", Image: "kiln:1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := azure.Deploy(ctx, Func(sizes), &DeployOptions{Deployment: azmlbatch.Deployment{Compute: "kiln", EnvironmentID: env.Ref()}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := client.Deployments(endpoint).Get(ctx, DeployDeployment)
	if err != nil || !strings.HasSuffix(d.Compute, "/computes/kiln") || !strings.HasSuffix(d.EnvironmentID, "/environments/glazes/versions/3") {
		t.Errorf("deployment: compute %s, environment %s, %v", d.Compute, d.EnvironmentID, err)
	}
	if _, err := client.Computes().Get(ctx, DeployCluster); !errors.Is(err, azmlbatch.ErrNotFound) {
		t.Errorf("cluster %s: %v, want none", DeployCluster, err)
	}
}

// An error of the function fails the job as an exception of a script does, and is in the job's
// logs.
func TestDeployedFuncFails(t *testing.T) {
	broken := func(_ context.Context, files []string) ([]string, error) {
		return nil, errors.New("the kiln is cold")
	}
	client, endpoint := NewEndpoint(t, Func(broken), &DeployOptions{Deployment: azmlbatch.Deployment{ErrorThreshold: new(0)}})
	_, err := score(t, client, endpoint)
	var failed *azmlbatch.JobFailedError
	if !errors.As(err, &failed) {
		t.Fatalf("job = %v, want a *JobFailedError", err)
	}
	logged := false
	for line, err := range client.Jobs().FollowLogs(t.Context(), failed.Job.Name, nil) {
		if err != nil {
			t.Fatal(err)
		}
		logged = logged || strings.Contains(line.Text, "the kiln is cold")
	}
	if !logged {
		t.Error("the function's error is in no log")
	}
}

// A deployment of a later process has no function behind it, and must not pass for one that works.
func TestDeployedFuncAfterRestart(t *testing.T) {
	data := t.TempDir()
	deploy, err := New(&Options{DataDir: data})
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := deploy.Deploy(t.Context(), Func(sizes), &DeployOptions{Deployment: azmlbatch.Deployment{ErrorThreshold: new(0)}})
	if err := errors.Join(err, deploy.Close()); err != nil {
		t.Fatal(err)
	}
	client := NewClient(t, &Options{DataDir: data})
	if _, err := score(t, client, endpoint); err == nil || !strings.Contains(err.Error(), "a program that has ended") {
		t.Errorf("job after a restart = %v, want one that says that the function is gone", err)
	}
}

// The functions of two endpoints do not mix, and a second Deploy to an endpoint takes the place of
// the first.
func TestDeployTwice(t *testing.T) {
	azure := NewTest(t, nil)
	client, err := azure.Client(nil)
	if err != nil {
		t.Fatal(err)
	}
	says := func(word string) Func {
		return func(context.Context, []string) ([]string, error) { return []string{word}, nil }
	}
	for _, step := range []struct{ endpoint, word string }{{"cups", "cup"}, {"bowls", "bowl"}, {"cups", "mug"}} {
		if _, err := azure.Deploy(t.Context(), says(step.word), &DeployOptions{Endpoint: step.endpoint}); err != nil {
			t.Fatal(err)
		}
	}
	for endpoint, want := range map[string]string{"cups": "mug", "bowls": "bowl"} {
		got, err := score(t, client, endpoint)
		if diff := cmp.Diff([]string{want}, got); diff != "" || err != nil {
			t.Errorf("%s (-want +got):\n%s%v", endpoint, diff, err)
		}
	}
}

func TestDeployMLFlowModel(t *testing.T) {
	client, endpoint := NewEndpoint(t, MLFlowModel{Dir: folder(t, "heart", map[string]string{"MLmodel": "flavors: {}\n"})}, nil)
	d, err := client.Deployments(endpoint).Get(t.Context(), DeployDeployment)
	if err != nil || d.CodeConfiguration.CodeID != "" || d.EnvironmentID != "" {
		t.Errorf("deployment: code %q, environment %q, %v; want neither", d.CodeConfiguration.CodeID, d.EnvironmentID, err)
	}
	model, err := client.Models().Get(t.Context(), "deploy-model", "1")
	if err != nil || model.ModelType != azmlbatch.ModelTypeMLFlow {
		t.Errorf("model: type %q, %v", model.ModelType, err)
	}
}

func TestDeployRefusals(t *testing.T) {
	azure := NewTest(t, nil)
	empty := t.TempDir()
	for name, test := range map[string]struct {
		scorer  Scorer
		options *DeployOptions
		text    string
	}{
		"no scorer":          {nil, nil, "the scorer is nil"},
		"nil function":       {Func(nil), nil, "the Func is nil"},
		"no folder":          {Script{Dir: filepath.Join(empty, "none")}, nil, "none"},
		"no script":          {Script{Dir: sizesCode(t)}, nil, "score.py"},
		"no model":           {Script{Dir: sizesCode(t), File: "src/main.py", Model: filepath.Join(empty, "none")}, nil, "none"},
		"no MLmodel":         {MLFlowModel{Dir: empty}, nil, "is not an MLflow model"},
		"endpoint name":      {Func(sizes), &DeployOptions{Endpoint: "a/b"}, "a/b"},
		"unknown cluster":    {Func(sizes), &DeployOptions{Deployment: azmlbatch.Deployment{Compute: "a b"}}, "a b"},
		"negative batchsize": {Func(sizes), &DeployOptions{Deployment: azmlbatch.Deployment{MiniBatchSize: -1}}, "MiniBatchSize"},
	} {
		endpoint, err := azure.Deploy(t.Context(), test.scorer, test.options)
		if err == nil || endpoint != "" || !strings.HasPrefix(err.Error(), "emulator: deploy: ") || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %q, %v; want an error with %q", name, endpoint, err, test.text)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := azure.Deploy(ctx, Func(sizes), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Deploy with a cancelled context = %v", err)
	}
}

// failure records what a helper tells a test.
type failure struct {
	*testing.T
	text string
}

func (f *failure) Fatalf(format string, args ...any) {
	f.text = fmt.Sprintf(format, args...)
	panic(f)
}

func TestHelpersFailTheTest(t *testing.T) {
	for name, help := range map[string]func(TB){
		"emulator.New":    func(t TB) { NewTest(t, &Options{Pace: "slow"}) },
		"Emulator.Deploy": func(t TB) { NewEndpoint(t, Func(nil), nil) },
	} {
		f := &failure{T: t}
		func() {
			defer func() { _ = recover() }()
			help(f)
		}()
		if !strings.HasPrefix(f.text, name+": ") {
			t.Errorf("the test was told %q, want what %s says", f.text, name)
		}
	}
}
