// Command azmlbatch runs the emulator of Azure ML batch scoring on this machine and scores folders
// of files there. It is a thin layer over the packages of this module: nothing is implemented here.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

type command struct {
	Emulator emulatorCmd      `cmd:"" help:"Play Azure ML, its storage and its token service on this machine."`
	Score    scoreCmd         `cmd:"" help:"Score a folder of files with a scoring script, without any endpoint."`
	Version  kong.VersionFlag `help:"Print the version and exit."`
}

// Exit codes of every verb besides 0 and 1.
const (
	usageError  = 2
	interrupted = 130 // by Ctrl-C or another signal, the same as in shells
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	defer stop()
	exit := -1
	parser, err := kong.New(&command{}, kong.Name("azmlbatch"), kong.Vars{"version": version()},
		kong.Description("Batch scoring on Azure Machine Learning, on this machine."),
		kong.Help(helpWithExample), kong.Writers(stdout, stderr), kong.Exit(func(code int) { exit = code }), kong.UsageOnError(),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(console{stdout, stderr}))
	if err != nil {
		fmt.Fprintln(stderr, "azmlbatch:", err)
		return usageError
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 {
		return exit // --help or --version
	}
	if err != nil {
		fmt.Fprintln(stderr, "azmlbatch:", err)
		return usageError
	}
	return exitCode(parsed.Run(), stderr)
}

// endings are the signals after which a verb cleans up and ends. A closed terminal is one of them,
// unless the signal is ignored, as nohup does.
func endings() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// helpWithExample ends the help of a verb with its example.
func helpWithExample(options kong.HelpOptions, ctx *kong.Context) error {
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	verb := ctx.Selected()
	if verb == nil {
		return nil
	}
	if v, ok := verb.Target.Interface().(interface{ Example() string }); ok {
		fmt.Fprintf(ctx.Stdout, "\nExample:\n\n  %s\n", strings.ReplaceAll(v.Example(), "\n", "\n  "))
	}
	return nil
}

// exitCode returns the exit code of the command that exec ran, or 1 for an error of our own.
func exitCode(err error, stderr io.Writer) int {
	var child *exec.ExitError
	var mistake *usageMistake
	switch {
	case err == nil:
		return 0
	case errors.As(err, &mistake):
		fmt.Fprintln(stderr, "azmlbatch:", err)
		return usageError
	case errors.As(err, &child) && child.ExitCode() >= 0:
		return child.ExitCode()
	case errors.Is(err, context.Canceled): // only a signal cancels
		fmt.Fprintln(stderr, "azmlbatch:", err)
		return interrupted
	}
	fmt.Fprintln(stderr, "azmlbatch:", err)
	return 1
}

// console is where a verb prints.
type console struct{ out, err io.Writer }

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
