package deploy

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// documentKind is what a document describes. The CLI is told by the command; here the keys tell.
type documentKind struct {
	name string // as in messages
	// types are the values that the key type can have; "" where it can be left out.
	types []string
	// telling keys: the document has at least one of them. None means that keys need not tell.
	telling []string
	// never has keys that the kind certainly does not have.
	never []string
	// schemas are names of the kind's schema in $schema, without ".schema.json".
	schemas []string
	// read reads a document; nil for kinds that do not belong to batch scoring.
	read func(r *reader, m *mapping)
	// reason says why a kind is not read.
	reason string
}

var (
	modelTypes   = []string{"custom_model", "mlflow_model", "triton_model"}
	dataTypes    = []string{"uri_file", "uri_folder", "mltable"}
	otherCompute = []string{"computeinstance", "virtualmachine", "synapsespark", "kubernetes", "attached", "serverless"}
	otherJobs    = []string{"command", "sweep", "spark", "automl", "import", "parallel", "finetuning"}
)

// documentKinds lists the kinds, those that belong to batch scoring first. It is a function because
// the readers refer to it.
func documentKinds() []documentKind {
	return []documentKind{
		{name: "batch endpoint", types: []string{""}, telling: []string{"name", "auth_mode", "defaults"},
			schemas: []string{"batchEndpoint"}, read: (*reader).endpoint},
		{name: "batch deployment", types: []string{"", "model"},
			telling: []string{"endpoint_name", "model", "code_configuration", "settings", "mini_batch_size",
				"resources", "compute", "error_threshold"},
			schemas: []string{"batchDeployment", "modelBatchDeployment"}, read: (*reader).modelDeployment},
		{name: "pipeline deployment", types: []string{"pipeline"},
			telling: []string{"endpoint_name", "settings", "job_definition"},
			schemas: []string{"pipelineComponentBatchDeployment"}, read: (*reader).pipelineDeployment},
		{name: "model", types: append([]string{""}, modelTypes...), telling: []string{"path"},
			schemas: []string{"model"}, read: (*reader).model},
		{name: "environment", types: []string{""}, telling: []string{"image", "build", "conda_file"},
			schemas: []string{"environment"}, read: (*reader).environment},
		{name: "compute", types: []string{"amlcompute"}, schemas: []string{"amlCompute"}, read: (*reader).compute},
		{name: "data asset", types: append([]string{""}, dataTypes...), telling: []string{"path"},
			schemas: []string{"data"}, read: (*reader).data},
		{name: "pipeline component", types: []string{"pipeline"}, telling: []string{"jobs"},
			schemas: []string{"pipelineComponent"}, read: (*reader).component},
		{name: "command component", types: []string{"command"}, telling: []string{"command"},
			schemas: []string{"commandComponent"}, read: (*reader).component},
		{name: "schedule", types: []string{""}, telling: []string{"trigger"},
			never:   []string{"import_data", "create_monitor"},
			schemas: []string{"schedule"}, read: (*reader).schedule},
		{name: "inputs of an invocation", types: []string{""}, telling: []string{"inputs", "outputs"},
			reason: "they belong to a job; give them to invoke"},

		{name: "pipeline job", types: []string{"pipeline"},
			telling: []string{"experiment_name", "compute", "component", "settings"},
			never:   []string{"endpoint_name", "job_definition"}, schemas: []string{"pipelineJob"},
			reason: "jobs are started, not deployed; a deployment can name it in job_definition"},
		{name: "job", types: otherJobs, schemas: []string{"commandJob", "sweepJob", "sparkJob", "autoMLJob"},
			telling: []string{"experiment_name", "compute", "trial", "entry", "services", "queue_settings"},
			reason:  "jobs are started, not deployed"},
		{name: "data import", types: append([]string{""}, dataTypes...), telling: []string{"source"},
			schemas: []string{"DataImport"}, reason: "it belongs to the command data import"},
		{name: "schedule of a data import", types: []string{""}, telling: []string{"import_data"},
			reason: "it starts an import, not batch scoring"},
		{name: "monitor", types: []string{""}, telling: []string{"create_monitor"},
			schemas: []string{"monitorSchedule"}, reason: "it watches online endpoints"},
		{name: "online endpoint", types: []string{""}, telling: []string{"traffic", "mirror_traffic"},
			schemas: []string{"managedOnlineEndpoint", "kubernetesOnlineEndpoint"},
			reason:  "it is no batch endpoint"},
		{name: "online deployment", types: []string{"", "managed", "kubernetes"},
			telling: []string{"instance_type", "scale_settings", "request_settings", "liveness_probe"},
			schemas: []string{"managedOnlineDeployment", "kubernetesOnlineDeployment"},
			reason:  "it is no batch deployment"},
		{name: "compute of another type", types: otherCompute,
			schemas: []string{"computeInstance", "vmCompute", "kubernetesCompute", "synapsesparkCompute"},
			reason:  "batch deployments run on a cluster, type amlcompute"},
		{name: "datastore",
			types:   []string{"azure_blob", "azure_file", "azure_data_lake_gen1", "azure_data_lake_gen2", "one_lake", "hdfs"},
			schemas: []string{"azureBlob", "azureFile", "azureDataLakeGen1", "azureDataLakeGen2"},
			reason:  "datastores are not deployed; create it first"},
		{name: "workspace", types: []string{""}, telling: []string{"storage_account", "key_vault", "hbi_workspace"},
			schemas: []string{"workspace"},
			reason:  "a workspace must exist; create it first"},
		{name: "conda file", types: []string{""}, telling: []string{"dependencies", "channels"},
			reason: "it belongs to an environment: name it there in conda_file, beside an image"},
		{name: "MLmodel file", types: []string{""}, telling: []string{"flavors", "mlflow_version", "artifact_path"},
			reason: "it belongs to a model's folder; a model's path names the folder"},
	}
}

// keys lists the keys of a kind: those that its reader asks an empty document for.
func (k documentKind) keys() []string {
	if k.read == nil {
		return k.telling
	}
	var found []error
	m := &mapping{node: &yaml.Node{Kind: yaml.MappingNode}, found: &found}
	k.read(&reader{}, m)
	return append(m.known, "$schema")
}

// unknown counts the keys of a document that the kind does not have.
func (k documentKind) unknown(root *yaml.Node) int {
	keys, n := k.keys(), 0
	for i := 0; i+1 < len(root.Content); i += 2 {
		if !slices.Contains(keys, root.Content[i].Value) {
			n++
		}
	}
	return n
}

// fits reports whether the document can be of this kind.
func (k documentKind) fits(root *yaml.Node) bool {
	kind := plainWord(textOf(root, "type"))
	typed := slices.ContainsFunc(k.types, func(t string) bool { return plainWord(t) == kind })
	has := func(key string) bool { return child(root, key) != nil }
	return typed && !slices.ContainsFunc(k.never, has) && (len(k.telling) == 0 || slices.ContainsFunc(k.telling, has))
}

// hasSchema reports whether $schema names the kind.
func (k documentKind) hasSchema(root *yaml.Node) bool {
	schema := strings.TrimSpace(textOf(root, "$schema"))
	name, _, _ := strings.Cut(schema[strings.LastIndexByte(schema, '/')+1:], ".")
	return slices.ContainsFunc(k.schemas, func(s string) bool { return strings.EqualFold(s, name) })
}

// kindOf tells what a document describes: by its type and its keys. Only where these leave more
// than one answer, $schema decides, which the CLI ignores and many files have wrong or not at all.
func kindOf(d document) (documentKind, error) {
	var best []documentKind
	least := 0
	for _, k := range documentKinds() {
		if !k.fits(d.root) {
			continue
		}
		n := 0
		if k.read != nil || len(k.telling) == 0 {
			n = k.unknown(d.root)
		} else if k.hasSchema(d.root) {
			n = -1
		}
		if len(best) == 0 || n < least {
			best, least = nil, n
		}
		if n == least {
			best = append(best, k)
		}
	}
	if len(best) > 1 {
		if i := slices.IndexFunc(best, func(k documentKind) bool { return k.hasSchema(d.root) }); i >= 0 {
			best = best[i : i+1]
		}
	}
	if len(best) == 0 {
		return bySchema(d)
	}
	if len(best) == 1 && len(best[0].telling) > 0 && best[0].telling[0] == "name" { // any file with a name would be a batch endpoint
		if k, err := bySchema(d); err == nil && k.read == nil {
			return k, nil
		}
	}
	if len(best) > 1 {
		var names []string
		for _, k := range best {
			names = append(names, withArticle(k.name))
		}
		return documentKind{}, d.at(d.root, "", "could be "+strings.Join(names, " or "),
			"give it the key type, or $schema")
	}
	return best[0], nil
}

// bySchema is for documents whose keys fit no kind, as when one that is needed is missing.
func bySchema(d document) (documentKind, error) {
	for _, k := range documentKinds() {
		if k.hasSchema(d.root) {
			return k, nil
		}
	}
	if t := child(d.root, "type"); t != nil {
		var all []string
		for _, k := range documentKinds() {
			all = append(all, k.types...)
		}
		problem := fmt.Sprintf("is %q", clip(t.Value))
		if near := nearest(t.Value, sortedUnique(all)); near != "" {
			return documentKind{}, d.at(t, "type", problem, fmt.Sprintf("did you mean %s?", near))
		}
		return documentKind{}, d.at(t, "type", problem, "the types are "+strings.Join(sortedUnique(all)[1:], ", "))
	}
	return documentKind{}, d.at(d.root, "", "is none of the files that are known here",
		"the keys or $schema must tell what it describes")
}
