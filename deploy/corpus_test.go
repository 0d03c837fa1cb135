package deploy_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/azmlbatch/azmlbatch/deploy"
)

// TestCorpus reads every YAML file below the folder of public files: those of batch scoring become
// parts of a Spec, all others are named with a reason. It prints a table of them.
func TestCorpus(t *testing.T) {
	corpus := os.Getenv("AZMLBATCH_CORPUS_DIR")
	if corpus == "" {
		t.Skip("AZMLBATCH_CORPUS_DIR names no folder with public files")
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	files, loaded := 0, 0
	err := filepath.WalkDir(corpus, func(path string, entry fs.DirEntry, err error) error {
		if ext := filepath.Ext(path); err != nil || entry.IsDir() || ext != ".yml" && ext != ".yaml" {
			return err
		}
		files++
		kind, outcome := readOne(t, path)
		if outcome == "loaded" {
			loaded++
		}
		name, _ := filepath.Rel(corpus, path)
		fmt.Fprintf(w, "%s\t%s\t%s\n", name, kind, outcome)
		return nil
	})
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d files, %d loaded\n%s", files, loaded, table.String())
	if err != nil || files == 0 {
		t.Errorf("walked %d files: %v", files, err)
	}
}

// readOne reads a file by itself, and says what it is and what became of it.
func readOne(t *testing.T, path string) (kind, outcome string) {
	t.Helper()
	var document deploy.Document
	options := &deploy.ReadOptions{Unchecked: true, OnDocument: func(d deploy.Document) { document = d }}
	spec, err := deploy.Read([]string{path}, options)
	if document.Kind == "inputs of an invocation" {
		if _, err := deploy.ReadInvocation(path, nil); err != nil {
			t.Errorf("ReadInvocation(%s): %v", path, err)
		}
		return document.Kind, "loaded"
	}
	parts := len(spec.Endpoints) + len(spec.Deployments) + len(spec.Models) + len(spec.Environments) + len(spec.Computes) + len(spec.Data) + len(spec.Components)
	switch {
	case err == nil && parts > 0:
		return document.Kind, "loaded"
	case err == nil:
		t.Errorf("Read(%s) returned an empty Spec and no error", path)
	case !strings.Contains(err.Error(), " "+document.Kind+"; ") || document.Kind == "":
		t.Errorf("Read(%s): %v", path, err)
	}
	_, reason, _ := strings.Cut(err.Error(), "; ")
	return document.Kind, "not ours: " + reason
}
