package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	sdk "github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// asCommand makes "azmlbatch" a command of shells: this test binary. It returns the environment.
func asCommand(t *testing.T) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	script := "#!/bin/sh\nAZMLBATCH_TEST_MAIN=1 exec " + shellQuote(self) + ` "$@"` + "\n"
	if err := os.WriteFile(filepath.Join(bin, "azmlbatch"), []byte(script), 0o700); err != nil { //nolint:gosec // it has to be executable
		t.Fatal(err)
	}
	return append(os.Environ(), "PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
}

// started is "azmlbatch emulator start" in a process of its own, with what it has printed up to its
// last line.
type started struct {
	*exec.Cmd
	output string
}

// startEmulator starts it with the temporary folder of this process.
func startEmulator(t *testing.T, flags ...string) *started {
	t.Helper()
	s := &started{Cmd: exec.CommandContext(t.Context(), "azmlbatch", append([]string{"emulator", "start"}, flags...)...)}
	s.Env = asCommand(t)
	for _, v := range s.Env {
		if bin, ok := strings.CutPrefix(v, "PATH="); ok {
			s.Path = filepath.Join(filepath.SplitList(bin)[0], "azmlbatch")
		}
	}
	s.Err = nil // of the look-up in this process's own PATH
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for !strings.Contains(s.output, "sign a shell in with") {
		line, err := lines.ReadString('\n')
		s.output += line
		if err != nil {
			t.Fatalf("it ended early: %v\n%s", err, s.output)
		}
	}
	return s
}

func (s *started) interrupt(t *testing.T) {
	t.Helper()
	if err := s.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(); err != nil {
		t.Errorf("after an interrupt: %v", err)
	}
}

// signIn is the command that the emulator prints for a shell, and the file that it reads.
func (s *started) signIn(t *testing.T) (command, file string) {
	t.Helper()
	m := regexp.MustCompile(`(?m)^sign a shell in with: (\. '(.*)')$`).FindStringSubmatch(s.output)
	if m == nil {
		t.Fatalf("it does not say how to sign in:\n%s", s.output)
	}
	return m[1], strings.ReplaceAll(m[2], `'\''`, "'")
}

// TestStartSaysHowToSignIn does what is printed, in a shell of its own.
func TestStartSaysHowToSignIn(t *testing.T) {
	chosen := filepath.Join(t.TempDir(), "Kate's env", "azure.env")
	if err := os.Mkdir(filepath.Dir(chosen), 0o750); err != nil {
		t.Fatal(err)
	}
	for name, flags := range map[string][]string{"no file named": nil, "a file named": {"--env-file", chosen}} {
		t.Run(name, func(t *testing.T) {
			s := startEmulator(t, flags...)
			command, file := s.signIn(t)
			if flags != nil && file != chosen {
				t.Errorf("the file is %s, want %s", file, chosen)
			}
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the env file: %v, %v", info, err)
			}
			out, err := exec.CommandContext(t.Context(), "sh", "-ec", command+`
curl -sS --fail-with-body "https://login.microsoftonline.com/$AZURE_TENANT_ID/oauth2/v2.0/token" -d grant_type=client_credentials \
	-d "client_id=$AZURE_CLIENT_ID" -d "client_secret=$AZURE_CLIENT_SECRET" -d scope=https://management.azure.com/.default`).CombinedOutput()
			if err != nil || !strings.Contains(string(out), "access_token") {
				t.Errorf("signing in: %v\n%s", err, out)
			}
			s.interrupt(t)
			if _, err := os.Stat(file); err == nil {
				t.Errorf("%s is there after the end of the emulator", file)
			}
		})
	}
}

// TestStartLeavesAForeignEnvFile: what has been put in the file's place meanwhile is not the
// emulator's to remove.
func TestStartLeavesAForeignEnvFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "azure.env")
	s := startEmulator(t, "--env-file", file)
	if err := os.WriteFile(file, []byte("export MINE=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.interrupt(t)
	if got, err := os.ReadFile(file); err != nil || string(got) != "export MINE=1\n" {
		t.Errorf("the file holds %q, %v", got, err)
	}
}

// TestKilledEmulatorLeavesNothingForLong: its folder, with the CA files and the env file, goes when
// the next one starts.
func TestKilledEmulatorLeavesNothingForLong(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	folders := func() []string {
		t.Helper()
		found, err := filepath.Glob(filepath.Join(temp, "azmlbatch-emulator-*"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	killed, lives := startEmulator(t), startEmulator(t)
	_, file := lives.signIn(t)
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = killed.Wait() // it was killed
	if n := len(folders()); n != 2 {
		t.Errorf("%d folders after a kill, want 2", n)
	}
	next := startEmulator(t)
	if n := len(folders()); n != 2 {
		t.Errorf("%d folders after the next start, want those of the two that run", n)
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("the env file of an emulator that runs: %v", err)
	}
	next.interrupt(t)
	lives.interrupt(t)
	if left := folders(); left != nil {
		t.Errorf("left behind: %s", left)
	}
}

// TestFailedJobIsReported: the reason of a failed job is one line of the emulator's own output,
// with or without --verbose.
func TestFailedJobIsReported(t *testing.T) {
	for _, verbose := range []bool{false, true} {
		var stderr lockedBuffer
		options, err := emulatorFlags{verbose: verbose}.options(console{err: &stderr})
		if err != nil {
			t.Fatal(err)
		}
		client, endpoint, data := deployFailing(t, options)
		job, err := client.Endpoints().Invoke(t.Context(), endpoint, sdk.Invocation{Inputs: sdk.Inputs{"in": sdk.LocalPath{Path: data}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Jobs().Wait(t.Context(), job.Name, nil); err == nil {
			t.Fatal("the job has not failed")
		}
		var told []string
		for line := range strings.Lines(stderr.String()) {
			if strings.Contains(line, "job failed") {
				told = append(told, line)
			} else if !verbose {
				t.Errorf("unexpected line %q", line)
			}
		}
		if len(told) != 1 || !strings.Contains(told[0], job.Name) || !strings.Contains(told[0], "ValueError: the glaze ran") || !strings.Contains(told[0], "vases") {
			t.Errorf("verbose %v: lines about failed jobs %q, want one with job, endpoint and exception", verbose, told)
		}
	}
}

// lockedBuffer is written to by the emulator's goroutines.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// deployFailing makes an endpoint whose jobs fail, and returns a client, its name and data for it.
func deployFailing(t *testing.T, options *emulator.Options) (client *sdk.Client, endpoint, data string) {
	t.Helper()
	azure := emulator.NewTest(t, options)
	dir := t.TempDir()
	for name, text := range map[string]string{"score.py": "def run(mini_batch):\n    raise ValueError('the glaze ran')\n", "in.txt": "clay"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	endpoint, err := azure.Deploy(t.Context(), emulator.Script{Dir: dir}, &emulator.DeployOptions{Endpoint: "vases", Deployment: sdk.Deployment{ErrorThreshold: new(0)}})
	if err != nil {
		t.Fatal(err)
	}
	if client, err = azure.Client(nil); err != nil {
		t.Fatal(err)
	}
	return client, endpoint, filepath.Join(dir, "in.txt")
}

// TestFlags: what the flags of both verbs become, and what is refused.
func TestFlags(t *testing.T) {
	dir := t.TempDir()
	var stderr bytes.Buffer
	got, err := emulatorFlags{listen: "127.0.0.1:0", data: "state", python: "python3", page: "127.0.0.1:0", keep: age(time.Hour), environments: choice{value: "venv"}, pace: choice{value: "real"},
		scriptEnv: []string{"GLAZE"}, seeds: []string{"kilns/data=" + dir, "kilns/more/deep=" + dir},
		faults: []string{"blob * * hang times=1", "scoring POST /jobs refuse"}}.options(console{err: &stderr})
	if err != nil {
		t.Fatal(err)
	}
	got.Logger = nil
	want := &emulator.Options{Listen: "127.0.0.1:0", DataDir: "state", Python: "python3", Keep: time.Hour, Environments: emulator.EnvironmentsVenv, Pace: emulator.PaceReal,
		ScriptEnv: []string{"GLAZE"},
		Seeds:     []emulator.Seed{{Account: "kilns", Container: "data", Dir: dir}, {Account: "kilns", Container: "more", Prefix: "deep", Dir: dir}},
		Faults: []emulator.Fault{{Host: "blob", Method: "*", Path: "*", Action: emulator.ActionHang, Times: 1},
			{Host: "scoring", Method: "POST", Path: "/jobs", Action: emulator.ActionRefuse}}}
	if diff := cmp.Diff(want, got); diff != "" || stderr.Len() > 0 {
		t.Errorf("options (-want +got):\n%s%s", diff, &stderr)
	}
	for listen, warns := range map[string]bool{
		"127.0.0.1:0": false, "[::1]:0": false, "localhost:0": false, "0.0.0.0:0": true, ":0": true, "kiln.example:0": true,
	} {
		stderr.Reset()
		if _, err := (emulatorFlags{listen: listen}).options(console{err: &stderr}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(stderr.String(), "warning: other machines can reach "+listen); got != warns {
			t.Errorf("--listen %s: warning %v, want %v: %s", listen, got, warns, &stderr)
		}
	}
}

// TestFailedStarts: one line that says what is wrong, and wrong usage before anything is started.
func TestFailedStarts(t *testing.T) {
	dir := t.TempDir()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for name, test := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no port":               {[]string{"start", "--listen", "kiln"}, usageError, `--listen must be HOST:PORT, for example 127.0.0.1:8080, not "kiln"`},
		"a port beyond all":     {[]string{"start", "--listen", "127.0.0.1:65536"}, usageError, "--listen must be HOST:PORT"},
		"a page without a port": {[]string{"start", "--ui", "kiln"}, usageError, "--ui must be HOST:PORT"},
		"a taken port":          {[]string{"start", "--listen", taken.Addr().String()}, 1, "emulator: listen: listen tcp " + taken.Addr().String()},
		"a page's taken port":   {[]string{"start", "--ui", taken.Addr().String()}, 1, "page: listen tcp " + taken.Addr().String()},
		"an env file":           {[]string{"start", "--env-file", filepath.Join(dir, "none", "azure.env")}, usageError, "--env-file: there is no folder " + strconv.Quote(filepath.Join(dir, "none"))},
		"an env folder":         {[]string{"start", "--env-file", dir}, usageError, "--env-file must name a file; "},
		"a negative age":        {[]string{"start", "--keep", "-1h"}, usageError, `--keep: "-1h" is no age such as 30m, 12h or 7d`},
		"no such Python":        {[]string{"start", "--python", "no-such-python"}, usageError, "--python must name a Python interpreter: "},
		"exec, no port":         {[]string{"exec", "--listen", "kiln", "--", "true"}, usageError, "--listen must be HOST:PORT"},
		"exec, no such command": {[]string{"exec", "--", "no-such-command"}, usageError, `the command "no-such-command" cannot be run: executable file not found in $PATH`},
		"exec, a folder":        {[]string{"exec", "--", dir}, usageError, "cannot be run: is a directory"},
	} {
		code, out, stderr := runCommand(append([]string{"emulator"}, test.args...)...)
		if code != test.code || !strings.Contains(stderr, test.says) || !strings.HasPrefix(stderr, "azmlbatch: ") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit code %d\n%s%s\nwant %d and one line that says %s", name, code, out, stderr, test.code, test.says)
		}
	}
}

// TestExecOfACommandThatASignalEnds: the exit code is the one that shells give.
func TestExecOfACommandThatASignalEnds(t *testing.T) {
	if code, _, stderr := runCommand("emulator", "exec", "--ui=", "--", "sh", "-c", "kill -9 $$"); code != 137 || stderr != "azmlbatch: sh: signal: killed\n" {
		t.Errorf("exit code %d, want 137: %s", code, stderr)
	}
}

// TestExecOnAllAddresses: the command gets an address that it can open.
func TestExecOnAllAddresses(t *testing.T) {
	code, out, stderr := runCommand("emulator", "exec", "--ui=", "--listen", "0.0.0.0:0", "--", "sh", "-c", `echo "$HTTPS_PROXY"`)
	if code != 0 || !regexp.MustCompile(`^http://127\.0\.0\.1:\d+\n$`).MatchString(out) {
		t.Errorf("exit code %d, proxy %q: %s", code, out, stderr)
	}
	for address, want := range map[string]bool{"0.0.0.0:1": true, "[::]:1": true, "127.0.0.1:1": false, "[::1]:1": false, "kiln.example:1": false, "": false} {
		if got := everywhere(address) != ""; got != want {
			t.Errorf("everywhere(%q) = %q", address, everywhere(address))
		}
	}
}

// TestExecPassesAnInterruptOn: the command is asked to end, ends by itself, and its exit code
// counts.
func TestExecPassesAnInterruptOn(t *testing.T) {
	env := asCommand(t)
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `exec azmlbatch emulator exec -- sh -c 'trap "echo asked; exit 7" TERM; echo ready; while :; do sleep 0.05; done'`)
	cmd.Env = env
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(lines)
	if err != nil || string(rest) != "asked\n" {
		t.Errorf("the command printed %q, %v", rest, err)
	}
	var ended *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &ended) || ended.ExitCode() != 7 {
		t.Errorf("it ended with %v, want exit code 7", err)
	}
}
