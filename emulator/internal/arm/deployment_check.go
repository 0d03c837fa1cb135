package arm

import (
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/jobs"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/emulator/internal/validation"
)

// checkDeployment refuses a deployment that breaks rules, and lists all of them at once. The entry
// for a missing model is recorded (azure-sdk-for-python test_batch_component, 2023); the others
// have its form and are not evidenced.
func (c *call) checkDeployment(body store.Document) *answer {
	violations := nameViolations(c.param("deployment"))
	properties := store.Object(body, "properties")
	if properties["deploymentConfiguration"] == nil {
		if model := store.Object(properties, "model"); model == nil ||
			strings.EqualFold(store.Text(model, "referenceType"), "Id") && store.Text(model, "assetId") == "" {
			violations = append(violations, validation.Violation{
				PropertyName: "ModelConfiguration.ModelReference", ErrorMessage: "'Model Reference' must not be empty.",
				ErrorCode: "ArgumentNullOrEmpty",
			})
		}
		if store.Text(properties, "compute") == "" {
			violations = append(violations, validation.Violation{
				PropertyName: "ComputeConfiguration.ComputeId", ErrorMessage: "'Compute Id' must not be empty.",
				ErrorCode: "ArgumentNullOrEmpty",
			})
		}
	}
	violations = append(violations, codeViolations(properties)...)
	if file := store.Text(properties, "outputFileName"); strings.ContainsAny(file, `/\`) { // not evidenced: the text
		violations = append(violations, validation.Violation{
			PropertyName: "OutputFileName", ErrorMessage: "'Output File Name' must not contain a slash.",
			AttemptedValue: file, ErrorCode: "PredicateValidator",
		})
	}
	violations = append(violations, lowNumbers(properties, "", leastOfDeployments)...)
	violations = append(violations, c.tagViolations(body)...)
	if len(violations) == 0 {
		return nil
	}
	a := c.invalid("Deployment", violations)
	return &a
}

// codeViolations lists what a scoring script lacks. Without an environment the service refuses it,
// also for an MLflow model (azure-sdk-for-python issue 30741). Not evidenced: the name of that
// property.
func codeViolations(properties store.Document) (violations []validation.Violation) {
	if store.Object(properties, "codeConfiguration") == nil {
		return nil
	}
	if store.Text(properties, "codeConfiguration", "scoringScript") == "" {
		violations = append(violations, validation.Violation{
			PropertyName: "CodeConfiguration.ScoringScript", ErrorMessage: "'Scoring Script' must not be empty.",
			ErrorCode: "ArgumentNullOrEmpty",
		})
	}
	if store.Text(properties, "environmentId") == "" {
		violations = append(violations, validation.Violation{
			PropertyName: "EnvironmentConfiguration.EnvironmentId", ErrorMessage: "'Environment Id' must not be empty.",
			ErrorCode: "ArgumentNullOrEmpty",
		})
	}
	return violations
}

// least is the minimum of a number at a path of properties.
type least struct {
	path  string
	value int64
}

// leastOfDeployments are the minima of a deployment's settings.
var leastOfDeployments = []least{
	{"miniBatchSize", 1}, {"maxConcurrencyPerInstance", 1}, {"errorThreshold", -1},
	{"retrySettings.maxRetries", 0}, {"resources.instanceCount", 1},
}

// lowNumbers lists the numbers that are below their minimum; prefix begins their names.
func lowNumbers(properties store.Document, prefix string, rules []least) []validation.Violation {
	var violations []validation.Violation
	for _, rule := range rules {
		parent, name := properties, rule.path
		if before, after, nested := strings.Cut(rule.path, "."); nested {
			parent, name = store.Object(properties, before), after
		}
		if parent[name] == nil || store.Int(parent, name) >= rule.value {
			continue
		}
		shown := prefix + rule.path
		violations = append(violations, validation.Violation{
			PropertyName: strings.ToUpper(shown[:1]) + shown[1:], AttemptedValue: parent[name],
			ErrorMessage: "The value must be greater than or equal to '" + number(rule.value).String() + "'.",
			ErrorCode:    "GreaterThanOrEqualValidator",
		})
	}
	return violations
}

// missingReferences lists what a deployment names that does not exist, as details of an error. Not
// evidenced: what the service does. Its jobs cannot run, so the emulator fails the operation.
func (c *call) missingReferences(properties store.Document) (details []any) {
	for _, named := range []struct{ noun, kind, reference string }{
		{"model", "models", store.Text(properties, "model", "assetId")},
		{"datastore", "datastores", store.Text(properties, "model", "datastoreId")},
		{"job", "jobs", store.Text(properties, "model", "jobId")},
		{"environment", "environments", store.Text(properties, "environmentId")},
		{"code", "codes", store.Text(properties, "codeConfiguration", "codeId")},
		{"compute", "computes", store.Text(properties, "compute")},
		{"component", "components", store.Text(properties, "deploymentConfiguration", "componentId", "assetId")},
	} {
		if jobs.Missing(c.h.store, c.workspace, c.h.cloud.StorageSuffix, named.kind, named.reference) {
			details = append(details, store.Document{
				"code": strings.ToUpper(named.noun[:1]) + named.noun[1:] + "NotFound", "details": []any{}, "additionalInfo": []any{},
				"message": "The " + named.noun + " " + named.reference + " of the deployment does not exist.",
			})
		}
	}
	return details
}
