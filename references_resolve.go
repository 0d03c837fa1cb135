package azmlbatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// heldReference is a member of a request that refers to something with a name. Deployments and
// invocations list theirs; checking and resolving them is the same for all.
type heldReference struct {
	argument string          // for errors, as in "Deployment.Compute"
	kind     ReferenceKind   // what is meant
	also     []ReferenceKind // other kinds that an id may name
	forms    []ReferenceForm // other forms that go out as they are
	text     string
	set      func(id string) // puts the id in the reference's place
}

// cloudRemedy says what the URI of an input can be, and uriRemedy what else an input can be.
const (
	cloudRemedy = "use an https URL, azureml://datastores/D/paths/P or azureml:NAME:VERSION"
	uriRemedy   = cloudRemedy + "; a local path is azmlbatch.LocalPath"
)

// check reads the reference and refuses what is certain to be wrong, without asking the service.
func (h heldReference) check(op operation) (Reference, error) {
	bad := func(problem, remedy string, err error) error {
		return op.invalid(h.argument, problem, remedy).causedBy(err)
	}
	quoted := fmt.Sprintf("%q", redact(clip(h.text)))
	r, err := ParseReference(h.kind, h.text)
	switch {
	case strings.TrimSpace(h.text) == "" && len(h.forms) > 0:
		return r, bad("is empty", uriRemedy, err)
	case strings.TrimSpace(h.text) == "":
		return r, bad("is blank", "name "+h.kind.withArticle(), err)
	case err != nil:
		var cause *ArgumentError
		if errors.As(err, &cause) {
			return r, bad(cause.Problem, cause.Remedy, err)
		}
		return r, bad("cannot be read", "", err)
	case slices.Contains(h.forms, r.Form):
		return r, nil
	case r.Form == ReferenceFormLocal && h.kind.versioned() && assetName.MatchString(h.text):
		return r, bad(quoted+" names no version", h.versionRemedy(Reference{Name: h.text}), nil)
	case r.Form == ReferenceFormLocal && len(h.forms) > 0:
		problem, remedy := localURI(h.text)
		return r, bad(quoted+problem, remedy, nil)
	case r.Form != ReferenceFormNamed:
		return r, bad(quoted+" is not a reference to "+h.kind.withArticle(),
			"register or create it first, and pass the result's Ref or ID", nil)
	case r.Kind == ReferenceKindDatastore && slices.Contains(h.forms, ReferenceFormPlace):
		return r, bad(quoted+" names a datastore and no path in it", "end it with /paths/ and the path", nil)
	case r.Kind != h.kind && !slices.Contains(h.also, r.Kind):
		return r, bad(quoted+" names "+r.Kind.withArticle(), "pass a reference to "+h.kind.withArticle(), nil)
	case r.Registry == "" && r.Label != "" && r.Label != "latest":
		return r, bad(fmt.Sprintf("%s has the label %s", quoted, r.Label), "the only label of a workspace's assets is latest", nil)
	case h.kind.versioned() && r.Version == "" && r.Label == "":
		return r, bad(quoted+" names no version", h.versionRemedy(r), nil)
	case r.Version == "latest" && !strings.Contains(r.Text, "/"):
		return r, bad(quoted+" names a version called latest",
			"write azureml:"+r.Name+"@latest for the newest version; if there is one of that name, give its ARM id", nil)
	}
	return r, nil
}

// localURI says what is wrong with a text that is no URI that Azure ML reads.
func localURI(text string) (problem, remedy string) {
	switch scheme := schemeOf(text); {
	case strings.TrimLeft(text, " ") != text:
		return " begins with a blank", "remove it"
	case scheme == "file":
		return " is a local path", "leave out file://; a local path is azmlbatch.LocalPath"
	case scheme != "":
		return fmt.Sprintf(" has the scheme %s, which Azure ML does not read", scheme), "copy the data to Azure storage, and " + cloudRemedy
	}
	return " is not a URI", uriRemedy
}

func (h heldReference) versionRemedy(r Reference) string {
	if strings.Contains(r.Text, "/") { // an id, whose workspace or registry a short form would lose
		return "end it with /versions/VERSION or /labels/latest"
	}
	remedy := fmt.Sprintf("write azureml:%s:VERSION or azureml:%s@latest", r.Name, r.Name)
	if len(h.forms) > 0 { // an input
		remedy += "; a local path is azmlbatch.LocalPath"
	}
	return remedy
}

// checkReferences refuses the first reference that is certain to be wrong.
func checkReferences(op operation, held []heldReference) error {
	for _, h := range held {
		if _, err := h.check(op); err != nil {
			return err
		}
	}
	return nil
}

// resolveReferences replaces each reference by the id that the service takes. A label of a
// workspace costs one request for the newest version, because only clients know labels.
func (c *Client) resolveReferences(ctx context.Context, op operation, held []heldReference) error {
	for _, h := range held {
		r, err := h.check(op)
		if err != nil {
			return err
		}
		if r.Form != ReferenceFormNamed {
			continue
		}
		id, err := c.referenceID(ctx, op, h, r)
		if err != nil {
			return op.failed(err)
		}
		h.set(id)
	}
	return nil
}

func (c *Client) referenceID(ctx context.Context, op operation, h heldReference, r Reference) (string, error) {
	if r.WorkspaceID != "" && !strings.EqualFold(r.WorkspaceID, c.workspace.Name) { // a sample of Microsoft's has the name there
		switch same, err := c.sameWorkspace(ctx, r); {
		case err != nil:
			return "", err
		case !same && r.Label != "":
			return "", op.invalid(h.argument, fmt.Sprintf("%q is in another workspace", r), "write its ARM id with a version")
		case !same:
			return r.String(), nil // only the service knows the workspace's names
		}
	}
	if r.Label != "" && r.Registry == "" {
		return c.latestID(ctx, r)
	}
	id, err := r.ID(c.workspace)
	if err != nil {
		return "", op.invalid(h.argument, fmt.Sprintf("%q has no id", redact(h.text)), "pass the result's Ref or ID").causedBy(err)
	}
	return id, nil
}

// latestID is the id of the newest version.
func (c *Client) latestID(ctx context.Context, r Reference) (string, error) {
	ws := r.Workspace
	if ws == (Workspace{}) {
		ws = c.workspace
	}
	versions := request{op: operation{"get latest version of", r.Kind.noun(), r.Name},
		url: c.cloud.management + Reference{Kind: r.Kind, Name: r.Name}.armID(ws) + "/versions"}
	v, err := latest[struct {
		ID string `json:"id"`
	}](ctx, c, r.Kind, versions)
	return v.ID, err
}
