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

// shells complete a line and print what it becomes, or what there is to choose from. Each loads the script as the help says.
var shells = map[string]string{
	"bash": `
_get_comp_words_by_ref() { words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; cur=${COMP_WORDS[COMP_CWORD]}; prev=${COMP_WORDS[COMP_CWORD-1]}; }
compopt() { :; }
. <(azmlbatch completion bash)
IFS=' ' read -ra COMP_WORDS <<<"$LINE"
[[ $LINE == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$LINE COMP_POINT=${#LINE} COMP_TYPE=9
__start_azmlbatch
printf '%s\n' "${COMPREPLY[@]}"`,
	// The keys are pressed in a terminal of zsh's own. The line that they make is not run, but printed.
	"zsh": `
zmodload zsh/zpty
zpty terminal "exec zsh -f -i"
zpty -w terminal 'autoload -Uz compinit && compinit -u -D; source <(azmlbatch completion zsh)'
zpty -w terminal 'accept-line() { print -r -- "MADE""<$BUFFER>"; zle .send-break }; zle -N accept-line; bindkey "^J" accept-line; bindkey "^M" accept-line'
zpty -w -n terminal "$LINE"$'\t\r'
zpty -r terminal out '*MADE<*>*'
zpty -d terminal
out=${out##*MADE<}
print -r -- ${out%%>*}`,
	"fish": `azmlbatch completion fish | source; complete -C "$LINE"`,
}

// TestCompletionInShells presses the tabulator key in each shell that is here, for a word of the command and for names that only
// the workspace knows.
func TestCompletionInShells(t *testing.T) {
	server, job := startDigits(t)
	for shell, script := range shells {
		if _, err := exec.LookPath(shell); err != nil {
			t.Logf("%s is not here", shell)
			continue
		}
		for line, want := range map[string]string{
			"azmlbatch job can":                  "cancel",
			"azmlbatch endpoint show dig":        "digits",
			"azmlbatch deployment show digits g": "green",
			"azmlbatch job show " + job[:12]:     job,
		} {
			cmd := exec.CommandContext(t.Context(), shell, "-c", script) //nolint:gosec // one of the shells above
			cmd.Env = append(append(asCommand(t), server.Env()...), "LINE="+line, "HOME="+t.TempDir(), "TERM=dumb")
			out, err := cmd.CombinedOutput()
			made, _, _ := strings.Cut(string(out), "\t") // a description follows
			if words := strings.Fields(made); err != nil || len(words) == 0 || words[len(words)-1] != want {
				t.Errorf("%s: %s completes to %q, %v, want %s", shell, line, out, err, want)
			}
		}
	}
}

// TestCompletionForPowerShell: what its script asks the command for, and how it reads the answer. PowerShell itself is not here.
func TestCompletionForPowerShell(t *testing.T) {
	p := newPottery(t, nil)
	p.addGreen(t)
	_, script, _ := runCommand("completion", "powershell")
	for _, part := range []string{"Register-ArgumentCompleter -CommandName 'azmlbatch'", `$RequestComp="$Program __complete $Arguments"`, "[int]$Directive = $Out[-1].TrimStart(':')"} {
		if !strings.Contains(script, part) {
			t.Errorf("the script has no %s", part)
		}
	}
	for line, want := range map[string]string{
		"deployment show vases ": "blue\ngreen\n:4\n", // :4 keeps the shell from names of files
		"endpoint sh":            "show\tShow an endpoint.\n:4\n",
	} {
		args := strings.Split(line, " ")
		if diff := cmp.Diff(want, p.ok(t, append([]string{"__complete"}, args...)...)); diff != "" {
			t.Errorf("azmlbatch __complete %s (-want +got):\n%s", line, diff)
		}
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
