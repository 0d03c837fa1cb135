package main

import (
	"context"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"github.com/azmlbatch/azmlbatch"
)

// completionTime is how long a shell waits for names at most. Tests of real shells have more, for
// machines under load.
var completionTime = 5 * time.Second

// names lists what can stand in the place of an argument, in the workspace.
type names func(ctx context.Context, client *azmlbatch.Client, args []string) iter.Seq2[string, error]

// complete completes the arguments of a verb: the first of names is for the first argument, and so
// on; with more, the last stands for all further ones. What cannot be read completes nothing.
func (a *app) complete(more bool, places ...names) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		at := len(args)
		if more {
			at = min(at, len(places)-1)
		}
		if at >= len(places) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.completions(cmd, args, places[at]), cobra.ShellCompDirectiveNoFileComp
	}
}

func (a *app) completions(cmd *cobra.Command, args []string, list names) []cobra.Completion {
	client, err := a.client()
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	var found []cobra.Completion
	for name, err := range list(ctx, client, args) {
		if err != nil {
			break
		}
		found = append(found, name)
	}
	return found
}

// completeFlag completes the values of a flag that was added before.
func completeFlag(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err) // there is no such flag
	}
}

func endpointNames(ctx context.Context, client *azmlbatch.Client, _ []string) iter.Seq2[string, error] {
	return mapped(client.Endpoints().List(ctx), func(e azmlbatch.Endpoint) string { return e.Name })
}

// deploymentNames are those of the endpoint that is the first argument.
func deploymentNames(ctx context.Context, client *azmlbatch.Client, args []string) iter.Seq2[string, error] {
	return mapped(client.Deployments(args[0]).List(ctx), func(d azmlbatch.Deployment) string { return d.Name })
}

// jobNames are those of the workspace's batch jobs, with how each is doing.
func jobNames(ctx context.Context, client *azmlbatch.Client, _ []string) iter.Seq2[string, error] {
	return mapped(client.Jobs().ListSummaries(ctx, batchJobs()), func(j azmlbatch.JobSummary) string {
		return cobra.CompletionWithDesc(j.Name, j.ExperimentName+" "+string(j.Status))
	})
}

// mapped yields f of each item.
func mapped[T, U any](items iter.Seq2[T, error], f func(T) U) iter.Seq2[U, error] {
	return func(yield func(U, error) bool) {
		for item, err := range items {
			if !yield(f(item), err) {
				return
			}
		}
	}
}
