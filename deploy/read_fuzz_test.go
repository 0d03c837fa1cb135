package deploy

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzRead reads texts as files. Whatever they hold, there is a Spec or a mistake in the file,
// never a panic, and reading again gives the same. Every mistake has a place within the text.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"name: digits\nauth_mode: aad_token\n",
		"name: blue\nendpoint_name: digits\nmodel: {name: m, path: model}\ncompute: azureml:c\nsettings: {mini_batch_size: 3}\n",
		"type: pipeline\nname: steps\njobs: {a: {component: {code: src, environment: {image: x, conda_file: {a: b}}}}}\n",
		"name: c\ntype: amlcompute\nidentity: {type: user_assigned, user_assigned_identities: [{resource_id: /x}]}\n",
		"name: a\ntags: &t {x: &x [1]}\nproperties: {<<: [*t, *t]}\n---\nname: b\ntype: uri_file\npath: x\n",
		"inputs: {a: {type: number, default: .inf}, b: 2001-01-01, c: ~}\noutputs: {s: {type: uri_file}}\n",
		"name: x\njob_definition: {jobs: {a: }}\nendpoint_name: e\ntype: pipeline\n",
		"? [a]\n: b\n", "a: &a [*a]\n", "\t", "%YAML 1.1\n---\n", "a: !!binary x\n", "!!set {a}\n", "a: !x {b: c}\n",
	} {
		f.Add(seed, "settings.a=1")
	}
	f.Add("name: digits", "set\n\n.a1")
	f.Fuzz(func(t *testing.T, text, set string) {
		if strings.Contains(text, "..") || strings.Contains(text, "/") || strings.Contains(set, "/") {
			return // no other files than those of the folder
		}
		path := filepath.Join(t.TempDir(), "f.yml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		lines := strings.Count(text, "\n") + strings.Count(text, "\r") + strings.Count(text, "\u0085") + strings.Count(text, "\u2028") + strings.Count(text, "\u2029") + 2
		for _, options := range []*ReadOptions{nil, {Unchecked: true}, {Set: []string{set}}} {
			one, err := Read([]string{path}, options)
			two, again := Read([]string{path}, options)
			if !equal(one, two) || (err == nil) != (again == nil) || err != nil && err.Error() != again.Error() {
				t.Errorf("two readings differ:\n%v\n%v", err, again)
			}
			checkPlaces(t, err, lines)
			if err == nil {
				checkWritten(t, path, one)
			}
			_, err = ReadInvocation(path, options)
			checkPlaces(t, err, lines)
		}
	})
}

// checkPlaces checks that every mistake is a SpecError on a line of the text.
func checkPlaces(t *testing.T, err error, lines int) {
	t.Helper()
	if err == nil {
		return
	}
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	for _, err := range all {
		var e *SpecError
		if !errors.As(err, &e) || e.Problem == "" || e.Line > lines || strings.Contains(e.Error(), "\n") {
			t.Errorf("a mistake without a place, or with more than one line: %#v", err)
		}
	}
}

// checkWritten writes what was read beside it, and wants it to be read as the same.
func checkWritten(t *testing.T, path string, spec Spec) {
	t.Helper()
	var text, again bytes.Buffer
	folder := filepath.Dir(path)
	if err := spec.Write(&text, &WriteOptions{Folder: folder}); err != nil {
		t.Fatalf("Write: %v", err)
	}
	written := filepath.Join(folder, "written.yml")
	if err := os.WriteFile(written, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	read, err := Read([]string{written}, &ReadOptions{Unchecked: true})
	if err != nil && text.Len() > 0 {
		t.Fatalf("Read of what Write wrote: %v\n%s", err, text.String())
	}
	if err := read.Write(&again, &WriteOptions{Folder: folder}); err != nil || again.String() != text.String() {
		t.Errorf("written again: %v\n%s\nfirst:\n%s", err, again.String(), text.String())
	}
}
