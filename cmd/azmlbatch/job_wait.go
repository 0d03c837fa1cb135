package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/azmlbatch/azmlbatch"
)

func (a *app) jobWait() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "wait JOB...", Short: "Wait until jobs have ended.",
		Long: fmt.Sprintf(`Wait until jobs have ended, and say why those failed that did, with the script's traceback.

The exit code is 0 if every job completed, %d if one failed or was canceled, and 1 if a job could
not be followed. A job can complete although files failed: that is said on standard error.
Ctrl-C ends the waiting and not the jobs.`, jobFailed),
		Example: `JOB=$(azmlbatch invoke digits --input ./images)
azmlbatch job wait $JOB`,
		Args: arguments("JOB..."), ValidArgsFunction: a.complete(true, jobNames),
		RunE: a.asking(func(ctx context.Context, client *azmlbatch.Client, args []string) error {
			ended := []azmlbatch.Job{}
			err := a.waitFor(ctx, client, args, func(job azmlbatch.Job) {
				ended = append(ended, job)
				if !asJSON {
					fmt.Fprintln(a.out, job.Name, job.Status)
				}
			})
			if asJSON && !errors.Is(err, context.Canceled) {
				err = errors.Join(err, a.printJSON(ended))
			}
			return err
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the jobs as they ended as one JSON array, with the names of Azure's REST API")
	return cmd
}

// waitFor waits for jobs and hands over each that ended, well or badly.
func (a *app) waitFor(ctx context.Context, client *azmlbatch.Client, names []string, ended func(azmlbatch.Job)) error {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if len(names) == 1 {
		job, err := a.waitForOne(ctx, client, names[0])
		if job.Name != "" {
			ended(job)
		}
		return err
	}
	running := slices.Clone(names)
	failed, unread := 0, 0
	for job, err := range client.Jobs().Watch(ctx, names, &azmlbatch.WatchOptions{Explain: true}) {
		var failure *azmlbatch.JobFailedError
		var unfinished *azmlbatch.UnfinishedError
		switch {
		case errors.As(err, &unfinished):
			return a.jobGoesOn(err, running...)
		case errors.As(err, &failure):
			failed++
		case err != nil:
			unread++
		}
		running = slices.DeleteFunc(running, func(name string) bool { return name == job.Name })
		if err != nil {
			fmt.Fprintln(a.err, "azmlbatch:", errorText(err))
		}
		if job.Status != "" {
			ended(job)
		}
	}
	switch {
	case failed > 0:
		return &exitError{jobFailed, fmt.Errorf("%d of %d jobs failed or were canceled", failed, len(names))}
	case unread > 0:
		return fmt.Errorf("%d of %d jobs could not be followed", unread, len(names))
	}
	return nil
}

// waitForOne waits for one job and shows how far it is. The job has no name if it has not ended.
func (a *app) waitForOne(ctx context.Context, client *azmlbatch.Client, name string) (azmlbatch.Job, error) {
	var counts azmlbatch.JobCounts
	w := a.newProgress()
	job, err := client.Jobs().Wait(ctx, name, w.job(name, &counts))
	w.end()
	var failure *azmlbatch.JobFailedError
	if errors.As(err, &failure) {
		return failure.Job, &exitError{jobFailed, err}
	}
	if err != nil {
		return azmlbatch.Job{}, a.jobGoesOn(err, name)
	}
	if counts.FilesFailed > 0 {
		fmt.Fprintf(a.err, "azmlbatch: warning: %d of %d files failed and have no rows; see azmlbatch job logs %s\n",
			counts.FilesFailed, counts.Files, name+a.again())
	}
	return job, nil
}
