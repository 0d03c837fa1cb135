package arm

import (
	"strings"

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
		if properties["model"] == nil {
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
	if code := store.Object(properties, "codeConfiguration"); code != nil && store.Text(code, "scoringScript") == "" {
		violations = append(violations, validation.Violation{
			PropertyName: "CodeConfiguration.ScoringScript", ErrorMessage: "'Scoring Script' must not be empty.",
			ErrorCode: "ArgumentNullOrEmpty",
		})
	}
	violations = append(violations, lowNumbers(properties)...)
	violations = append(violations, c.tagViolations(body)...)
	if len(violations) == 0 {
		return nil
	}
	a := c.invalid("Deployment", violations)
	return &a
}

// lowNumbers lists the settings that are below their minimum.
func lowNumbers(properties store.Document) []validation.Violation {
	var violations []validation.Violation
	for _, rule := range []struct {
		path  string
		least int64
	}{
		{"miniBatchSize", 1}, {"maxConcurrencyPerInstance", 1}, {"errorThreshold", -1},
		{"retrySettings.maxRetries", 0}, {"resources.instanceCount", 1},
	} {
		parent, name := properties, rule.path
		if before, after, nested := strings.Cut(rule.path, "."); nested {
			parent, name = store.Object(properties, before), after
		}
		if parent[name] == nil || store.Int(parent, name) >= rule.least {
			continue
		}
		violations = append(violations, validation.Violation{
			PropertyName: strings.ToUpper(rule.path[:1]) + rule.path[1:], AttemptedValue: parent[name],
			ErrorMessage: "The value must be greater than or equal to '" + number(rule.least).String() + "'.",
			ErrorCode:    "GreaterThanOrEqualValidator",
		})
	}
	return violations
}
