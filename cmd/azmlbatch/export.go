package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
)

func (a *app) exportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "export ENDPOINT", Short: "Write what the workspace has of an endpoint as YAML.",
		Long: `Write what the workspace has of an endpoint as the YAML that apply and az ml read: the endpoint,
its deployments, and the models, environments and clusters that they refer to by name.`,
		Example: "azmlbatch export digits > exported.yml",
		Args:    arguments("ENDPOINT"), ValidArgsFunction: a.complete(false, endpointNames),
		RunE: a.asking(func(ctx context.Context, client *azmlbatch.Client, args []string) error {
			spec, err := deploy.Export(ctx, client, args[0])
			if err != nil {
				return err
			}
			return spec.Write(a.out, nil)
		}),
	}
	return a.inWorkspace(cmd)
}
