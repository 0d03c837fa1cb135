package deploy

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/azmlbatch/azmlbatch"
)

// WriteOptions tune [Spec.Write]. The zero value and nil are the defaults.
type WriteOptions struct {
	// Folder that the text will lie in; empty means the working directory. Local paths are written
	// relative to it.
	Folder string
}

// Write writes the Spec as YAML that az ml and [Read] take, one document for each part. Assets
// without a name stand within their deployment. Values that these files have no key for, such as
// Extra, are left out, and a comment above the document names them. So are computes that are no
// clusters; a comment at the top names them.
func (s Spec) Write(w io.Writer, options *WriteOptions) error {
	folder := ""
	if options != nil {
		folder = options.Folder
	}
	out, err := newWriter(s, folder)
	if err != nil {
		return err
	}
	out.all()
	if len(out.unwritten) > 0 {
		if _, err := fmt.Fprintf(w, "# not written, because these files can only describe clusters: %s\n", strings.Join(out.unwritten, ", ")); err != nil {
			return fmt.Errorf("write a Spec as YAML: %w", err)
		}
	}
	if len(out.documents) == 0 {
		return nil
	}
	dumper, err := yaml.NewDumper(w, yaml.WithIndent(2))
	if err != nil {
		return err
	}
	for _, d := range out.documents {
		if err := dumper.Dump(d); err != nil {
			return fmt.Errorf("write a Spec as YAML: %w", err)
		}
	}
	return dumper.Close()
}

// writer makes the documents of a Spec.
type writer struct {
	spec      Spec
	from      document // its rebase makes a path relative to WriteOptions.Folder
	documents []*yaml.Node
	omitted   []string // what the document that is being made has no key for
	unwritten []string // the parts that get no document
}

func newWriter(s Spec, folder string) (*writer, error) {
	out := &writer{spec: s, from: document{file: "x"}}
	if folder == "" {
		return out, nil
	}
	here, err := filepath.Abs(".")
	if err != nil {
		return nil, err
	}
	there, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	back, err := filepath.Rel(there, here)
	if err != nil {
		return nil, err
	}
	out.from.file = filepath.Join(back, "x")
	return out, nil
}

// path is a local path as the file has it; all else stays as it is.
func (w *writer) path(text string) string {
	if text == "" || isReference(text) {
		return text
	}
	return filepath.ToSlash(w.from.rebase(text))
}

// document adds a document with the members of m, and says above it what was omitted.
func (w *writer) document(schema string, m *yamlMap) {
	top := newYAMLMap()
	top.text("$schema", "https://azuremlschemas.azureedge.net/latest/"+schema+".schema.json")
	top.node.Content = append(top.node.Content, m.node.Content...)
	if len(w.omitted) > 0 {
		top.node.HeadComment = "# not written, because this file has no key for it: " + strings.Join(w.omitted, ", ")
		w.omitted = nil
	}
	w.documents = append(w.documents, &top.node)
}

// omit notes a value without a key.
func (w *writer) omit(name string, present bool) {
	if present {
		w.omitted = append(w.omitted, name)
	}
}

func (w *writer) all() {
	for _, v := range w.spec.Computes {
		w.compute(v)
	}
	for _, v := range w.spec.Data {
		w.data(v)
	}
	for _, v := range w.spec.Models {
		if !v.IsAnonymous {
			w.document("model", w.model(v))
		}
	}
	for _, v := range w.spec.Environments {
		if !v.IsAnonymous {
			w.document("environment", w.environment(v))
		}
	}
	for _, v := range w.spec.Components {
		if !v.IsAnonymous {
			m := w.component(v)
			w.document(cmp.Or(textOf(&m.node, "type"), "pipeline")+"Component", m)
		}
	}
	for _, v := range w.spec.Endpoints {
		w.endpoint(v)
	}
	for _, v := range w.spec.Deployments {
		w.deployment(v)
	}
	for _, v := range w.spec.Schedules {
		w.schedule(v)
	}
}

func (w *writer) endpoint(v azmlbatch.Endpoint) {
	m := newYAMLMap()
	m.text("name", v.Name)
	m.text("description", v.Description)
	m.texts("tags", v.Tags)
	m.texts("properties", v.Properties)
	m.word("auth_mode", string(v.AuthMode), "aad_token", "key", "aml_token")
	m.text("location", v.Location)
	defaults := newYAMLMap()
	defaults.text("deployment_name", v.DefaultDeployment)
	m.nested("defaults", defaults)
	w.identity(m, v.Identity)
	w.omit("Extra", len(v.Extra) > 0)
	w.document("batchEndpoint", m)
}

func (w *writer) identity(m *yamlMap, v azmlbatch.Identity) {
	if v.Type == "" || v.Type == azmlbatch.IdentityTypeNone {
		return
	}
	within := newYAMLMap()
	within.word("type", string(v.Type), "system_assigned", "user_assigned")
	list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	for _, id := range slices.Sorted(maps.Keys(v.UserAssignedIdentities)) {
		item := newYAMLMap()
		item.text("resource_id", id)
		list.Content = append(list.Content, &item.node)
	}
	if len(list.Content) > 0 {
		within.put("user_assigned_identities", list)
	}
	m.nested("identity", within)
}

func (w *writer) model(v azmlbatch.Model) *yamlMap {
	m := newYAMLMap()
	if !v.IsAnonymous {
		m.text("name", v.Name)
		m.text("version", v.Version)
	}
	m.word("type", string(v.ModelType), modelTypes...)
	m.text("path", w.path(v.ModelURI))
	m.text("description", v.Description)
	m.texts("tags", v.Tags)
	m.texts("properties", v.Properties)
	flavors := newYAMLMap()
	for _, name := range slices.Sorted(maps.Keys(v.Flavors)) {
		flavors.texts(name, v.Flavors[name].Data)
	}
	m.nested("flavors", flavors)
	m.text("stage", v.Stage)
	m.text("job_name", v.JobName)
	m.text("datastore", w.spec.Datastores[v.ModelURI])
	w.omit("Extra", len(v.Extra) > 0)
	return m
}

func (w *writer) environment(v azmlbatch.Environment) *yamlMap {
	m := newYAMLMap()
	if !v.IsAnonymous {
		m.text("name", v.Name)
		m.text("version", v.Version)
	}
	m.text("description", v.Description)
	m.texts("tags", v.Tags)
	m.texts("properties", v.Properties)
	m.text("image", v.Image)
	if v.CondaFile != "" {
		if node := parsedNode([]byte(v.CondaFile)); node != nil && node.Kind == yaml.MappingNode {
			m.put("conda_file", node)
		} else {
			w.omit("CondaFile", true)
		}
	}
	build := newYAMLMap()
	build.text("path", w.path(v.Build.ContextURI))
	build.text("dockerfile_path", v.Build.DockerfilePath)
	m.nested("build", build)
	m.word("os_type", v.OSType, "linux", "windows")
	routes := newYAMLMap()
	for _, r := range []struct {
		key string
		azmlbatch.InferenceRoute
	}{{"liveness_route", v.InferenceConfig.LivenessRoute}, {"readiness_route", v.InferenceConfig.ReadinessRoute},
		{"scoring_route", v.InferenceConfig.ScoringRoute}} {
		route := newYAMLMap()
		route.integer("port", r.Port)
		route.text("path", r.Path)
		routes.nested(r.key, route)
	}
	m.nested("inference_config", routes)
	m.text("datastore", w.spec.Datastores[v.Build.ContextURI])
	w.omit("AutoRebuild", v.AutoRebuild != "" && v.AutoRebuild != "Disabled")
	w.omit("Extra", len(v.Extra) > 0)
	return m
}

func (w *writer) data(v azmlbatch.Data) {
	m := newYAMLMap()
	m.text("name", v.Name)
	m.text("version", v.Version)
	m.word("type", string(v.DataType), dataTypes...)
	m.text("path", w.path(v.DataURI))
	m.text("description", v.Description)
	m.texts("tags", v.Tags)
	m.texts("properties", v.Properties)
	m.text("datastore", w.spec.Datastores[v.DataURI])
	w.omit("Extra", len(v.Extra) > 0)
	w.document("data", m)
}

func (w *writer) compute(v azmlbatch.Compute) {
	cluster, ok := clusterOf(v)
	if !ok {
		w.unwritten = append(w.unwritten, part{kind: azmlbatch.ReferenceKindCompute, name: v.Name}.String())
		return
	}
	m := newYAMLMap()
	m.text("name", v.Name)
	m.text("type", "amlcompute")
	m.text("description", v.Description)
	m.texts("tags", v.Tags)
	m.text("location", v.Location)
	m.text("size", cluster.VMSize)
	m.word("tier", string(cluster.VMPriority), "dedicated", "low_priority")
	m.put("min_instances", scalarNode("!!int", fmt.Sprint(cluster.MinNodes)))
	m.put("max_instances", scalarNode("!!int", fmt.Sprint(cluster.MaxNodes)))
	m.seconds("idle_time_before_scale_down", cluster.IdleTimeBeforeScaleDown)
	switch {
	case strings.EqualFold(cluster.RemoteLogin, "Enabled"):
		m.optionalBoolean("ssh_public_access_enabled", new(true))
	case strings.EqualFold(cluster.RemoteLogin, "Disabled"):
		m.optionalBoolean("ssh_public_access_enabled", new(false))
	}
	ssh := newYAMLMap()
	ssh.text("admin_username", cluster.Administrator.UserName)
	ssh.text("ssh_key_value", cluster.Administrator.SSHPublicKey)
	m.nested("ssh_settings", ssh)
	w.omit("the administrator's password", cluster.Administrator.Password != "")
	network := newYAMLMap()
	if rest, ok := strings.CutPrefix(cluster.SubnetID, "virtualNetworks/"); ok {
		vnet, subnet, _ := strings.Cut(rest, "/subnets/")
		network.text("vnet_name", vnet)
		network.text("subnet", subnet)
	} else {
		network.text("subnet", cluster.SubnetID)
	}
	m.nested("network_settings", network)
	m.optionalBoolean("enable_node_public_ip", cluster.EnableNodePublicIP)
	w.identity(m, v.Identity)
	w.omit("OSType", cluster.OSType != "" && !strings.EqualFold(cluster.OSType, "Linux"))
	w.omit("EnableBatchPrivateLink", cluster.EnableBatchPrivateLink)
	w.omit("IsolatedNetwork", cluster.IsolatedNetwork)
	w.omit("VirtualMachineImageID", cluster.VirtualMachineImageID != "")
	w.omit("DisableLocalAuth", v.DisableLocalAuth)
	w.omit("Extra", len(v.Extra)+len(cluster.Extra) > 0)
	w.document("amlCompute", m)
}

// component is the component's own YAML, which its Spec has as JSON.
func (w *writer) component(v azmlbatch.Component) *yamlMap {
	m := newYAMLMap()
	node := parsedNode(v.Spec)
	if node == nil || node.Kind != yaml.MappingNode {
		w.omit("Spec", true)
		node = &m.node
	}
	// The reader of components makes paths relative, whichever way.
	(&reader{}).componentKeys(&mapping{document: w.from, node: node, found: new([]error)})
	if !v.IsAnonymous {
		for _, key := range []struct{ name, value string }{{"name", v.Name}, {"version", v.Version}} {
			if key.value != "" && child(node, key.name) == nil {
				node.Content = append(node.Content, scalarNode("!!str", key.name), scalarNode("!!str", key.value))
			}
		}
	}
	m.node = *node
	return m
}
