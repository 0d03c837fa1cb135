package jobs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/internal/scratch"
	"github.com/azmlbatch/azmlbatch/scoring"
)

// task is a run that does something itself: a step of a pipeline, or a command job.
type task struct {
	runner          *Runner
	job             *job
	run, name       string
	kind            string         // commandStep or parallelStep
	spec            store.Document // of a component, or the properties of a command job
	inputs, outputs map[string]value
	environment     map[string]string // of the node, beside that of the spec
	compute         string
	nodes           int
	moved           func(status string) // tells the job; nil for a step

	dir         string            // of its files while it runs
	inputTexts  map[string]string // what ${{inputs.x}} becomes
	outputPaths map[string]string // what ${{outputs.y}} becomes
}

// execute runs a task to its end: fetch, run, upload.
func (t *task) execute(ctx context.Context) error {
	r := t.runner
	if err := t.check(); err != nil {
		return err
	}
	folder, err := scratch.New(r.tempDir, jobFolderPrefix, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err := folder.Remove(); err != nil {
			r.log.Warn("job folder stays", "job", t.job.name, "error", err)
		}
	}()
	t.dir = folder.Path
	t.move(Preparing)
	if err := t.fetch(ctx); err != nil {
		return err
	}
	t.move(Running)
	err = t.start(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if uploadErr := t.upload(ctx, err == nil); uploadErr != nil && err == nil {
		err = uploadErr
	}
	if err == nil {
		r.recordOutputs(t.job.record, t.run, t.outputs)
	}
	return err
}

// isJob reports whether the task is a job of its own and not a step.
func (t *task) isJob() bool { return t.moved != nil }

// title is what messages call the task.
func (t *task) title() string {
	if t.isJob() {
		return "job " + t.name
	}
	return "step " + t.name
}

// move sets the status of the run: that of the step, or of the whole job.
func (t *task) move(status string) {
	if t.isJob() {
		t.moved(status)
		return
	}
	t.runner.moveRun(t.job.record, t.run, status, nil)
}

// check fails a task that names what does not exist. Not evidenced: how such a step ends in Azure.
func (t *task) check() error {
	r := t.runner
	if r.missing(t.job, "computes", t.compute) {
		where := ": in the step, or as default_compute"
		if t.isJob() {
			where = ""
		}
		return failf("The compute %s does not exist. Create it, or name another one%s.", t.compute, where)
	}
	if id := t.environmentID(); r.missing(t.job, "environments", id) {
		return failf("The environment %s does not exist. Create it, or name another one.", id)
	}
	return nil
}

// member returns the first of the members that has a text: components and jobs have names of their
// own.
func (t *task) member(names ...string) string {
	for _, name := range names {
		if text := scalarText(t.spec[name]); text != "" {
			return text
		}
	}
	return ""
}

func (t *task) environmentID() string {
	if t.kind == parallelStep {
		return store.Text(t.spec, "task", "environment")
	}
	return t.member("environment", "environmentId")
}

func (t *task) codeID() string {
	if t.kind == parallelStep {
		return store.Text(t.spec, "task", "code")
	}
	return t.member("code", "codeId")
}

// fetch copies code and inputs, and makes the folders of the outputs.
func (t *task) fetch(ctx context.Context) error {
	if err := t.fetchCode(ctx); err != nil {
		return err
	}
	t.inputTexts, t.outputPaths = map[string]string{}, map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(t.inputs)) {
		text, err := t.fetchInput(ctx, name, t.inputs[name])
		if err != nil {
			return err
		}
		t.inputTexts[name] = text
	}
	for name, v := range t.outputs {
		path, err := t.folder("output", name)
		if err != nil {
			return err
		}
		if v.kind == "uri_file" {
			path = filepath.Join(path, filepath.Base(filepath.FromSlash(v.uri)))
		}
		if err := os.MkdirAll(map[bool]string{true: filepath.Dir(path), false: path}[v.kind == "uri_file"], 0o700); err != nil {
			return err
		}
		t.outputPaths[name] = path
	}
	return nil
}

// folder is that of an input or output. Not evidenced: which names the service refuses, and when.
func (t *task) folder(port, name string) (string, error) {
	path, isLocal := below(filepath.Join(t.dir, port+"s"), name)
	if !isLocal {
		return "", failf("The %s name %q of the %s cannot be the name of a folder. Use letters, digits and underscores.", port, name, t.title())
	}
	return path, nil
}

func (t *task) codeDir() string { return filepath.Join(t.dir, "code") }

func (t *task) fetchCode(ctx context.Context) error {
	if err := os.MkdirAll(t.codeDir(), 0o700); err != nil {
		return err
	}
	id := t.codeID()
	if id == "" {
		return nil
	}
	from, err := t.runner.resolver(t.job.workspace).resolve(id, "codes")
	if err == nil {
		_, err = t.runner.copyFolder(ctx, from, t.codeDir(), everything)
	}
	if err != nil {
		return failf("The code %s of the %s cannot be read: %v", id, t.title(), err)
	}
	return nil
}

// fetchInput returns what the command gets for an input: a literal, or the path of a copy of the
// data.
func (t *task) fetchInput(ctx context.Context, name string, v value) (string, error) {
	if v.isLiteral() {
		return v.text, nil
	}
	if strings.EqualFold(v.mode, "Direct") {
		return v.uri, nil
	}
	kind := "data"
	if strings.HasSuffix(v.kind, "_model") {
		kind = "models"
	}
	r := t.runner
	from, err := r.resolver(t.job.workspace).resolve(v.uri, kind)
	if err != nil {
		return "", failf("The input %s of the %s cannot be read: %s: %v", name, t.title(), withoutQuery(v.uri), err)
	}
	path, err := t.folder("input", name)
	if err != nil {
		return "", err
	}
	switch base := from.base(); {
	case v.kind == "uri_file" || kind == "models" && base != "":
		path = filepath.Join(path, base)
		err = r.copyEither(ctx, from, path)
	default:
		var n int
		if n, err = r.copyFolder(ctx, from, path, everything); err == nil && n == 0 {
			err = errors.New("the folder does not exist or is empty")
		}
	}
	if err != nil {
		return "", failf("The input %s of the %s cannot be read: %s: %v", name, t.title(), withoutQuery(v.uri), err)
	}
	return path, nil
}

// upload writes the outputs to their places. Of a failed task only those are there that Azure
// mounts, not those that it uploads at the end.
func (t *task) upload(ctx context.Context, succeeded bool) error {
	r := t.runner
	for _, name := range slices.Sorted(maps.Keys(t.outputs)) {
		v := t.outputs[name]
		if !succeeded && strings.EqualFold(v.mode, "Upload") {
			continue
		}
		to, err := r.resolver(t.job.workspace).writable(v.uri)
		if err != nil {
			return failf("The output %s of the %s cannot be written%v", name, t.title(), err)
		}
		path := t.outputPaths[name]
		if v.kind == "uri_file" {
			err = r.upload(ctx, path, to)
			if errors.Is(err, fs.ErrNotExist) {
				err = nil // the command wrote none
			}
		} else {
			err = r.uploadFolder(ctx, path, to)
		}
		if err != nil {
			return fmt.Errorf("upload of the output %s: %w", name, err)
		}
	}
	return nil
}

// start runs the command or the parallel step, and mirrors its logs meanwhile.
func (t *task) start(ctx context.Context) error {
	r := t.runner
	to, err := r.artifacts(t.job.record, t.run)
	if err != nil {
		return err
	}
	logs := r.newMirror(to, filepath.Join(t.dir, "logs"))
	news, sent := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(sent)
		follow(logs, nil, news)
	}()
	defer func() { close(news); <-sent }()
	environment, words := r.environmentOf(t.job.workspace, t.environmentID())
	if words != "" {
		r.openLogs(t.job).write(t.run, words)
	}
	if t.kind == parallelStep {
		return t.runParallel(ctx, environment, news)
	}
	return t.runCommand(ctx, environment)
}

func (t *task) runCommand(ctx context.Context, environment *scoring.Environment) error {
	line, err := render(t.member("command"), t.inputTexts, t.outputPaths)
	if err != nil {
		return failf("The command of the %s cannot run: %v.", t.title(), err)
	}
	r := t.runner
	return t.failure(scoring.RunCommand(ctx, scoring.Command{
		Line: line, Dir: t.codeDir(), Env: t.variables(), ScriptEnv: r.scriptEnv, Python: r.python, Environment: environment,
		Logs: filepath.Join(t.dir, "logs"),
	}))
}

// variables are the environment variables of a task: those of the component, of the node, and those
// of Azure Machine Learning that scripts read.
func (t *task) variables() map[string]string {
	subscription, group, workspace := scopeOf(t.job.workspace)
	variables := map[string]string{
		"MLFLOW_TRACKING_URI": "file://" + filepath.ToSlash(filepath.Join(t.dir, "mlruns")),
	}
	for _, own := range []map[string]string{texts(store.Object(t.spec, "environment_variables")), texts(store.Object(t.spec, "environmentVariables")), t.environment} {
		maps.Copy(variables, own)
	}
	maps.Copy(variables, map[string]string{
		"AZUREML_RUN_ID": t.run, "AZUREML_ROOT_RUN_ID": t.job.name, "AZUREML_ARM_SUBSCRIPTION": subscription,
		"AZUREML_ARM_RESOURCEGROUP": group, "AZUREML_ARM_WORKSPACE_NAME": workspace,
	})
	for name, path := range t.inputTexts {
		variables["AZURE_ML_INPUT_"+name] = path
	}
	for name, path := range t.outputPaths {
		variables["AZURE_ML_OUTPUT_"+name] = path
	}
	return variables
}

// failure turns the engine's error into that of the run.
func (t *task) failure(err error) error {
	var command *scoring.CommandError
	if errors.As(err, &command) {
		return &failure{command.ServiceMessage(), command}
	}
	var failed *scoring.Failure
	if errors.As(err, &failed) {
		return &failure{failed.ServiceMessage(), failed}
	}
	return engineFailure(t.title(), err)
}
