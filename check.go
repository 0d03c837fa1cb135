package azmlbatch

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// Check finds what CreateOrUpdate refuses before it sends anything: a name that a new resource
// cannot have, an empty tag value, a setting that is missing or out of range, a script that cannot
// be imported. It sends nothing and looks at no file. The error is *[ArgumentError]. An asset may
// have no version, which means the next one.
func Check[T Endpoint | Deployment | Compute | Code | Model | Environment | Data | Component](v T) error {
	switch v := any(v).(type) {
	case Endpoint:
		return v.check(operation{"check", "endpoint", v.Name})
	case Deployment:
		return checkDeployment(operation{"check", "deployment", v.Name}, v.Name, v)
	case Compute:
		_, err := checkCompute(operation{"check", "compute", v.Name}, v)
		return err
	case Code:
		return checkNewAsset(operation{"check", "code", v.Name}, v)
	case Model:
		return checkNewAsset(operation{"check", "model", v.Name}, v)
	case Environment:
		return checkNewAsset(operation{"check", "environment", v.Name}, v)
	case Data:
		return checkNewAsset(operation{"check", "data asset", v.Name}, v)
	case Component:
		return checkNewAsset(operation{"check", "component", v.Name}, v)
	}
	return nil
}

// checkDeployment finds the mistakes that only the caller can have made. What the service judges is
// left to it.
func checkDeployment(op operation, name string, d Deployment) error {
	if err := checkEndpointName(op, name, d.Meta); err != nil {
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
	if err := checkModelReference(op, model); err != nil {
		return err
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
		{"ErrorThreshold", valueOr(d.ErrorThreshold, -1), -1, "-1 ignores all failures, 0 allows none"},
		{"RetrySettings.MaxRetries", valueOr(d.RetrySettings.MaxRetries, 0), 0, "count tries; left out it is 3"},
	}); err != nil {
		return err
	}
	if err := checkTime(op, "Deployment.RetrySettings.Timeout", d.RetrySettings.Timeout, "zero means 30 s"); err != nil {
		return err
	}
	return cmp.Or(checkFileName(op, "Deployment.OutputFileName", d.OutputFileName), checkVariables(op, d.EnvironmentVariables), checkTags(op, d.Tags))
}

// checkModelReference refuses a reference that refers to nothing.
func checkModelReference(op operation, model any) error {
	switch m := model.(type) {
	case ModelByID:
		if strings.TrimSpace(m.AssetID) == "" {
			return op.invalid("Deployment.Model", "has an empty AssetID", "register the model and use its Ref method")
		}
	case ModelByDataPath:
		if strings.Trim(m.Path, "/ ") == "" {
			return op.invalid("Deployment.Model", "has an empty Path", "give the path of the model's file or folder in the datastore")
		}
	case ModelByOutput:
		if strings.TrimSpace(m.JobID) == "" {
			return op.invalid("Deployment.Model", "has an empty JobID", "name the job that wrote the model")
		}
	}
	return nil
}

// checkVariables finds what no system can set. The values may be secrets.
func checkVariables(op operation, variables map[string]string) error {
	for _, name := range sortedKeys(variables) {
		switch {
		case name == "" || strings.ContainsAny(name, "=\x00"):
			return op.invalid("Deployment.EnvironmentVariables", fmt.Sprintf("%q cannot be the name of a variable", redact(clip(name))),
				"use letters, digits and '_'")
		case strings.Contains(variables[name], "\x00"):
			return op.invalid("Deployment.EnvironmentVariables", fmt.Sprintf("the value of %q has a NUL", redact(clip(name))), "remove it")
		}
	}
	return nil
}

// checkScript checks what a script needs, as far as that is possible without the code. The service
// refuses a script without an environment, also beside an MLflow model (azure-sdk-for-python issue
// 30741).
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
		// The CLI's examples have a bare name there, and it goes out as it is. Not evidenced: other forms.
		hold(`Configuration.Settings["default_compute"]`, ReferenceKindCompute, p.Settings["default_compute"], func(string) {})
	}
	return held
}
