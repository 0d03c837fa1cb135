package deploy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/azmlbatch/azmlbatch"
)

// Rules that hold before anything is sent, beside those of Spec.Check.

// preflight finds what the service refuses, and scripts that cannot run.
func (p *planner) preflight(ctx context.Context) error {
	var bad []error
	for _, c := range p.spec.Computes {
		bad = append(bad, checkIdentity(part{kind: azmlbatch.ReferenceKindCompute, name: c.Name}, c.Identity))
	}
	return errors.Join(append(bad, p.parseScripts(ctx)...)...)
}

func mistake(p part, field, problem, remedy string) error {
	return &SpecError{Part: p.String(), Field: field, Problem: problem, Remedy: remedy, part: p}
}

// checkIdentity checks the identity of a cluster against the kinds that ARM has
// (armmachinelearning).
func checkIdentity(p part, identity azmlbatch.Identity) error {
	kinds := []string{"", "none", "systemassigned", "userassigned", "systemassigned,userassigned"}
	kind := strings.ToLower(strings.NewReplacer(" ", "", "_", "").Replace(string(identity.Type)))
	switch {
	case !slices.Contains(kinds, kind):
		return mistake(p, "Identity.Type", fmt.Sprintf("is %q", identity.Type), "write SystemAssigned, UserAssigned, or both with a comma")
	case strings.Contains(kind, "userassigned") && len(identity.UserAssignedIdentities) == 0:
		return mistake(p, "Identity.UserAssignedIdentities", "is empty although the type is "+string(identity.Type), "name the ids of the identities")
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
			bad = append(bad, mistake(d.part(), "CodeConfiguration.ScoringScript", problem, "fix the script; nothing was sent"))
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

// compileScript returns why Python cannot compile a script; empty if it can, or if Python does not
// start. The interpreter runs isolated and with an environment of its own: no variable of this
// process, no site packages.
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
