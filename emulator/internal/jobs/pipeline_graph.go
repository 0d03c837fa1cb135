package jobs

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// Kinds of steps that run, as their documents spell them.
const (
	commandStep  = "command"
	parallelStep = "parallel"
	pipelineStep = "pipeline"
)

// graph is a pipeline: its steps, and the inputs and outputs that it declares.
type graph struct {
	inputs, outputs map[string]port
	steps           []*step // each comes after those whose outputs it reads
}

// port is an input or an output that a component declares.
type port struct {
	kind     string // uri_folder, string and so on; empty when a job names no kind
	optional bool
	fallback string // the default of a literal
	hasValue bool   // there is a default
}

// step is a node of a pipeline.
type step struct {
	name            string
	kind            string
	compute         binding        // a literal or an input of the pipeline
	spec            store.Document // of its component, or the node itself
	component       string         // id of its component, empty without one
	ports           graphPorts
	inputs, outputs map[string]binding
	environment     map[string]string
	nodes           int      // instances
	after           []string // the steps whose outputs it reads
	pipeline        *graph   // of a step that is a pipeline itself
}

type graphPorts struct{ inputs, outputs map[string]port }

// maxDepth bounds how deep pipelines can lie within pipelines, also when a component contains
// itself.
const maxDepth = 10

// maxSteps bounds the steps of a pipeline and of all pipelines within it: a component can be named
// many times. It is the emulator's own limit.
const maxSteps = 1000

// graphReader reads the graph of one job.
type graphReader struct {
	resolver

	steps int // read so far
}

// graphOf reads the pipeline of a component.
func (r *graphReader) graphOf(component string, depth int) (*graph, error) {
	if depth > maxDepth {
		return nil, failf("Pipelines lie more than %d deep within pipelines.", maxDepth)
	}
	doc, err := r.component(component)
	if err != nil {
		return nil, err
	}
	spec := store.Object(doc, "properties", "componentSpec")
	if kind := store.Text(spec, "type"); !strings.EqualFold(kind, pipelineStep) {
		return nil, failf("The component %s is of type %s; a pipeline is expected.", lastAsset(component), kind)
	}
	kept, _ := r.store.Get(stepsID(store.Text(doc, "id")))
	if inner := store.Text(kept, "componentId"); inner != "" {
		return r.graphOf(inner, depth+1)
	}
	return r.readGraph(store.Object(spec, "inputs"), store.Object(spec, "outputs"), store.Object(kept, "jobs"), depth)
}

// component returns the document of a component version.
func (r resolver) component(id string) (store.Document, error) {
	ref, err := parseReference(id, r.suffix)
	asset, isAsset := ref.(assetVersion)
	if err == nil && !isAsset {
		err = fmt.Errorf("it is a %s", ref.referenceKind())
	}
	if err != nil {
		return nil, failf("The component %s cannot be read: %v.", id, err)
	}
	doc, found := r.version(r.container(asset, "components"), asset.version)
	if !found {
		return nil, failf("The component %s does not exist.", id)
	}
	return doc, nil
}

// readGraph reads the inputs, outputs and nodes of a pipeline.
func (r *graphReader) readGraph(inputs, outputs, nodes store.Document, depth int) (*graph, error) {
	if len(nodes) == 0 {
		return nil, failf("The pipeline has no steps.")
	}
	if r.steps += len(nodes); r.steps > maxSteps {
		return nil, failf("The pipeline has more than %d steps, with those of the pipelines within it.", maxSteps)
	}
	g := &graph{inputs: readPorts(inputs), outputs: readPorts(outputs)}
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		s, err := r.readStep(name, store.Object(nodes, name), depth)
		if err != nil {
			return nil, err
		}
		g.steps = append(g.steps, s)
	}
	return g, g.order()
}

func readPorts(members store.Document) map[string]port {
	ports := map[string]port{}
	for name, member := range members {
		object, _ := member.(store.Document)
		p := port{kind: kindOf(object), optional: strings.EqualFold(scalarText(object["optional"]), "true")}
		for _, value := range []string{"default", "value"} {
			if object[value] != nil && !p.hasValue {
				p.fallback, p.hasValue = scalarText(object[value]), true
			}
		}
		if object == nil && member != nil { // a bare literal
			p.fallback, p.hasValue = scalarText(member), true
		}
		ports[name] = p
	}
	return ports
}

// readStep reads a node.
func (r *graphReader) readStep(name string, node store.Document, depth int) (*step, error) {
	s := &step{
		name: name, kind: strings.ToLower(store.Text(node, "type")), spec: node, component: store.Text(node, "componentId"),
		environment: texts(store.Object(node, "environment_variables")),
	}
	if s.component != "" {
		doc, err := r.component(s.component)
		if err != nil {
			return nil, err
		}
		s.spec = store.Object(doc, "properties", "componentSpec")
		s.kind = strings.ToLower(store.Text(s.spec, "type"))
	}
	if text := Unplayable(s.kind); text != "" {
		return nil, failf("The step %s cannot run: %s", name, text)
	}
	s.ports = graphPorts{readPorts(store.Object(s.spec, "inputs")), readPorts(store.Object(s.spec, "outputs"))}
	s.nodes = max(1, intOf(store.Object(node, "resources")["instance_count"], intOf(store.Object(s.spec, "resources")["instance_count"], 1)))
	var err error
	if s.compute, err = readCompute(store.Text(node, "computeId")); err != nil {
		return nil, failf("The step %s: %v.", name, err)
	}
	if s.inputs, err = readBindings(store.Object(node, "inputs")); err != nil {
		return nil, failf("The step %s: %v.", name, err)
	}
	if s.outputs, err = readBindings(store.Object(node, "outputs")); err != nil {
		return nil, failf("The step %s: %v.", name, err)
	}
	for _, b := range s.inputs {
		if b.step != "" {
			s.after = append(s.after, b.step)
		}
	}
	if s.kind == pipelineStep {
		s.pipeline, err = r.graphOf(s.component, depth+1)
	}
	return s, err
}

// readCompute reads where a step runs. It must be known before the first step starts, so no step
// can make it.
func readCompute(text string) (binding, error) {
	b, err := parseBinding(text, value{kind: literalKind})
	if err == nil && b.step != "" {
		err = fmt.Errorf("its compute %s is the output of a step; name a compute or ${{parent.inputs.NAME}}", text)
	}
	return b, err
}

// order sorts the steps so that each comes after those whose outputs it reads.
func (g *graph) order() error {
	known := map[string]bool{}
	for _, s := range g.steps {
		known[s.name] = true
	}
	var sorted []*step
	done := map[string]bool{}
	for len(sorted) < len(g.steps) {
		before := len(sorted)
		for _, s := range g.steps {
			for _, name := range s.after {
				if !known[name] {
					return failf("The step %s reads an output of the step %s, which does not exist.", s.name, name)
				}
			}
			if !done[s.name] && !slices.ContainsFunc(s.after, func(name string) bool { return !done[name] }) {
				sorted, done[s.name] = append(sorted, s), true
			}
		}
		if len(sorted) == before {
			return failf("The steps of the pipeline wait for each other.")
		}
	}
	g.steps = sorted
	return nil
}

// Unplayable says why a job or a step of a kind cannot run here; it is empty for those that can.
func Unplayable(kind string) string {
	switch strings.ToLower(kind) {
	case commandStep, parallelStep, pipelineStep:
		return ""
	case "":
		return "it has no type."
	}
	return "the azmlbatch emulator does not run jobs of type " + kind + "; it runs command, parallel and pipeline jobs."
}

// KeepSteps stores the steps of a pipeline component, which its specification has when a client
// sends it and lacks in every answer. A component made of a job has the steps of that job.
func KeepSteps(s *store.Store, component string, spec store.Document) error {
	steps := store.Document{"jobs": spec["jobs"]}
	if source := store.Text(spec, "sourceJobId"); source != "" {
		id := strings.TrimPrefix(source, "azureml:")
		if !strings.Contains(id, "/") {
			workspace, _, _ := strings.Cut(component, "/components/")
			id = jobID(workspace, id)
		}
		job, found := s.Get(id)
		if !found {
			return fmt.Errorf("the job %s does not exist", source)
		}
		properties := store.Object(job, "properties")
		if store.Object(properties, "jobs") == nil && store.Text(properties, "componentId") == "" {
			return errors.New("the job " + store.LastSegment(id) + " is not a pipeline job with steps")
		}
		steps["jobs"], steps["componentId"] = properties["jobs"], properties["componentId"]
		for _, member := range []string{"inputs", "outputs"} {
			if spec[member] == nil {
				spec[member] = declarations(store.Object(properties, member))
			}
		}
	}
	_, err := s.Put(stepsID(component), steps)
	return err
}

// declarations turns the inputs or outputs of a job into those that a component declares. A literal
// stays the default.
func declarations(members store.Document) store.Document {
	declared := store.Document{}
	for name, member := range members {
		port := store.Document{"type": kindOf(store.Object(members, name))}
		if port["type"] == literalKind {
			port["type"], port["default"] = "string", scalarText(store.Object(member)["value"])
		} else if uri := store.Text(member, "uri"); uri != "" {
			port["default"] = uri
		}
		declared[name] = port
	}
	return declared
}

func stepsID(component string) string { return "componentjobs:" + component }
