package jobs

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// Start stores and runs a command or pipeline job, given its document in ARM's form. The job's
// first status stays until its turn comes. If Start fails, nothing is stored.
func (r *Runner) Start(doc store.Document, caller Caller) error {
	workspaceID := store.ParentID(store.ParentID(store.Text(doc, "id")))
	workspace, known := r.store.Get(workspaceID)
	if !known {
		return fmt.Errorf("jobs: there is no workspace %s", workspaceID)
	}
	properties := store.Object(doc, "properties")
	location := store.Text(workspace, "location")
	j := &job{
		record: record{
			workspace: store.Text(workspace, "id"), name: store.Text(doc, "name"),
			workspaceGUID: store.Text(workspace, "properties", "workspaceId"), location: location,
		},
		display: store.Text(properties, "displayName"), experiment: store.Text(properties, "experimentName"),
		created: r.now(), host: r.cloud.APIHost(location), studio: r.cloud.StudioURL, caller: caller,
		kind: strings.ToLower(store.Text(properties, "jobType")), settings: defaultSettings(),
	}
	if j.kind == commandStep {
		j.settings.compute = store.Text(properties, "computeId")
		j.settings.instanceCount = max(1, int(store.Int(properties, "resources", "instanceCount")))
	}
	return r.submit(j, doc)
}

// runCommandJob runs a job that is one command.
func (r *Runner) runCommandJob(e *execution) (map[string]value, error) {
	properties := r.ownProperties(e)
	inputs, err := readBindings(store.Object(properties, "inputs"))
	if err != nil {
		return nil, failf("The job cannot run: %v.", err)
	}
	outputs, err := readBindings(store.Object(properties, "outputs"))
	if err != nil {
		return nil, failf("The job cannot run: %v.", err)
	}
	t := &task{
		runner: r, job: e.job, run: e.name, name: e.name, kind: commandStep, spec: properties, inputs: map[string]value{}, outputs: map[string]value{},
		compute: e.settings.compute, nodes: e.settings.instanceCount,
	}
	for name, b := range inputs {
		t.inputs[name] = b.value
	}
	for name, b := range outputs {
		if !strings.EqualFold(name, "default") { // the place of the logs
			t.outputs[name] = b.at(e.name, name, defaultStore)
		}
	}

	t.moved = func(status string) { r.advance(e, status, "") }
	return t.outputs, t.execute(e.ctx)
}

// ownProperties are the properties of a job as ARM has stored them.
func (r *Runner) ownProperties(e *execution) store.Document {
	doc, _ := r.store.Get(jobID(e.workspace, e.name))
	return store.Object(doc, "properties")
}

// runPipeline runs a pipeline job, or the job of a deployment of a pipeline component.
func (r *Runner) runPipeline(e *execution) (map[string]value, error) {
	r.advance(e, Running, "")
	p := &pipelineRun{runner: r, e: e, run: e.name}
	read := r.readPipelineJob
	if e.endpoint != "" {
		read = r.readPipelineDeployment
	}
	if err := read(p); err != nil {
		return nil, err
	}
	err := p.execute(e.ctx)
	return p.outputs, err
}

func (r *Runner) graphReader(workspace string) *graphReader {
	return &graphReader{resolver: r.resolver(workspace)}
}

// readPipelineDeployment reads what a deployment runs, and what the invocation gives it.
func (r *Runner) readPipelineDeployment(p *pipelineRun) (err error) {
	configuration := store.Object(p.e.invocation.Deployment, "properties", "deploymentConfiguration")
	p.settings = readSettings(store.Object(configuration, "settings"))
	if p.e.settings.compute != "" { // the invocation's own
		p.settings.compute = p.e.settings.compute
	}
	p.inputs, p.outputs = map[string]value{}, map[string]value{}
	for name, input := range p.e.invocation.Inputs {
		p.inputs[name] = value{kind: armKind(input.Kind), uri: input.URI, text: scalarText(input.Value), mode: input.Mode}
	}
	for name, output := range p.e.invocation.Outputs {
		p.outputs[name] = value{kind: armKind(output.Kind), uri: output.URI, mode: output.Mode}
	}
	p.graph, err = r.graphReader(p.e.workspace).graphOf(store.Text(configuration, "componentId", "assetId"), 0)
	return err
}

// readPipelineJob reads a pipeline job: its own steps, or those of the component that it names.
func (r *Runner) readPipelineJob(p *pipelineRun) error {
	properties := r.ownProperties(p.e)
	settings := store.Object(properties, "settings")
	p.settings = readSettings(settings)
	p.settings.compute = cmp.Or(p.settings.compute, store.Text(properties, "computeId"))
	inputs, err := readBindings(store.Object(properties, "inputs"))
	if err != nil {
		return failf("The job cannot run: %v.", err)
	}
	outputs, err := readBindings(store.Object(properties, "outputs"))
	if err != nil {
		return failf("The job cannot run: %v.", err)
	}
	p.inputs, p.outputs = values(inputs), values(outputs)
	reader := r.graphReader(p.e.workspace)
	if component := store.Text(properties, "componentId"); component != "" {
		p.graph, err = reader.graphOf(component, 0)
		return err
	}
	p.graph, err = reader.readGraph(store.Object(properties, "inputs"), store.Object(properties, "outputs"), store.Object(properties, "jobs"), 0)
	return err
}

func values(bindings map[string]binding) map[string]value {
	values := map[string]value{}
	for name, b := range bindings {
		values[name] = b.value
	}
	return values
}
