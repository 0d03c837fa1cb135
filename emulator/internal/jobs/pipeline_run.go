package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// pipelineRun is a pipeline that runs: that of a job, or that of a step that is a pipeline itself.
// One goroutine starts its steps and learns how they ended; each step runs in one of its own.
type pipelineRun struct {
	runner   *Runner
	e        *execution
	run      string // of the job or the step
	graph    *graph
	inputs   map[string]value
	outputs  map[string]value // the places; those that nobody asked for are known once their step is
	settings pipelineSettings
	steps    map[string]*stepRun
}

// pipelineSettings are the settings that hold for all steps.
type pipelineSettings struct {
	compute   string // of steps that name none
	datastore string // of outputs without a place
	keepGoing bool   // continue_on_step_failure
}

// stepRun is a step and its run.
type stepRun struct {
	*step
	run             string
	inputs, outputs map[string]value // resolved when the step starts
	status          string           // of the scheduler: NotStarted, Running, then how it ended
	err             error
}

var errStepFailed = errors.New("another step failed")

// readSettings reads settings of a deployment or of a pipeline job. Not evidenced: the spelling of
// booleans; any case is taken. When a step fails, the steps that do not depend on it go on unless
// continue_on_step_failure says otherwise (a batch job list of 2026, quoted in the documentation of
// the Ansible collection azure.azcollection, shows True).
func readSettings(settings store.Document) pipelineSettings {
	s := pipelineSettings{
		compute: scalarText(settings["default_compute"]), datastore: store.LastSegment(scalarText(settings["default_datastore"])),
		keepGoing: !strings.EqualFold(scalarText(settings["continue_on_step_failure"]), "false"),
	}
	s.datastore = strings.TrimPrefix(s.datastore, "azureml:")
	if s.datastore == "" {
		s.datastore = defaultStore
	}
	return s
}

// execute runs the steps: each as soon as those are done whose outputs it reads.
func (p *pipelineRun) execute(ctx context.Context) error {
	if err := p.complete(); err != nil {
		return err
	}
	if err := p.record(); err != nil {
		return err
	}
	steps, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ended := make(chan *stepRun)
	for running := p.startReady(steps, ended, 0); running > 0; {
		s := <-ended
		s.status = statusOf(steps, s.err)
		if s.status == Failed && !p.settings.keepGoing {
			stop(errStepFailed)
		}
		p.endStep(s)
		running += p.startReady(steps, ended, running-1) - 1
	}
	return p.conclude(ctx)
}

// startReady starts the steps that can, up to the runner's limit, and returns how many.
func (p *pipelineRun) startReady(ctx context.Context, ended chan<- *stepRun, running int) (started int) {
	for _, s := range p.inOrder() {
		waits := slices.ContainsFunc(s.after, func(name string) bool { return p.steps[name].status != Completed })
		if s.status != NotStarted || waits || ctx.Err() != nil || running+started >= p.runner.limit {
			continue
		}
		s.status = Running
		started++
		go func() {
			s.err = p.runStep(ctx, s)
			ended <- s
		}()
	}
	return started
}

func (p *pipelineRun) inOrder() []*stepRun {
	steps := make([]*stepRun, len(p.graph.steps))
	for i, s := range p.graph.steps {
		steps[i] = p.steps[s.name]
	}
	return steps
}

// statusOf is how a step ended.
func statusOf(ctx context.Context, err error) string {
	switch {
	case err == nil:
		return Completed
	case ctx.Err() != nil:
		return Canceled
	}
	return Failed
}

// conclude ends the steps that never started, and says how the pipeline ended.
func (p *pipelineRun) conclude(ctx context.Context) error {
	var failed []string
	for _, s := range p.inOrder() {
		switch s.status {
		case NotStarted:
			s.status = Canceled
			p.endStep(s)
		case Failed:
			failed = append(failed, "/"+s.name)
		case Completed:
			p.takeOutputs(s)
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if len(failed) > 0 {
		return failf(childrenFailed, strings.Join(failed, ", "))
	}
	p.runner.recordOutputs(p.e.record, p.run, p.outputs)
	return nil
}

// childrenFailed is the error of a pipeline whose steps failed. Not evidenced: recordings show the
// error of the step only.
const childrenFailed = "Pipeline has failed child jobs. Failed nodes: %s. " +
	"For more details and logs, please go to the job detail page and check the child jobs."

// takeOutputs makes the outputs of a step those of the pipeline that are bound to them.
func (p *pipelineRun) takeOutputs(s *stepRun) {
	for name, b := range s.step.outputs {
		if made, known := s.outputs[name]; known && b.parent != "" {
			p.outputs[b.parent] = made
		}
	}
}

// complete fills in the defaults of the pipeline's inputs and refuses what is not declared. A job
// that declares nothing takes what it is given.
func (p *pipelineRun) complete() error {
	for _, name := range slices.Sorted(maps.Keys(p.inputs)) {
		declared, known := p.graph.inputs[name]
		if !known {
			return failf("The pipeline has no input %q. Its inputs are: %s.", name, listed(p.graph.inputs))
		}
		if v := p.inputs[name]; !v.missing && !v.fits(declared.kind) {
			return failf("The input %s of the pipeline is of type %s, but the value is %s.", name, declared.kind, v)
		}
	}
	for name := range p.outputs {
		if _, declared := p.graph.outputs[name]; !declared {
			return failf("The pipeline has no output %q. Its outputs are: %s.", name, listed(p.graph.outputs))
		}
	}
	inputs, err := withDefaults(p.inputs, p.graph.inputs)
	if err != nil {
		return failf("The pipeline cannot run: %v.", err)
	}
	p.inputs = inputs
	return nil
}

func listed(ports map[string]port) string {
	if len(ports) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(ports)), ", ")
}

// withDefaults returns the values of all declared inputs that have one.
func withDefaults(given map[string]value, declared map[string]port) (map[string]value, error) {
	values := map[string]value{}
	for name, v := range given {
		if !v.missing {
			values[name] = v
		}
	}
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		p := declared[name]
		v, known := values[name]
		switch {
		case known && isData(p.kind):
			v.kind = p.kind
		case known:
		case p.hasValue && isData(p.kind):
			v = value{kind: p.kind, uri: p.fallback}
		case p.hasValue:
			v = value{kind: literalKind, text: p.fallback}
		case p.optional:
			continue
		default:
			return nil, fmt.Errorf("the input %s has no value", name)
		}
		values[name] = v
	}
	return values, nil
}

// isData reports whether an input of this kind is data, not a literal.
func isData(kind string) bool {
	switch kind {
	case "uri_file", "uri_folder", "mltable", "custom_model", "mlflow_model", "triton_model", "path":
		return true
	}
	return false
}

// bind resolves the inputs and outputs of a step whose predecessors are done.
func (p *pipelineRun) bind(s *stepRun) error {
	given := map[string]value{}
	for name, b := range s.step.inputs {
		given[name] = p.resolve(b)
	}
	var err error
	if s.inputs, err = withDefaults(given, s.ports.inputs); err != nil {
		return failf("The step %s cannot run: %v.", s.name, err)
	}
	s.outputs = map[string]value{}
	for name, declared := range s.ports.outputs {
		s.outputs[name] = value{kind: declared.kind}
	}
	for name, b := range s.step.outputs {
		v := value{kind: cmp.Or(s.outputs[name].kind, b.kind), uri: b.uri, mode: b.mode}
		if b.parent != "" {
			v.uri, v.mode = p.outputs[b.parent].uri, cmp.Or(v.mode, p.outputs[b.parent].mode)
		}
		s.outputs[name] = v
	}
	for name, v := range s.outputs {
		s.outputs[name] = v.at(s.run, name, p.settings.datastore)
	}
	return nil
}

// resolve returns the value of a binding.
func (p *pipelineRun) resolve(b binding) value {
	switch {
	case b.parent != "":
		v, known := p.inputs[b.parent]
		v.mode, v.missing = cmp.Or(b.mode, v.mode), !known
		return v
	case b.step != "":
		v, known := p.steps[b.step].outputs[b.output]
		v.mode, v.missing = b.mode, !known
		return v
	}
	return b.value
}

// at gives an output a place: the one that was asked for, with its variables replaced, else the
// service's default (seen in azure-sdk-for-python recording test_pipeline_job_child_run_download,
// 2026, for a folder; not evidenced: for a file).
func (v value) at(run, name, datastore string) value {
	if v.kind == "" || v.kind == literalKind {
		v.kind = "uri_folder"
	}
	if v.uri == "" {
		v.uri = "azureml://datastores/" + datastore + "/paths/azureml/" + run + "/" + name
		if v.kind != "uri_file" {
			v.uri += "/"
		}
		return v
	}
	v.uri = strings.NewReplacer("${{name}}", run, "${{output_name}}", name, "${{default_datastore}}", datastore).Replace(v.uri)
	return v
}

// newStepRun names the run of a step.
func newStepRun(s *step) *stepRun {
	return &stepRun{step: s, run: uuid.NewString(), status: NotStarted}
}
