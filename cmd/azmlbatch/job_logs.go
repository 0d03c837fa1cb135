package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/azmlbatch/azmlbatch"
)

func (a *app) jobLogs() *cobra.Command {
	var follow, all bool
	cmd := &cobra.Command{
		Use: "logs JOB...", Short: "Print the logs of jobs, also while they run.",
		Long: `Print what the scoring script printed and logged, its errors, and the progress of the job, also
while it runs. A line ==> NAME <== begins each log. With -f new lines are printed until the job
has ended. How it ended does not matter to the exit code: that is azmlbatch job wait.`,
		Example: "azmlbatch job logs -f $JOB",
		Args:    arguments("JOB..."), ValidArgsFunction: a.complete(true, jobNames),
		RunE: a.asking(func(ctx context.Context, client *azmlbatch.Client, args []string) error {
			options := &azmlbatch.FollowLogsOptions{Once: !follow}
			if all {
				options.Match = func(string) bool { return true }
			}
			return a.each(args, func(name string) error {
				prefix := ""
				if len(args) > 1 {
					prefix = name + ": "
				}
				err := a.printLogs(ctx, client, name, prefix, options)
				if follow {
					err = a.jobGoesOn(err, name)
				}
				return err
			})
		}),
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "print new lines until the job has ended")
	cmd.Flags().BoolVar(&all, "all", false, "print every log, those of the engine and the system too")
	return cmd
}

func (a *app) printLogs(ctx context.Context, client *azmlbatch.Client, job, prefix string, options *azmlbatch.FollowLogsOptions) error {
	log, lines := "", 0
	for line, err := range client.Jobs().FollowLogs(ctx, job, options) {
		if err != nil {
			return err
		}
		if line.Log != log {
			log = line.Log
			if _, err := fmt.Fprintf(a.out, "==> %s%s <==\n", prefix, log); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintln(a.out, line.Text); err != nil {
			return err
		}
		lines++
	}
	if lines == 0 {
		fmt.Fprintf(a.err, "azmlbatch: %s has no logs yet\n", job)
	}
	return nil
}
