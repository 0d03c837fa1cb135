package azmlbatch_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

func ExampleRows() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	_, err = azure.Deploy(ctx, emulator.Script{Dir: "testdata/lengths"}, &emulator.DeployOptions{Endpoint: "lengths"})
	if err != nil {
		log.Fatal(err)
	}
	started, err := client.Endpoints().Invoke(ctx, "lengths", azmlbatch.Invocation{Input: azmlbatch.LocalPath{Path: "testdata/vases"}})
	if err != nil {
		log.Fatal(err)
	}
	job, err := client.Jobs().Wait(ctx, started.Name, nil)
	if err != nil {
		log.Fatal(err)
	}
	type row struct {
		File string
		Size int
	}
	for r, err := range azmlbatch.Rows[row](ctx, client, job.Name, nil) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(r.File, r.Size)
	}
	// Output:
	// a.txt 4
	// b.txt 5
}

func ExampleReadRows() {
	const predictions = "\"red vase.png\" 7 0.93\nbowl.png 2 \n" // pandas quotes what has spaces, and writes NaN as nothing
	type row struct {
		File  string
		Class int
		Score *float64
	}
	for r, err := range azmlbatch.ReadRows[row](strings.NewReader(predictions), "predictions.csv", nil) {
		if err != nil {
			log.Fatal(err)
		}
		if r.Score == nil {
			fmt.Println(r.File, r.Class, "without a score")
			continue
		}
		fmt.Println(r.File, r.Class, *r.Score)
	}
	// Output:
	// red vase.png 7 0.93
	// bowl.png 2 without a score
}

// A script that writes files of its own, with pandas for example, gives them a header and an index.
func ExampleReadRows_header() {
	const scores = ",file,score\n0,red vase.png,0.93\n1,bowl.png,0.5\n"
	type row struct {
		Score float64 `row:"score"`
		File  string  `row:"file"`
	}
	options := &azmlbatch.RowsOptions{Format: azmlbatch.RowFormatCommaSeparated, Header: true}
	for r, err := range azmlbatch.ReadRows[row](strings.NewReader(scores), "scores.csv", options) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(r.File, r.Score)
	}
	// Output:
	// red vase.png 0.93
	// bowl.png 0.5
}

func ExampleReadRows_jsonLines() {
	const predictions = `{"file": "red vase.png", "scores": {"vase": 0.93, "bowl": 0.07}}` + "\n" // json.dumps of a dict
	type row struct {
		File   string             `json:"file"`
		Scores map[string]float64 `json:"scores"`
	}
	options := &azmlbatch.RowsOptions{Format: azmlbatch.RowFormatJSONLines}
	for r, err := range azmlbatch.ReadRows[row](strings.NewReader(predictions), "predictions.csv", options) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(r.File, r.Scores["vase"])
	}
	// Output: red vase.png 0.93
}
