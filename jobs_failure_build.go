package azmlbatch

import (
	"context"
	"regexp"
	"slices"
	"strings"
)

// buildLog is the log of the image that Azure builds for an environment.
const buildLog = "azureml-logs/20_image_build_log.txt"

// imageBuildFailed matches the service's words for a job whose environment cannot be built: "Image
// build failed. For more details, check log file azureml-logs/20_image_build_log.txt." (seen in
// MLOps_Workshop issue 8).
var imageBuildFailed = regexp.MustCompile(`(?i)\bimage build failed\b`)

// buildErrors match what the tools of a build say of what they cannot install, most telling first:
// pip, conda and docker.
var buildErrors = []*regexp.Regexp{
	regexp.MustCompile(`ERROR: (?:No matching distribution|Cannot install|Could not (?:find|open|install|build)|Invalid requirement|Failed building wheel)[^\n]*`),
	regexp.MustCompile(`(?:ResolvePackageNotFound|PackagesNotFoundError|LibMambaUnsatisfiableError|UnsatisfiableError|SpecNotFound)[^-\n]*\n(?:[^-\n]*\n)*?[^-\n]*- [^\n]*`),
	regexp.MustCompile(`(?:manifest for [^\n]* not found|pull access denied|unauthorized: |no such host)[^\n]*`),
	regexp.MustCompile(`(?:ERROR|[A-Z]\w+Error): [^\n]*`),
}

// addBuildError adds the tool's own line to the service's sentence, which only names the log.
func (f *causeFinder) addBuildError(ctx context.Context) error {
	at := slices.IndexFunc(f.logs, func(l JobLog) bool { return l.Name == buildLog })
	if at < 0 {
		return nil
	}
	l := f.logs[at]
	r, err := f.jobs.openLogAt(ctx, l, max(0, l.Size-maxLogRead)) // the error is at its end
	if err != nil {
		return err
	}
	defer r.Close()
	text, err := readText(r)
	if line := buildError(text); line != "" {
		f.failed.Message += " " + line
	}
	f.failed.Log = l.URI
	return err
}

func buildError(text string) string {
	for _, pattern := range buildErrors {
		if all := pattern.FindAllString(text, -1); all != nil {
			return strings.TrimPrefix(oneLine(all[len(all)-1]), "ERROR: ")
		}
	}
	return ""
}
