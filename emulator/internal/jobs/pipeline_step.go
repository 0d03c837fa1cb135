package jobs

import (
	"context"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// record stores the runs of all steps, before the first one starts.
func (p *pipelineRun) record() error {
	p.steps = map[string]*stepRun{}
	var submitted []string
	for _, s := range p.graph.steps {
		run := newStepRun(s)
		p.steps[s.name] = run
		submitted = append(submitted, run.run)
		if err := p.runner.recordStep(p.e.job, p.info(run)); err != nil {
			return err
		}
	}
	p.runner.openLogs(p.e.job).submittedRuns(p.run, submitted)
	return nil
}

func (p *pipelineRun) info(s *stepRun) stepInfo {
	return stepInfo{run: s.run, name: s.name, parent: p.run, compute: p.computeOf(s), kind: s.kind, nodes: s.nodes, status: NotStarted}
}

// computeOf is the compute of a step: its own, else the default. A pipeline runs on none itself.
func (p *pipelineRun) computeOf(s *stepRun) string {
	if s.kind == pipelineStep {
		return ""
	}
	if v := p.resolve(s.compute); v.text != "" {
		return v.text
	}
	return p.settings.compute
}

// runStep runs one step to its end.
func (p *pipelineRun) runStep(ctx context.Context, s *stepRun) error {
	if err := p.bind(s); err != nil {
		return err
	}
	if s.kind == pipelineStep {
		p.runner.moveRun(p.e.record, s.run, Running, nil)
		nested := &pipelineRun{
			runner: p.runner, e: p.e, run: s.run, graph: s.pipeline, inputs: s.inputs, outputs: s.outputs, settings: p.settings,
		}
		return nested.execute(ctx)
	}
	t := &task{
		runner: p.runner, job: p.e.job, run: s.run, name: s.name, kind: s.kind, spec: s.spec, inputs: s.inputs, outputs: s.outputs,
		environment: s.environment, compute: p.computeOf(s), nodes: s.nodes,
	}
	return t.execute(ctx)
}

// endStep stores how a step ended.
func (p *pipelineRun) endStep(s *stepRun) {
	var failure store.Document
	logs := p.runner.openLogs(p.e.job)
	switch s.status {
	case Failed:
		failure = runError(s.err.Error())
		logs.write(s.run, s.err.Error())
		logs.write(p.run, "The step "+s.name+" failed: "+s.err.Error()) // not evidenced: the words of Azure
		p.runner.log.Warn("step failed", "job", p.e.name, "step", s.name, "reason", reasonOf(s.err))
	case Completed:
		logs.write(p.run, "Completing processing run id "+s.run+".")
	}
	p.runner.moveRun(p.e.record, s.run, s.status, failure)
}

// moveRun sets the status of one run.
func (r *Runner) moveRun(rec record, run, status string, failure store.Document) {
	r.edit(rec, func(e edits) error { return e.moveRun(rec, run, status, failure) })
}

// recordStep stores the first documents of a step.
func (r *Runner) recordStep(j *job, s stepInfo) error {
	return r.putAll(
		entry{runID(j.workspace, s.run), j.stepRun(s)},
		entry{runChildID(j.workspace, s.parent, s.run), store.Document{"runId": s.run}},
		entry{jobID(j.workspace, s.run), j.childDocument(s.run)})
}

// recordOutputs stores the outputs of a run for run history and the data plane.
func (r *Runner) recordOutputs(rec record, run string, outputs map[string]value) {
	r.edit(rec, func(e edits) error { return e.recordOutputs(rec, run, outputs) })
}

func (e edits) recordOutputs(rec record, run string, outputs map[string]value) error {
	shown := store.Document{}
	for name, v := range outputs {
		asset := "azureml_" + run + "_output_data_" + name
		output := store.Document{
			"assetId": "azureml://locations/" + rec.location + "/workspaces/" + rec.workspaceGUID + "/data/" + asset + "/versions/1",
			"type":    batchKind(v.kind), "uri": v.uri,
		}
		shown[name] = output
		if _, err := e.Put(outputAssetID(rec.workspace, asset), output); err != nil {
			return err
		}
	}
	if len(shown) == 0 {
		return nil
	}
	_, err := e.Put(runOutputsID(rec.workspace, run), shown)
	return err
}

// batchKind is a kind in the spelling of the batch data plane and of run history.
func batchKind(kind string) string {
	for batch, arm := range armKinds {
		if arm == kind {
			return batch
		}
	}
	return UriFolder
}
