package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
)

func (a *app) applyCommand() *cobra.Command {
	var flags deployFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use: "apply -f FILE... [flags]", Short: "Bring the workspace to what files say.",
		Long: fmt.Sprintf(`Bring the workspace to what files say: upload, register and deploy what is new or has changed,
as much of it at once as can be. The second time it does nothing. If it was interrupted, start
it again: it goes on from what is there.

With --smoke-input a deployment becomes the default only after it has scored that input; if it
does not, the old default stays and the exit code is %d. azmlbatch plan shows beforehand what
would happen.`, jobFailed),
		Example:               "azmlbatch apply -f endpoint.yml -f deployment.yml --smoke-input ./images --set-default",
		DisableFlagsInUseLine: true,
		RunE: a.asking(func(ctx context.Context, client *azmlbatch.Client, args []string) error {
			plan, err := flags.plan(ctx, client, args)
			if err != nil {
				return err
			}
			fmt.Fprint(a.err, plan)
			w := a.newProgress()
			result, err := plan.Apply(ctx, &deploy.ApplyOptions{OnProgress: w.deployStep})
			w.end()
			if err := a.printApplied(result, asJSON); err != nil {
				return err
			}
			return applyError(err)
		}),
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the steps that were done and the smoke tests that passed as one JSON object")
	return a.inWorkspace(cmd)
}

// applyError adds the exit code of a smoke test, and what goes on after an interrupt.
func applyError(err error) error {
	var smoke *deploy.SmokeError
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("interrupted; what was started may go on in Azure, and the same command goes on from there%w", silent{err})
	case errors.As(err, &smoke) && smoke.Job != "":
		return &exitError{jobFailed, err}
	}
	return err
}

// applied is what apply --json prints.
type applied struct {
	Steps []string     `json:"steps"`
	Tests []smokeTests `json:"tests"`
}

type smokeTests struct {
	Endpoint   string `json:"endpoint"`
	Deployment string `json:"deployment"`
	Job        string `json:"job"`
	Files      int    `json:"files"` // -1 if nothing tells
	Rows       int    `json:"rows"`
}

func (a *app) printApplied(result deploy.Result, asJSON bool) error {
	shown := applied{Steps: append([]string{}, result.Steps...), Tests: []smokeTests{}}
	for _, test := range result.Tests {
		shown.Tests = append(shown.Tests, smokeTests(test))
	}
	if asJSON {
		return a.printJSON(shown)
	}
	for _, test := range result.Tests {
		if _, err := fmt.Fprintf(a.out, "smoke test of %s/%s: job %s, %s, %s\n", test.Endpoint, test.Deployment, test.Job,
			plural(test.Files, "file", "files"), plural(test.Rows, "row", "rows")); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(a.out, plural(len(result.Steps), "step", "steps"), "done")
	return err
}

// deployStep shows the steps of apply: each in a line when it ends, and on a terminal what goes on.
func (p *progress) deployStep(now deploy.StepProgress) {
	switch now.State {
	case deploy.StepDone, deploy.StepFailed:
		p.end()
		fmt.Fprintf(p.writer, "%s: %s, %s\n", now.Step, now.State, now.Elapsed.Round(100*time.Millisecond))
	default:
		if p.terminal {
			p.show(deployed(now))
		}
	}
}

// deployed is the state of a step as a step of progress.
func deployed(now deploy.StepProgress) step {
	s := step{label: now.Step}
	switch {
	case now.Upload != nil:
		s.done, s.total, s.bytes = now.Upload.BytesDone, now.Upload.Bytes, true
	case now.Operation != nil:
		s.done = int64(now.Operation.Polls)
	}
	return s
}
