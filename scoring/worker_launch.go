package scoring

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// prepareInput lists the input. An input without files fails the job, as one that cannot be mounted
// does.
func (e *engine) prepareInput(ctx context.Context) error {
	input, err := listInput(ctx, e.Input)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return e.failure(fmt.Sprintf(cannotMount, e.Input), err.Error(), nil)
	}
	if input.len() == 0 {
		return e.failure(fmt.Sprintf(cannotMount, e.Input),
			"there is no file at the top level of the folder; sub-folders are not explored", nil)
	}
	e.input = input
	e.progress.Items.Total = input.len()
	e.progress.MiniBatches.Total = input.batches(e.MiniBatchSize)
	return nil
}

// prepareWorkers prepares what all workers share.
func (e *engine) prepareWorkers(ctx context.Context) error {
	e.started = e.now()
	e.logs.write(reportFile, csvLine(reportColumns...))
	if e.Func != nil {
		return nil
	}
	if err := linkModel(ctx, e.Model, e.dirs.model); err != nil {
		return fmt.Errorf("scoring: model: %w", err)
	}
	interpreter, err := findInterpreter(e.Python, e.jobEnviron())
	if err != nil {
		return err
	}
	e.interpreter, e.starter = interpreter, newStarter()
	return nil
}

// newWorker creates the worker of a slot. It is not started yet.
func (e *engine) newWorker(s *slot) (worker, error) {
	if e.Func != nil {
		return newFuncWorker(e.Func, e.rowsFile(s.node.number, processName(s.number)), e.limit), nil
	}
	launch, err := e.launch(s)
	if err != nil {
		return nil, fmt.Errorf("scoring: %w", err)
	}
	return newPythonWorker(e.interpreter, launch), nil
}

// leavingTime is how long a process may take to end by itself after shutdown.
const leavingTime = 2 * time.Second

// launch returns how to start the process of a slot, and creates its files and folders.
func (e *engine) launch(s *slot) (launch, error) {
	name := processName(s.number)
	id := fmt.Sprintf("%s-%s", s.node.name, name)
	l := launch{
		driver:     e.dirs.driver,
		workingDir: filepath.Join(e.dirs.work, id),
		traceFile:  filepath.Join(e.dirs.root, "trace-"+id+".txt"),
		rowsFile:   e.rowsFile(s.node.number, name),
		token:      fmt.Sprintf("%s.%s", e.mark, id),
		limit:      e.limit,
		shutdown:   leavingTime,
		starter:    e.starter,
		guard:      e.guard,
	}
	var err error
	if l.stdout, err = e.logs.path(fmt.Sprintf("%s/%s/%s.stdout.txt", stdoutFolder, s.node.name, name)); err != nil {
		return l, err
	}
	if l.stderr, err = e.logs.path(stderrFile(s.node.number, name)); err != nil {
		return l, err
	}
	label := ""
	if e.workers > 1 {
		label = s.node.name + "/" + name + ": "
	}
	e.echo.follow(l.stdout, label)
	e.echo.follow(l.stderr, label)
	l.environ = append(e.workerEnviron(e.dirs, s.node.number), workerVariable+"="+l.token)
	l.environ = append(l.environ, gpuEnviron(s.index, e.gpus())...)
	l.config = e.workerConfig(s, l)
	return l, os.MkdirAll(l.workingDir, 0o755)
}

// workerConfig is the configuration for python/worker.py.
func (e *engine) workerConfig(s *slot, l launch) []string {
	entry := e.entry(l)
	config := []string{
		"token=" + l.token,
		"code=" + entry.code,
		"script=" + entry.script,
		"module=" + entry.module,
		"working_dir=" + l.workingDir,
		"trace_file=" + l.traceFile,
		"rows_file=" + l.rowsFile,
		"separator=" + entry.separator,
		"agent_name=" + processName(s.number),
		"node_ip=" + nodeIP(s.node.number),
		"entry_log_dir=" + filepath.Join(e.logs.dir, filepath.FromSlash(entryScriptFolder), s.node.name),
		"logging_level=" + string(e.LoggingLevel),
	}
	for _, argument := range e.argv() {
		config = append(config, "argv="+argument)
	}
	return append(config, e.protection()...)
}

// protection says what a script must not change: see python/lib/azmlbatch_readonly.py.
func (e *engine) protection() []string {
	config := []string{"links=" + e.dirs.model, "read_only=" + e.Input}
	if e.Model != "" {
		config = append(config, "read_only="+e.Model)
	}
	for _, folder := range []string{e.Output, e.Logs, e.dirs.root} {
		if folder != "" {
			config = append(config, "writable="+folder)
		}
	}
	return config
}
