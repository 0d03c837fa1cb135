// Package jobs runs the jobs of the emulator: batch scoring, pipelines and commands.
//
// A [Runner] takes an [Invocation], writes the documents that the emulator's hosts answer with (the
// job in Azure Resource Manager's form, the batch job of the scoring host and the workspace data
// plane, the runs of run history), and executes the job with package scoring: it copies code, model
// and input out of the emulator's Blob storage, runs the user's script, mirrors the logs into Blob
// storage while the script runs, and uploads the predictions.
//
// One invocation is a pipeline job (the parent, whose name the invoker gets) with one step, the
// child run "batchscoring", which owns the output "score" and the useful logs.
//
// A deployment of a pipeline component, and a pipeline job that ARM made, have a step for each node
// of the pipeline ([Runner.Start], pipeline_*.go). A step is a command or a ParallelRun step
// (task*.go), or a pipeline itself, whose steps are its children. A command job has no steps: the
// job is the run.
//
// # Documents
//
// The package owns these ids in the store, {ws} being the ARM id of a workspace:
//
//	{ws}/jobs/{job}                       the parent in ARM's form
//	{ws}/jobs/{child}                     the child in ARM's form, without properties
//	batchjob:{ws}/{endpoint}/{job}        the batch job; read it with [BatchJob]
//	batchjobindex:{ws}/{endpoint}/{job}   name and deployment, to list without reading all
//	run:{ws}/{run}                        a run of run history
//	runchildren:{ws}/{run}/{child}        the children of a run
//	runmetrics:{ws}/{run}                 the metrics of a run
//	runoutputs:{ws}/{run}                 the outputs of a run: name to asset id, type and uri
//	rundefinition:{ws}/{run}              what a run was told to do
//	outputasset:{ws}/{asset}              the same by asset name
//	componentjobs:{component}             the steps of a pipeline component, by its ARM id
//	ended:jobs/{job}                      a job that has ended, until it is pruned
//	unfinished:jobs/{job}                 a job that has not ended, for the next start
package jobs
