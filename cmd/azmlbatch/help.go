package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

const rootHelp = `Batch scoring on Azure Machine Learning, in the cloud and on this machine.

` + workspaceHelp + `

Exit codes: 0 for success, 1 for a failure, 2 for wrong usage, 130 after Ctrl-C. A file that an
argument names and that is missing or has mistakes is wrong usage too. Commands that have other
codes say so in their help. A second Ctrl-C ends a command that works with the workspace at once;
what it started in Azure goes on.`

// docsWidth is the width of the help where no terminal says another.
const docsWidth = 100

// helpWidth is the width of the terminal, docsWidth at most.
func helpWidth(w io.Writer) int {
	if file, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			return min(width, docsWidth)
		}
	}
	return docsWidth
}

// helpText is the help of a command, which ends with its example.
func helpText(cmd *cobra.Command, width int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nUsage:\n  %s\n", description(cmd), usageLine(cmd))
	if verbs := cmd.Commands(); len(verbs) > 0 {
		b.WriteString("\nCommands:\n")
		for _, verb := range verbs {
			if verb.IsAvailableCommand() {
				fmt.Fprintf(&b, "  %-12s %s\n", verb.Name(), verb.Short)
			}
		}
	}
	own, workspace := flagSets(cmd)
	section(&b, "Flags", own, width)
	section(&b, "Workspace", workspace, width)
	if cmd.Example != "" {
		fmt.Fprintf(&b, "\nExample:\n  %s\n", strings.ReplaceAll(cmd.Example, "\n", "\n  "))
	}
	return b.String()
}

func description(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return cmd.Long
	}
	return cmd.Short
}

func usageLine(cmd *cobra.Command) string {
	if cmd.HasSubCommands() {
		return cmd.CommandPath() + " COMMAND"
	}
	line := cmd.UseLine()
	if !cmd.DisableFlagsInUseLine && !strings.HasSuffix(line, "[flags]") {
		line += " [flags]"
	}
	return line
}

// flagSets are the flags of the command itself, and those that all verbs of its group have, which
// say how the workspace is reached.
func flagSets(cmd *cobra.Command) (own, workspace *pflag.FlagSet) {
	own, workspace = pflag.NewFlagSet("", pflag.ContinueOnError), pflag.NewFlagSet("", pflag.ContinueOnError)
	own.SortFlags, workspace.SortFlags = false, false
	cmd.VisitParents(func(parent *cobra.Command) { workspace.AddFlagSet(parent.PersistentFlags()) })
	workspace.AddFlagSet(cmd.PersistentFlags())
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if flag.Name != "help" && workspace.Lookup(flag.Name) == nil {
			own.AddFlag(flag)
		}
	})
	return own, workspace
}

// unsorted keeps the flags of a command and its verbs in the order in which they were added.
func unsorted(cmd *cobra.Command) {
	cmd.Flags().SortFlags, cmd.PersistentFlags().SortFlags = false, false
	for _, verb := range cmd.Commands() {
		unsorted(verb)
	}
}

func section(b *strings.Builder, title string, flags *pflag.FlagSet, width int) {
	if text := flags.FlagUsagesWrapped(width); text != "" {
		fmt.Fprintf(b, "\n%s:\n%s", title, text)
	}
}
