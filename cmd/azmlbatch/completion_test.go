package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCompletionScripts: each is a script of its shell, as far as that shell is here.
func TestCompletionScripts(t *testing.T) {
	for shell, check := range map[string][]string{"bash": {"bash", "-n"}, "zsh": {"zsh", "-n"}, "fish": {"fish", "--no-execute"}, "powershell": nil} {
		code, out, stderr := runCommand("completion", shell)
		if code != 0 || !strings.Contains(out, "__complete") {
			t.Errorf("%s: exit code %d\n%s", shell, code, stderr)
		}
		if check == nil {
			continue
		}
		if _, err := exec.LookPath(check[0]); err != nil {
			t.Logf("%s is not here", check[0])
			continue
		}
		cmd := exec.CommandContext(t.Context(), check[0], check[1:]...) //nolint:gosec // one of the shells above
		cmd.Stdin = strings.NewReader(out)
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", shell, err, said)
		}
	}
}

// TestCompletionInBash presses the tabulator key.
func TestCompletionInBash(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not here")
	}
	const script = `
_get_comp_words_by_ref() { words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; cur=${COMP_WORDS[COMP_CWORD]}; prev=${COMP_WORDS[COMP_CWORD-1]}; }
compopt() { :; }
. <(azmlbatch completion bash)
COMP_WORDS=(azmlbatch job can) COMP_CWORD=2 COMP_LINE="azmlbatch job can" COMP_POINT=17 COMP_TYPE=9
__start_azmlbatch
echo "${COMPREPLY[@]}"`
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Env = asCommand(t)
	out, err := cmd.CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "cancel" {
		t.Errorf("completes %q, %v", out, err)
	}
}

// TestCompletionOfNames: names come from the workspace.
func TestCompletionOfNames(t *testing.T) {
	p := newPottery(t, nil)
	p.addGreen(t)
	job := p.invoke(t)
	other := p.invoke(t)
	complete := func(args ...string) string {
		t.Helper()
		lines := strings.Split(p.ok(t, append([]string{"__completeNoDesc"}, args...)...), "\n")
		return strings.Join(lines[:max(0, len(lines)-2)], " ")
	}
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"an endpoint":               {[]string{"endpoint", "show", ""}, "vases"},
		"an endpoint by its start":  {[]string{"invoke", "va"}, "vases"},
		"no second endpoint":        {[]string{"endpoint", "show", "vases", ""}, ""},
		"a deployment":              {[]string{"deployment", "show", "vases", ""}, "blue green"},
		"a flag's deployment":       {[]string{"invoke", "vases", "--deployment", ""}, "blue green"},
		"deployments of no one":     {[]string{"invoke", "--deployment", ""}, ""},
		"a job":                     {[]string{"job", "show", ""}, other + " " + job},
		"a second job":              {[]string{"job", "wait", job, ""}, other + " " + job},
		"an endpoint for job list":  {[]string{"job", "list", "--endpoint", ""}, "vases"},
		"a word of a few":           {[]string{"job", "rows", job, "--format", ""}, "csv jsonl"},
		"of a workspace that fails": {[]string{"endpoint", "show", "-w", "none", ""}, ""},
		"a cloud":                   {[]string{"endpoint", "list", "--cloud", ""}, "AzureCloud AzureChinaCloud AzureUSGovernment"},
	} {
		got := complete(test.args...)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: azmlbatch %s (-want +got):\n%s", name, strings.Join(test.args, " "), diff)
		}
	}
	t.Setenv("AZUREML_ARM_WORKSPACE_NAME", "")
	t.Chdir(filepath.Join(t.TempDir()))
	if got := complete("endpoint", "show", ""); got != "" {
		t.Errorf("without a workspace: %q", got)
	}
}
