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
	if err := checkScript(op, d); err != nil {
		return err
	}
	if err := checkNumbers(op, "Deployment.", []numberRule{
		{"MiniBatchSize", d.MiniBatchSize, 0, "count files; zero means 10"},
		{"MaxConcurrencyPerInstance", int64(d.MaxConcurrencyPerInstance), 0, "count processes; zero means 1"},
		{"Resources.InstanceCount", int64(d.Resources.InstanceCount), 0, "count nodes; zero means 1"},
		{"RetrySettings.Timeout", int64(d.RetrySettings.Timeout), 0, "zero means 30 s"},
		{"ErrorThreshold", valueOr(d.ErrorThreshold, -1), -1, "-1 ignores all failures, 0 allows none"},
		{"RetrySettings.MaxRetries", valueOr(d.RetrySettings.MaxRetries, 0), 0, "nil means 3"},
	}); err != nil {
		return err
	}
	if err := checkFileName(op, "Deployment.OutputFileName", d.OutputFileName); err != nil {
		return err
	}
	return checkTags(op, d.Tags)
}

// numberRule is the least that a number may be.
type numberRule struct {
	field      string
	value, min int64
	remedy     string
}

func checkNumbers(op operation, prefix string, rules []numberRule) error {
	for _, n := range rules {
		if n.value < n.min {
			return op.invalid(prefix+n.field, fmt.Sprintf("is %d", n.value), n.remedy)
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

// checkScript checks what a script needs, as far as that is possible without the code. The service refuses a script
// without an environment, also beside an MLflow model (azure-sdk-for-python issue 30741).
func checkScript(op operation, d Deployment) error {
	if d.CodeConfiguration.CodeID == "" && d.CodeConfiguration.ScoringScript == "" {
		return nil
	}
	if d.EnvironmentID == "" && d.Configuration == nil {
		return op.invalid("Deployment.EnvironmentID", "is empty although a scoring script is given",
			"name the environment that the script runs in; an MLflow model needs none if you leave CodeConfiguration empty")
	}
	return checkScriptPath(op, "Deployment.CodeConfiguration.ScoringScript", d.CodeConfiguration.ScoringScript)
}

// checkScriptPath refuses a script's path that cannot lie in a code folder, and one that cannot be imported: Azure ML makes
// a module's name of the path, so a further dot would separate packages (MachineLearningNotebooks issue 1753).
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
	case strings.Contains(strings.TrimSuffix(path.Clean(script), ".py"), "."):
		return op.invalid(argument, fmt.Sprintf("%q cannot be imported as a module because of a dot in its name", script),
			"rename it, so that .py has the only dot of the path")
	}
	return nil
}
