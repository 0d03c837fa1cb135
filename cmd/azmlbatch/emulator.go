package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/renameio/v2/maybe"

	"github.com/azmlbatch/azmlbatch/emulator"
)

type emulatorCmd struct {
	Start startCmd `cmd:"" help:"Run the emulator until interrupted."`
	Exec  execCmd  `cmd:"" help:"Run a command against an emulator and exit with the command's exit code."`
}

// emulatorFlags are the flags of both verbs.
type emulatorFlags struct {
	Listen       string   `help:"Address to listen on, HOST:PORT; by default a free port of this machine." default:"127.0.0.1:0" placeholder:"HOST:PORT"`
	Data         string   `help:"Folder that keeps the state across restarts; by default the state is in memory." placeholder:"DIR"`
	Seed         []string `help:"Show a local folder as blobs: ACCOUNT/CONTAINER[/PREFIX]=DIR. May be repeated." placeholder:"SPEC" sep:"none"`
	Python       string   `help:"Interpreter for scoring scripts; by default python3 from PATH." placeholder:"PATH"`
	ScriptEnv    []string `help:"Variable of the emulator's environment that scoring scripts get too: a NAME, or the beginning of names followed by *. By default they get only what every program needs. May be repeated." placeholder:"NAME" sep:"none"`
	Environments string   `help:"Packages for scripts: host uses those of the interpreter, venv installs the pip packages of the deployment's environment." enum:"host,venv" default:"host"`
	Pace         string   `help:"How long operations take: instant, or real as in Azure." enum:"instant,real" default:"instant"`
	Fault        []string `help:"Make matching requests fail, for example 'scoring POST /jobs cut-after times=1'. May be repeated." placeholder:"SPEC" sep:"none"`
	Verbose      bool     `help:"Log every request to standard error: method, host, path and status."`
}

func (f emulatorFlags) options(c console) (*emulator.Options, error) {
	o := &emulator.Options{Listen: f.Listen, DataDir: f.Data, Python: f.Python, ScriptEnv: f.ScriptEnv, Environments: emulator.Environments(f.Environments), Pace: emulator.Pace(f.Pace)}
	for _, spec := range f.Seed {
		seed, err := emulator.ParseSeed(spec)
		if err != nil {
			return nil, err
		}
		o.Seeds = append(o.Seeds, seed)
	}
	for _, spec := range f.Fault {
		fault, err := emulator.ParseFault(spec)
		if err != nil {
			return nil, err
		}
		o.Faults = append(o.Faults, fault)
	}
	o.Logger = f.logger(c)
	if host, _, err := net.SplitHostPort(f.Listen); err == nil && host != "localhost" {
		if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
			fmt.Fprintf(c.err, "azmlbatch: warning: other machines can reach %s, and anyone who knows the secret can run Python here\n", f.Listen)
		}
	}
	return o, nil
}

// logger logs warnings, one per line: why a job failed, and hosts that were refused. Verbose adds
// the requests and the time.
func (f emulatorFlags) logger(c console) *slog.Logger {
	if f.Verbose {
		return slog.New(slog.NewTextHandler(c.err, nil))
	}
	return slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{
		Level: slog.LevelWarn,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}

type startCmd struct {
	emulatorFlags
	EnvFile string `help:"File for the environment of clients, as shell exports; by default a temporary file. It holds a secret and is removed when the emulator ends." placeholder:"FILE"`
}

// Example is shown at the end of the verb's help.
func (startCmd) Example() string {
	return `azmlbatch emulator start --env-file azure.env &
until [ -s azure.env ]; do sleep 0.1; done
. ./azure.env
curl https://eastus.api.azureml.ms/discovery
kill $!`
}

// Run serves until the context ends.
func (s *startCmd) Run(ctx context.Context, c console) (err error) {
	options, err := s.options(c)
	if err != nil {
		return err
	}
	server, err := emulator.Start(ctx, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	file, err := filepath.Abs(cmp.Or(s.EnvFile, filepath.Join(filepath.Dir(server.CAFile()), "azure.env")))
	if err != nil {
		return err
	}
	content := exports(server.Env())
	if err := maybe.WriteFile(file, content, 0o600); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeOwn(file, content)) }()
	fmt.Fprintf(c.out, "HTTPS proxy %s, CA file %s; interrupt to stop\n", server.ProxyURL(), server.CAFile())
	fmt.Fprintf(c.out, "sign a shell in with: . %s\n", shellQuote(file))
	<-ctx.Done()
	return nil
}

// removeOwn removes the file unless its content was changed.
func removeOwn(path string, content []byte) error {
	now, err := os.ReadFile(path)
	if err == nil && bytes.Equal(now, content) {
		err = os.Remove(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// exports writes the variables as shell exports.
func exports(env []string) []byte {
	var b strings.Builder
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		fmt.Fprintf(&b, "export %s=%s\n", name, shellQuote(value))
	}
	return []byte(b.String())
}

// shellQuote quotes a word for any POSIX shell.
func shellQuote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

type execCmd struct {
	emulatorFlags
	Command []string `arg:"" help:"The command and its arguments, after --." passthrough:""`
}

// Example is shown at the end of the verb's help.
func (execCmd) Example() string {
	return "azmlbatch emulator exec -- curl https://eastus.api.azureml.ms/discovery"
}

// killDelay is how long the command may take to end after an interrupt.
const killDelay = 10 * time.Second

// Run runs the command with the environment of an emulator, and returns the command's error.
func (e *execCmd) Run(ctx context.Context, c console) (err error) {
	if len(e.Command) > 0 && e.Command[0] == "--" {
		e.Command = e.Command[1:]
	}
	if len(e.Command) == 0 {
		return errors.New("emulator exec: there is no command; put one after --")
	}
	options, err := e.options(c)
	if err != nil {
		return err
	}
	server, err := emulator.Start(context.WithoutCancel(ctx), options) // it ends after the command
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	child := exec.CommandContext(ctx, e.Command[0], e.Command[1:]...) //nolint:gosec // running the caller's command is what this verb is for
	child.Env = append(os.Environ(), server.Env()...)
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, c.out, c.err
	child.Cancel = func() error { return child.Process.Signal(syscall.SIGTERM) }
	child.WaitDelay = killDelay
	if err := child.Run(); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(e.Command[0]), err)
	}
	return nil
}
