package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	sdk "github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
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

// groups are the commands that have verbs, with the command itself.
func groups(cmd *cobra.Command) []*cobra.Command {
	if !cmd.HasSubCommands() {
		return nil
	}
	found := []*cobra.Command{cmd}
	for _, verb := range cmd.Commands() {
		found = append(found, groups(verb)...)
	}
	return found
}

// TestHelpEndsWithAnExample: of every command, printed by its --help. That of a group is the example of one of its verbs, which
// TestHelpExamplesRun runs.
func TestHelpEndsWithAnExample(t *testing.T) {
	root, run := (&app{}).command(), map[string]bool{}
	for _, verb := range leaves(root) {
		run[verb.Example] = true
	}
	for _, verb := range append(leaves(root), groups(root)...) {
		if !run[verb.Example] {
			t.Errorf("nobody runs the example of %s: %s", verb.CommandPath(), verb.Example)
		}
		code, out, _ := runCommand(append(strings.Fields(verb.CommandPath())[1:], "--help")...)
		_, example, found := strings.Cut(out, "\nExample:\n")
		if code != 0 || !found || !strings.Contains(example+" ", verb.CommandPath()) || strings.Contains(example, "\n\n") {
			t.Errorf("%s --help: exit code %d\n%s", verb.CommandPath(), code, out)
		}
	}
}

// TestHelpExamplesRun runs the example of every verb as printed, in a folder that has what the
// examples name, and signed in to a workspace that has it.
func TestHelpExamplesRun(t *testing.T) {
	server, job := startDigits(t)
	env := append(append(asCommand(t), server.Env()...), "JOB="+job)
	run := func(t *testing.T, verb *cobra.Command) {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "examples", "quickstart", "digits"))); err != nil {
			t.Fatal(err)
		}
		for name, text := range deployFiles {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-ec", verb.Example+"\nwait\n")
		cmd.Dir, cmd.Env = dir, env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s\n%s", err, verb.Example, out)
		} else if strings.Contains(verb.Example, "discovery") && !strings.Contains(string(out), `"history"`) {
			t.Errorf("the discovery document is not in the output:\n%s", out)
		}
	}
	var last []*cobra.Command // what changes the lists that others read
	t.Run("reading", func(t *testing.T) {
		for _, verb := range leaves((&app{}).command()) {
			switch verb.Name() {
			case "cancel":
				last = append([]*cobra.Command{verb}, last...)
				continue
			case "delete":
				last = append(last, verb)
				continue
			}
			t.Run(verb.CommandPath(), func(t *testing.T) {
				t.Parallel()
				run(t, verb)
			})
		}
	})
	for _, verb := range last {
		t.Run(verb.CommandPath(), func(t *testing.T) { run(t, verb) })
	}
}

// deployFiles deploy the quickstart to an endpoint that no other example uses.
var deployFiles = map[string]string{
	"endpoint.yml": "name: numbers\nauth_mode: aad_token\n",
	"deployment.yml": `name: blue
endpoint_name: numbers
model:
  path: ./model
code_configuration:
  code: ./code
  scoring_script: score.py
environment:
  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04
  conda_file: ./conda.yaml
compute: azureml:deploy-cluster
settings:
  mini_batch_size: 100
`,
}

// startDigits starts an emulator with the endpoint "digits", its deployments "blue" and "green" and
// a job that completed, in place of the scoring script of the quickstart.
func startDigits(t *testing.T) (server *emulator.Server, job string) {
	t.Helper()
	server, err := emulator.Start(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	recognise := func(_ context.Context, files []string) ([]string, error) {
		var rows []string
		for _, file := range files {
			rows = append(rows, filepath.Base(file)+" 7 0.99")
		}
		return rows, nil
	}
	if _, err = server.Emulator().Deploy(t.Context(), emulator.Func(recognise), &emulator.DeployOptions{Endpoint: "digits"}); err != nil {
		t.Fatal(err)
	}
	client, err := server.Emulator().Client(nil)
	if err != nil {
		t.Fatal(err)
	}
	blue, err := client.Deployments("digits").Get(t.Context(), "blue")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Deployments("digits").CreateOrUpdate(t.Context(), "green", blue, nil); err != nil {
		t.Fatal(err)
	}
	images := sdk.LocalPath{Path: filepath.Join("..", "..", "examples", "quickstart", "digits", "images")}
	started, err := client.Endpoints().Invoke(t.Context(), "digits", sdk.Invocation{Input: images})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Jobs().Wait(t.Context(), started.Name, nil); err != nil {
		t.Fatal(err)
	}
	return server, started.Name
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
