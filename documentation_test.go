package azmlbatch_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// parse reads the Go files of a folder: its tests, or what is not a test.
func parse(t *testing.T, dir string, tests bool) (files []*ast.File) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") != tests {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// publicRooms are the packages that users import.
var publicRooms = []string{".", "emulator", "scoring", "deploy", "ui"}

// TestExamplesStandAlone lets pkg.go.dev show each example as a whole program: whoever copies one has no undefined function.
func TestExamplesStandAlone(t *testing.T) {
	for _, room := range publicRooms {
		var examples []*doc.Example
		for _, f := range parse(t, room, true) {
			examples = append(examples, doc.Examples(f)...)
		}
		if len(examples) == 0 {
			t.Errorf("package %s has no example", room)
		}
		for _, e := range examples {
			if e.Play == nil {
				t.Errorf("%s: Example%s uses what is declared outside of it", room, e.Name)
			}
		}
	}
}

// TestExportedFunctionsAreUsedByTests finds functions and methods that neither a test nor an example calls.
func TestExportedFunctionsAreUsedByTests(t *testing.T) {
	used := map[string]bool{}
	for _, dir := range []string{".", "emulator", "scoring", "deploy", "ui", "cmd/azmlbatch", "examples/quickstart", "interop"} {
		for _, f := range parse(t, dir, true) {
			ast.Inspect(f, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok {
					used[id.Name] = true
				}
				return true
			})
		}
	}
	called := []string{"Error", "Unwrap", "String", "GoString", "Format", "LogValue", "MarshalJSON", "UnmarshalJSON", "Is", "NonRetriable"} // by fmt, errors, json and azcore
	for _, room := range publicRooms {
		for _, f := range parse(t, room, false) {
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && isPublic(fn) && !used[fn.Name.Name] && !slices.Contains(called, fn.Name.Name) {
					t.Errorf("package %s: no test and no example uses %s", room, fn.Name.Name)
				}
			}
		}
	}
}

// isPublic reports whether godoc shows a function or method.
func isPublic(fn *ast.FuncDecl) bool {
	if fn.Recv != nil {
		receiver := fn.Recv.List[0].Type
		if p, ok := receiver.(*ast.StarExpr); ok {
			receiver = p.X
		}
		if g, ok := receiver.(*ast.IndexExpr); ok {
			receiver = g.X
		}
		if id, ok := receiver.(*ast.Ident); ok && !id.IsExported() {
			return false
		}
	}
	return fn.Name.IsExported()
}
