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
// Every mistake is told with file, line and column; so are those that [Plan] finds in the workspace, if it is given the
// [Sources] that Read has filled. [ReadInvocation] reads the inputs file of an invocation.
//
// The way back is [Export], which reads what a workspace has of an endpoint, and [Spec.Write], which writes a Spec as YAML.
//
// # Plan and apply
//
// [Plan] reads the workspace and says what it takes, field by field; it writes nothing. [Changes.Apply] does it, each step as
// soon as what it needs is there:
//
//	plan, err := deploy.Plan(ctx, client, spec, &deploy.PlanOptions{
//		SmokeInput: azmlbatch.LocalPath{Path: "smoke"}, SetDefault: true, Keep: 2,
//	})
//	fmt.Print(plan)
//	result, err := plan.Apply(ctx, nil)
//
// The second time there is nothing to do, and nothing is written. An Apply that was broken off goes on when both are called
// again. With a smoke input a deployment becomes the default only after it has scored that; else the old default stays, and
// the error has the script's traceback.
package deploy
