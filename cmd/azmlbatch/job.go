package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/azmlbatch/azmlbatch"
)

func (a *app) jobCommand() *cobra.Command {
	cmd := group("job", "List, follow and cancel jobs, and read their logs and rows.",
		a.jobList(), a.jobShow(), a.jobWait(), a.jobCancel(), a.jobLogs(), a.jobRows(), a.jobDownload())
	return a.inWorkspace(cmd)
}

// batchJobs chooses the jobs that invocations of endpoints have started.
func batchJobs() *azmlbatch.ListJobsOptions {
	return &azmlbatch.ListJobsOptions{Tag: "azureml.batchrun"}
}

func (a *app) jobList() *cobra.Command {
	var endpoint, deployment string
	var since age
	var asJSON, exitCode bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the jobs of an endpoint, or of all endpoints.",
		Long: fmt.Sprintf(`List the jobs of an endpoint, or of all endpoints of the workspace.

With --exit-code it is a monitor: the exit code is 0 if every job of the list completed or goes
on, %d if one failed or was canceled, %d if there is no job, and 1 if the jobs could not be listed.
A job can complete although files failed; azmlbatch job show counts them.`, jobFailed, noJobs),
		Example: "azmlbatch job list --endpoint digits --since 30m --exit-code",
		Args:    arguments(), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: a.asking(func(ctx context.Context, client *azmlbatch.Client, _ []string) error {
			jobs := workspaceJobs(ctx, client)
			if endpoint != "" {
				jobs = endpointJobs(ctx, client, endpoint, deployment)
			} else if deployment != "" {
				return usagef("--deployment needs --endpoint")
			}
			tally := map[azmlbatch.JobStatus]int{}
			t := table{header: []string{"NAME", "ENDPOINT", "STATUS", "CREATED", "DISPLAY NAME"}, state: 2}
			err := list(a, asJSON, younger(jobs, time.Duration(since), tally), t, func(j listedJob) []string {
				return []string{j.name, j.endpoint, string(j.status), moment(j.created), j.displayName}
			})
			if err != nil || !exitCode {
				return err
			}
			return monitored(tally)
		}),
	}
	cmd.Flags().StringVar(&endpoint, "endpoint", "", "`NAME` of the endpoint whose jobs are listed; by default all")
	completeFlag(cmd, "endpoint", a.complete(true, endpointNames))
	cmd.Flags().StringVarP(&deployment, "deployment", "d", "", "`NAME` of the endpoint's deployment whose jobs are listed")
	cmd.Flags().Var(&since, "since", "list jobs that were created in this time only: 30m, 12h, 7d")
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, "say in the exit code how the jobs are doing")
	cmd.Flags().BoolVar(&asJSON, "json", false, jsonHelp)
	return cmd
}

// listedJob is a job of a list, whichever service has listed it.
type listedJob struct {
	name, endpoint, displayName string
	status                      azmlbatch.JobStatus
	created                     time.Time
	wire                        json.Marshaler
}

// MarshalJSON implements [json.Marshaler]: the job as the service told it.
func (j listedJob) MarshalJSON() ([]byte, error) { return j.wire.MarshalJSON() }

// endpointJobs are the jobs of an endpoint, as the endpoint lists them: an invocation may have put them into any experiment.
func endpointJobs(ctx context.Context, client *azmlbatch.Client, endpoint, deployment string) iter.Seq2[listedJob, error] {
	jobs := client.Endpoints().ListJobs(ctx, endpoint, &azmlbatch.ListBatchJobsOptions{Deployment: deployment})
	return mapped(jobs, func(j azmlbatch.BatchJob) listedJob {
		return listedJob{j.Name, endpoint, j.DisplayName, j.Status, j.SystemData.CreatedAt, j}
	})
}

// workspaceJobs are the batch jobs of all endpoints. Their experiment is the endpoint's name, unless the invocation chose another.
func workspaceJobs(ctx context.Context, client *azmlbatch.Client) iter.Seq2[listedJob, error] {
	return mapped(client.Jobs().ListSummaries(ctx, batchJobs()), func(j azmlbatch.JobSummary) listedJob {
		return listedJob{j.Name, j.ExperimentName, j.DisplayName, j.Status, j.CreatedAt, j}
	})
}

// younger leaves out the jobs that are older, and counts the others by their status. No age means all.
func younger(jobs iter.Seq2[listedJob, error], age time.Duration, tally map[azmlbatch.JobStatus]int) iter.Seq2[listedJob, error] {
	return func(yield func(listedJob, error) bool) {
		for job, err := range jobs {
			if err == nil && age > 0 && time.Since(job.created) > age {
				continue
			}
			tally[job.status]++
			if !yield(job, err) {
				return
			}
		}
	}
}

// monitored is the outcome of a list with --exit-code.
func monitored(tally map[azmlbatch.JobStatus]int) error {
	all := 0
	for _, n := range tally {
		all += n
	}
	failed, canceled := tally[azmlbatch.JobStatusFailed], tally[azmlbatch.JobStatusCanceled]
	switch {
	case all == 0:
		return &exitError{noJobs, errors.New("there is no job")}
	case failed+canceled > 0:
		return &exitError{jobFailed, fmt.Errorf("%d of %s failed, %d canceled", failed, plural(all, "job", "jobs"), canceled)}
	}
	return nil
}

func (a *app) jobShow() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "show JOB", Short: "Show a job: its status, its counts, and why it failed.",
		Example: "azmlbatch job show $JOB",
		Args:    arguments("JOB"), ValidArgsFunction: a.complete(false, jobNames),
		RunE: a.asking(func(ctx context.Context, client *azmlbatch.Client, args []string) error {
			job, err := client.Jobs().Get(ctx, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(job)
			}
			fields := [][2]string{
				{"name", job.Name},
				{"status", string(job.Status)},
				{"endpoint", job.ExperimentName},
				{"deployment", job.Tags["azureml.deploymentname"]},
				{"display name", job.DisplayName},
				{"created", moment(job.SystemData.CreatedAt)},
				{"created by", job.SystemData.CreatedBy},
			}
			more, err := jobDetails(ctx, client, job)
			if err != nil {
				return err
			}
			fields = append(fields, more...)
			return a.show(append(fields, [2]string{"output", job.Parameters()["output_uri"]}, [2]string{"studio", job.StudioURL()})...)
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, jsonHelp)
	return cmd
}

// jobDetails are the counts of a job and why it failed, as far as they can be read.
func jobDetails(ctx context.Context, client *azmlbatch.Client, job azmlbatch.Job) ([][2]string, error) {
	var fields [][2]string
	counts, err := client.Jobs().Counts(ctx, job.Name)
	switch {
	case err == nil:
		fields = append(fields, [2]string{"files", counts.String()})
	case !errors.Is(err, azmlbatch.ErrNotFound) && !errors.Is(err, azmlbatch.ErrForbidden):
		return nil, err
	}
	if job.Status != azmlbatch.JobStatusFailed {
		return fields, nil
	}
	_, err = client.Jobs().Wait(ctx, job.Name, nil)
	var failure *azmlbatch.JobFailedError
	if !errors.As(err, &failure) {
		return fields, err
	}
	return append(fields, [2]string{"cause", failure.Message}, [2]string{"file", failure.File}, [2]string{"hint", failure.Hint},
		[2]string{"log", failure.Log}), nil
}

func (a *app) jobCancel() *cobra.Command {
	return &cobra.Command{
		Use: "cancel JOB...", Short: "Cancel jobs.",
		Long: `Cancel jobs, and wait until the service has done so. Outputs and logs written so far stay.`,
		Example: `JOB=$(azmlbatch invoke digits --input ./images)
azmlbatch job cancel $JOB`,
		Args: arguments("JOB..."), ValidArgsFunction: a.complete(true, jobNames),
		RunE: a.asking(func(ctx context.Context, client *azmlbatch.Client, args []string) error {
			return a.each(args, func(name string) error {
				w := a.newProgress()
				defer w.end()
				err := client.Jobs().Cancel(ctx, name, w.operation("canceling "+name))
				if err == nil {
					a.sayIfEnded(ctx, client, name)
				}
				return a.goesOn(err, "the cancellation may go on", "azmlbatch job show "+name+a.again())
			})
		}),
	}
}

// sayIfEnded says that a job ended before its cancellation, which the service answers as if it had had
// an effect.
func (a *app) sayIfEnded(ctx context.Context, client *azmlbatch.Client, name string) {
	job, err := client.Jobs().Get(ctx, name)
	if err == nil && job.Status.Done() && job.Status != azmlbatch.JobStatusCanceled {
		fmt.Fprintf(a.err, "%s had ended before: %s\n", name, job.Status)
	}
}

// each does something with each of several jobs. An error is printed at once, and the others are
// done all the same; the end of the context ends it.
func (a *app) each(names []string, do func(name string) error) error {
	if len(names) == 1 {
		return do(names[0])
	}
	failed, code := 0, 1
	for _, name := range names {
		err := do(name)
		if errors.Is(err, context.Canceled) {
			return err
		}
		if err != nil {
			fmt.Fprintln(a.err, "azmlbatch:", errorText(err))
			failed++
			if own := (*exitError)(nil); errors.As(err, &own) {
				code = own.code
			}
		}
	}
	if failed == 0 {
		return nil
	}
	return &exitError{code, fmt.Errorf("%d of %s failed", failed, plural(len(names), "job", "jobs"))}
}

// goesOn says, when waiting was interrupted, that the work itself goes on in Azure, and how to
// follow it.
func (a *app) goesOn(err error, what, follow string) error {
	if !errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("interrupted; %s in Azure: follow it with %s%w", what, follow, silent{err})
}

// silent is an error that is there for errors.Is alone.
type silent struct{ error }

func (silent) Error() string   { return "" }
func (s silent) Unwrap() error { return s.error }

// jobGoesOn is goesOn for a job, which can also be canceled.
func (a *app) jobGoesOn(err error, names ...string) error {
	all, what := strings.Join(names, " ")+a.again(), strings.Join(names, ", ")+" goes on"
	if len(names) > 1 {
		what = strings.Join(names, ", ") + " go on"
	}
	return a.goesOn(err, what, "azmlbatch job wait "+all+", or stop it with azmlbatch job cancel "+all)
}
