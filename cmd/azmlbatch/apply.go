package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
	"github.com/azmlbatch/azmlbatch/emulator"
)

func (a *app) applyCommand() *cobra.Command {
	var flags deployFlags
	var asJSON, local bool
	cmd := &cobra.Command{
		Use: "apply -f FILE... [flags]", Short: "Bring the workspace to what files say.",
		Long: fmt.Sprintf(`Bring the workspace to what files say: upload, register and deploy what is new or has changed,
as much of it at once as can be. The second time it does nothing. If it was interrupted, start
it again: it goes on from what is there.

With --smoke-input a deployment becomes the default only after it has scored that input; if it
does not, the old default stays and the exit code is %d. azmlbatch plan shows beforehand what
would happen.

With --local all of this happens on this machine, in an emulator: a dry run before a cluster is
paid for. Clusters, endpoints and environments that the files only refer to have stand-ins there;
models, code and components have to be in the files.`, jobFailed),
		Example:               "azmlbatch apply -f endpoint.yml -f deployment.yml --smoke-input ./images --set-default",
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			spec, err := flags.read(a.err, args)
			if err != nil {
				return err
			}
			if local {
				return a.dryRun(cmd.Context(), spec, flags, asJSON)
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			defer a.endAtSecond(cmd.Context())()
			return a.apply(cmd.Context(), client, spec, flags, asJSON)
		},
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&local, "local", false, "apply to an emulator on this machine, and forget it afterwards")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the steps that were done and the smoke tests that passed as one JSON object")
	return a.inWorkspace(cmd)
}

func (a *app) apply(ctx context.Context, client *azmlbatch.Client, spec deploy.Spec, flags deployFlags, asJSON bool) error {
	plan, err := flags.plan(ctx, client, spec)
	if err != nil {
		return err
	}
	fmt.Fprint(a.err, planText(plan, colors(a.err)))
	w := a.newProgress()
	result, err := plan.Apply(ctx, &deploy.ApplyOptions{OnProgress: w.deployStep})
	w.end()
	return a.outcome(result, err, asJSON)
}

// dryRun applies the files to an emulator, which has stand-ins for what they refer to.
func (a *app) dryRun(ctx context.Context, spec deploy.Spec, flags deployFlags, asJSON bool) (err error) {
	input, inputs, err := flags.smoke()
	if err != nil {
		return err
	}
	azure, err := emulator.New(&emulator.Options{Python: flags.python})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, azure.Close()) }()
	client, err := azure.Client(nil)
	if err != nil {
		return err
	}
	w := a.newProgress()
	result, err := deploy.Local(ctx, client, spec, &deploy.LocalOptions{SmokeInput: input, SmokeInputs: inputs, Python: flags.python,
		Sources: &flags.sources, OnProgress: w.deployStep})
	w.end()
	return a.outcome(result, err, asJSON)
}

// outcome prints what was done, also of an apply that failed.
func (a *app) outcome(result deploy.Result, err error, asJSON bool) error {
	for _, what := range result.StandIns {
		fmt.Fprintln(a.err, "stand-in:", what)
	}
	if err := a.printApplied(result, asJSON); err != nil {
		return err
	}
	return applyError(err)
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
	Files      int    `json:"files"` // -1 if nothing tells, as of a pipeline
	Rows       int    `json:"rows"`  // of a pipeline the files that it left
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
		left := plural(test.Files, "file", "files") + ", " + plural(test.Rows, "row", "rows")
		if test.Files < 0 {
			left = plural(test.Rows, "file", "files") + " in its outputs"
		}
		if _, err := fmt.Fprintf(a.out, "smoke test of %s/%s: job %s, %s\n", test.Endpoint, test.Deployment, test.Job, left); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(a.out, plural(len(result.Steps), "step", "steps"), "done")
	return err
}

// deployStep shows the steps of apply: each in a line when it ends, and on a terminal what goes on.
func (p *progress) deployStep(now deploy.StepProgress) {
	switch now.State {
	case deploy.StepStateDone, deploy.StepStateFailed:
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
