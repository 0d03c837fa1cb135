package main

import (
	"context"
	"errors"
	"fmt"
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
	Exec  execCmd  `cmd:"" help:"Run a command against an emulator, and end with its exit code."`
}

// emulatorFlags are the flags of both verbs.
type emulatorFlags struct {
	Listen       string   `help:"Address to listen on, HOST:PORT; a free port of this machine by default." default:"127.0.0.1:0" placeholder:"HOST:PORT"`
	Data         string   `help:"Keep the state in this folder over a restart; in memory by default." placeholder:"DIR"`
	Seed         []string `help:"Show a local folder as blobs, ACCOUNT/CONTAINER[/PREFIX]=DIR. May be repeated." placeholder:"SPEC" sep:"none"`
	Python       string   `help:"Interpreter that runs scoring scripts; python3 of the PATH by default." placeholder:"PATH"`
	ScriptEnv    []string `help:"Variable of this process that scoring scripts see; by default they see none but those that every program needs. NAME, or the beginning of names with * after it. May be repeated." placeholder:"NAME" sep:"none"`
	Environments string   `help:"Packages of scripts: host, those of this machine's Python; or venv, the pip part of the deployment's own environment." enum:"host,venv" default:"host"`
	Pace         string   `help:"How long operations take: instant, or real as in Azure." enum:"instant,real" default:"instant"`
	Fault        []string `help:"Disturb matching requests, for example 'scoring POST /jobs cut-after times=1'. May be repeated." placeholder:"SPEC" sep:"none"`
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
	if f.Verbose {
		o.Logger = slog.New(slog.NewTextHandler(c.err, nil))
	}
	if host, _, err := net.SplitHostPort(f.Listen); err == nil && host != "localhost" {
		if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
			fmt.Fprintf(c.err, "azmlbatch: warning: %s can be reached from other machines; who knows the secret can run Python here\n", f.Listen)
		}
	}
	return o, nil
}

type startCmd struct {
	emulatorFlags
	EnvFile string `help:"Write the environment for clients to this file, as shell exports. It holds a secret." placeholder:"FILE"`
}

// Example is shown at the end of the verb's help.
func (startCmd) Example() string {
	return "azmlbatch emulator start --env-file /tmp/azure.env &\n. /tmp/azure.env\ncurl https://management.azure.com/subscriptions?api-version=2022-12-01"
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
	if s.EnvFile != "" {
		if err := maybe.WriteFile(s.EnvFile, exports(server.Env()), 0o600); err != nil {
			return err
		}
		fmt.Fprintf(c.out, "environment for clients: . %s\n", s.EnvFile)
	}
	fmt.Fprintf(c.out, "HTTPS proxy %s, CA file %s; interrupt to stop\n", server.ProxyURL(), server.CAFile())
	<-ctx.Done()
	return nil
}

// exports quotes the variables for a shell.
func exports(env []string) []byte {
	var b strings.Builder
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		fmt.Fprintf(&b, "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
	}
	return []byte(b.String())
}

type execCmd struct {
	emulatorFlags
	Command []string `arg:"" help:"The command and its arguments, after --." passthrough:""`
}

// Example is shown at the end of the verb's help.
func (execCmd) Example() string {
	return "azmlbatch emulator exec -- bash interop/curl/walkthrough.sh"
}

// killDelay is how long the command may take to end after an interrupt.
const killDelay = 10 * time.Second

// Run starts an emulator, gives the command what any Azure client reads, and returns its exit code.
func (e *execCmd) Run(ctx context.Context, c console) (err error) {
	if len(e.Command) > 0 && e.Command[0] == "--" {
		e.Command = e.Command[1:]
	}
	if len(e.Command) == 0 {
		return fmt.Errorf("emulator exec: no command; put it after --")
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
