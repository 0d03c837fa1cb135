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

	"github.com/azmlbatch/azmlbatch/scoring"
)

// A Go function can score the files instead of a Python script.
func ExampleFunc() {
	dir, err := os.MkdirTemp("", "kiln-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	err = os.CopyFS(dir, fstest.MapFS{
		"input/vase1.txt": {Data: []byte("celadon")},
		"input/vase2.txt": {Data: []byte("raku")},
	})
	if err != nil {
		log.Fatal(err)
	}

	result, err := scoring.Run(context.Background(), scoring.Job{
		Func: func(_ context.Context, files []string) ([]string, error) {
			var rows []string
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					return nil, err
				}
				rows = append(rows, filepath.Base(file)+" "+strings.ToUpper(string(text)))
			}
			return rows, nil
		},
		Input:          filepath.Join(dir, "input"),
		Output:         filepath.Join(dir, "output"),
		OutputFileName: "glazes.txt",
	})
	if err != nil {
		log.Fatal(err)
	}
	rows, err := os.ReadFile(result.OutputFile)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(filepath.Base(result.OutputFile), ":\n", string(rows))
	// Output:
	// glazes.txt:
	// vase1.txt CELADON
	// vase2.txt RAKU
}

// Mistakes in a job are found before anything starts.
func ExampleInvalidJobError() {
	_, err := scoring.Run(context.Background(), scoring.Job{
		Func:   func(context.Context, []string) ([]string, error) { return nil, nil },
		Input:  ".",
		Output: filepath.Join(os.TempDir(), "vases"), OutputFileName: "today/rows.csv",
	})
	var invalid *scoring.InvalidJobError
	if errors.As(err, &invalid) {
		fmt.Println(invalid.Field)
	}
	fmt.Println(err)
	// Output:
	// OutputFileName
	// scoring: invalid job: OutputFileName must be a plain name without control characters or any of ~"#%&*:<>?/\{|}, not "today/rows.csv"
}

// A job can get the packages of a deployment's environment. They are installed with pip once and then
// cached.
func ExampleEnvironment() {
	result, err := scoring.Run(context.Background(), scoring.Job{
		Code: "code", Script: "score.py", Input: "images", Output: "scored",
		Environment: &scoring.Environment{
			CondaFile: "dependencies:\n- python=3.11\n- pip:\n  - torch==2.2.0\n",
		},
	})
	var unbuilt *scoring.EnvironmentError
	if errors.As(err, &unbuilt) {
		log.Fatalf("%s\n%s", unbuilt.Reason, unbuilt.Output)
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.OutputFile)
}
