package deploy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/azmlbatch/azmlbatch"
)

// Rules that hold before anything is sent, beside those of Spec.Check. Each names its source: files of the
// service's wire format that the project keeps notes of, or a public thread.

var (
	// An endpoint's name is part of a host name (Microsoft Learn, batch endpoint YAML reference): 3 to 32.
	endpointName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]{1,30}[a-zA-Z0-9]$`)
	// A cluster's name (Microsoft Learn, compute cluster YAML reference): 3 to 24, no dash and digits at the end.
	computeName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]{1,22}[a-zA-Z0-9]$`)
	dashDigits  = regexp.MustCompile(`-\d+$`)
	// Names and versions of assets (armmachinelearning).
	assetName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9\-_.]{0,254}$`)
	// A data version has at most 50 characters (azure-docs issue 111551).
	dataVersion = regexp.MustCompile(`^[a-zA-Z0-9\-_.]{1,50}$`)
)

// preflight finds what the service refuses, and scripts that cannot run.
func (p *planner) preflight(ctx context.Context) error {
	var bad []error
	for _, part := range p.spec.parts() {
		bad = append(bad, checkPartName(part))
	}
	for _, e := range p.spec.Endpoints {
		of := part{kind: kindEndpoint, name: e.Name}
		bad = append(bad, checkTags(of, e.Tags), checkEndpoint(of, e))
	}
	for _, c := range p.spec.Computes {
		of := part{kind: azmlbatch.ReferenceKindCompute, name: c.Name}
		bad = append(bad, checkTags(of, c.Tags), checkCluster(of, c))
	}
	for _, i := range p.items {
		if d, ok := i.(*deploymentItem); ok {
			bad = append(bad, checkTags(d.part(), d.want.Deployment.Tags), checkNumbers(d.part(), d.want.Deployment),
				checkScriptName(d.part(), d.want.Deployment.CodeConfiguration.ScoringScript))
		}
	}
	return errors.Join(append(bad, p.parseScripts(ctx)...)...)
}

func mistake(p part, field, problem, remedy string) error {
	return &SpecError{Part: p.String(), Field: field, Problem: problem, Remedy: remedy, part: p}
}

// checkPartName checks names of what may be new. A name that exists follows the rules anyway.
func checkPartName(p part) error {
	name := p.name
	switch p.kind {
	case kindDeployment:
		_, name, _ = strings.Cut(name, "/")
		fallthrough
	case kindEndpoint:
		if !endpointName.MatchString(name) {
			return mistake(p, "Name", fmt.Sprintf("%q is not a name for a new %s", name, p.noun()),
				"use 3 to 32 letters, digits and '-', beginning with a letter and not ending in '-'")
		}
	case azmlbatch.ReferenceKindCompute:
		if !computeName.MatchString(name) || dashDigits.MatchString(name) {
			return mistake(p, "Name", fmt.Sprintf("%q is not a name for a new compute", name),
				"use 3 to 24 letters, digits and '-', beginning with a letter and not ending in '-' or in '-' and digits")
		}
	default:
		switch {
		case !assetName.MatchString(name):
			return mistake(p, "Name", fmt.Sprintf("%q is not an asset name", name),
				"use letters, digits, '-', '_' and '.', at most 255, beginning with a letter or digit")
		case p.version != "" && !assetName.MatchString(p.version):
			return mistake(p, "Version", fmt.Sprintf("%q is not an asset version", p.version), "use letters, digits, '-', '_' and '.'")
		case p.kind == azmlbatch.ReferenceKindData && p.version != "" && !dataVersion.MatchString(p.version):
			return mistake(p, "Version", fmt.Sprintf("%q is too long for a data asset", p.version), "use at most 50 characters")
		}
	}
	return nil
}

// checkTags refuses empty values, as the service does after a while (azure-sdk-for-python issues 41586, 44114).
func checkTags(p part, tags map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if tags[key] == "" {
			return mistake(p, fmt.Sprintf("Tags[%q]", key), "is empty", "give it a value or leave it out; the service refuses empty ones")
		}
	}
	return nil
}

// checkEndpoint checks mode and identity: a creation with keys fails after ten minutes (batch.md section 2, P3),
// and SystemAssigned is the one identity that batch endpoints take (the root's Endpoint.Identity).
func checkEndpoint(p part, e azmlbatch.Endpoint) error {
	switch {
	case e.AuthMode != "" && !sameWord(string(e.AuthMode), string(azmlbatch.AuthModeAADToken)):
		return mistake(p, "AuthMode", fmt.Sprintf("is %q, which batch endpoints do not take", e.AuthMode), "leave it out, or write AADToken")
	case e.Identity.Type != "" && !sameIdentity(string(e.Identity.Type), "SystemAssigned") && !strings.EqualFold(string(e.Identity.Type), "None"):
		return mistake(p, "Identity.Type", fmt.Sprintf("is %q, which batch endpoints do not take", e.Identity.Type), "leave it out, or write SystemAssigned")
	}
	return nil
}

// checkCluster checks sizes, and the identity kinds that ARM has (assets.md section 8.1).
func checkCluster(p part, c azmlbatch.Compute) error {
	kinds := []string{"", "none", "systemassigned", "userassigned", "systemassigned,userassigned"}
	kind := strings.ToLower(strings.ReplaceAll(strings.ReplaceAll(string(c.Identity.Type), " ", ""), "_", ""))
	cluster, ok := clusterOf(c)
	switch {
	case !slices.Contains(kinds, kind):
		return mistake(p, "Identity.Type", fmt.Sprintf("is %q", c.Identity.Type), "write SystemAssigned, UserAssigned, or both with a comma")
	case strings.Contains(kind, "userassigned") && len(c.Identity.UserAssignedIdentities) == 0:
		return mistake(p, "Identity.UserAssignedIdentities", "is empty although the type is "+string(c.Identity.Type), "name the ids of the identities")
	case !ok:
		return nil
	case cluster.MinNodes < 0:
		return mistake(p, "Properties.MinNodes", fmt.Sprintf("is %d", cluster.MinNodes), "count nodes; with 0 an idle cluster costs nothing")
	case cluster.MaxNodes < max(cluster.MinNodes, 1):
		return mistake(p, "Properties.MaxNodes", fmt.Sprintf("is %d", cluster.MaxNodes), "write at least 1, and no less than MinNodes")
	}
	return nil
}

// checkNumbers checks the settings of a run against their minimum.
func checkNumbers(p part, d azmlbatch.Deployment) error {
	least := func(n *int, min int) bool { return n == nil || *n >= min }
	for _, rule := range []struct {
		field  string
		ok     bool
		remedy string
	}{
		{"MiniBatchSize", d.MiniBatchSize >= 0, "count files; zero means 10"},
		{"MaxConcurrencyPerInstance", d.MaxConcurrencyPerInstance >= 0, "count processes; zero means 1"},
		{"Resources.InstanceCount", d.Resources.InstanceCount >= 0, "count nodes; zero means 1"},
		{"RetrySettings.Timeout", d.RetrySettings.Timeout >= 0, "zero means 30 s"},
		{"ErrorThreshold", least(d.ErrorThreshold, -1), "-1 ignores all failures, 0 allows none"},
		{"RetrySettings.MaxRetries", least(d.RetrySettings.MaxRetries, 0), "nil means 3"},
	} {
		if !rule.ok {
			return mistake(p, rule.field, "is below its minimum", rule.remedy)
		}
	}
	if strings.ContainsAny(d.OutputFileName, `/\`) {
		return mistake(p, "OutputFileName", fmt.Sprintf("%q has a folder", d.OutputFileName), "write the name of a file")
	}
	return nil
}

// checkScriptName refuses a script that cannot be imported: its path becomes the name of a module
// (MachineLearningNotebooks issue 1753).
func checkScriptName(p part, script string) error {
	const field = "CodeConfiguration.ScoringScript"
	clean := filepath.ToSlash(filepath.Clean(script))
	switch {
	case script == "":
	case strings.Contains(script, `\`):
		return mistake(p, field, fmt.Sprintf("%q has a backslash", script), "write the path with forward slashes")
	case !strings.HasSuffix(clean, ".py"):
		return mistake(p, field, fmt.Sprintf("%q is no Python file", script), "name a file that ends in .py")
	case strings.Contains(strings.TrimSuffix(clean, ".py"), "."):
		return mistake(p, field, fmt.Sprintf("%q cannot be imported as a module because of a dot in its name", script), "rename it, so that .py has the only dot of the path")
	}
	return nil
}

// parseScripts lets Python compile the scripts that are local, each once. Nothing of them runs.
func (p *planner) parseScripts(ctx context.Context) (bad []error) {
	python := p.python()
	if python == "" {
		return nil
	}
	seen := map[string]bool{}
	for _, i := range p.items {
		d, ok := i.(*deploymentItem)
		if !ok {
			continue
		}
		file := d.script()
		if file == "" || seen[file] {
			continue
		}
		seen[file] = true
		if problem := compileScript(ctx, python, file); problem != "" {
			bad = append(bad, mistake(d.part(), "CodeConfiguration.ScoringScript", problem, "mend the script; nothing was sent"))
		}
	}
	return bad
}

// python is the interpreter that parses scripts, empty for none.
func (p *planner) python() string {
	if p.options.Python != "" {
		return p.options.Python
	}
	for _, name := range []string{"python3", "python"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// script is the local file of a deployment's script, empty if it is not local.
func (i *deploymentItem) script() string {
	for _, l := range i.links {
		code, ok := l.to.(*codeItem)
		if l.field != "CodeConfiguration.CodeID" || !ok || code.files == nil {
			continue
		}
		if !code.files.tree.IsFolder {
			return code.files.path
		}
		return filepath.Join(code.files.path, filepath.FromSlash(i.want.Deployment.CodeConfiguration.ScoringScript))
	}
	return ""
}

// compileSource compiles the file that it is given. Its own encoding line counts, as for an import.
const compileSource = `import sys
try:
    compile(open(sys.argv[1], "rb").read(), sys.argv[1], "exec", dont_inherit=True)
except (SyntaxError, ValueError) as e:
    sys.exit("%s (line %s)" % (getattr(e, "msg", None) or e, getattr(e, "lineno", None) or "?"))
`

// compileScript returns why Python cannot compile a script; empty if it can, or if Python does not start. The
// interpreter runs isolated and with an environment of its own: no variable of this process, no site packages.
func compileScript(ctx context.Context, python, file string) string {
	command := exec.CommandContext(ctx, python, "-I", "-S", "-c", compileSource, file)
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "SYSTEMROOT=" + os.Getenv("SYSTEMROOT")}
	out, err := command.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		return ""
	}
	return fmt.Sprintf("%q is no valid Python: %s", file, strings.Join(strings.Fields(string(out)), " "))
}
