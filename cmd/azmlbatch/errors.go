package main

import (
	"errors"
	"regexp"
	"strings"

	"github.com/azmlbatch/azmlbatch"
)

// errorText is the text of an error for people: on one line, a script's traceback apart, and with
// the names of flags and commands in place of those of Go.
func errorText(err error) string {
	text := withoutPackage.ReplaceAllString(err.Error(), "$1")
	var failure *azmlbatch.JobFailedError
	if errors.As(err, &failure) {
		return text // the rest of it is the script's
	}
	var mistake *azmlbatch.ArgumentError
	if errors.As(err, &mistake) {
		text = argumentText(mistake, text)
	}
	return withFlags(text)
}

// argumentText names the flag in place of the argument of a call.
func argumentText(mistake *azmlbatch.ArgumentError, text string) string {
	switch {
	case strings.HasPrefix(mistake.Operation, "find workspace"):
		return text + ", or use --subscription, -g and -w"
	case strings.HasPrefix(mistake.Operation, "invoke ") && strings.HasPrefix(mistake.Argument, "Invocation.Input") && strings.HasSuffix(mistake.Argument, ".Path"):
		return strings.Replace(text, ": "+mistake.Argument+": ", ": --input: ", 1)
	}
	return text
}

// withoutPackage finds the names of the packages before each of several errors, and before a cause.
var withoutPackage = regexp.MustCompile(`(^|\n|: )(?:azmlbatch|deploy): `)

// goNames are names of Go in messages of the packages, and what the command has in their place.
var goNames = strings.NewReplacer(
	"list them with Jobs().ListOutputs", "fetch them with azmlbatch job download",
	"list what it left with Jobs().ListOutputs", "fetch what it left with azmlbatch job download",
	"Endpoints().SetDefaultDeployment", "azmlbatch endpoint set-default",
	"in Invocation.Deployment", "with --deployment",
	"Jobs().Wait", "azmlbatch job wait",
	"look at Computes().Quotas, choose", "choose",
	"name them in SmokeInputs", "name them with --smoke-file",
	"plan the pipelines apart", "plan the pipelines in files of their own",
	"SmokeInputs", "--smoke-file",
	"SmokeInput", "--smoke-input",
	"set RowsOptions.Partial to", "add --partial to",
	"use RowFormatCommaSeparated", "use --file-format comma",
	"use RowFormatSpaceSeparated", "use --file-format space",
	"use RowFormatJSONLines", "use --file-format jsonl",
	"use Rows[string] with RowFormatLines", "use --file-format lines",
	"DownloadOptions.Overwrite", "--overwrite",
	", or raise ClientOptions.Retry.MaxRetries", "",
	"set ClientOptions.APIVersion to one of the versions that the message lists", "the region lacks the version of the API that this command uses",
	"Workspace.SubscriptionID", "--subscription",
	"Workspace.ResourceGroup", "--resource-group",
	"Workspace.Name", "--workspace-name",
	"ClientOptions.Cloud and its entry for ServiceStorage", "--cloud",
	"ClientOptions.Cloud", "--cloud",
	"is nil; give one input, for example azmlbatch.URIFolder; for a pipeline component without inputs, Inputs{}",
	"is missing; give a folder or a file, or for a pipeline component without inputs a --file with inputs: {}",
	"for example azmlbatch.URIFolder", "a folder or a file",
	"use azmlbatch.URIFolder, URIFile or LocalPath", "use a folder or a file",
	"for example azmlbatch.URIFile", "for example of type uri_file",
	"use azmlbatch.URIFile with", "use type uri_file with",
	"; a local path is azmlbatch.LocalPath", "",
	"use the format RowFormatLines", "use --file-format lines",
)

// invocationField is a setting of an invocation, which is a flag of azmlbatch invoke.
var invocationField = regexp.MustCompile(`\bInvocation\.(\w+)(?:\[[^\]]*\]|\.URI)*`)

func withFlags(text string) string {
	return invocationField.ReplaceAllStringFunc(goNames.Replace(text), func(field string) string {
		return "--" + strings.TrimSuffix(flagName(invocationField.FindStringSubmatch(field)[1]), "s")
	})
}
