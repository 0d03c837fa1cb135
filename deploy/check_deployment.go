package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/azmlbatch/azmlbatch"
)

// deployment checks what a deployment refers to, and what its settings need of each other.
func (c *checker) deployment(d Deployment) {
	p, deployment := d.part(), d.Deployment
	component, pipeline := pipelineComponent(deployment)
	switch {
	case pipeline:
		c.reference(p, "Configuration.ComponentID", azmlbatch.ReferenceKindComponent, component.ComponentID, false)
		if compute := component.Settings["default_compute"]; compute != "" {
			c.reference(p, `Configuration.Settings["default_compute"]`, azmlbatch.ReferenceKindCompute, compute, false)
		}
	case deployment.Configuration == nil:
		c.modelDeployment(p, deployment)
	}
}

func (c *checker) modelDeployment(p part, d azmlbatch.Deployment) {
	var compute, model target
	if d.Compute != "" {
		compute, _ = c.reference(p, "Compute", azmlbatch.ReferenceKindCompute, d.Compute, false)
	}
	id := modelID(d)
	switch {
	case d.Model == nil:
		c.bad(p, "Model", "is missing", "refer to a model, or name a local file or folder", nil)
	case id != "":
		model, _ = c.reference(p, "Model", azmlbatch.ReferenceKindModel, id, true)
	}
	code, script := d.CodeConfiguration.CodeID, d.CodeConfiguration.ScoringScript
	switch {
	case code == "" && script != "":
		c.bad(p, "CodeConfiguration.CodeID", "is empty although a scoring script is given",
			"name the folder that has the script", nil)
	case code != "":
		c.code(p, code, script)
	}
	if d.EnvironmentID != "" {
		c.reference(p, "EnvironmentID", azmlbatch.ReferenceKindEnvironment, d.EnvironmentID, false)
	}
	if code == "" && script == "" && c.certainlyScripted(model) {
		c.bad(p, "CodeConfiguration", "is empty, but only an MLflow model scores without a script",
			"name the code folder and its script; an MLflow model is a folder with a file MLmodel and has the type mlflow_model", nil)
	}
	c.nodes(p, d, compute)
	if d.OutputFileName != "" && strings.EqualFold(string(d.OutputAction), string(azmlbatch.OutputActionSummaryOnly)) {
		c.bad(p, "OutputFileName", fmt.Sprintf("is %q, but with SummaryOnly no such file is written", d.OutputFileName),
			"leave it out, or use AppendRow", nil)
	}
}

// code checks that the script is in the folder, as far as the folder is local.
func (c *checker) code(p part, code, script string) {
	t, ok := c.reference(p, "CodeConfiguration.CodeID", azmlbatch.ReferenceKindCode, code, true)
	if !ok {
		return
	}
	folder := ""
	switch {
	case t.local():
		folder = t.Path
	case t.own.name != "":
		folder = c.localContent(t.own)
	}
	if folder != "" && script != "" && !strings.Contains(script, `\`) { // which azmlbatch.Check refuses
		c.holds(p, "CodeConfiguration.ScoringScript", folder, script, "give the script's path within the code folder")
	}
}

// certainlyScripted reports whether the model is local content without a file MLmodel.
func (c *checker) certainlyScripted(model target) bool {
	folder := ""
	switch {
	case model.Form == "":
		return false
	case model.local():
		folder = model.Path
	case model.own.name == "":
		return false // only the service knows
	default:
		for _, m := range c.spec.Models {
			if m.Name == model.own.name && m.Version == model.own.version &&
				strings.EqualFold(string(m.ModelType), string(azmlbatch.ModelTypeMLFlow)) {
				return false
			}
		}
		folder = c.localContent(model.own)
	}
	if _, err := os.Stat(folder); folder == "" || err != nil {
		return false
	}
	_, err := os.Stat(filepath.Join(folder, "MLmodel"))
	return err != nil
}

// nodes checks that a job does not ask for more nodes than its cluster ever has: it would wait for
// ever (azureml-examples pull request 1192).
func (c *checker) nodes(p part, d azmlbatch.Deployment, compute target) {
	if compute.own.name == "" {
		return
	}
	for _, v := range c.spec.Computes {
		cluster, ok := clusterOf(v)
		if v.Name == compute.own.name && ok && d.Resources.InstanceCount > cluster.MaxNodes {
			c.bad(p, "Resources.InstanceCount",
				fmt.Sprintf("is %d, but compute %q has at most %s, so jobs would wait forever",
					d.Resources.InstanceCount, v.Name, nodes(cluster.MaxNodes)), "lower it, or raise the maximum of the compute",
				nil)
		}
	}
}

func clusterOf(c azmlbatch.Compute) (azmlbatch.AmlCompute, bool) {
	switch cluster := c.Properties.(type) {
	case azmlbatch.AmlCompute:
		return cluster, true
	case *azmlbatch.AmlCompute:
		return *cluster, true
	}
	return azmlbatch.AmlCompute{}, false
}

// reference checks a reference. Only some may be local paths.
func (c *checker) reference(p part, field string, kind azmlbatch.ReferenceKind, text string, mayBeLocal bool) (
	target, bool,
) {
	t, err := c.spec.target(kind, text)
	switch {
	case err != nil:
		problem, remedy := argumentProblem(err)
		c.bad(p, field, problem, remedy, err)
		return t, false
	case t.local() && mayBeLocal:
		return t, c.exists(p, field, t.Path, anything)
	case t.Form == azmlbatch.ReferenceFormNamed && t.Kind == kind:
		return t, true
	}
	noun := withArticle(part{kind: kind}.noun())
	remedy := fmt.Sprintf("write azureml:NAME for %s of this Spec, else azureml:NAME:VERSION or azureml:NAME@latest",
		noun)
	if kind == azmlbatch.ReferenceKindCompute {
		remedy = "write its name"
	}
	c.bad(p, field, fmt.Sprintf("%q is not a reference to %s", text, noun), remedy, nil)
	return t, false
}

// localContent is the local path of an asset of the Spec, empty if its content is elsewhere.
func (c *checker) localContent(p part) string {
	uri := ""
	for _, m := range c.spec.Models {
		if (part{azmlbatch.ReferenceKindModel, m.Name, m.Version}) == p {
			uri = m.ModelURI
		}
	}
	for _, v := range c.spec.Codes {
		if (part{azmlbatch.ReferenceKindCode, v.Name, v.Version}) == p {
			uri = v.CodeURI
		}
	}
	if r, err := azmlbatch.ParseReference("", uri); err == nil && r.Form == azmlbatch.ReferenceFormLocal {
		return r.Path
	}
	return ""
}
