package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
)

const planHasChanges = 2 // the exit code of plan, as terraform plan -detailed-exitcode has it

func (a *app) planCommand() *cobra.Command {
	var flags deployFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use: "plan -f FILE... [flags]", Short: "Show what apply would change in the workspace.",
		Long: fmt.Sprintf(`Show what apply would change in the workspace, field by field, and what it would upload. It
writes nothing. The files are those of az ml: endpoints, deployments, models, environments,
computes, data, components and schedules, several documents or files at once, or a folder of
them.

The exit code is 0 if there is nothing to do, %d if there are changes, and 1 for every error,
also for wrong usage.`, planHasChanges),
		Example:               "azmlbatch plan -f endpoint.yml -f deployment.yml || test $? = 2",
		DisableFlagsInUseLine: true,
		Annotations:           map[string]string{usageCode: "1"},
		RunE: func(cmd *cobra.Command, args []string) error {
			spec, err := flags.read(a.err, args)
			if err != nil {
				return err
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			defer a.endAtSecond(cmd.Context())()
			plan, err := flags.plan(cmd.Context(), client, spec)
			if err != nil {
				return err
			}
			if asJSON {
				err = a.printJSON(plan)
			} else {
				_, err = fmt.Fprint(a.out, planText(plan, colors(a.out)))
			}
			if err != nil || plan.Empty() {
				return err
			}
			if err := plan.Obstacles(); err != nil {
				return err
			}
			return &exitError{planHasChanges, nil}
		},
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the plan as one JSON object whose member changes has a resource each")
	return a.inWorkspace(cmd)
}

// planColors are the colours of the marks before changes.
var planColors = map[byte]string{'+': green, '~': yellow, '-': red, '!': red}

// planText is a plan for people.
func planText(plan *deploy.Changes, colored bool) string {
	if !colored {
		return plan.String()
	}
	var b strings.Builder
	for line := range strings.Lines(plan.String()) {
		if color := planColors[line[0]]; color != "" {
			line = color + line[:1] + "\x1b[0m" + line[1:]
		}
		b.WriteString(line)
	}
	return b.String()
}

// deployFlags are the flags of plan and apply.
type deployFlags struct {
	files, set []string
	smokeInput string
	smokeFile  string
	setDefault bool
	keep       int
	python     string
	sources    deploy.Sources
}

func (f *deployFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.files, "file", "f", nil, "`FILE` in YAML, or a folder of such files; may be repeated; required")
	flags.StringArrayVar(&f.set, "set", nil,
		"`PATH=VALUE` sets a value of the files, as in settings.mini_batch_size=5, or NAME:PATH=VALUE in one of them; may be repeated")
	flags.StringVar(&f.smokeInput, "smoke-input", "",
		"`PATH-OR-URI` that each new or changed deployment has to score before it becomes the default; this job costs what nodes cost")
	flags.StringVar(&f.smokeFile, "smoke-file", "", "`FILE` with named inputs, as for azmlbatch invoke --file, in place of --smoke-input; for pipeline components with several")
	flags.BoolVar(&f.setDefault, "set-default", false, "make the deployment of the files the endpoint's default")
	flags.IntVar(&f.keep, "keep", 0, "delete all deployments of the endpoint but `N`: those of the files, the default, and then the newest; 0 keeps all")
	flags.StringVar(&f.python, "python", "", "`PATH` of the Python that parses scoring scripts, and with --local runs them; by default the one in PATH")
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if len(f.files) == 0 {
			return usagef("--file is required")
		}
		if f.smokeInput != "" && f.smokeFile != "" {
			return usagef("--smoke-input and --smoke-file exclude each other")
		}
		if f.keep < 0 {
			return usagef("--keep must not be negative, but is %d", f.keep)
		}
		return nil
	}
}

// beside are documents that lie in the folders of those that are meant, as everybody knows.
var beside = []string{"conda file", "MLmodel file", "inputs of an invocation"}

// read reads the files, further ones among the arguments as shells expand -f *.yml, and says which documents of a folder it leaves
// out.
func (f *deployFlags) read(notes io.Writer, more []string) (deploy.Spec, error) {
	leftOut := func(d deploy.Document) {
		if d.Skipped != "" && !slices.Contains(beside, d.Kind) {
			fmt.Fprintf(notes, "left out: %s:%d, %s: %s\n", d.File, d.Line, d.Kind, d.Skipped)
		}
	}
	return deploy.Read(append(f.files, more...), &deploy.ReadOptions{Set: f.set, Sources: &f.sources, OnDocument: leftOut})
}

func (f *deployFlags) plan(ctx context.Context, client *azmlbatch.Client, spec deploy.Spec) (*deploy.Changes, error) {
	input, inputs, err := f.smoke()
	if err != nil {
		return nil, err
	}
	options := &deploy.PlanOptions{SetDefault: f.setDefault, Keep: f.keep, Python: f.python, SmokeInput: input, SmokeInputs: inputs,
		Sources: &f.sources}
	return deploy.Plan(ctx, client, spec, options)
}

// smoke is the smoke input, or those that have names; both nil for none.
func (f *deployFlags) smoke() (azmlbatch.Input, azmlbatch.Inputs, error) {
	switch {
	case f.smokeInput != "":
		return inputOf(f.smokeInput, "", nil), nil, nil
	case f.smokeFile != "":
		invocation, err := deploy.ReadInvocation(f.smokeFile, nil)
		return nil, invocation.Inputs, err
	}
	return nil, nil, nil
}
