package jobs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// TestTasksThatCannotBeFetched: code, inputs and outputs that cannot be had, and what the run says.
func TestTasksThatCannotBeFetched(t *testing.T) {
	w := newWorld(t, nil)
	w.upload("clay", map[string]string{"a.txt": "red"})
	texts := map[string]string{}
	for name, step := range map[string]*task{
		"code that is not there":  {spec: store.Document{"code": "azureml:none:1"}},
		"data that is not there":  {inputs: map[string]value{"clay": {kind: "uri_folder", uri: "azureml:none:1"}}},
		"a model that is not":     {inputs: map[string]value{"clay": {kind: "custom_model", uri: "azureml:none:1"}}},
		"an empty folder":         {inputs: map[string]value{"clay": {kind: "uri_folder", uri: "https://kilnstore.blob.core.windows.net/" + dataStore + "/none/?sig=secret"}}},
		"a file that is not":      {inputs: map[string]value{"clay": {kind: "uri_file", uri: "https://kilnstore.blob.core.windows.net/" + dataStore + "/none?sig=secret"}}},
		"an input's odd name":     {inputs: map[string]value{"../clay": {kind: "uri_folder", uri: "azureml://datastores/workspaceblobstore/paths/clay"}}},
		"an output's odd name":    {outputs: map[string]value{"../clay": {kind: "uri_folder"}}},
		"compute that is not":     {compute: "none"},
		"environment that is not": {spec: store.Document{"environment": "azureml:none:1"}},
	} {
		step.runner, step.job, step.name, step.kind, step.dir = w.runner, &job{record: record{workspace: testWorkspace, name: "j1"}}, "turn", commandStep, t.TempDir()
		err := step.check()
		if err == nil {
			err = step.fetch(t.Context())
		}
		texts[name] = fmt.Sprint(err)
	}
	checkTexts(t, "tasks_that_cannot_be_fetched", texts)
	for _, text := range texts {
		if strings.Contains(text, "secret") {
			t.Errorf("the error tells a secret: %s", text)
		}
	}
}

// TestFetchedInputs: what a command gets for each kind of input, and the places of its outputs.
func TestFetchedInputs(t *testing.T) {
	w := newWorld(t, nil)
	w.upload("clay", map[string]string{"a.txt": "red", "deep/b.txt": "blue"})
	const clay = "azureml://datastores/workspaceblobstore/paths/clay"
	step := &task{
		runner: w.runner, job: &job{record: record{workspace: testWorkspace, name: "j1"}}, name: "turn", kind: commandStep, dir: t.TempDir(),
		inputs: map[string]value{
			"literal": {kind: literalKind, text: "x"}, "direct": {kind: "uri_folder", uri: clay, mode: "direct"}, "folder": {kind: "uri_folder", uri: clay},
			"file": {kind: "uri_file", uri: clay + "/a.txt"}, "model": {kind: "custom_model", uri: clay + "/"}, "table": {kind: "mltable", uri: clay + "/deep"},
		},
		outputs: map[string]value{"rows": {kind: "uri_file", uri: "azureml://datastores/x/paths/deep/rows.txt"}, "all": {kind: "uri_folder", uri: "azureml://datastores/x/paths/deep"}},
	}
	if err := step.fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	inputs := map[string]string{
		"literal": "x", "direct": clay, "folder": "DIR/inputs/folder", "file": "DIR/inputs/file/a.txt", "model": "DIR/inputs/model/clay", "table": "DIR/inputs/table",
	}
	outputs := map[string]string{"rows": "DIR/outputs/rows/rows.txt", "all": "DIR/outputs/all"}
	for what, want := range map[string][2]map[string]string{"inputs": {inputs, step.inputTexts}, "outputs": {outputs, step.outputPaths}} {
		for name, path := range want[1] {
			want[1][name] = strings.Replace(path, step.dir, "DIR", 1)
		}
		if diff := cmp.Diff(want[0], want[1]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	for path, want := range map[string]string{
		"inputs/folder/a.txt": "red", "inputs/folder/deep/b.txt": "blue", "inputs/file/a.txt": "red", "inputs/model/clay/deep/b.txt": "blue", "inputs/table/b.txt": "blue",
	} {
		if got, err := os.ReadFile(filepath.Join(step.dir, path)); string(got) != want {
			t.Errorf("%s has %q, %v; want %q", path, got, err, want)
		}
	}
	for _, dir := range []string{"outputs/rows", "outputs/all", "code"} {
		if got := foldersIn(t, filepath.Join(step.dir, dir)); len(got) != 0 {
			t.Errorf("%s has %v", dir, got)
		}
	}
}

// TestUploadedOutputs: those of a failed task that Azure mounts, and all of one that succeeded. A file
// that the command did not write is none.
func TestUploadedOutputs(t *testing.T) {
	for _, succeeded := range []bool{true, false} {
		w := newWorld(t, nil)
		dir := t.TempDir()
		step := &task{
			runner: w.runner, job: &job{record: record{workspace: testWorkspace, name: "j1"}}, name: "turn", dir: dir, outputs: map[string]value{}, outputPaths: map[string]string{},
		}
		for name, v := range map[string]value{
			"file": {kind: "uri_file"}, "folder": {kind: "uri_folder"}, "none": {kind: "uri_file"}, "late": {kind: "uri_folder", mode: "upload"}, "mounted": {kind: "uri_folder", mode: "ReadWriteMount"},
		} {
			v.uri = "azureml://datastores/workspaceblobstore/paths/out/" + name
			step.outputs[name], step.outputPaths[name] = v, filepath.Join(dir, name)
			if name == "none" {
				continue
			}
			path := step.outputPaths[name]
			if v.kind != "uri_file" {
				path = filepath.Join(path, "deep", "a")
			}
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := step.upload(t.Context(), succeeded); err != nil {
			t.Errorf("succeeded: %t: %v", succeeded, err)
		}
		for blob, want := range map[string]string{
			"out/file": "file", "out/folder/deep/a": "folder", "out/none": "", "out/mounted/deep/a": "mounted", "out/late/deep/a": map[bool]string{true: "late"}[succeeded],
		} {
			if got := w.read(dataStore, blob); got != want {
				t.Errorf("succeeded: %t: %s has %q, want %q", succeeded, blob, got, want)
			}
		}
	}
}

// TestOutputsThatCannotBeUploaded: the error names the output.
func TestOutputsThatCannotBeUploaded(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Blobs = brokenBlobs{Blobs: o.Blobs, put: "broken"} })
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for uri, want := range map[string]string{
		"azureml://datastores/workspaceblobstore/paths/broken": "upload of the output out: the disk is broken",
		"azureml:clay:1": "The output out of the step turn cannot be written",
	} {
		for _, v := range []value{{kind: "uri_folder", uri: uri}, {kind: "uri_file", uri: uri}} {
			path := dir
			if v.kind == "uri_file" {
				path = filepath.Join(dir, "a")
			}
			step := &task{
				runner: w.runner, job: &job{record: record{workspace: testWorkspace, name: "j1"}}, name: "turn", outputs: map[string]value{"out": v}, outputPaths: map[string]string{"out": path},
			}
			if err := step.upload(t.Context(), true); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%s: %v, want %s", uri, err, want)
			}
		}
	}
	r := &Runner{blobs: w.options.Blobs}
	if err := r.uploadFolder(t.Context(), filepath.Join(dir, "none"), place{}); err != nil {
		t.Errorf("a folder that the script did not make: %v", err)
	}
	if err := r.uploadFolder(t.Context(), filepath.Join(dir, "a", "below"), place{}); err == nil {
		t.Error("what lies below a file was uploaded")
	}
	if err := r.upload(t.Context(), filepath.Join(dir, "none"), place{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestNamesOfBlobsAsFiles: a copy stays in its folder.
func TestNamesOfBlobsAsFiles(t *testing.T) {
	for name, want := range map[string]string{
		"a": "dir/a", "a/b": "dir/a/b", "..a": "dir/..a", "..": "", "../a": "", "a/../../b": "", "/a": "", "a//b": "", "a/": "", "./a": "", "": "", "a\x00b": "",
	} {
		got, err := copyPath("dir", name)
		if got != want || (err == nil) != (want != "") || err != nil && err.Error() != fmt.Sprintf("the blob name %q cannot be the name of a file", name) {
			t.Errorf("copyPath(%q) = %q, %v; want %q", name, got, err, want)
		}
	}
}

// TestCopiesArePrivate: nobody else may look into the folders of what is copied.
func TestCopiesArePrivate(t *testing.T) {
	w := newWorld(t, nil)
	w.upload("clay", map[string]string{"red/deep/a.txt": "red"})
	folder := filepath.Join(t.TempDir(), "top", "folder")
	if n, err := w.runner.copyFolder(t.Context(), place{account: account, container: dataStore, path: "clay"}, folder, everything); n != 1 || err != nil {
		t.Fatalf("copyFolder = %d, %v", n, err)
	}
	for _, path := range []string{filepath.Dir(folder), folder, filepath.Join(folder, "red"), filepath.Join(folder, "red", "deep")} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != os.ModeDir|0o700 {
			t.Errorf("%s has the mode %v, want 0700", path, info.Mode())
		}
	}
}

// TestCopiesThatCannotBeMade: places on the disk that are taken.
func TestCopiesThatCannotBeMade(t *testing.T) {
	w := newWorld(t, nil)
	w.upload("clay", map[string]string{"a.txt": "red"})
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	from := place{account: account, container: dataStore, path: "clay"}
	if n, err := w.runner.copyFolder(t.Context(), from, file, everything); err == nil || n != 0 {
		t.Errorf("a file as the folder: %d, %v", n, err)
	}
	blob := from.join("a.txt")
	for _, target := range []string{dir, filepath.Join(file, "a.txt")} {
		if err := w.runner.copyFile(t.Context(), blob, target); err == nil {
			t.Errorf("a copy was made at %s", target)
		}
	}
	if err := w.runner.copyInto(t.Context(), place{account: account, container: dataStore, path: "clay/.."}, dir); err == nil || err.Error() != `the blob name ".." cannot be the name of a file` {
		t.Errorf("copyInto = %v", err)
	}
	if err := w.runner.copyEither(t.Context(), from.join("none"), filepath.Join(dir, "x")); err == nil || !strings.HasPrefix(err.Error(), "clay/none does not exist in container "+dataStore+" of account "+account+": ") {
		t.Errorf("copyEither = %v", err)
	}
	n, err := w.runner.copyFolder(t.Context(), place{account: account, container: dataStore}, filepath.Join(dir, "top"), topLevel)
	if n != 0 || err != nil {
		t.Errorf("the files of the container itself: %d, %v", n, err)
	}
}
