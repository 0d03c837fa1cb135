package main

import (
	"context"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/azmlbatch/azmlbatch"
)

// jsonHelp is the help of --json where the output is the service's own JSON.
const jsonHelp = "print JSON with the names of Azure's REST API"

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func (a *app) endpointCommand() *cobra.Command {
	cmd := group("endpoint", "List, show and delete endpoints, and set their default deployments.",
		a.endpointList(), a.endpointShow(), a.endpointSetDefault(), a.endpointDelete())
	return a.inWorkspace(cmd)
}

func (a *app) endpointList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the batch endpoints of the workspace.",
		Example: "azmlbatch endpoint list",
		Args:    arguments(), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: a.asking(func(ctx context.Context, client *azmlbatch.Client, _ []string) error {
			t := table{header: []string{"NAME", "DEFAULT DEPLOYMENT", "STATE", "CREATED"}, state: 2}
			return list(a, asJSON, client.Endpoints().List(ctx), t, func(e azmlbatch.Endpoint) []string {
				return []string{e.Name, e.DefaultDeployment, string(e.ProvisioningState), moment(e.SystemData.CreatedAt)}
			})
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, jsonHelp)
	return cmd
}

func (a *app) endpointShow() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "show ENDPOINT", Short: "Show an endpoint.",
		Example: "azmlbatch endpoint show digits --json",
		Args:    arguments("ENDPOINT"), ValidArgsFunction: a.complete(false, endpointNames),
		RunE: a.asking(func(ctx context.Context, client *azmlbatch.Client, args []string) error {
			e, err := client.Endpoints().Get(ctx, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(e)
			}
			return a.show(
				[2]string{"name", e.Name},
				[2]string{"state", string(e.ProvisioningState)},
				[2]string{"default deployment", e.DefaultDeployment},
				[2]string{"scoring URI", e.ScoringURI},
				[2]string{"description", e.Description},
				[2]string{"tags", texts(e.Tags)},
				[2]string{"location", e.Location},
				[2]string{"created", moment(e.SystemData.CreatedAt)},
				[2]string{"created by", e.SystemData.CreatedBy},
			)
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, jsonHelp)
	return cmd
}

func (a *app) endpointSetDefault() *cobra.Command {
	return &cobra.Command{
		Use: "set-default ENDPOINT DEPLOYMENT", Short: "Make a deployment the endpoint's default.",
		Long: `Make a deployment the endpoint's default, which takes the invocations that name no deployment.
It waits until the endpoint says so.`,
		Example: "azmlbatch endpoint set-default digits blue",
		Args:    arguments("ENDPOINT", "DEPLOYMENT"), ValidArgsFunction: a.complete(false, endpointNames, deploymentNames),
		RunE: a.asking(func(ctx context.Context, client *azmlbatch.Client, args []string) error {
			w := a.newProgress()
			defer w.end()
			_, err := client.Endpoints().SetDefaultDeployment(ctx, args[0], args[1], w.operation("setting the default deployment of endpoint "+args[0]))
			return a.goesOn(err, "the change may go on", "azmlbatch endpoint show "+args[0]+a.again())
		}),
	}
}

func (a *app) endpointDelete() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "delete ENDPOINT", Short: "Delete an endpoint with all its deployments.",
		Long: `Delete an endpoint with all its deployments, and wait until that is done. Its jobs and their
outputs stay. It asks first, unless --yes is given.`,
		Example: "azmlbatch endpoint delete digits --yes",
		Args:    arguments("ENDPOINT"), ValidArgsFunction: a.complete(false, endpointNames),
		RunE: a.asking(func(ctx context.Context, client *azmlbatch.Client, args []string) error {
			if err := a.confirm(ctx, "delete endpoint "+args[0]+" with all its deployments", yes); err != nil {
				return err
			}
			w := a.newProgress()
			defer w.end()
			err := client.Endpoints().Delete(ctx, args[0], w.operation("deleting endpoint "+args[0]))
			return a.goesOn(err, "the deletion may go on", "azmlbatch endpoint list"+a.again())
		}),
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}
