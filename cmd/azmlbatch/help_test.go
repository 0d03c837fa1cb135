package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

// leaves are the verbs of a command.
func leaves(cmd *cobra.Command) []*cobra.Command {
	var found []*cobra.Command
	for _, verb := range cmd.Commands() {
		if verb.IsAvailableCommand() {
			found = append(found, leaves(verb)...)
		}
	}
	if !cmd.HasSubCommands() {
		found = append(found, cmd)
	}
	return found
}

// TestHelpEndsWithAnExample: of every verb, printed by its --help.
func TestHelpEndsWithAnExample(t *testing.T) {
	for _, verb := range leaves((&app{}).command()) {
		code, out, _ := azmlbatch(append(strings.Fields(verb.CommandPath())[1:], "--help")...)
		_, example, found := strings.Cut(out, "\nExample:\n")
		if code != 0 || !found || !strings.Contains(example, verb.CommandPath()+" ") || strings.Contains(example, "\n\n") {
			t.Errorf("%s --help: exit code %d\n%s", verb.CommandPath(), code, out)
		}
	}
}

// TestHelpExamplesRun runs the example of every verb as printed, in a folder that has what the
// examples name.
func TestHelpExamplesRun(t *testing.T) {
	digits := filepath.Join("..", "..", "examples", "quickstart", "digits")
	env := asCommand(t)
	for _, verb := range leaves((&app{}).command()) {
		t.Run(verb.CommandPath(), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(digits)); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), "sh", "-ec", verb.Example+"\nwait\n")
			cmd.Dir, cmd.Env = dir, env
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s\n%s", err, verb.Example, out)
			} else if strings.Contains(verb.Example, "discovery") && !strings.Contains(string(out), `"history"`) {
				t.Errorf("the discovery document is not in the output:\n%s", out)
			}
		})
	}
}

var update = flag.Bool("update", false, "write docs/command.md")

// TestCommandPage: docs/command.md is what the help texts say. Write it anew with
//
//	go test ./cmd/azmlbatch -run TestCommandPage -update
func TestCommandPage(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "command.md")
	want := commandPage((&app{}).command())
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil { //nolint:gosec // a page for everybody
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), want); diff != "" {
		t.Errorf("docs/command.md is stale: go test ./cmd/azmlbatch -run TestCommandPage -update\n(-page +help):\n%s", diff)
	}
}

// commandPage is the page about the command, made from its help texts.
func commandPage(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString("# The command azmlbatch\n\nThis page is what `--help` prints, written by `go test ./cmd/azmlbatch -run TestCommandPage -update`.\n")
	var page func(*cobra.Command)
	page = func(cmd *cobra.Command) {
		fmt.Fprintf(&b, "\n## %s\n\n```\n%s```\n", cmd.CommandPath(), helpText(cmd, docsWidth))
		for _, verb := range cmd.Commands() {
			if verb.IsAvailableCommand() {
				page(verb)
			}
		}
	}
	page(root)
	return b.String()
}
