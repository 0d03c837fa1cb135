package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// goName is a name that only programs know.
var goName = regexp.MustCompile(`\b[A-Z]\w*\(\)\.[A-Z]\w*|\b\w+Options\.[A-Z]\w*|\bInvocation\.[A-Z]\w*|\bWorkspace\.[A-Z]\w*|\bRowFormat\w+|\bRows\[|\bazmlbatch\.[A-Z]\w*`)

// unreached are texts of calls that no verb makes.
var unreached = []string{"Codes().Upload", "Data().", "Models().Upload", "Environments().Upload", "UploadCodeOptions.", "a newer ClientOptions.APIVersion", "ClientOptions.APIVersion: ", "that of Workspace.ID", "ClientOptions.Transport", "ClientOptions.Per", "ClientOptions.ReadOnly",
	"RowsOptions.Columns", "RowsOptions.Format", "RowsOptions.Header", "UploadOptions.", "DownloadOptions.Concurrency", "InvokeManyOptions.", "RowFormat…", "means nothing for RowFormatJSONLines", "the format RowFormatLines gives text", "use Rows[string], or another format", "as in client.Jobs()"}

// TestMessagesNameFlags: every text of the SDK's errors that names a field or a call of Go names a
// flag or a command here. A text that is new there needs a line in goNames.
func TestMessagesNameFlags(t *testing.T) {
	var files []string
	for _, folder := range []string{".", "deploy", filepath.Join("internal", "rows")} {
		found, err := filepath.Glob(filepath.Join("..", "..", folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	texts := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			literal, ok := n.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			if goName.MatchString(text) {
				texts++
				if got := withFlags(text); goName.MatchString(got) && !known(got) {
					t.Errorf("%s: the command would say %q", filepath.Base(file), got)
				}
			}
			return true
		})
	}
	if texts < 20 {
		t.Errorf("only %d texts of the SDK name Go; are they looked for in the right place?", texts)
	}
}

func known(text string) bool {
	for _, part := range unreached {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}
