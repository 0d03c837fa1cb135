package azmlbatch

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// checkDeployment finds the mistakes that only the caller can have made. What the service judges is left to it.
func checkDeployment(op operation, d Deployment) error {
	if err := checkEndpointName(op, d.Meta); err != nil {
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
	if d.CodeConfiguration.CodeID == "" {
		return op.invalid("Deployment.CodeConfiguration.CodeID", "is empty although a scoring script is given",
			"upload the folder that holds the script with Codes().Upload, and name the result")
	}
	return checkScriptPath(op, "Deployment.CodeConfiguration.ScoringScript", d.CodeConfiguration.ScoringScript)
}

// forbiddenInFileName is what the service does not take in the name of a predictions file.
const forbiddenInFileName = `~"#%&*:<>?{|}`

// checkFileName refuses a name that no predictions file can have. Storage drops a dot or blank at the
// end. Empty is for the caller to judge.
func checkFileName(op operation, argument, name string) error {
	const remedy = "name a file, such as predictions.csv"
	isControl := func(r rune) bool { return r < ' ' || r == 0x7f }
	switch {
	case strings.ContainsAny(name, `/\`):
		return op.invalid(argument, fmt.Sprintf("%q has a slash", name), "name a file without its folder, such as predictions.csv")
	case strings.HasSuffix(name, "."), strings.HasSuffix(name, " "):
		return op.invalid(argument, fmt.Sprintf("%q ends with a dot or a blank, which storage drops", name), remedy)
	case strings.ContainsFunc(name, isControl):
		return op.invalid(argument, fmt.Sprintf("%q has a control character", name), remedy)
	case strings.ContainsAny(name, forbiddenInFileName):
		return op.invalid(argument, fmt.Sprintf("%q has one of %s", name, forbiddenInFileName), remedy)
	}
	return nil
}

// references lists the references of a deployment.
func (d *Deployment) references() []heldReference {
	var held []heldReference
	hold := func(argument string, kind ReferenceKind, text string, set func(string)) {
		if text != "" {
			held = append(held, heldReference{argument: "Deployment." + argument, kind: kind, text: text, set: set})
		}
	}
	hold("Compute", ReferenceKindCompute, d.Compute, func(id string) { d.Compute = id })
	hold("EnvironmentID", ReferenceKindEnvironment, d.EnvironmentID, func(id string) { d.EnvironmentID = id })
	hold("CodeConfiguration.CodeID", ReferenceKindCode, d.CodeConfiguration.CodeID, func(id string) { d.CodeConfiguration.CodeID = id })
	switch m := wire.Indirect(d.Model).(type) {
	case ModelByID:
		hold("Model", ReferenceKindModel, m.AssetID, func(id string) { m.AssetID = id; d.Model = m })
	case ModelByDataPath:
		hold("Model.DatastoreID", ReferenceKindDatastore, m.DatastoreID, func(id string) { m.DatastoreID = id; d.Model = m })
	case ModelByOutput:
		hold("Model.JobID", ReferenceKindJob, m.JobID, func(id string) { m.JobID = id; d.Model = m })
	}
	if p, ok := wire.Indirect(d.Configuration).(PipelineComponentDeployment); ok {
		hold("Configuration.ComponentID", ReferenceKindComponent, p.ComponentID, func(id string) {
			p.ReferenceType, p.ComponentID = cmp.Or(p.ReferenceType, "Id"), id
			d.Configuration = p
		})
	}
	return held
}
