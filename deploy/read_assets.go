package deploy

import (
	"os"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/azmlbatch/azmlbatch"
)

func (r *reader) model(m *mapping) { r.modelPart(m, "") }

// modelPart reads a model. Without a name it is anonymous, and the handle names it in the Spec.
func (r *reader) modelPart(m *mapping, handle string) part {
	var v azmlbatch.Model
	m.word("name", &v.Name)
	m.word("version", &v.Version)
	m.text("description", &v.Description)
	m.texts("tags", &v.Tags)
	m.texts("properties", &v.Properties)
	v.ModelType = azmlbatch.ModelType(m.choice("type", modelTypes...))
	m.local("path", &v.ModelURI)
	m.each("flavors", func(m *mapping, name string) {
		if v.Flavors == nil {
			v.Flavors = map[string]azmlbatch.ModelFlavor{}
		}
		var flavor azmlbatch.ModelFlavor
		m.texts(name, &flavor.Data)
		v.Flavors[name] = flavor
	})
	m.text("stage", &v.Stage)
	m.word("job_name", &v.JobName)
	r.datastore(m, v.ModelURI)
	m.readOnly("id", "latest_version", "creation_context")
	if v.Name == "" && handle != "" {
		v.Name, v.IsAnonymous = handle, true
	}
	p := part{azmlbatch.ReferenceKindModel, v.Name, v.Version}
	addTo(r, &r.spec.Models, m, p, v, func(o azmlbatch.Model) bool {
		return o.Name == v.Name && o.Version == v.Version
	})
	return p
}

// datastore reads where local content is uploaded to.
func (r *reader) datastore(m *mapping, uri string) {
	name := ""
	m.word("datastore", &name)
	if name == "" || uri == "" {
		return
	}
	if r.spec.Datastores == nil {
		r.spec.Datastores = map[string]string{}
	}
	r.spec.Datastores[uri] = strings.TrimPrefix(name, "azureml:")
}

func (r *reader) environment(m *mapping) { r.environmentPart(m, "") }

// environmentPart reads an environment. Without a name it is anonymous, and the handle names it in
// the Spec.
func (r *reader) environmentPart(m *mapping, handle string) part {
	var v azmlbatch.Environment
	m.word("name", &v.Name)
	m.word("version", &v.Version)
	m.text("description", &v.Description)
	m.texts("tags", &v.Tags)
	m.texts("properties", &v.Properties)
	m.word("image", &v.Image)
	v.CondaFile = condaFile(m)
	m.nested("build", func(m *mapping) {
		m.local("path", &v.Build.ContextURI)
		m.word("dockerfile_path", &v.Build.DockerfilePath)
	})
	switch m.choice("os_type", "linux", "windows") {
	case "linux":
		v.OSType = "Linux"
	case "windows":
		v.OSType = "Windows"
	}
	m.nested("inference_config", func(m *mapping) {
		route(m, "liveness_route", &v.InferenceConfig.LivenessRoute)
		route(m, "readiness_route", &v.InferenceConfig.ReadinessRoute)
		route(m, "scoring_route", &v.InferenceConfig.ScoringRoute)
	})
	r.datastore(m, v.Build.ContextURI)
	m.readOnly("id", "latest_version", "creation_context", "conda_file_path", "dockerfile")
	if v.Name == "" && handle != "" {
		v.Name, v.IsAnonymous = handle, true
	}
	p := part{azmlbatch.ReferenceKindEnvironment, v.Name, v.Version}
	addTo(r, &r.spec.Environments, m, p, v, func(o azmlbatch.Environment) bool {
		return o.Name == v.Name && o.Version == v.Version
	})
	return p
}

func route(m *mapping, key string, to *azmlbatch.InferenceRoute) {
	m.nested(key, func(m *mapping) {
		port := 0
		m.integer("port", &port)
		to.Port = port
		m.text("path", &to.Path)
	})
}

// condaFile reads the text of a conda file: its path, or the conda mapping itself.
func condaFile(m *mapping) string {
	v := m.value("conda_file")
	if v == nil {
		return ""
	}
	if v.Kind == yaml.MappingNode {
		plain := *v
		plainStyle(&plain)
		text, err := yaml.Dump(&plain)
		if err != nil {
			m.bad("conda_file", v, "cannot be written as YAML", "")
		}
		return string(text)
	}
	path := ""
	m.local("conda_file", &path)
	switch {
	case path == "":
		return ""
	case isReference(path):
		m.bad("conda_file", v, "is a reference", "give a path of this machine, or the conda mapping itself")
		return ""
	}
	text, err := os.ReadFile(path)
	if err != nil {
		m.bad("conda_file", v, "cannot be read: "+reasonOf(err), suggestPath(path))
		return ""
	}
	if _, err := parseDocuments(path, text); err != nil {
		*m.found = append(*m.found, err)
	}
	return string(text)
}

// data reads a data asset.
func (r *reader) data(m *mapping) {
	var v azmlbatch.Data
	m.word("name", &v.Name)
	m.word("version", &v.Version)
	m.text("description", &v.Description)
	m.texts("tags", &v.Tags)
	m.texts("properties", &v.Properties)
	v.DataType = azmlbatch.DataType(m.choice("type", dataTypes...))
	if v.DataType == "" {
		v.DataType = azmlbatch.DataTypeURIFolder
	}
	m.local("path", &v.DataURI)
	r.datastore(m, v.DataURI)
	m.readOnly("id", "latest_version", "creation_context", "referenced_uris", "skip_validation", "auto_delete_setting")
	p := part{azmlbatch.ReferenceKindData, v.Name, v.Version}
	addTo(r, &r.spec.Data, m, p, v, func(o azmlbatch.Data) bool { return o.Name == v.Name && o.Version == v.Version })
}

// compute reads a cluster. What the CLI fills in for a missing size and maximum is filled in here
// too, because the service has no default for them.
func (r *reader) compute(m *mapping) {
	v := azmlbatch.Compute{}
	cluster := azmlbatch.AmlCompute{VMSize: "STANDARD_DS3_V2", MaxNodes: 1}
	m.word("name", &v.Name)
	m.word("type", new(string))
	m.text("description", &v.Description)
	m.texts("tags", &v.Tags)
	m.word("location", &v.Location)
	m.word("size", &cluster.VMSize)
	switch m.choice("tier", "dedicated", "low_priority") {
	case "dedicated":
		cluster.VMPriority = azmlbatch.VMPriorityDedicated
	case "low_priority":
		cluster.VMPriority = azmlbatch.VMPriorityLowPriority
	}
	m.integer("min_instances", &cluster.MinNodes)
	m.integer("max_instances", &cluster.MaxNodes)
	m.seconds("idle_time_before_scale_down", &cluster.IdleTimeBeforeScaleDown)
	if m.value("ssh_public_access_enabled") != nil {
		open := false
		m.boolean("ssh_public_access_enabled", &open)
		cluster.RemoteLogin = map[bool]string{true: "Enabled", false: "Disabled"}[open]
	}
	m.nested("ssh_settings", func(m *mapping) {
		m.text("admin_username", &cluster.Administrator.UserName)
		m.text("admin_password", (*string)(&cluster.Administrator.Password))
		m.text("ssh_key_value", &cluster.Administrator.SSHPublicKey)
	})
	m.nested("network_settings", func(m *mapping) {
		vnet, subnet := "", ""
		m.word("vnet_name", &vnet)
		m.word("subnet", &subnet)
		cluster.SubnetID = subnet
		if subnet != "" && !strings.HasPrefix(subnet, "/") {
			cluster.SubnetID = "virtualNetworks/" + vnet + "/subnets/" + subnet
		}
		m.readOnly("public_ip_address", "private_ip_address")
	})
	if m.value("enable_node_public_ip") != nil {
		cluster.EnableNodePublicIP = new(bool)
		m.boolean("enable_node_public_ip", cluster.EnableNodePublicIP)
	}
	v.Identity = identity(m)
	m.readOnly("id", "provisioning_state", "provisioning_errors", "created_on", "resource_id", "creation_context")
	v.Properties = cluster
	addTo(r, &r.spec.Computes, m, part{azmlbatch.ReferenceKindCompute, v.Name, ""}, v,
		func(o azmlbatch.Compute) bool { return o.Name == v.Name })
}
