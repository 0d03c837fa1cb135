// Package deploy brings a workspace to what a [Spec] says: models, code, environments, clusters,
// endpoints and deployments, in one call that does nothing the second time.
//
// # A Spec in Go
//
//	spec := deploy.Spec{
//		Computes:     []azmlbatch.Compute{{Name: "cluster", Properties: azmlbatch.AmlCompute{VMSize: "STANDARD_DS3_V2", MaxNodes: 4}}},
//		Models:       []azmlbatch.Model{{Name: "digits", ModelURI: "./model"}},
//		Environments: []azmlbatch.Environment{{Name: "digits", Image: image, CondaFile: conda}},
//		Endpoints:    []azmlbatch.Endpoint{{Name: "digits"}},
//		Deployments: []deploy.Deployment{{Endpoint: "digits", Deployment: azmlbatch.Deployment{
//			Name:              "blue",
//			Model:             azmlbatch.ModelByID{AssetID: "azureml:digits"},
//			CodeConfiguration: azmlbatch.CodeConfiguration{CodeID: "./code", ScoringScript: "score.py"},
//			EnvironmentID:     "azureml:digits",
//			Compute:           "cluster",
//		}}},
//	}
//
// Parts refer to each other by name, local files and folders stand where an asset's content or an
// asset can stand; see [Spec]. [Spec.Check] finds mistakes without sending anything.
//
// # A Spec from YAML
//
// [Read] reads the files that teams have for the CLI v2 (az ml): batch endpoints, deployments, models, environments,
// computes, data assets and components, any number of files and documents, or a folder:
//
//	spec, err := deploy.Read([]string{"endpoint.yml", "deployment.yml"}, &deploy.ReadOptions{Set: []string{"compute=cluster"}})
//
// Every mistake is told with file, line and column. [ReadInvocation] reads the inputs file of an invocation.
//
// The way back is [Export], which reads what a workspace has of an endpoint, and [Spec.Write], which writes a Spec as YAML.
//
// # Being built
//
// What this package will have besides, in these shapes:
//
//	func Plan(ctx context.Context, client *azmlbatch.Client, spec Spec, options *PlanOptions) (*Changes, error)
//	func (c *Changes) Apply(ctx context.Context, options *ApplyOptions) (Result, error)
//	func Local(ctx context.Context, spec Spec, options *LocalOptions) (Result, error)          // a dry run on the emulator
//
// The variable of a program is called plan all the same: plan, err := deploy.Plan(ctx, client, spec, nil), then
// plan.Apply(ctx, &deploy.ApplyOptions{SmokeInput: azmlbatch.LocalPath{Path: "smoke"}, SetDefault: true, Keep: 2}).
// A function and a type of one package cannot share the name Plan.
package deploy
