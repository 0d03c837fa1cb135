package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
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
	"github.com/spf13/cobra"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// emulatorCommand plays Azure on this machine.
func (a *app) emulatorCommand() *cobra.Command {
	return group("emulator", "Play Azure ML, its storage and its token service on this machine.", a.emulatorExec(), a.emulatorStart())
}

// emulatorFlags are the flags of both verbs.
type emulatorFlags struct {
	listen       string
	data         string
	seeds        []string
	python       string
	scriptEnv    []string
	environments choice
	pace         choice
	faults       []string
	denied       []string
	registries   []string
	keep         age
	page         string
	verbose      bool
}

func (f *emulatorFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", emulator.DefaultListen, "address to listen on, `HOST:PORT`; port 0 means a free one")
	flags.StringVar(&f.data, "data", "", "`DIR` that keeps the state across restarts; by default the state is in memory")
	flags.StringArrayVar(&f.seeds, "seed", nil, "show a local folder as blobs: `SPEC` is ACCOUNT/CONTAINER[/PREFIX]=DIR; may be repeated")
	flags.Var(&f.keep, "keep", "`AGE` at which ended jobs and operations go, with their logs, for example 24h or 7d; by default never")
	flags.StringVar(&f.python, "python", "", "`PATH` of the interpreter for scoring scripts; by default python3 from PATH")
	flags.StringArrayVar(&f.scriptEnv, "script-env", nil, scriptEnvHelp)
	choiceVar(cmd, &f.environments, "environments",
		"packages for scripts: host uses those of the interpreter, venv installs the pip packages of the deployment's environment", "host", "venv")
	choiceVar(cmd, &f.pace, "pace", "how long operations take: instant, or real as in Azure", "instant", "real")
	flags.StringArrayVar(&f.registries, "registry", nil, "play a registry with the assets in a folder: `NAME=DIR`, or NAME for one without; may be repeated")
	flags.StringArrayVar(&f.denied, "deny", nil, "refuse all requests that need this action of Azure's roles: `ACTION`, for example batchEndpoints/write; may be repeated")
	flags.StringArrayVar(&f.faults, "fault", nil, "make matching requests fail: `SPEC`, for example 'scoring POST /jobs cut-after times=1'; may be repeated")
	flags.StringVar(&f.page, "ui", defaultPage, "address of the page over the emulator, `HOST:PORT`, where links to the studio lead; empty for none")
	flags.BoolVar(&f.verbose, "verbose", false, "log every request to standard error: method, host, path and status")
}

const scriptEnvHelp = "variable of this process's environment that scoring scripts get too: a `NAME`, or the beginning of names followed by *; " +
	"by default they get only what every program needs; may be repeated"

func (f emulatorFlags) options(c console) (*emulator.Options, error) {
	o := &emulator.Options{Listen: f.listen, DataDir: f.data, Keep: time.Duration(f.keep), Python: f.python, ScriptEnv: f.scriptEnv,
		Environments: emulator.Environments(f.environments.value), Pace: emulator.Pace(f.pace.value)}
	err := cmp.Or(
		checkAddress("listen", f.listen),
		checkAddress("ui", f.page),
		checkPython(f.python),
		addEach(&o.Seeds, "seed", f.seeds, emulator.ParseSeed),
		addEach(&o.Registries, "registry", f.registries, emulator.ParseRegistry),
		addEach(&o.Faults, "deny", f.denied, emulator.ParseDeny),
		addEach(&o.Faults, "fault", f.faults, emulator.ParseFault))
	if err != nil {
		return nil, err
	}
	o.Logger = f.logger(c)
	if !isLoopback(f.listen) {
		fmt.Fprintf(c.err, "azmlbatch: warning: other machines can reach %s, and anyone who knows the secret can run Python here\n", azmlbatch.Redact(f.listen))
	}
	return o, nil
}

// checkPython refuses an interpreter that is not there; empty means python3, which not all jobs need.
func checkPython(path string) error {
	if path == "" {
		return nil
	}
	if _, err := exec.LookPath(path); err != nil {
		return usagef("--python must name a Python interpreter: %v", err)
	}
	return nil
}

// checkEnvFile refuses a file that cannot be written, before anything is started.
func checkEnvFile(path string) error {
	if path == "" {
		return nil
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return usagef("--env-file must name a file; %q is a folder", path)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return usagef("--env-file: there is no folder %q; create it, or name another file", filepath.Dir(path))
	}
	return nil
}

// addEach adds what the values of a flag mean.
func addEach[T any](to *[]T, flag string, values []string, parse func(string) (T, error)) error {
	for _, value := range values {
		v, err := parse(value)
		if err != nil {
			return usagef("--%s: %v", flag, err)
		}
		*to = append(*to, v)
	}
	return nil
}

// logger logs warnings, one per line: why a job failed, and hosts that were refused. Verbose adds
// the requests and the time.
func (f emulatorFlags) logger(c console) *slog.Logger {
	if f.verbose {
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

// emulatorStart serves until it is interrupted.
func (a *app) emulatorStart() *cobra.Command {
	var flags emulatorFlags
	var envFile string
	cmd := &cobra.Command{
		Use: "start", Short: "Run the emulator until interrupted.",
		Example: `azmlbatch emulator start --env-file azure.env &
until [ -s azure.env ]; do sleep 0.1; done
. ./azure.env
curl https://eastus.api.azureml.ms/discovery
kill $!`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serve(cmd.Context(), flags, envFile) },
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&envFile, "env-file", "",
		"`FILE` for the environment of clients, as shell exports; by default a temporary one; it holds a secret and is removed when the emulator ends")
	return cmd
}

// serve serves until the context ends.
func (a *app) serve(ctx context.Context, flags emulatorFlags, envFile string) (err error) {
	if err := checkEnvFile(envFile); err != nil {
		return err
	}
	server, stop, err := a.startEmulator(ctx, flags, a.out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	file, err := filepath.Abs(cmp.Or(envFile, filepath.Join(filepath.Dir(server.CAFile()), "azure.env")))
	if err != nil {
		return err
	}
	content := exports(server.Env())
	if err := maybe.WriteFile(file, content, 0o600); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeOwn(file, content)) }()
	fmt.Fprintf(a.out, "HTTPS proxy %s%s, CA file %s; interrupt to stop\n", server.ProxyURL(), everywhere(server.Address()), server.CAFile())
	fmt.Fprintf(a.out, "sign a shell in with: . %s\n", shellQuote(file))
	<-ctx.Done()
	return nil
}

// everywhere says of an address that it means all of this machine.
func everywhere(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil || !net.ParseIP(host).IsUnspecified() {
		return ""
	}
	return " (listening on all addresses of this machine)"
}

// startEmulator starts the emulator and the page over it, whose link it prints. The caller stops both.
func (a *app) startEmulator(ctx context.Context, flags emulatorFlags, out io.Writer) (server *emulator.Server, stop func() error, err error) {
	options, err := flags.options(a.console)
	if err != nil {
		return nil, nil, err
	}
	if flags.page == "" {
		server, err = emulator.Start(ctx, options)
		if err != nil {
			return nil, nil, err
		}
		return server, server.Close, nil
	}
	listener, err := a.listenForPage(ctx, flags.page)
	if err != nil {
		return nil, nil, err
	}
	options.StudioURL = "http://" + reachable(listener.Addr())
	if server, err = emulator.Start(ctx, options); err != nil {
		return nil, nil, errors.Join(err, listener.Close())
	}
	client, err := server.Emulator().Client(nil)
	if err != nil {
		return nil, nil, errors.Join(err, listener.Close(), server.Close())
	}
	stopPage, err := servePage(ctx, client, listener, flags.page, out)
	if err != nil {
		return nil, nil, errors.Join(err, server.Close())
	}
	return server, func() error { return errors.Join(stopPage(), server.Close()) }, nil
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

// emulatorExec runs a command against an emulator of its own.
func (a *app) emulatorExec() *cobra.Command {
	var flags emulatorFlags
	cmd := &cobra.Command{
		Use: "exec [flags] -- COMMAND [ARG...]", Short: "Run a command against an emulator and exit with the command's exit code.",
		DisableFlagsInUseLine: true,
		Long: `Run a command against an emulator and exit with the command's exit code. For a command that a
signal ends, that is 128 and the number of the signal, as in shells.`,
		Example: "azmlbatch emulator exec -- curl https://eastus.api.azureml.ms/discovery",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("there is no command; put one after --")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.exec(cmd.Context(), flags, args) },
	}
	flags.add(cmd)
	cmd.Flags().SetInterspersed(false) // the command's flags are not ours
	return cmd
}

// killDelay is how long the command may take to end after an interrupt.
const killDelay = 10 * time.Second

// exec runs the command with the environment of an emulator, and returns the command's error.
func (a *app) exec(ctx context.Context, flags emulatorFlags, command []string) (err error) {
	if _, err := exec.LookPath(command[0]); err != nil { // before anything is started
		return usagef("the command %q cannot be run: %v", command[0], cmp.Or(errors.Unwrap(err), err))
	}
	server, stop, err := a.startEmulator(context.WithoutCancel(ctx), flags, a.err) // it ends after the command
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	child := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // running the caller's command is what this verb is for
	child.Env = append(os.Environ(), server.Env()...)
	child.Stdin, child.Stdout, child.Stderr = a.in, a.out, a.err
	child.Cancel = func() error { return child.Process.Signal(syscall.SIGTERM) }
	child.WaitDelay = killDelay
	if err := child.Run(); err != nil {
		return childError(ctx, filepath.Base(command[0]), err)
	}
	return nil
}

// childError is why a command failed. The exit code is the command's; for a signal it is the one that
// shells give, or that of an interrupt if there was one.
func childError(ctx context.Context, name string, err error) error {
	failed := fmt.Errorf("%s: %w", name, err)
	var ended *exec.ExitError
	if !errors.As(err, &ended) {
		return failed
	}
	switch status, ok := ended.Sys().(syscall.WaitStatus); {
	case !ok || !status.Signaled():
		return failed
	case ctx.Err() != nil:
		return &exitError{interrupted, failed}
	default:
		return &exitError{128 + int(status.Signal()), failed}
	}
}
