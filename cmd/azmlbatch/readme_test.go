package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// readmeBlocks are the blocks of commands in README.md.
func readmeBlocks(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, block := range regexp.MustCompile("(?sm)^```(\\w*)\n(.*?)^```$").FindAllStringSubmatch(string(b), -1) {
		if strings.HasPrefix(block[2], "azmlbatch ") {
			blocks = append(blocks, block[2])
		}
	}
	if len(blocks) < 2 {
		t.Fatalf("README.md has %d blocks of commands", len(blocks))
	}
	return blocks
}

// TestREADMEShowsCommands: each has a verb and flags that exist.
func TestREADMEShowsCommands(t *testing.T) {
	for _, block := range readmeBlocks(t) {
		for line := range strings.Lines(block) {
			line, _, _ = strings.Cut(line, "#")
			line, _, _ = strings.Cut(line, ">")
			verb, args, err := (&app{}).command().Find(strings.Fields(line)[1:])
			if err == nil && verb.HasSubCommands() {
				t.Errorf("%q is no whole command", line)
			}
			if err == nil {
				err = verb.ParseFlags(args)
			}
			if err == nil {
				err = verb.ValidateArgs(verb.Flags().Args())
			}
			if err != nil {
				t.Errorf("%q: %v", line, err)
			}
		}
	}
}

// TestREADMEDeploysAFolder runs the commands from a folder of YAML to predictions as they are printed, against the emulator.
func TestREADMEDeploysAFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "examples"), os.DirFS(filepath.Join("..", "..", "examples"))); err != nil {
		t.Fatal(err)
	}
	var commands string
	for _, block := range readmeBlocks(t) {
		if strings.Contains(block, "-f examples/yaml") {
			commands = block
		}
	}
	plan, rest, _ := strings.Cut(commands, "\n")
	cmd := exec.CommandContext(t.Context(), "azmlbatch", "emulator", "exec", "--", "sh", "-exc", "("+plan+"\n) || test $? = 2\n"+rest)
	cmd.Env, cmd.Dir = asCommand(t), dir
	for _, v := range cmd.Env {
		if bin, ok := strings.CutPrefix(v, "PATH="); ok {
			cmd.Path, cmd.Err = filepath.Join(filepath.SplitList(bin)[0], "azmlbatch"), nil
		}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, commands, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "predictions.csv"))
	if rows := strings.Count(string(b), "\n"); err != nil || rows != 300 {
		t.Errorf("%d predictions, %v; want one for each of the 300 images", rows, err)
	}
}
