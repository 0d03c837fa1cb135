package jobs

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
)

// reference is the meaning of a reference to an asset or to storage. It is one of datastorePath,
// assetVersion, blobPath and jobOutput.
type reference interface{ referenceKind() string }

// datastorePath is a place on a datastore.
type datastorePath struct {
	workspace string // ARM id or GUID, "" when the reference does not name one
	datastore string
	path      string // without a leading slash
}

// assetVersion is a version of a registered asset.
type assetVersion struct {
	registry  string // its name; empty for an asset of a workspace
	workspace string // ARM id or GUID, "" when the reference does not name one
	kind      string // data, datasets, models, codes, environments, components; "" when not said
	name      string
	version   string // "" for the latest
}

// blobPath is a place in a storage account.
type blobPath struct{ account, container, path string }

// jobOutput is a named output of a job, or with an empty output name a path among its artifacts.
type jobOutput struct{ job, output, path string }

func (datastorePath) referenceKind() string { return "datastore path" }
func (assetVersion) referenceKind() string  { return "asset" }
func (blobPath) referenceKind() string      { return "storage URL" }
func (jobOutput) referenceKind() string     { return "job output" }

// parseReference reads every spelling of a reference that Azure ML's clients and services write:
// ARM ids, azureml: short names, azureml:// URIs of datastores, assets and job outputs, and URLs of
// Blob storage. suffix is the storage suffix of the cloud, such as core.windows.net.
func parseReference(text, suffix string) (reference, error) {
	scheme, rest := splitScheme(text)
	switch scheme {
	case "https":
		return parseBlobURL(text, suffix)
	case "wasbs", "abfss":
		return parseHadoopURL(rest, suffix)
	case "runs":
		job, path, _ := strings.Cut(strings.TrimLeft(rest, "/"), "/")
		if job == "" {
			return nil, fmt.Errorf("reference %q names no job", text)
		}
		return jobOutput{job: job, path: path}, nil
	case "azureml", "":
		if scheme == "azureml" && strings.HasPrefix(rest, "//") || isARMID(rest) {
			return parseSegments(text, strings.TrimLeft(rest, "/"))
		}
		return parseShortName(text, strings.TrimLeft(rest, "/"))
	}
	return nil, fmt.Errorf("reference %q: only Azure storage can be read, not %s://", withoutQuery(text), scheme)
}

// splitScheme splits "scheme:rest". A text without a known scheme, such as "NAME:VERSION" or an ARM
// id, is all rest.
func splitScheme(text string) (scheme, rest string) {
	before, after, found := strings.Cut(text, ":")
	if !found || strings.ContainsAny(before, "/@") {
		return "", text
	}
	switch lower := strings.ToLower(before); {
	case lower == "azureml", lower == "runs":
		return lower, after
	case strings.HasPrefix(after, "//"):
		return lower, after
	}
	return "", text
}

func isARMID(text string) bool {
	return len(text) > len("/subscriptions/") && strings.EqualFold(text[:len("/subscriptions/")], "/subscriptions/")
}

// parseShortName reads NAME:VERSION, NAME@LABEL and NAME/versions/VERSION.
func parseShortName(text, name string) (reference, error) {
	if name, label, found := strings.Cut(name, "@"); found {
		if !strings.EqualFold(label, "latest") || name == "" {
			return nil, fmt.Errorf("reference %q: the only label is latest", text)
		}
		return assetVersion{name: name}, nil
	}
	name, version, found := strings.Cut(name, ":")
	if !found || name == "" || version == "" || strings.ContainsAny(name, "/") {
		return nil, fmt.Errorf("reference %q is neither a URI, nor an ARM id, nor azureml:NAME:VERSION", text)
	}
	return assetVersion{name: name, version: version}, nil
}

// assetKinds are the segments before the name of an asset.
var assetKinds = map[string]bool{"data": true, "datasets": true, "models": true, "codes": true, "environments": true, "components": true}

// parseSegments reads ARM ids and azureml:// URIs, which differ only in the segments before the
// place or the asset.
func parseSegments(text, path string) (reference, error) {
	named, segments := cutScope(strings.Split(path, "/"))
	scope := workspaceOf(named)
	if len(segments) < 2 || segments[1] == "" {
		return nil, fmt.Errorf("reference %q names no resource of the workspace", text)
	}
	kind, name, rest := strings.ToLower(segments[0]), segments[1], segments[2:]
	switch kind {
	case "datastores":
		// "paths" is absent from the artifact places of jobs,
		// azureml://datastores/workspaceartifactstore/ExperimentRun/dcid.{run}.
		if len(rest) > 0 && strings.EqualFold(rest[0], "paths") {
			rest = rest[1:]
		}
		return datastorePath{workspace: scope, datastore: name, path: strings.Join(rest, "/")}, nil
	case "jobs":
		return parseJobOutput(text, name, rest)
	case "registries":
		if workspace := named["workspaces"]; workspace != "" {
			return nil, fmt.Errorf("reference %q names the workspace %q and the registry %q; an asset is in one of them", text, workspace, name)
		}
		return parseRegistry(text, name, rest)
	}
	if assetKinds[kind] {
		version, err := assetVersionOf(text, rest)
		if err != nil {
			return nil, err
		}
		return assetVersion{workspace: scope, kind: kind, name: name, version: version}, nil
	}
	return nil, fmt.Errorf("reference %q: unknown kind %q", text, segments[0])
}

// parseRegistry reads registries/REGISTRY/KIND/NAME/versions/VERSION.
func parseRegistry(text, registry string, rest []string) (reference, error) {
	if len(rest) < 3 || rest[1] == "" || !assetKinds[strings.ToLower(rest[0])] {
		return nil, fmt.Errorf("reference %q names no asset of the registry %q; expected azureml://registries/%s/KIND/NAME/versions/VERSION",
			text, registry, registry)
	}
	version, err := assetVersionOf(text, rest[2:])
	if err != nil {
		return nil, err
	}
	return assetVersion{registry: registry, kind: strings.ToLower(rest[0]), name: rest[1], version: version}, nil
}

// cutScope cuts off the leading segments that say where a resource is, and returns their values by
// word, in lower case.
func cutScope(segments []string) (named map[string]string, rest []string) {
	named = map[string]string{}
	for len(segments) >= 2 {
		word := strings.ToLower(segments[0])
		switch word {
		case "subscriptions", "resourcegroups", "providers", "locations", "workspaces":
			named[word] = segments[1]
			segments = segments[2:]
			continue
		}
		break
	}
	return named, segments
}

// workspaceOf is the ARM id of the workspace that the words of cutScope name, or its GUID, as the
// data plane spells it. It is "" for what is neither, such as the name that Microsoft's sample
// cli/batch-score-rest.sh has in the place of the GUID.
func workspaceOf(named map[string]string) string {
	switch workspace := named["workspaces"]; {
	case named["subscriptions"] != "" && named["resourcegroups"] != "" && workspace != "":
		return fmt.Sprintf("/subscriptions/%s/resourceGroups/%s/providers/Microsoft.MachineLearningServices/workspaces/%s",
			named["subscriptions"], named["resourcegroups"], workspace)
	case uuid.Validate(workspace) == nil:
		return workspace
	}
	return ""
}

// assetVersionOf reads versions/V, versions/labels/latest and labels/latest. The middle one is what
// Microsoft's sample cli/batch-score-rest.sh writes.
func assetVersionOf(text string, rest []string) (string, error) {
	switch {
	case len(rest) == 2 && strings.EqualFold(rest[0], "versions") && rest[1] != "":
		return rest[1], nil
	case len(rest) >= 2 && strings.EqualFold(rest[len(rest)-2], "labels") && strings.EqualFold(rest[len(rest)-1], "latest"):
		return "", nil
	}
	return "", fmt.Errorf("reference %q names no version; expected versions/VERSION or labels/latest", text)
}

func parseJobOutput(text, job string, rest []string) (reference, error) {
	if len(rest) < 2 || !strings.EqualFold(rest[0], "outputs") {
		return nil, fmt.Errorf("reference %q names no output; expected jobs/JOB/outputs/NAME", text)
	}
	output, path := rest[1], rest[2:]
	if len(path) > 0 && strings.EqualFold(path[0], "paths") {
		path = path[1:]
	}
	return jobOutput{job: job, output: output, path: strings.Join(path, "/")}, nil
}

// parseBlobURL reads https://ACCOUNT.blob.SUFFIX/CONTAINER/PATH. A SAS in the query is dropped: the
// emulator's jobs may read every account it plays.
func parseBlobURL(text, suffix string) (reference, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("reference %q is not a URL", withoutQuery(text))
	}
	account, found := strings.CutSuffix(cloud.HostName(u.Host), ".blob."+suffix)
	if !found {
		return nil, fmt.Errorf("reference %q: only Azure Blob storage can be read, not host %q", withoutQuery(text), u.Hostname())
	}
	if !cloud.IsStorageAccount(account) {
		return nil, badAccount(withoutQuery(text), account)
	}
	container, path, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if container == "" {
		return nil, fmt.Errorf("reference %q names no container", withoutQuery(text))
	}
	return blobPath{account: account, container: container, path: path}, nil
}

// parseHadoopURL reads the rest of wasbs:// and abfss:// URLs,
// //CONTAINER@ACCOUNT.blob.SUFFIX/PATH; the second kind has dfs for blob.
func parseHadoopURL(rest, suffix string) (reference, error) {
	authority, path, _ := strings.Cut(strings.TrimPrefix(rest, "//"), "/")
	container, host, found := strings.Cut(authority, "@")
	account, isBlob := strings.CutSuffix(strings.ToLower(host), ".blob."+suffix)
	account, isLake := strings.CutSuffix(account, ".dfs."+suffix)
	if !found || container == "" || !isBlob && !isLake {
		return nil, fmt.Errorf("reference to %q: expected CONTAINER@ACCOUNT.blob.%s", authority, suffix)
	}
	if !cloud.IsStorageAccount(account) {
		return nil, badAccount("//"+authority, account)
	}
	return blobPath{account: account, container: container, path: path}, nil
}

func badAccount(text, account string) error {
	return fmt.Errorf("reference %q: %q is no storage account; its name is 3 to 24 lower-case letters and digits", text, account)
}

// withoutQuery is the form of a URL for errors: a SAS is a secret.
func withoutQuery(text string) string {
	before, _, _ := strings.Cut(text, "?")
	return before
}
