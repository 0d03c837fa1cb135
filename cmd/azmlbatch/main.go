// Command azmlbatch works with batch scoring on Azure Machine Learning: it deploys from YAML, invokes
// endpoints, follows jobs and reads their rows, looks after endpoints and deployments, serves a page
// over all of it, finds out what is missing, scores folders of files on this machine, and runs the emulator. It is a thin layer over
// the packages of this module: nothing is implemented here.
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

	"github.com/spf13/cobra"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
)

// Exit codes of every verb besides 0 and 1.
const (
	usageError  = 2
	jobFailed   = 3   // a job that was waited for, or listed with --exit-code, failed or was canceled
	noJobs      = 4   // job list --exit-code found none
	interrupted = 130 // by Ctrl-C or another signal, the same as in shells
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the command in this process.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	defer stop()
	return (&app{console: console{os.Stdin, stdout, stderr}, release: stop}).run(ctx, args)
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

// console is where a verb reads and prints.
type console struct {
	in       io.Reader
	out, err io.Writer
}

// app is what the verbs share: where they print, and how they reach the workspace.
type app struct {
	console
	connection
	// release gives signals back their own effect, so that a second Ctrl-C ends the process at once.
	release func()
}

// run parses the arguments, runs the verb and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.command()
	root.SetArgs(append([]string{}, args...)) // nil would mean those of the process
	verb, err := root.ExecuteContextC(ctx)
	return a.exitCode(verb, err)
}

// command is the whole command with its verbs.
func (a *app) command() *cobra.Command {
	root := group("azmlbatch", "Batch scoring on Azure Machine Learning, in the cloud and on this machine.",
		a.planCommand(), a.applyCommand(), a.exportCommand(), a.invokeCommand(), a.jobCommand(), a.endpointCommand(),
		a.deploymentCommand(), a.uiCommand(), a.doctorCommand(), a.emulatorCommand(), a.scoreCommand(), completionCommand())
	root.Long, root.Example = rootHelp, a.applyCommand().Example
	root.Version = version()
	root.SetVersionTemplate("{{.Version}}\n")
	root.Flags().Bool("version", false, "print the version and exit")
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { fmt.Fprint(cmd.OutOrStdout(), helpText(cmd, helpWidth(a.out))) })
	root.InitDefaultHelpCmd()
	for _, verb := range root.Commands() {
		verb.Hidden = verb.Hidden || verb.Name() == "help" // as --help says it all
	}
	root.SetFlagErrorFunc(flagMistake)
	root.CompletionOptions.DisableDefaultCmd = true
	unsorted(root)
	root.SilenceErrors, root.SilenceUsage = true, true
	return root
}

// exitError is an error with an exit code of its own.
type exitError struct {
	code int
	err  error
}

// Error is empty for an exit code that is no failure.
func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usageCode is the annotation of a verb whose exit code for wrong usage is another one.
const usageCode = "usage exit code"

func usageCodeOf(verb *cobra.Command) int {
	if verb.Annotations[usageCode] == "1" {
		return 1
	}
	return usageError
}

// exitCode prints the error and returns the exit code: that of the command that exec ran, or one of
// our own.
func (a *app) exitCode(verb *cobra.Command, err error) int {
	if err == nil {
		return 0
	}
	text := azmlbatch.Redact(errorText(err))
	var mistake *usageMistake
	if errors.As(err, &mistake) {
		fmt.Fprintf(a.err, "azmlbatch: %s; see %s --help\n", text, verb.CommandPath())
		return usageCodeOf(verb)
	}
	var own *exitError
	var child *exec.ExitError
	var argument *azmlbatch.ArgumentError
	var inFile *deploy.SpecError
	if errors.As(err, &inFile) { // all mistakes of all files, each in a line
		text = strings.ReplaceAll(text, "\n", "\nazmlbatch: ")
	}
	if text != "" {
		fmt.Fprintln(a.err, "azmlbatch:", text)
	}
	switch {
	case errors.As(err, &own): // first: it may be about a job, whatever its cause is
		return own.code
	case errors.As(err, &argument), errors.As(err, &inFile):
		return usageCodeOf(verb)
	case errors.As(err, &child) && child.ExitCode() >= 0:
		return child.ExitCode()
	case errors.Is(err, context.Canceled): // only a signal cancels
		return interrupted
	}
	return 1
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
