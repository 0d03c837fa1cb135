package azmlbatch

import (
	"fmt"
	"net/url"
	"strings"
)

// ReferenceKind is what a [Reference] names, by its word in ids.
type ReferenceKind string

// The kinds of things that a reference can name. The first five are assets and have versions; the
// others have none.
const (
	ReferenceKindCode        ReferenceKind = "codes"        // see [Code]
	ReferenceKindModel       ReferenceKind = "models"       // see [Model]
	ReferenceKindEnvironment ReferenceKind = "environments" // see [Environment]
	ReferenceKindData        ReferenceKind = "data"         // see [Data]
	ReferenceKindComponent   ReferenceKind = "components"   // see [Component]
	ReferenceKindCompute     ReferenceKind = "computes"     // see [Compute]
	ReferenceKindDatastore   ReferenceKind = "datastores"   // see [Datastore]
	ReferenceKindJob         ReferenceKind = "jobs"         // see [Job]
)

// versioned reports whether things of this kind have versions.
func (k ReferenceKind) versioned() bool {
	switch k {
	case ReferenceKindCode, ReferenceKindModel, ReferenceKindEnvironment, ReferenceKindData, ReferenceKindComponent:
		return true
	}
	return false
}

// unversionedKinds are the kinds whose things have no versions.
var unversionedKinds = []ReferenceKind{ReferenceKindCompute, ReferenceKindDatastore, ReferenceKindJob}

// noun is the word for one of the kind in messages.
func (k ReferenceKind) noun() string {
	if k == ReferenceKindData {
		return "data asset"
	}
	return strings.TrimSuffix(string(k), "s")
}

// withArticle is the noun as a sentence has it: a model, an environment.
func (k ReferenceKind) withArticle() string {
	noun := k.noun()
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}

// ReferenceForm says which members of a [Reference] are filled.
type ReferenceForm string

// The forms of a reference.
const (
	ReferenceFormNamed  ReferenceForm = "named"  // a thing: Kind, Name, Version or Label, Registry or Workspace
	ReferenceFormPlace  ReferenceForm = "place"  // a place in a datastore: Datastore and Path
	ReferenceFormOutput ReferenceForm = "output" // an output of a job, or its artifacts: Job, Output and Path
	ReferenceFormURL    ReferenceForm = "url"    // a place in cloud storage: the URL in Path
	ReferenceFormLocal  ReferenceForm = "local"  // a file or folder of this machine: Path
)

// A Reference is a parsed reference, in any of the forms that Azure ML's clients and services
// write: ARM ids, azureml: names, azureml:// ids and places, cloud URLs and local paths. Get one
// from [ParseReference], or fill in the members that belong to its Form and leave Text empty.
type Reference struct {
	// Form says which of the other members are filled.
	Form ReferenceForm
	// Kind of what is named; only in ReferenceFormNamed.
	Kind ReferenceKind
	// Name of what is named; only in ReferenceFormNamed.
	Name string
	// Version of an asset; empty with a Label, or when the text names none.
	Version string
	// Label instead of a version, in practice "latest".
	Label string
	// Registry that has the asset; empty for one of a workspace.
	Registry string
	// Workspace, as far as the text names it; empty means the client's own.
	Workspace Workspace
	// WorkspaceID is the workspace's GUID, which ids of the data plane and of lists have instead.
	WorkspaceID string
	// Location is the region, only in ids of the data plane.
	Location string
	// Datastore of a place.
	Datastore string
	// Job whose output is meant.
	Job string
	// Output of the job; empty means the job's own artifacts.
	Output string
	// Path within the datastore or the output, or the whole URL or local path.
	Path string
	// Text is the reference as it was parsed; String returns it. Empty in one made by hand.
	Text string
}

// String returns Text, or the usual spelling of a reference that was made by hand.
func (r Reference) String() string {
	if r.Text != "" {
		return r.Text
	}
	switch r.Form {
	case ReferenceFormNamed:
		return r.named()
	case ReferenceFormPlace:
		return "azureml://" + r.workspacePart() + "datastores/" + r.Datastore + "/paths/" + r.Path
	case ReferenceFormOutput:
		if r.Output == "" {
			return "runs:/" + r.Job + "/" + r.Path
		}
		return "azureml://jobs/" + r.Job + "/outputs/" + r.Output + "/paths/" + r.Path
	}
	return r.Path
}

func (r Reference) named() string {
	switch {
	case r.Registry != "" && r.Label != "":
		return "azureml://registries/" + r.Registry + "/" + string(r.Kind) + "/" + r.Name + "/labels/" + r.Label
	case r.Registry != "":
		return "azureml://registries/" + r.Registry + "/" + string(r.Kind) + "/" + r.Name + "/versions/" + r.Version
	case r.Workspace != Workspace{} && r.Label == "":
		return r.armID(r.Workspace)
	case r.Label != "":
		return "azureml:" + r.Name + "@" + r.Label
	case r.Version != "":
		return "azureml:" + r.Name + ":" + r.Version
	}
	return "azureml:" + r.Name
}

func (r Reference) workspacePart() string {
	switch {
	case r.Workspace != Workspace{}:
		return "subscriptions/" + r.Workspace.SubscriptionID + "/resourcegroups/" + r.Workspace.ResourceGroup +
			"/workspaces/" + r.Workspace.Name + "/"
	case r.WorkspaceID != "":
		return "workspaces/" + r.WorkspaceID + "/"
	}
	return ""
}

func (r Reference) armID(ws Workspace) string {
	id := ws.ID() + "/" + string(r.Kind) + "/" + url.PathEscape(r.Name)
	if r.Version != "" {
		id += "/versions/" + url.PathEscape(r.Version)
	}
	return id
}

// ID returns the ARM id that the management plane takes, in ws unless the reference names a
// workspace. Ids of registries and names of curated environments (azureml:AzureML-...) come back
// unchanged: the service resolves them. A reference that names nothing, an asset without a version,
// and a label of the workspace are errors; Latest resolves a label.
func (r Reference) ID(ws Workspace) (string, error) {
	switch {
	case r.Form != ReferenceFormNamed:
		return "", fmt.Errorf(prefix+"reference %q names no resource", redact(r.String()))
	case r.Registry != "":
		return r.String(), nil
	case r.curated():
		return r.named(), nil // azureml: before the name, also when the text has none
	case r.Label != "":
		return "", fmt.Errorf(prefix+"reference %q: the label must be resolved to a version first", r)
	case r.Kind.versioned() && r.Version == "":
		return "", fmt.Errorf(prefix+"reference %q names no version", r)
	case strings.HasPrefix(r.Text, "/subscriptions/"):
		return r.Text, nil
	case r.Workspace != Workspace{}:
		return r.armID(r.Workspace), nil
	}
	return r.armID(ws), nil
}

// curated reports a curated environment by its name. Python's client sends
// azureml:AzureML-NAME:VERSION unresolved, and the service takes it (recording
// test_command_job_invalid_datastore, 2023).
func (r Reference) curated() bool {
	return r.Kind == ReferenceKindEnvironment && r.Version != "" && r.Workspace == Workspace{} && r.WorkspaceID == "" &&
		strings.HasPrefix(r.Name, "AzureML-")
}

// Equal reports whether both references mean the same thing, however they are spelt: the service
// spells one place in three ways, varies the case of resourceGroups, and adds a slash to folders. A
// part that one of the two leaves out, such as the workspace, counts as equal. Names and paths are
// case-sensitive; subscription, group and workspace are not.
func (r Reference) Equal(o Reference) bool {
	if r.Form != o.Form || !r.sameScope(o) {
		return false
	}
	switch r.Form {
	case ReferenceFormNamed:
		return r.Kind == o.Kind && r.Name == o.Name && r.Version == o.Version && r.Label == o.Label
	case ReferenceFormPlace:
		return r.Datastore == o.Datastore && samePath(r.Path, o.Path)
	case ReferenceFormOutput:
		return r.Job == o.Job && r.Output == o.Output && samePath(r.Path, o.Path)
	case ReferenceFormURL:
		return canonicalURL(r.Path) == canonicalURL(o.Path)
	}
	return r.Path == o.Path
}

func (r Reference) sameScope(o Reference) bool {
	if !strings.EqualFold(r.Registry, o.Registry) {
		return false
	}
	for _, pair := range [][2]string{
		{r.Workspace.SubscriptionID, o.Workspace.SubscriptionID},
		{r.Workspace.ResourceGroup, o.Workspace.ResourceGroup},
		{r.Workspace.Name, o.Workspace.Name},
		{r.WorkspaceID, o.WorkspaceID},
	} {
		if pair[0] != "" && pair[1] != "" && !strings.EqualFold(pair[0], pair[1]) {
			return false
		}
	}
	return true
}

func samePath(a, b string) bool { return strings.Trim(a, "/") == strings.Trim(b, "/") }

// canonicalURL spells URLs of one place alike: the service writes :443 in one answer and drops it
// in the next.
func canonicalURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	if u.Scheme == "https" {
		u.Host = strings.TrimSuffix(u.Host, ":443")
	}
	u.RawQuery, u.Fragment = "", "" // a signature says who may read, not which place
	u.RawPath = ""                  // a(b) and a%28b
	return strings.TrimSuffix(u.String(), "/")
}

// folderOf is the folder around the file that a URI names, with a slash at the end.
func folderOf(uri string) string { return uri[:strings.LastIndexByte(uri, '/')+1] }
