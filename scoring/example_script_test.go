//go:build unix

package scoring_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing/fstest"
	"time"

	"github.com/azmlbatch/azmlbatch/scoring"
)

// A scoring script runs over the files of a folder.
func Example() {
	dir, err := os.MkdirTemp("", "kiln-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	err = os.CopyFS(dir, fstest.MapFS{
		"code/score.py": {Data: []byte(`
import os

def init():
    global limit
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model", "limit.txt")) as file:
        limit = int(file.read())

def run(mini_batch):
    rows = []
    for path in mini_batch:
        with open(path) as file:
            hot = int(file.read()) > limit
        rows.append(os.path.basename(path) + (" hot" if hot else " cold"))
    return rows
`)},
		"model/limit.txt": {Data: []byte("1000")},
		"input/vase1.txt": {Data: []byte("1240")},
		"input/vase2.txt": {Data: []byte("20")},
	})
	if err != nil {
		log.Fatal(err)
	}

	result, err := scoring.Run(context.Background(), scoring.Job{
		Code:   filepath.Join(dir, "code"),
		Script: "score.py",
		Model:  filepath.Join(dir, "model"),
		Input:  filepath.Join(dir, "input"),
		Output: filepath.Join(dir, "output"),
	})
	if err != nil {
		log.Fatal(err)
	}
	rows, err := os.ReadFile(result.OutputFile)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %d of %d files\n%s", result.Status, result.Items.Succeeded, result.Items.Total, rows)
	// Output:
	// Completed: 2 of 2 files
	// vase1.txt hot
	// vase2.txt cold
}

// The error of a failed job has the script's own exception and the file that it was working on.
func ExampleScriptError() {
	dir, err := os.MkdirTemp("", "kiln-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	err = os.CopyFS(dir, fstest.MapFS{
		"code/score.py":   {Data: []byte("def run(mini_batch):\n    return [int(open(path).read()) for path in mini_batch]\n")},
		"input/vase1.txt": {Data: []byte("1240")},
		"input/vase2.txt": {Data: []byte("hot")},
	})
	if err != nil {
		log.Fatal(err)
	}

	_, err = scoring.Run(context.Background(), scoring.Job{
		Code: filepath.Join(dir, "code"), Script: "score.py",
		Input: filepath.Join(dir, "input"), Output: filepath.Join(dir, "output"),
		MiniBatchSize: 1, ErrorThreshold: new(0),
	})
	var failure *scoring.Failure
	if errors.As(err, &failure) {
		fmt.Println(failure.Reason)
	}
	var cause *scoring.ScriptError
	if errors.As(err, &cause) {
		fmt.Println(cause.Message)
		fmt.Println(cause.Phase, filepath.Base(cause.File), "mini-batch", cause.MiniBatch, "try", cause.Try)
	}
	// Output:
	// The number of failed items is 1, which exceeds error threshold 0.
	// ValueError: invalid literal for int() with base 10: 'hot'
	// run vase2.txt mini-batch 1 try 3
}

// A job can run several processes, show what the script prints, and report its progress.
func ExampleJob() {
	dir, err := os.MkdirTemp("", "kiln-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	err = os.CopyFS(dir, fstest.MapFS{
		"code/score.py": {Data: []byte("import os\ndef run(mini_batch):\n" +
			"    print('firing', len(mini_batch), 'vases in', os.environ['KILN'])\n    return mini_batch\n")},
		"input/vase1.txt": {}, "input/vase2.txt": {}, "input/vase3.txt": {}, "input/vase4.txt": {},
	})
	if err != nil {
		log.Fatal(err)
	}

	var printed strings.Builder
	result, err := scoring.Run(context.Background(), scoring.Job{
		Code: filepath.Join(dir, "code"), Script: "score.py",
		Input: filepath.Join(dir, "input"), Output: filepath.Join(dir, "output"), OutputAction: scoring.OutputActionSummaryOnly,
		MiniBatchSize: 4, MaxConcurrencyPerInstance: 2, InstanceCount: 1,
		MaxRetries: new(1), Timeout: time.Minute, TimeoutGrace: 5 * time.Second,
		LoggingLevel: scoring.LoggingLevelDebug,
		Env:          map[string]string{"KILN": "kiln 7"},
		ScriptEnv:    []string{"HF_*"}, // passed on from this process
		Logs:         filepath.Join(dir, "logs"),
		Echo:         &printed,
		OnProgress: func(p scoring.Progress) {
			fmt.Println(p.MiniBatches.Processed, "of", p.MiniBatches.Total, "mini-batches")
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(printed.String())
	fmt.Println(result.Items.Succeeded, "vases, output file:", result.OutputFile == "")
	// Output:
	// 0 of 1 mini-batches
	// 1 of 1 mini-batches
	// firing 4 vases in kiln 7
	// 4 vases, output file: true
}
