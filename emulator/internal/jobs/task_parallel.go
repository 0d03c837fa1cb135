package jobs

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/scoring"
)

// Defaults of a parallel step (Microsoft Learn: how-to-use-parallel-job-in-pipeline).
const (
	parallelTimeout = 60 * time.Second
	parallelTries   = 2
)

// runParallel runs a parallel step with the engine of batch scoring, which is the same in Azure.
//
// Its input is one folder of files, each an item. Not evidenced: whether files of sub-folders are
// items; as in batch scoring they are not here. Of an mltable the items are the files that it names.
func (t *task) runParallel(ctx context.Context, environment *scoring.Environment, news chan<- struct{}) error {
	job, err := t.parallelJob(ctx)
	if err != nil {
		return failf("The %s cannot run: %v.", t.title(), err)
	}
	r := t.runner
	job.Environment = environment
	job.OnProgress = func(p scoring.Progress) {
		r.recordProgress(t.job.record, t.run, p)
		select {
		case news <- struct{}{}:
		default: // the last word has not been heard yet
		}
	}
	_, err = scoring.Run(ctx, job)
	return t.failure(err)
}

func (t *task) parallelJob(ctx context.Context) (scoring.Job, error) {
	task := store.Object(t.spec, "task")
	input, err := t.parallelInput(ctx)
	if err != nil {
		return scoring.Job{}, err
	}
	size, err := parallelSize(scalarText(t.spec["mini_batch_size"]))
	if err != nil {
		return scoring.Job{}, err
	}
	retry := store.Object(t.spec, "retry_settings")
	tries := intOf(retry["max_retries"], parallelTries)
	threshold := intOf(t.spec["error_threshold"], -1)
	job := scoring.Job{
		Code: t.codeDir(), Script: scalarText(task["entry_script"]), Input: input, Logs: filepath.Join(t.dir, "logs"),
		MiniBatchSize: size, InstanceCount: t.nodes, MaxConcurrencyPerInstance: intOf(t.spec["max_concurrency_per_instance"], 1),
		MaxRetries: &tries, ErrorThreshold: &threshold,
		Timeout:      time.Duration(intOf(retry["timeout"], int(parallelTimeout/time.Second))) * time.Second,
		LoggingLevel: scoring.LoggingLevel(strings.ToLower(scalarText(t.spec["logging_level"]))),
		Env:          t.variables(), ScriptEnv: t.runner.scriptEnv, Python: t.runner.python,
	}
	if job.Script == "" {
		return job, errors.New("its task names no entry_script")
	}
	if job.Arguments, err = t.arguments(scalarText(task["program_arguments"])); err != nil {
		return job, err
	}
	return job, t.chooseRows(&job, scalarText(task["append_row_to"]))
}

// parallelInput is the file or folder of the items.
func (t *task) parallelInput(ctx context.Context) (string, error) {
	text := scalarText(t.spec["input_data"])
	input, err := t.bound("input_data", text, t.inputTexts)
	if err != nil {
		return "", err
	}
	if t.inputs[expression.FindStringSubmatch(text)[2]].kind == "mltable" {
		return t.mltableItems(ctx, input)
	}
	return input, nil
}

// arguments splits the arguments of the script at blanks, before the values come in: paths may have
// blanks.
func (t *task) arguments(text string) ([]string, error) {
	words := strings.Fields(dropOptional(expression.ReplaceAllString(text, "${{$1.$2}}"), t.inputTexts))
	for i, word := range words {
		var err error
		if words[i], err = substitute(word, t.inputTexts, t.outputPaths); err != nil {
			return nil, err
		}
	}
	return words, nil
}

// chooseRows sets where the rows go: to the file or the folder of append_row_to, or nowhere.
func (t *task) chooseRows(job *scoring.Job, to string) error {
	job.OutputAction, job.Output = scoring.OutputActionSummaryOnly, filepath.Join(t.dir, "rows")
	if to == "" {
		return nil
	}
	path, err := t.bound("append_row_to", to, t.outputPaths)
	if err != nil {
		return err
	}
	job.OutputAction, job.Overwrite = scoring.OutputActionAppendRow, true
	if t.outputs[expression.FindStringSubmatch(to)[2]].kind == "uri_file" {
		job.Output, job.OutputFileName = filepath.Dir(path), filepath.Base(path)
		return nil
	}
	job.Output, job.OutputFileName = path, "parallel_run_step.txt"
	return nil
}

// bound is the path that a member names by an expression, such as ${{inputs.images}}.
func (t *task) bound(member, text string, paths map[string]string) (string, error) {
	m := expression.FindStringSubmatch(text)
	if m == nil || m[0] != strings.TrimSpace(text) {
		return "", errors.New(member + " is " + strconv.Quote(text) + ", not ${{inputs.NAME}} or ${{outputs.NAME}}")
	}
	path, known := paths[m[2]]
	if !known {
		return "", errors.New(member + ": " + m[0] + " has no value")
	}
	return path, nil
}

// parallelSize reads the number of files in a mini-batch. Sizes such as 10kb are for rows of an
// mltable.
func parallelSize(text string) (int, error) {
	if text == "" {
		return 1, nil // for files
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, errors.New("mini_batch_size is " + strconv.Quote(text) + "; the emulator takes a number of files")
	}
	return n, nil
}
