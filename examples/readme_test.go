// Package examples_test holds README.md to the programs and examples that it shows.
package examples_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestREADMEShowsPrograms keeps the programs that a reader sees ones that compile and, on the emulator, run.
func TestREADMEShowsPrograms(t *testing.T) {
	readme := read(t, "../README.md")
	_, body, _ := strings.Cut(read(t, "firstjob/main.go"), "func main() {")
	body, _, _ = strings.Cut(body, "\n}\n")
	if !strings.Contains(readme, "func main() {"+body+"\n}\n") {
		t.Error("README.md does not show the main function of examples/firstjob as it is")
	}
	_, whole, _ := strings.Cut(read(t, "azurejob/main.go"), "package main")
	if !strings.Contains(readme, "```go\npackage main"+whole+"```\n") {
		t.Error("README.md does not show examples/azurejob as it is")
	}
}

// TestREADMENamesExamples keeps every example and link of the table of tasks one that exists.
func TestREADMENamesExamples(t *testing.T) {
	readme, tests := read(t, "../README.md"), ""
	for _, pattern := range []string{"../*_test.go", "../deploy/*_test.go", "../emulator/*_test.go", "../scoring/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			tests += read(t, file)
		}
	}
	examples := regexp.MustCompile(`Example[A-Za-z_]+`).FindAllString(readme, -1)
	if len(examples) == 0 {
		t.Error("README.md names no example")
	}
	for _, example := range examples {
		if !strings.Contains(tests, "func "+example+"() {") {
			t.Errorf("README.md names %s, which does not exist", example)
		}
	}
	prose := regexp.MustCompile("(?s)```.*?```").ReplaceAllString(readme, "")
	for _, link := range regexp.MustCompile(`\]\(([^)#]+)\)`).FindAllStringSubmatch(prose, -1) {
		if strings.Contains(link[1], "://") {
			continue
		}
		if _, err := os.Stat(filepath.Join("..", link[1])); err != nil {
			t.Errorf("README.md links to %s: %v", link[1], err)
		}
	}
}
