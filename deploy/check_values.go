package deploy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/azmlbatch/azmlbatch"
)

// values checks what the SDK itself refuses before it sends a part: names, tags, numbers. A part
// that has a mistake already is left out.
func (c *checker) values() {
	for _, v := range c.spec.Computes {
		c.value(part{azmlbatch.ReferenceKindCompute, v.Name, ""}, azmlbatch.Check(v))
	}
	for _, v := range c.spec.Data {
		v.DataURI = elsewhere
		c.value(part{azmlbatch.ReferenceKindData, v.Name, v.Version}, azmlbatch.Check(v))
	}
	for _, v := range c.spec.Models {
		v.ModelURI = elsewhere
		c.value(part{azmlbatch.ReferenceKindModel, v.Name, v.Version}, azmlbatch.Check(v))
	}
	for _, v := range c.spec.Codes {
		v.CodeURI = elsewhere
		c.value(part{azmlbatch.ReferenceKindCode, v.Name, v.Version}, azmlbatch.Check(v))
	}
	for _, v := range c.spec.Environments {
		c.value(part{azmlbatch.ReferenceKindEnvironment, v.Name, v.Version}, azmlbatch.Check(v))
	}
	for _, v := range c.spec.Components {
		c.value(part{azmlbatch.ReferenceKindComponent, v.Name, v.Version}, azmlbatch.Check(v))
	}
	for _, v := range c.spec.Endpoints {
		c.endpoint(v)
	}
	for _, v := range c.spec.Schedules {
		c.schedule(v)
	}
	for _, d := range c.spec.Deployments {
		c.value(d.part(), azmlbatch.Check(withoutReferences(d.Deployment)))
	}
}

// elsewhere stands for the place of local content, which only an upload tells.
const elsewhere = "https://account.blob.core.windows.net/container/path"

// withoutReferences puts references that are fine in the place of all that are set; the checker has
// looked at them itself.
func withoutReferences(d azmlbatch.Deployment) azmlbatch.Deployment {
	if modelID(d) != "" {
		d.Model = azmlbatch.ModelByID{AssetID: "azureml:model:1"}
	}
	if d.CodeConfiguration.CodeID != "" {
		d.CodeConfiguration.CodeID = "azureml:code:1"
	}
	if d.EnvironmentID != "" {
		d.EnvironmentID = "azureml:environment:1"
	}
	if c, ok := pipelineComponent(d); ok {
		c.ComponentID = "azureml:component:1"
		d.Configuration = c
	}
	return d
}

// endpoint checks an endpoint. Batch endpoints know one way to sign in and one identity: the
// service takes others at first, and fails the creation after some minutes.
func (c *checker) endpoint(v azmlbatch.Endpoint) {
	p := part{kindEndpoint, v.Name, ""}
	if v.AuthMode != "" && plainWord(string(v.AuthMode)) != plainWord(string(azmlbatch.AuthModeAADToken)) {
		c.bad(p, "AuthMode", fmt.Sprintf("is %q", v.AuthMode), "batch endpoints take aad_token only; leave it out", nil)
	}
	if strings.Contains(plainWord(string(v.Identity.Type)), "userassigned") {
		c.bad(p, "Identity", fmt.Sprintf("is %q", v.Identity.Type),
			"batch endpoints take system_assigned only; give the cluster the identity that reads the data", nil)
	}
	c.value(p, azmlbatch.Check(v))
}

// schedule checks that a schedule has a time and something to do.
func (c *checker) schedule(v azmlbatch.Schedule) {
	p := part{kindSchedule, v.Name, ""}
	if v.Trigger == nil {
		c.bad(p, "Trigger", "is missing", "say when it fires", nil)
	}
	if v.Action == nil {
		c.bad(p, "Action", "is missing", "say what it starts", nil)
	}
}

// value notes a mistake that the SDK found, in the words of a Spec.
func (c *checker) value(p part, err error) {
	var argument *azmlbatch.ArgumentError
	if c.wrong[p] || !errors.As(err, &argument) {
		return
	}
	_, field, ok := strings.Cut(argument.Argument, ".")
	if !ok {
		field = strings.ToUpper(argument.Argument[:1]) + argument.Argument[1:]
	}
	c.bad(p, field, argument.Problem, argument.Remedy, err)
}
