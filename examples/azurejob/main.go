// Command azurejob scores a folder of cloud storage with a batch endpoint of a real workspace, and prints the predictions:
//
//	go run ./examples/azurejob ENDPOINT https://ACCOUNT.blob.core.windows.net/CONTAINER/FOLDER
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/azmlbatch/azmlbatch"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: azurejob ENDPOINT FOLDER-URL")
	}
	ctx := context.Background()
	credential, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		log.Fatal(err)
	}
	workspace, err := azmlbatch.FindWorkspace("") // config.json, or AZUREML_ARM_* in the environment
	if err != nil {
		log.Fatal(err)
	}
	client, err := azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	job, err := client.Endpoints().Invoke(ctx, os.Args[1], azmlbatch.Invocation{Input: azmlbatch.URIFolder{URI: os.Args[2]}})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.Jobs().Wait(ctx, job.Name, nil); err != nil {
		log.Fatal(err) // a failed job names its cause: *azmlbatch.JobFailedError
	}
	for row, err := range azmlbatch.Rows[[]string](ctx, client, job.Name, nil) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(row)
	}
}
