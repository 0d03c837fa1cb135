package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"regexp"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
)

// invoke is the verb that starts a job.
type invoke struct {
	*app
	invocation     azmlbatch.Invocation // as far as flags say it
	input, file    string
	set            []string
	inputType      choice
	errorThreshold int
	wait, rows     bool
	json           bool
	rowsFlags      rowsFlags
}

func (a *app) invokeCommand() *cobra.Command {
	v := &invoke{app: a}
	cmd := &cobra.Command{
		Use: "invoke ENDPOINT", Short: "Start a job on an endpoint.",
		Long: fmt.Sprintf(`Start a job on an endpoint, exactly once, and print its name. The job costs what its nodes cost.

A local input is uploaded first; equal content is not sent twice. With --key the same command
gives the same job, also after a crash, and also when it runs in several places at once.

With --file the inputs and settings come from a YAML file, as az ml batch-endpoint invoke --file
reads it; flags win over it.

With --wait it waits for the job, and the exit code is %d if the job failed or was canceled. With
--rows it waits and then prints the predictions in place of the name. Ctrl-C ends the waiting and
not the job.`, jobFailed),
		Example: "azmlbatch invoke digits --input ./images --key today --rows",
		Args:    arguments("ENDPOINT"), ValidArgsFunction: a.complete(false, endpointNames),
	}
	cmd.RunE = a.asking(func(ctx context.Context, client *azmlbatch.Client, args []string) error {
		if cmd.Flags().Changed("error-threshold") {
			v.invocation.ErrorThreshold = &v.errorThreshold
		}
		return v.run(ctx, client, args[0])
	})
	v.flags(cmd)
	completeFlag(cmd, "deployment", func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.completions(cmd, args, deploymentNames), cobra.ShellCompDirectiveNoFileComp
	})
	return a.inWorkspace(cmd)
}

// flags have the names of the Azure CLI where it has them.
func (v *invoke) flags(cmd *cobra.Command) {
	flags, inv := cmd.Flags(), &v.invocation
	flags.StringVarP(&inv.Deployment, "deployment", "d", "", "`NAME` of the deployment; by default the endpoint's default deployment")
	flags.StringVar(&v.input, "input", "",
		"`PATH-OR-URI` of what is scored: a local file or folder, an https or azureml:// URI, or registered data as azureml:NAME:VERSION; this or --file is required")
	choiceVar(cmd, &v.inputType, "input-type", "what an input in the cloud is; a local one tells itself", "uri_folder", "uri_file")
	flags.StringVarP(&v.file, "file", "f", "", "`FILE` with named inputs and outputs and settings of the job, in YAML")
	flags.StringArrayVar(&v.set, "set", nil, "`PATH=VALUE` sets a value of the file, as in inputs.data.path=./images; may be repeated")
	flags.StringVar(&inv.Key, "key", "", "`KEY` of the job: the same key on the same endpoint is the same job")
	flags.BoolVar(&v.wait, "wait", false, "wait until the job has ended")
	flags.BoolVar(&v.rows, "rows", false, "wait, and print the predictions")
	v.rowsFlags.add(cmd)
	flags.BoolVar(&v.json, "json", false, "print the job as JSON with the names of Azure's REST API")
	flags.StringVar(&inv.DisplayName, "job-name", "", "`NAME` that the studio shows")
	flags.StringVar(&inv.OutputFileName, "output-file-name", "", "`NAME` of the predictions file")
	flags.Int64VarP(&inv.MiniBatchSize, "mini-batch-size", "m", 0,
		"`N` files per call of run(); by default as the deployment says, like all of the following")
	flags.IntVarP(&inv.InstanceCount, "instance-count", "c", 0, "`N` nodes")
	flags.IntVar(&inv.MaxConcurrencyPerInstance, "max-concurrency-per-instance", 0, "`N` worker processes per node")
	flags.IntVar(&v.errorThreshold, "error-threshold", 0, "`N` files that may fail before the job fails; -1 means any number")
	flags.StringVar(&inv.Compute, "compute", "", "`NAME` of another cluster than the deployment's")
	flags.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "deployment-name" { // as the Azure CLI calls it
			name = "deployment"
		}
		return pflag.NormalizedName(name)
	})
}

func (v *invoke) run(ctx context.Context, client *azmlbatch.Client, endpoint string) error {
	w := v.newProgress()
	invocation, err := v.read(w)
	if err != nil {
		return err
	}
	job, err := client.Endpoints().Invoke(ctx, endpoint, invocation)
	w.end()
	if err != nil {
		return v.lostAnswer(err, endpoint)
	}
	if err := v.print(job); err != nil || !v.wait && !v.rows {
		return err
	}
	if _, err := v.waitForOne(ctx, client, job.Name); err != nil || !v.rows {
		return err
	}
	rows := v.rowsFlags.writer(v.out)
	if err := v.rowsFlags.copyRows(ctx, client, job.Name, rows); err != nil {
		return err
	}
	return rows.flush()
}

// lostAnswer says how to find a job that may have started.
func (v *invoke) lostAnswer(err error, endpoint string) error {
	var lost *azmlbatch.AmbiguousInvokeError
	if !errors.As(err, &lost) {
		return err
	}
	look := "azmlbatch job list --endpoint " + endpoint + " --since 15m" + v.again()
	if lost.Output != "" && v.invocation.Key == "" {
		look += ", or invoke again with --key " + lost.Key
	}
	return fmt.Errorf("%w; see %s", err, look)
}

// read joins the file and the flags, which win.
func (v *invoke) read(w *progress) (azmlbatch.Invocation, error) {
	switch {
	case v.input == "" && v.file == "":
		return azmlbatch.Invocation{}, usagef("--input is required, or --file")
	case v.input != "" && v.file != "":
		return azmlbatch.Invocation{}, usagef("--input and --file exclude each other; name the input in the file, or with --set")
	case v.rows && v.json:
		return azmlbatch.Invocation{}, usagef("--rows and --json exclude each other; use --rows --format jsonl")
	case v.file == "" && v.set != nil:
		return azmlbatch.Invocation{}, usagef("--set changes a file; name it with --file")
	case v.file == "":
		v.invocation.Input = inputOf(v.input, v.inputType.value, w)
		return v.invocation, nil
	}
	invocation, err := deploy.ReadInvocation(v.file, &deploy.ReadOptions{Set: v.set})
	if err != nil {
		return invocation, err
	}
	for name, input := range invocation.Inputs {
		if local, ok := input.(azmlbatch.LocalPath); ok && local.Options == nil {
			local.Options = w.upload(path.Base(filepath.ToSlash(local.Path)))
			invocation.Inputs[name] = local
		}
	}
	return override(invocation, v.invocation), nil
}

// override is the invocation with those settings of the flags that are set.
func override(invocation, flags azmlbatch.Invocation) azmlbatch.Invocation {
	invocation.Deployment = cmp.Or(flags.Deployment, invocation.Deployment)
	invocation.Key = cmp.Or(flags.Key, invocation.Key)
	invocation.DisplayName = cmp.Or(flags.DisplayName, invocation.DisplayName)
	invocation.OutputFileName = cmp.Or(flags.OutputFileName, invocation.OutputFileName)
	invocation.MiniBatchSize = cmp.Or(flags.MiniBatchSize, invocation.MiniBatchSize)
	invocation.InstanceCount = cmp.Or(flags.InstanceCount, invocation.InstanceCount)
	invocation.MaxConcurrencyPerInstance = cmp.Or(flags.MaxConcurrencyPerInstance, invocation.MaxConcurrencyPerInstance)
	invocation.ErrorThreshold = cmp.Or(flags.ErrorThreshold, invocation.ErrorThreshold)
	invocation.Compute = cmp.Or(flags.Compute, invocation.Compute)
	return invocation
}

// print prints the job's name for programs; with --rows it is for people alone.
func (v *invoke) print(job azmlbatch.BatchJob) error {
	switch {
	case v.json:
		return v.printJSON(job)
	case v.rows:
		fmt.Fprintln(v.err, job.Name)
		return nil
	}
	_, err := fmt.Fprintln(v.out, job.Name)
	return err
}

// cloudURI is the beginning of what is no local path. A Windows drive has one letter.
var cloudURI = regexp.MustCompile(`^(?i:[a-z][a-z0-9+.-]+:|/subscriptions/)`)

// inputOf is the input that the flags name. The progress of an upload may be nil.
func inputOf(text, kind string, w *progress) azmlbatch.Input {
	if !cloudURI.MatchString(text) {
		local := azmlbatch.LocalPath{Path: text}
		if w != nil {
			local.Options = w.upload(path.Base(filepath.ToSlash(text)))
		}
		return local
	}
	if kind == "uri_file" {
		return azmlbatch.URIFile{URI: text}
	}
	return azmlbatch.URIFolder{URI: text}
}
