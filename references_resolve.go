package azmlbatch

import (
	"context"
	"errors"
	"fmt"
)

// resolve turns a reference to something with a name into what a request of the management plane takes, and a label of
// the workspace into the newest version, which costs one request.
func (c *Client) resolve(ctx context.Context, op operation, argument string, kind ReferenceKind, text string) (string, error) {
	bad := func(problem, remedy string, err error) error {
		return op.invalid(argument, problem, remedy).causedBy(err)
	}
	r, err := ParseReference(kind, text)
	switch {
	case err != nil:
		var cause *ArgumentError
		if errors.As(err, &cause) {
			return "", bad(cause.Problem, cause.Remedy, err)
		}
		return "", bad("cannot be read", "", err)
	case r.Form != ReferenceFormNamed:
		return "", bad(fmt.Sprintf("%q is not a reference to a %s", redact(text), kind.noun()),
			"register or create it first, and pass the result's Ref or ID", nil)
	case r.Kind != kind:
		return "", bad(fmt.Sprintf("%q names one of %q", text, r.Kind), "pass a reference to a "+kind.noun(), nil)
	case r.Label != "" && r.Registry == "":
		return c.latestID(ctx, op, r)
	}
	id, err := r.ID(c.workspace)
	if err != nil {
		return "", bad(fmt.Sprintf("%q names no version", text), "write azureml:NAME:VERSION or azureml:NAME@latest", err)
	}
	return id, nil
}

// latestID resolves NAME@latest to the id of a version. Only the client knows labels of a workspace's assets.
func (c *Client) latestID(ctx context.Context, op operation, r Reference) (string, error) {
	if r.Label != "latest" {
		return "", op.invalid(r.Kind.noun(), fmt.Sprintf("%q has an unknown label", r),
			"assets of a workspace have the label latest only")
	}
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

func placeURI(datastore, path string) string {
	return "azureml://datastores/" + datastore + "/paths/" + path
}
