package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/emulator"
)

// TestNights runs nights on the emulator: new models, one that is the same, and a script that fails
// and is mended the same night.
func TestNights(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(folder+"/"+name[:slices.Index([]byte(name), '/')], 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(folder+"/"+name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const script = "def init():\n    pass\n\ndef run(files):\n    return [str(len(files))]\n"
	const broken = "def init():\n    pass\n\ndef run(files):\n    raise ValueError('no')\n"
	write("smoke/one.txt", "1")
	client := emulator.NewClient(t, nil)
	for _, night := range []struct {
		name, model, script string
		fails               bool
		versions            int // of the model, afterwards
		deployments         []string
		fallback            string
	}{
		{"1", "first", script, false, 1, []string{"night-1"}, "night-1"},
		{"2", "second", script, false, 2, []string{"night-1", "night-2"}, "night-2"},
		{"3", "second", script, false, 2, []string{"night-2", "night-3"}, "night-3"},
		{"4", "third", broken, true, 3, []string{"night-2", "night-3", "night-4"}, "night-3"},
		{"4", "third", script, false, 3, []string{"night-3", "night-4"}, "night-4"},
	} {
		write("model/weights.txt", night.model)
		write("code/score.py", night.script)
		if err := nightly(t.Context(), client, folder, night.name); (err != nil) != night.fails {
			t.Fatalf("night %s: %v", night.name, err)
		}
		var names []string
		for d, err := range client.Deployments("digits").List(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, d.Name)
		}
		slices.Sort(names)
		endpoint, err := client.Endpoints().Get(t.Context(), "digits")
		if err != nil {
			t.Fatal(err)
		}
		versions := 0
		for _, err := range client.Models().ListVersions(t.Context(), "digits", nil) {
			if err != nil {
				t.Fatal(err)
			}
			versions++
		}
		if versions != night.versions {
			t.Errorf("night %s: %d versions of the model, want %d", night.name, versions, night.versions)
		}
		if diff := cmp.Diff(night.deployments, names); diff != "" || endpoint.DefaultDeployment != night.fallback {
			t.Errorf("night %s: default %q, want %q; deployments (-want +got):\n%s", night.name, endpoint.DefaultDeployment, night.fallback, diff)
		}
	}
}

// TestNightlyIsShort keeps the program as short as it is said to be.
func TestNightlyIsShort(t *testing.T) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "main.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Name.Name != "nightly" {
			continue
		}
		if lines := files.Position(f.End()).Line - files.Position(f.Pos()).Line + 1; lines >= 40 {
			t.Errorf("nightly has %d lines, want fewer than 40", lines)
		}
	}
}
