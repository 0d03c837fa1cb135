package emulator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/internal/scratch"
	"github.com/azmlbatch/azmlbatch/scoring"
)

// Names of what [Emulator.Deploy] creates. DeployCluster and DeployEnvironment are created only for
// a deployment that names no others.
const (
	DeployDeployment  = "blue"
	DeployCluster     = "deploy-cluster"
	DeployEnvironment = "deploy-environment"
)

// deployNodes is the size of DeployCluster: as many nodes as a job can ask for.
const deployNodes = 1000

// Scorer is what a deployment runs on the files of a job: a [Script], an [MLFlowModel] or a [Func].
type Scorer interface {
	// register uploads what the deployment needs and sets it in d.
	register(ctx context.Context, e *Emulator, client *azmlbatch.Client, d *azmlbatch.Deployment) error
}

// Script is a scoring script in Python: a file that defines run(mini_batch) and may define init().
type Script struct {
	// Dir is the folder of the script and of the modules that it imports.
	Dir string
	// File is the path of the script within Dir, with forward slashes. Empty means "score.py".
	File string
	// Model is a file or folder, which the script finds as $AZUREML_MODEL_DIR/<its base name>.
	// Empty is for a script that needs no model: the script itself is registered as one, because
	// Azure wants one.
	Model string
}

// MLFlowModel is a model in MLflow's format, which needs no script. Its jobs need a Python with
// mlflow: see [Options.Python] and [Options.Environments].
type MLFlowModel struct {
	// Dir is the folder of the model, with its MLmodel file.
	Dir string
}

// Func is a Go function that scores a mini-batch: see [scoring.Func]. It is called in this process,
// and no Python is needed. It is gone when the process ends: if another emulator runs the
// deployment from the same DataDir, its jobs fail and say so.
type Func scoring.Func

// DeployOptions tune [Emulator.Deploy]. Nil means the defaults.
type DeployOptions struct {
	// Endpoint is the name of the endpoint. If it exists, its deployment [DeployDeployment] is
	// replaced. Empty means "endpoint-1" for the first call of the emulator, "endpoint-2" for the
	// second, and so on.
	Endpoint string
	// Deployment has further settings, such as MiniBatchSize. Model and CodeConfiguration are set
	// by the Scorer. Compute and EnvironmentID name a cluster and an environment that exist; empty
	// means [DeployCluster] and [DeployEnvironment].
	Deployment azmlbatch.Deployment
}

// Deploy creates, in the first workspace, an endpoint with a default deployment that runs s, and
// the cluster and the environment that the deployment needs. It blocks until all of it is ready and
// returns the endpoint's name.
//
// Deploy works through requests to the emulator, as any client does: faults apply to them,
// [Emulator.Requests] lists them, and with [PaceReal] they take as long as in Azure. Concurrent
// calls run one after the other.
func (e *Emulator) Deploy(ctx context.Context, s Scorer, options *DeployOptions) (string, error) {
	if !e.made() {
		return "", errNotMade
	}
	var o DeployOptions
	if options != nil {
		o = *options
	}
	e.deploys.Lock()
	defer e.deploys.Unlock()
	e.deployed++
	o.Endpoint = cmp.Or(o.Endpoint, fmt.Sprintf("endpoint-%d", e.deployed))
	client, err := e.Client(nil)
	if err != nil {
		return "", err
	}
	if v := reflect.ValueOf(s); s == nil || v.Kind() == reflect.Pointer && v.IsNil() {
		return "", errors.New("emulator: deploy: the scorer is nil; pass a Script, an MLFlowModel or a Func")
	}
	err = s.register(ctx, e, client, &o.Deployment)
	if err == nil {
		err = deploy(ctx, client, o)
	}
	if err != nil {
		return "", fmt.Errorf("emulator: deploy: %w", err)
	}
	return o.Endpoint, nil
}

// deploy creates everything around the code and the model.
func deploy(ctx context.Context, client *azmlbatch.Client, o DeployOptions) error {
	d := o.Deployment
	if d.Compute == "" {
		d.Compute = DeployCluster
		cluster := azmlbatch.Compute{Properties: azmlbatch.AmlCompute{VMSize: "STANDARD_D2_V2", MaxNodes: deployNodes}}
		if _, err := client.Computes().CreateOrUpdate(ctx, DeployCluster, cluster, nil); err != nil {
			return err
		}
	}
	if d.EnvironmentID == "" && d.CodeConfiguration.CodeID != "" {
		env, err := client.Environments().CreateOrUpdate(ctx,
			DeployEnvironment, azmlbatch.Environment{Version: "1", Image: "python:3"}, nil)
		if err != nil {
			return err
		}
		d.EnvironmentID = env.Ref()
	}
	if _, err := client.Endpoints().CreateOrUpdate(ctx, o.Endpoint, azmlbatch.Endpoint{}, nil); err != nil {
		return err
	}
	if _, err := client.Deployments(o.Endpoint).CreateOrUpdate(ctx, DeployDeployment, d, nil); err != nil {
		return err
	}
	_, err := client.Endpoints().SetDefaultDeployment(ctx, o.Endpoint, DeployDeployment, nil)
	return err
}

func (s Script) register(ctx context.Context, _ *Emulator, client *azmlbatch.Client, d *azmlbatch.Deployment) error {
	file := cmp.Or(s.File, "score.py")
	model := cmp.Or(s.Model, filepath.Join(s.Dir, filepath.FromSlash(file)))
	return registerCode(ctx, client, d, s.Dir, model, &azmlbatch.UploadCodeOptions{Script: file})
}

// registerCode registers a folder of code and a model.
func registerCode(ctx context.Context, client *azmlbatch.Client, d *azmlbatch.Deployment, dir, model string, o *azmlbatch.UploadCodeOptions) error {
	code, err := client.Codes().Upload(ctx, "deploy-code", dir, o)
	if err != nil {
		return err
	}
	registered, err := client.Models().Upload(ctx, "deploy-model", model, nil)
	if err != nil {
		return err
	}
	d.CodeConfiguration = azmlbatch.CodeConfiguration{CodeID: code.Ref(), ScoringScript: o.Script}
	d.Model = azmlbatch.ModelByID{AssetID: registered.Ref()}
	return nil
}

func (m MLFlowModel) register(ctx context.Context, _ *Emulator, client *azmlbatch.Client, d *azmlbatch.Deployment) error {
	if _, err := os.Stat(filepath.Join(m.Dir, "MLmodel")); err != nil {
		return fmt.Errorf("%q is not an MLflow model: %w", m.Dir, err)
	}
	model, err := client.Models().Upload(ctx, "deploy-model", m.Dir,
		&azmlbatch.UploadModelOptions{Model: azmlbatch.Model{ModelType: azmlbatch.ModelTypeMLFlow}})
	d.CodeConfiguration, d.Model = azmlbatch.CodeConfiguration{}, azmlbatch.ModelByID{AssetID: model.Ref()}
	return err
}

// funcScript stands in the workspace for a Go function. It runs only where the function is not
// known.
const funcScript = `raise RuntimeError("this deployment ran a Go function of a program that has ended; deploy it again")
`

func (f Func) register(ctx context.Context, e *Emulator, client *azmlbatch.Client, d *azmlbatch.Deployment) error {
	if f == nil {
		return errors.New("the Func is nil")
	}
	folder, err := scratch.New("", "azmlbatch-func-", nil)
	if err != nil {
		return err
	}
	script := filepath.Join(folder.Path, "code", "func.py")
	err = errors.Join(os.Mkdir(filepath.Dir(script), 0o700), os.WriteFile(script, []byte(funcScript), 0o600))
	if err == nil {
		err = registerCode(ctx, client, d, filepath.Dir(script), script, &azmlbatch.UploadCodeOptions{Script: "func.py", AlwaysNew: true})
	}
	if err := errors.Join(err, folder.Remove()); err != nil {
		return err
	}
	e.functions.add(d.CodeConfiguration.CodeID, scoring.Func(f))
	return nil
}

// functions are the Go functions that take the place of versions of code.
type functions struct {
	mu     sync.Mutex
	byCode map[string]scoring.Func // by the ARM id of the version, in lower case
}

func (f *functions) add(code string, function scoring.Func) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byCode == nil {
		f.byCode = map[string]scoring.Func{}
	}
	f.byCode[codeKey(code)] = function
}

// find returns the function for a version of code, nil for none.
func (f *functions) find(code string) scoring.Func {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.byCode[codeKey(code)]
}

func codeKey(id string) string { return strings.ToLower(strings.TrimPrefix(id, "azureml:")) }
