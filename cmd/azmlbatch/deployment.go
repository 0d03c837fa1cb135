package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/azmlbatch/azmlbatch"
)

func (a *app) deploymentCommand() *cobra.Command {
	cmd := group("deployment", "List, show and delete the deployments of an endpoint.",
		a.deploymentList(), a.deploymentShow(), a.deploymentDelete())
	return a.inWorkspace(cmd)
}

func (a *app) deploymentList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list ENDPOINT", Short: "List the deployments of an endpoint.",
		Example: "azmlbatch deployment list digits",
		Args:    arguments("ENDPOINT"), ValidArgsFunction: a.complete(false, endpointNames),
		RunE: a.asking(func(ctx context.Context, client *azmlbatch.Client, args []string) error {
			endpoint, err := client.Endpoints().Get(ctx, args[0])
			if err != nil {
				return err
			}
			t := table{header: []string{"NAME", "DEFAULT", "MODEL", "COMPUTE", "STATE", "CREATED"}, state: 4}
			return list(a, asJSON, client.Deployments(args[0]).List(ctx), t, func(d azmlbatch.Deployment) []string {
				isDefault := ""
				if d.Name == endpoint.DefaultDeployment {
					isDefault = "yes"
				}
				return []string{d.Name, isDefault, modelOf(d), shortReference(azmlbatch.ReferenceKindCompute, deploymentCompute(d)),
					string(d.ProvisioningState), moment(d.SystemData.CreatedAt)}
			})
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, jsonHelp)
	return cmd
}

func (a *app) deploymentShow() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "show ENDPOINT DEPLOYMENT", Short: "Show a deployment.",
		Example: "azmlbatch deployment show digits blue",
		Args:    arguments("ENDPOINT", "DEPLOYMENT"), ValidArgsFunction: a.complete(false, endpointNames, deploymentNames),
		RunE: a.asking(func(ctx context.Context, client *azmlbatch.Client, args []string) error {
			d, err := client.Deployments(args[0]).Get(ctx, args[1])
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(d)
			}
			return a.show(deploymentFields(args[0], d)...)
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, jsonHelp)
	return cmd
}

// deploymentFields are what people ask of a deployment. Numbers that the service did not tell are
// left out.
func deploymentFields(endpoint string, d azmlbatch.Deployment) [][2]string {
	threshold := ""
	if d.ErrorThreshold != nil {
		threshold = strconv.Itoa(*d.ErrorThreshold)
	}
	return [][2]string{
		{"name", d.Name},
		{"endpoint", endpoint},
		{"state", string(d.ProvisioningState)},
		{"model", modelOf(d)},
		{"code", shortReference(azmlbatch.ReferenceKindCode, d.CodeConfiguration.CodeID)},
		{"scoring script", d.CodeConfiguration.ScoringScript},
		{"environment", shortReference(azmlbatch.ReferenceKindEnvironment, d.EnvironmentID)},
		{"compute", shortReference(azmlbatch.ReferenceKindCompute, deploymentCompute(d))},
		{"instance count", number(int64(d.Resources.InstanceCount))},
		{"mini-batch size", number(d.MiniBatchSize)},
		{"max concurrency per instance", number(int64(d.MaxConcurrencyPerInstance))},
		{"error threshold", threshold},
		{"output action", string(d.OutputAction)},
		{"output file name", d.OutputFileName},
		{"environment variables", strings.Join(sortedKeys(d.EnvironmentVariables), ", ")}, // values may be secrets
		{"description", d.Description},
		{"tags", texts(d.Tags)},
		{"created", moment(d.SystemData.CreatedAt)},
		{"created by", d.SystemData.CreatedBy},
	}
}

// number is a count, empty for 0, which means that nobody said one.
func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// modelOf names the model of a deployment, or what it has in its place.
func modelOf(d azmlbatch.Deployment) string {
	switch m := d.Model.(type) {
	case azmlbatch.ModelByID:
		return shortReference(azmlbatch.ReferenceKindModel, m.AssetID)
	case azmlbatch.ModelByDataPath:
		return m.Path
	case azmlbatch.ModelByOutput:
		return "output of job " + m.JobID
	}
	if c, ok := d.Configuration.(azmlbatch.PipelineComponentDeployment); ok {
		return shortReference(azmlbatch.ReferenceKindComponent, c.ComponentID)
	}
	return ""
}

// shortReference is NAME:VERSION of an id, or the text as it is where that cannot be told.
func shortReference(kind azmlbatch.ReferenceKind, text string) string {
	ref, err := azmlbatch.ParseReference(kind, text)
	if err != nil || ref.Name == "" {
		return text
	}
	if ref.Version == "" {
		return ref.Name
	}
	return ref.Name + ":" + ref.Version
}

func (a *app) deploymentDelete() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "delete ENDPOINT DEPLOYMENT", Short: "Delete a deployment.",
		Long: `Delete a deployment, and wait until that is done. Its jobs and their outputs stay. It asks
first, unless --yes is given. Set another default deployment before you delete the default.`,
		Example: "azmlbatch deployment delete digits green --yes",
		Args:    arguments("ENDPOINT", "DEPLOYMENT"), ValidArgsFunction: a.complete(false, endpointNames, deploymentNames),
		RunE: a.asking(func(ctx context.Context, client *azmlbatch.Client, args []string) error {
			what := "deployment " + args[1] + " of endpoint " + args[0]
			if err := a.confirm(ctx, "delete "+what, yes); err != nil {
				return err
			}
			w := a.newProgress()
			defer w.end()
			err := client.Deployments(args[0]).Delete(ctx, args[1], w.operation("deleting "+what))
			return a.goesOn(err, "the deletion may go on", "azmlbatch deployment list "+args[0]+a.again())
		}),
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}
