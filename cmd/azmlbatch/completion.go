package main

import (
	"github.com/spf13/cobra"
)

// completionCommand prints the completion script of a shell.
func completionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print the script that completes commands, flags and names in your shell.",
		Long: `Print the script that completes commands, flags and names in your shell.
Names of endpoints, deployments and jobs come from the workspace.

Load it in the startup file of the shell:
  bash        source <(azmlbatch completion bash)       needs the package bash-completion
  zsh         source <(azmlbatch completion zsh)        after compinit
  fish        azmlbatch completion fish | source
  powershell  azmlbatch completion powershell | Out-String | Invoke-Expression`,
		Example:   "azmlbatch completion bash > azmlbatch.bash",
		ValidArgs: shells,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("name one shell: bash, zsh, fish or powershell")
			}
			return (&choice{allowed: shells}).asArgument("the shell", args[0])
		},
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			}
			return root.GenPowerShellCompletionWithDesc(out)
		},
	}
}
