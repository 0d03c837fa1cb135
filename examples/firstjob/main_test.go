package main

import (
	"os"
	"strings"
	"testing"
)

// TestREADMEShowsThisProgram keeps the first program that a reader sees one that runs.
func TestREADMEShowsThisProgram(t *testing.T) {
	program, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(program), "func main() {")
	body, _, _ = strings.Cut(body, "\n}\n")
	if !strings.Contains(string(readme), "func main() {"+body+"\n}\n") {
		t.Error("README.md does not show the main function of examples/firstjob as it is")
	}
}
