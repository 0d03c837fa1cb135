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
	packages, err := parser.ParseDir(token.NewFileSet(), dir, notTests, parser.SkipObjectResolution|parser.ParseComments) //nolint:staticcheck // one package, no build tags that matter
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
	for _, dir := range publicRooms {
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
	var decls []ast.Decl
	for _, room := range publicRooms {
		decls = append(decls, publicDeclarations(t, room)...)
	}
	for _, d := range decls {
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

// TestSharedCallsOfAssetsAreSeen: go doc shows no promoted methods, so the comment of each client links them.
func TestSharedCallsOfAssetsAreSeen(t *testing.T) {
	var shared []string
	comments := map[string]string{}
	for _, d := range publicDeclarations(t, ".") {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if r := receiver(d); r == "AssetsClient" && d.Name.IsExported() {
				shared = append(shared, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if s, ok := s.(*ast.TypeSpec); ok {
					comments[s.Name.Name] = d.Doc.Text()
				}
			}
		}
	}
	for _, client := range []string{"CodesClient", "ModelsClient", "EnvironmentsClient", "DataClient", "ComponentsClient"} {
		for _, method := range shared {
			seen := strings.Contains(comments[client], "[AssetsClient."+method+"]")
			if hasFiles := client != "ComponentsClient" || method != "Download"; seen != hasFiles {
				t.Errorf("the comment of %s links %s: %v", client, method, seen)
			}
		}
	}
	if len(shared) < 12 {
		t.Errorf("only %d shared calls found: %q", len(shared), shared)
	}
}

// receiver is the type of a method's receiver, "" for a function.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	typ := f.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if generic, ok := typ.(*ast.IndexExpr); ok {
		typ = generic.X
	}
	name, _ := typ.(*ast.Ident)
	return name.Name
}
