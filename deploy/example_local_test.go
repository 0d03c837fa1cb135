package deploy_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// A Spec whose endpoint, cluster and environment only the workspace has, tried on this machine.
func ExampleLocal() {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "local-")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	script := "def init():\n    pass\n\ndef run(files):\n    return ['fine'] * len(files)\n"
	for name, text := range map[string]string{"score.py": script, "weights.txt": "1", "a.csv": "1"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			log.Fatal(err)
		}
	}
	azure, err := emulator.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	spec := deploy.Spec{Deployments: []deploy.Deployment{{Endpoint: "digits", Deployment: azmlbatch.Deployment{
		Name:              "blue",
		Model:             azmlbatch.ModelByID{AssetID: filepath.Join(folder, "weights.txt")},
		CodeConfiguration: azmlbatch.CodeConfiguration{CodeID: filepath.Join(folder, "score.py"), ScoringScript: "score.py"},
		EnvironmentID:     "azureml:digits:3",
		Compute:           "cluster",
	}}}}
	result, err := deploy.Local(ctx, client, spec, &deploy.LocalOptions{SmokeInput: azmlbatch.LocalPath{Path: filepath.Join(folder, "a.csv")}})
	if err != nil {
		log.Fatal(err)
	}
	for _, test := range result.Tests {
		fmt.Printf("%s/%s: %d file, %d row\n", test.Endpoint, test.Deployment, test.Files, test.Rows)
	}
	fmt.Println(len(result.StandIns), "stand-ins")
	// Output:
	// digits/blue: 1 file, 1 row
	// 3 stand-ins
}
