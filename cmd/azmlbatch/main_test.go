package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	sdk "github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
	"github.com/azmlbatch/azmlbatch/emulator"
)

func TestMain(m *testing.M) {
	if os.Getenv("AZMLBATCH_TEST_MAIN") != "" {
		completionTime = time.Minute
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) // the command itself, in a process of its own
	}
	goleak.VerifyTestMain(m)
}

// runCommand runs the command in this process.
func runCommand(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(args, &out, &err)
	return code, out.String(), err.String()
}

func TestExecReturnsTheCommandsExitCode(t *testing.T) {
	for want, script := range map[int]string{0: "exit 0", 7: "exit 7"} {
		if code, _, stderr := runCommand("emulator", "exec", "--", "sh", "-c", script); code != want {
			t.Errorf("sh -c %q: exit code %d, want %d\n%s", script, code, want, stderr)
		}
	}
}

func TestExecGivesTheCommandItsEnvironment(t *testing.T) {
	code, out, stderr := runCommand("emulator", "exec", "--", "sh", "-c", `echo "$HTTPS_PROXY"; test -s "$SSL_CERT_FILE" && test -n "$AZURE_CLIENT_SECRET" && echo "$AZUREML_ARM_WORKSPACE_NAME"`)
	if code != 0 || !strings.HasPrefix(out, "http://127.0.0.1:") || !strings.HasSuffix(out, "laptop\n") {
		t.Errorf("exit code %d\n%s%s", code, out, stderr)
	}
}

// TestVerbsUnderExec: the verbs find the emulator of exec as any Azure client does.
func TestVerbsUnderExec(t *testing.T) {
	const script = `azmlbatch endpoint list --json && azmlbatch doctor; echo "exit code $?"`
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "exec azmlbatch emulator exec -- sh -c '"+script+"'")
	cmd.Env = asCommand(t)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"[]\n", "ok       write storage: ", "missing  clusters: there is none; az ml compute create ", "azmlbatch: 1 thing is missing\n", "exit code 1\n"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// A failed job is told as one, whatever error its logs or its deployment brought with it.
func TestExitCodeOfAFailedJob(t *testing.T) {
	verb := (&app{}).command()
	for name, cause := range map[string]error{
		"a mistake in an argument": &sdk.ArgumentError{Operation: "read log", Argument: "name", Problem: "is empty"},
		"a mistake in a file":      &deploy.SpecError{},
		"an interrupt":             context.Canceled,
	} {
		a := &app{console: console{&bytes.Buffer{}, io.Discard, io.Discard}}
		if got := a.exitCode(verb, &exitError{jobFailed, cause}); got != jobFailed {
			t.Errorf("%s: exit code %d, want %d", name, got, jobFailed)
		}
	}
}

func TestWrongUsage(t *testing.T) {
	tests := []struct {
		name string
		args []string
		code int
		text string
	}{
		{"no command", nil, 2, "which command? expected one of apply, completion, "},
		{"no verb", []string{"emulator"}, 2, "which command? expected one of exec, start; see azmlbatch emulator --help"},
		{"an unknown verb", []string{"emulator", "stop"}, 2, `unknown command "stop"; `},
		{"a verb that is spelt otherwise", []string{"emulator", "starts"}, 2, "did you mean start?"},
		{"an argument too many", []string{"score", "images"}, 2, `unexpected argument "images"`},
		{"a shell that is not known", []string{"completion", "tcsh"}, 2, `the shell must be one of bash, zsh, fish, powershell, not "tcsh"`},
		{"an unknown flag", []string{"emulator", "start", "--no-such"}, 2, "unknown flag"},
		{"a misspelt flag", []string{"job", "list", "--endpiont", "x"}, 2, "unknown flag: --endpiont; did you mean --endpoint?"},
		{"environments of an unknown kind", []string{"emulator", "exec", "--environments", "docker", "--", "true"}, 2, "must be one of"},
		{"exec of nothing", []string{"emulator", "exec"}, 2, "there is no command; put one after --"},
		{"exec of nothing after --", []string{"emulator", "exec", "--"}, 2, "there is no command; put one after --"},
		{"a bad fault", []string{"emulator", "exec", "--fault", "nonsense", "--", "true"}, 2, `--fault: fault "nonsense": write HOST METHOD PATH ACTION`},
		{"a bad seed", []string{"emulator", "exec", "--seed", "nonsense", "--", "true"}, 2, `--seed: seed "nonsense" has no "="`},
		{"a seed without its folder", []string{"emulator", "start", "--seed", "kilns/data=no-such-folder"}, 2, "--seed: seed kilns/data: "},
		{"a bad registry", []string{"emulator", "start", "--registry", "a b"}, 2, "--registry: "},
		{"a bad action", []string{"emulator", "start", "--deny", "x"}, 2, "--deny: "},
		{"an unknown fault", []string{"emulator", "start", "--fault", "a b c d"}, 2, `unknown action "d"`},
		{"a command that is not there", []string{"emulator", "exec", "--", "no-such-command-here"}, 2, `the command "no-such-command-here" cannot be run: `},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, out, stderr := runCommand(tt.args...)
			if code != tt.code || !strings.Contains(stderr, tt.text) || out != "" || strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit code %d, want %d and %q:\n%s%s", code, tt.code, tt.text, out, stderr)
			}
		})
	}
}

// TestMistakesShowNoSecrets: what is pasted into the wrong place may be a signed URL or a connection
// string, and the output of commands is kept in logs.
func TestMistakesShowNoSecrets(t *testing.T) {
	const hidden = "T0PSECRET"
	_, score := scoreFiles(t, echoNames)
	for _, secret := range []string{"https://acc.blob.core.windows.net/c/x?sv=1&sig=" + hidden, "AccountName=acc;AccountKey=" + hidden + ";EndpointSuffix=core.windows.net"} {
		for _, args := range [][]string{
			{secret}, {"job", secret}, {"completion", secret}, {"emulator", "exec", "--", secret}, {"plan", "-f", secret},
			{"emulator", "exec", "--fault", secret, "--", "true"}, {"emulator", "exec", "--seed", secret, "--", "true"},
			{"emulator", "exec", "--pace", secret, "--", "true"}, {"emulator", "exec", "--listen", secret, "--", "true"},
			slices.Concat(score, []string{"--input", secret}), slices.Concat(score, []string{"--model", secret}), slices.Concat(score, []string{"--script", secret}),
			slices.Concat(score, []string{"--mini-batch-size", secret}), slices.Concat(score, []string{"--output-action", secret}), slices.Concat(score, []string{"--python", secret}),
		} {
			code, out, stderr := runCommand(args...)
			if code == 0 || strings.Contains(out+stderr, hidden) {
				t.Errorf("azmlbatch %q: exit code %d\n%s%s", args, code, out, stderr)
			}
		}
	}
}

// TestFaultExampleOfTheHelp: what the help shows is taken.
func TestFaultExampleOfTheHelp(t *testing.T) {
	_, out, _ := runCommand("emulator", "exec", "--help")
	_, rest, _ := strings.Cut(strings.Join(strings.Fields(out), " "), "for example '")
	example, _, found := strings.Cut(rest, "'")
	if _, err := emulator.ParseFault(example); err != nil || !found {
		t.Errorf("the help's example %q of --fault: %v", example, err)
	}
}

// TestScriptEnvOfTheEmulator runs a job on an emulator whose process has a secret.
func TestScriptEnvOfTheEmulator(t *testing.T) {
	t.Setenv("GLAZE_RED", "a=b")
	t.Setenv("GLAZE_SECRET", "secret")
	options, err := emulatorFlags{scriptEnv: []string{"GLAZE_RED"}}.options(console{err: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	azure, err := emulator.New(options)
	if err != nil {
		t.Fatal(err)
	}
	defer azure.Close()
	code := filepath.Join(t.TempDir(), "code")
	const script = "import os\ndef run(mini_batch):\n    return [[n, v] for n, v in sorted(os.environ.items()) if n[:5] == 'GLAZE']\n"
	for path, text := range map[string]string{filepath.Join(code, "score.py"): script, filepath.Join(filepath.Dir(code), "in", "a.txt"): ""} {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	endpoint, err := azure.Deploy(t.Context(), emulator.Script{Dir: code}, nil)
	if err != nil {
		t.Fatal(err)
	}
	client, err := azure.Client(nil)
	if err != nil {
		t.Fatal(err)
	}
	job, err := client.Endpoints().Invoke(t.Context(), endpoint, sdk.Invocation{Input: sdk.LocalPath{Path: filepath.Join(filepath.Dir(code), "in")}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Jobs().Wait(t.Context(), job.Name, nil); err != nil {
		t.Fatal(err)
	}
	var rows []string
	for row, err := range sdk.Rows[string](t.Context(), client, job.Name, &sdk.RowsOptions{Format: sdk.RowFormatLines}) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	if diff := cmp.Diff([]string{"['GLAZE_RED', 'a=b']"}, rows); diff != "" {
		t.Errorf("variables that the script sees (-want +got):\n%s", diff)
	}
}
