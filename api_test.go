package azmlbatch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"strings"
	"testing"
)

// publicDeclarations are the declarations of a package's files but its tests'.
func publicDeclarations(t *testing.T, dir string) (decls []ast.Decl) {
	t.Helper()
	notTests := func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }
	packages, err := parser.ParseDir(token.NewFileSet(), dir, notTests, parser.SkipObjectResolution) //nolint:staticcheck // one package, no build tags that matter
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packages {
		for _, f := range p.Files {
			decls = append(decls, f.Decls...)
		}
	}
	return decls
}

// TestResultsInPublicSignaturesHaveNoNames, so that go doc shows (Job, error) and not (_ Job, err error).
func TestResultsInPublicSignaturesHaveNoNames(t *testing.T) {
	for _, dir := range []string{".", "emulator", "scoring"} {
		for _, d := range publicDeclarations(t, dir) {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !f.Name.IsExported() || f.Type.Results == nil {
				continue
			}
			for _, r := range f.Type.Results.List {
				if len(r.Names) > 0 {
					t.Errorf("%s: %s names its result %s", dir, f.Name.Name, r.Names[0].Name)
				}
			}
		}
	}
}

// TestConstantsAreNamedAfterTheirType: the type's whole name, then the value, as in JobStatusCompleted.
func TestConstantsAreNamedAfterTheirType(t *testing.T) {
	for _, d := range publicDeclarations(t, ".") {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		last := ""
		for _, s := range g.Specs {
			v, _ := s.(*ast.ValueSpec)
			if typ, ok := v.Type.(*ast.Ident); ok {
				last = typ.Name
			} else if len(v.Values) > 0 {
				last = ""
			}
			for _, name := range v.Names {
				if ast.IsExported(last) && name.IsExported() && !strings.HasPrefix(name.Name, last) {
					t.Errorf("the constant %s of type %s", name.Name, last)
				}
			}
		}
	}
}
