package azmlbatch

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// place is a blob, a folder or a prefix in a container, and what may open it. It is comparable.
type place struct {
	host      string // {account}.blob.{suffix}
	container string
	path      string // name of a blob, or a prefix; "" for the whole container
	datastore string // whose secrets open the container; "" for a place given as a URL
	keyless   bool   // the datastore has no secrets
	sas       string // the signature of a signed URL; with it, nothing else is ever sent
}

func (p place) at(path string) place {
	p.path = path
	return p
}

// join appends to the path, with one slash between.
func (p place) join(more string) place {
	if p.path == "" {
		return p.at(more)
	}
	return p.at(strings.TrimSuffix(p.path, "/") + "/" + more)
}

func (p place) account() string {
	account, _, _ := strings.Cut(p.host, ".")
	return account
}

// url is the place as an https URL, without signature.
func (p place) url() *url.URL {
	u := &url.URL{Scheme: "https", Host: p.host, Path: "/" + p.container}
	u.RawPath = "/" + url.PathEscape(p.container)
	if p.path != "" {
		u.Path += "/" + p.path
		u.RawPath += "/" + escapePath(p.path)
	}
	return u
}

// escapePath escapes a name for a URL, except its slashes.
func escapePath(name string) string {
	segments := strings.Split(name, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return strings.Join(segments, "/")
}

// blobPlace finds the container and path of a URI: an azureml:// URI in any of its three forms, an
// https URL with or without a signature, wasbs:// or abfss://. It asks the service for a datastore
// that is not cached, and for the workspace if the URI has its GUID.
func (c *Client) blobPlace(ctx context.Context, op operation, uri string) (place, error) {
	if err := c.ready(op); err != nil {
		return place{}, err
	}
	r, _ := ParseReference("", uri) // what is no reference has no form
	switch r.Form {
	case ReferenceFormURL:
		return c.urlPlace(op, r.Path)
	case ReferenceFormPlace:
		if secretPattern.MatchString(r.Path) {
			return place{}, badPlace(op, uri, "holds a signature", "give the https URL of the blob; that may be signed")
		}
		same, err := c.sameWorkspace(ctx, r)
		if err != nil {
			return place{}, op.failed(err)
		}
		if !same {
			return place{}, badPlace(op, uri, "is in another workspace", "use a client of that workspace")
		}
		at, err := c.datastorePlace(ctx, op, r.Datastore)
		return at.at(r.Path), err
	}
	return place{}, badPlace(op, uri, "is not a place in storage", "use azureml://datastores/D/paths/P or the https URL of a blob")
}

func badPlace(op operation, uri, problem, remedy string) error {
	return op.invalid("uri", fmt.Sprintf("%q %s", redact(clip(uri)), problem), remedy)
}

// sameWorkspace reports whether a reference means the client's workspace, also by naming none.
func (c *Client) sameWorkspace(ctx context.Context, r Reference) (bool, error) {
	own := Reference{Workspace: c.workspace}
	if r.WorkspaceID != "" {
		d, err := c.knownDetails(ctx)
		if err != nil {
			return false, err
		}
		own.WorkspaceID = d.WorkspaceID
	}
	return own.sameScope(Reference{Workspace: r.Workspace, WorkspaceID: r.WorkspaceID}), nil
}

// urlPlace reads the URL of a blob. Without a signature the caller's token may go there, so the
// host must be a blob host of the client's cloud.
func (c *Client) urlPlace(op operation, raw string) (place, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return place{}, badPlace(op, raw, "is not a URL", "use the https URL of a blob")
	}
	var at place
	switch scheme := strings.ToLower(u.Scheme); scheme {
	case "https":
		at.host = blobEndpoint(strings.TrimSuffix(u.Host, ":443")) // the service writes the port in some answers only
		at.container, at.path, _ = strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
		if u.Query().Has("sig") {
			at.sas = u.RawQuery
		}
	case "wasbs", "abfss": // scheme://container@account.host/path
		at.host = blobEndpoint(u.Host)
		at.container, at.path = u.User.Username(), strings.TrimPrefix(u.Path, "/")
	default:
		return place{}, badPlace(op, raw, "is not an encrypted URL of blob storage", "use https, wasbs or abfss")
	}
	if at.container == "" {
		return place{}, badPlace(op, raw, "names no container", "use the https URL of a blob or container")
	}
	if at.sas == "" {
		err = c.checkBlobHost(op, at.host)
	}
	return at, err
}

// blobEndpoint returns the blob host of an account, also for its data lake host.
func blobEndpoint(host string) string {
	return strings.Replace(strings.ToLower(host), ".dfs.", ".blob.", 1)
}

// storageAccount is the name of an account, or of its read-only copy in another region.
var storageAccount = regexp.MustCompile(`^[a-z0-9]{3,24}(-secondary)?$`)

// checkBlobHost refuses to send a token to a host that is not {account}.blob.{suffix of the cloud}:
// a datastore may name any host, and a server there could ask azblob for a token of any audience.
func (c *Client) checkBlobHost(op operation, host string) error {
	account, isBlobHost := strings.CutSuffix(host, ".blob."+c.cloud.storageSuffix)
	switch {
	case isBlobHost && storageAccount.MatchString(account):
		return nil
	case isBlobHost:
		return op.invalid("storage account", fmt.Sprintf("%q is not the name of one", redact(clip(account))),
			"use 3 to 24 lower-case letters and digits")
	}
	return &Error{Operation: op.String(), Err: errForeignHost,
		Message: fmt.Sprintf("%s is not a blob host of this cloud; no token is sent there", host),
		Remedy:  "use a URL with a signature (SAS), or check ClientOptions.Cloud and its entry for ServiceStorage"}
}

// datastorePlace returns the container of a datastore; "" means the default one.
func (c *Client) datastorePlace(ctx context.Context, op operation, name string) (place, error) {
	d, err := c.knownDatastore(ctx, op, name)
	if err != nil {
		return place{}, err
	}
	bad := func(problem, remedy string) (place, error) {
		return place{}, op.invalid("datastore", fmt.Sprintf("%q %s", d.Name, problem), remedy)
	}
	container := cmp.Or(d.ContainerName, d.Filesystem)
	switch {
	case container == "" || d.AccountName == "":
		return bad(fmt.Sprintf("is of type %s, which has no blobs", d.Type), "use a datastore of type AzureBlob or AzureDataLakeGen2")
	case d.Protocol != "" && !strings.EqualFold(d.Protocol, "https"):
		return bad(fmt.Sprintf("is reached by %s, which would show the credential to anyone", d.Protocol), "set its protocol to https")
	}
	_, keyless := d.Credentials.(NoCredentials)
	at := place{host: d.blobHost(c.cloud.storageSuffix), container: container, datastore: d.Name, keyless: keyless}
	return at, c.checkBlobHost(op, at.host)
}

// placeURI is the azureml URI of a path on a datastore of the client's workspace.
func placeURI(datastore, path string) string {
	return "azureml://datastores/" + datastore + "/paths/" + path
}
