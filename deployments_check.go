package azmlbatch

import (
	"fmt"
	"path"
	"strings"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// checkDeployment finds the mistakes that only the caller can have made. What the service judges is left to it.
func checkDeployment(op operation, d Deployment) error {
	checkNew := checkNewEndpointName
	if d.ID != "" {
		checkNew = checkName // it exists, so the service has taken its name
	}
	if err := checkNew(op, "name", op.name); err != nil {
		return err
	}
	model, configuration := wire.Indirect(d.Model), wire.Indirect(d.Configuration)
	_, component := configuration.(PipelineComponentDeployment)
	switch {
	case strings.TrimSpace(d.Compute) == "" && configuration == nil:
		return op.invalid("Deployment.Compute", "is empty", "name the cluster that jobs run on")
	case model == nil && configuration == nil:
		return op.invalid("Deployment.Model", "is missing",
			"set it to Model.Ref() of a registered model, or name a pipeline component in Configuration")
	case model != nil && component:
		return op.invalid("Deployment.Model", "is set beside a pipeline component", "leave one of the two out")
	}
	if m, ok := wire.Indirect(d.Model).(ModelByID); ok && m.AssetID == "" {
		return op.invalid("Deployment.Model", "has an empty AssetID", "register the model and use its Ref method")
	}
	if err := checkReferences(op, d.references()); err != nil {
		return err
	}
	if err := checkScript(op, d.CodeConfiguration); err != nil {
		return err
	}
	if err := checkNumbers(op, d); err != nil {
		return err
	}
	return checkTags(op, d.Tags)
}

func checkNumbers(op operation, d Deployment) error {
	for _, n := range []struct {
		argument   string
		value, min int64
		remedy     string
	}{
		{"MiniBatchSize", d.MiniBatchSize, 0, "count files; zero means 10"},
		{"MaxConcurrencyPerInstance", int64(d.MaxConcurrencyPerInstance), 0, "count processes; zero means 1"},
		{"Resources.InstanceCount", int64(d.Resources.InstanceCount), 0, "count nodes; zero means 1"},
		{"RetrySettings.Timeout", int64(d.RetrySettings.Timeout), 0, "zero means 30 s"},
		{"ErrorThreshold", valueOr(d.ErrorThreshold, -1), -1, "-1 ignores all failures, 0 allows none"},
		{"RetrySettings.MaxRetries", valueOr(d.RetrySettings.MaxRetries, 0), 0, "nil means 3"},
	} {
		if n.value < n.min {
			return op.invalid("Deployment."+n.argument, fmt.Sprintf("is %d", n.value), n.remedy)
		}
	}
	return nil
}

func valueOr(p *int, or int64) int64 {
	if p == nil {
		return or
	}
	return int64(*p)
}

// checkScript checks the script's path as far as that is possible without the code.
func checkScript(op operation, c CodeConfiguration) error {
	if c.CodeID == "" && c.ScoringScript == "" {
		return nil
	}
	return checkScriptPath(op, "Deployment.CodeConfiguration.ScoringScript", c.ScoringScript)
}

// checkScriptPath refuses a script's path that cannot lie in a code folder. The service wants a letter, digit or
// underscore in it at least.
func checkScriptPath(op operation, argument, script string) error {
	switch {
	case strings.TrimSpace(script) == "":
		return op.invalid(argument, "is empty although code is given",
			"name the file in the code folder that defines init and run, for example score.py")
	case strings.Contains(script, `\`):
		return op.invalid(argument, fmt.Sprintf("%q has a backslash", script), "write the path with forward slashes")
	case path.IsAbs(script), driveLetter.MatchString(script), strings.HasPrefix(path.Clean(script)+"/", "../"):
		return op.invalid(argument, fmt.Sprintf("%q leaves the code folder", script),
			"give the path within the code folder, for example score.py")
	case path.Clean(script) == ".":
		return op.invalid(argument, fmt.Sprintf("%q is a folder", script),
			"name the file in it that defines init and run")
	}
	return nil
}
