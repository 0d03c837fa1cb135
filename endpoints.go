package azmlbatch

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"strings"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// AuthMode says how callers of an endpoint authenticate.
type AuthMode string

// AuthModeAADToken is a Microsoft Entra token, the only mode of batch endpoints. Key, which
// online endpoints have, is an [*ArgumentError].
const AuthModeAADToken AuthMode = "AADToken"

// An Endpoint is a batch endpoint: a stable name and URL in front of deployments.
type Endpoint struct {
	Meta
	// Name of the endpoint, unique in its region.
	Name string `wire:"name,readonly"`
	// Location is the region; empty means the workspace's.
	Location string `wire:"location"`
	// Tags are free; the service refuses empty values.
	Tags map[string]string `wire:"tags"`
	// Identity of the endpoint; SystemAssigned is the only one that works. Usually left empty.
	Identity Identity `wire:"identity"`
	// Description is free text.
	Description string `wire:"properties/description"`
	// Properties are the caller's and the service's own; they can be added, not changed or removed.
	Properties map[string]string `wire:"properties/properties"`
	// AuthMode is [AuthModeAADToken], which is also what empty means.
	AuthMode AuthMode `wire:"properties/authMode"`
	// DefaultDeployment is for invocations that name none; see
	// [EndpointsClient.SetDefaultDeployment].
	DefaultDeployment string `wire:"properties/defaults/deploymentName"`
	// ScoringURI is where jobs are started; the service sets it at the end of the creation.
	ScoringURI string `wire:"properties/scoringUri,readonly"`
	// SwaggerURI is always empty for batch endpoints.
	SwaggerURI string `wire:"properties/swaggerUri,readonly"`
	// ProvisioningState is Creating or Updating while an operation runs; set by the service.
	ProvisioningState ProvisioningState `wire:"properties/provisioningState,readonly"`
	// Extra holds members that this version does not know, by JSON Pointer.
	Extra map[string]json.RawMessage
}

func (e *Endpoint) UnmarshalJSON(b []byte) error { return wire.Decode(b, e) }

func (e Endpoint) MarshalJSON() ([]byte, error) { return wire.Encode(e, wire.ForCaller) }

func (e Endpoint) String() string { return printed(e) }

// EndpointsClient reaches the batch endpoints of the workspace. Get one from [Client.Endpoints].
type EndpointsClient struct{ c *Client }

// Endpoints returns the calls for batch endpoints.
func (c *Client) Endpoints() EndpointsClient { return EndpointsClient{c} }

func (e EndpointsClient) request(method, verb, name string, more ...string) request {
	return e.c.about(operation{verb, "endpoint", name}, method, append([]string{"batchEndpoints", name}, more...)...)
}

// Get reads an endpoint. A missing one is [ErrNotFound].
func (e EndpointsClient) Get(ctx context.Context, name string) (Endpoint, error) {
	return do[Endpoint](ctx, e.c, e.request(http.MethodGet, "get", name))
}

// List iterates over the endpoints of the workspace, a page at a time.
func (e EndpointsClient) List(ctx context.Context) iter.Seq2[Endpoint, error] {
	return list[Endpoint](ctx, e.c, request{op: operation{"list", "endpoints", ""}, url: e.c.armURL("batchEndpoints")})
}

// CreateOrUpdate creates an endpoint, or replaces the one of that name, and waits until it is
// ready: about half a minute for a new one. Fields left empty are reset: to update, get the
// endpoint, change it and send it back. An endpoint costs nothing by itself.
func (e EndpointsClient) CreateOrUpdate(ctx context.Context, name string, endpoint Endpoint, options *WaitOptions) (Endpoint, error) {
	p, err := e.BeginCreateOrUpdate(ctx, name, endpoint)
	return untilDone(ctx, p, err, options)
}

// BeginCreateOrUpdate is [EndpointsClient.CreateOrUpdate] without the waiting.
func (e EndpointsClient) BeginCreateOrUpdate(ctx context.Context, name string, endpoint Endpoint) (*Poller[Endpoint], error) {
	r := e.request(http.MethodPut, "create", name)
	if err := cmp.Or(e.c.ready(r.op), endpoint.check(r.op)); err != nil {
		return nil, err
	}
	if endpoint.Location == "" {
		location, err := e.c.location(ctx, r.op)
		if err != nil {
			return nil, err
		}
		endpoint.Location = location
	}
	if endpoint.AuthMode == "" {
		endpoint.AuthMode = AuthModeAADToken
	}
	r.body = endpoint
	return beginOperation[Endpoint](ctx, e.c, r)
}

func (e Endpoint) check(op operation) error {
	return cmp.Or(checkEndpointName(op, op.name, e.Meta), e.checkAuthMode(op), checkTags(op, e.Tags))
}

// checkAuthMode refuses the mode of online endpoints for a new one: the service takes it, and fails
// ten minutes later with an internal error (azure-sdk-for-python issue 31809). What the service has
// may be sent back.
func (e Endpoint) checkAuthMode(op operation) error {
	if e.ID == "" && strings.EqualFold(string(e.AuthMode), "Key") {
		return op.invalid("Endpoint.AuthMode", "is "+string(e.AuthMode)+", which only online endpoints have", "leave it empty: batch endpoints take Microsoft Entra tokens")
	}
	return nil
}

// Delete deletes an endpoint with all its deployments, also while jobs run, and waits until that is
// done. The jobs and their outputs stay. A missing endpoint is [ErrNotFound] or no error, as the
// service answers.
func (e EndpointsClient) Delete(ctx context.Context, name string, options *WaitOptions) error {
	p, err := e.BeginDelete(ctx, name)
	_, err = untilDone(ctx, p, err, options)
	return err
}

// BeginDelete is [EndpointsClient.Delete] without the waiting.
func (e EndpointsClient) BeginDelete(ctx context.Context, name string) (*Poller[Nothing], error) {
	return beginOperation[Nothing](ctx, e.c, e.request(http.MethodDelete, "delete", name))
}

// SetDefaultDeployment makes a deployment the endpoint's default and waits until the endpoint says
// so. It gets the endpoint, changes this field, puts it back and gets it again, because the service
// has neither a call for it nor an ETag. A change by someone else meanwhile is [ErrConflict] and
// stays; one in the instant between get and put goes unnoticed. A missing endpoint or deployment is
// [ErrNotFound], and nothing is changed.
func (e EndpointsClient) SetDefaultDeployment(ctx context.Context, name, deployment string, options *WaitOptions) (Endpoint, error) {
	r := e.request(http.MethodPut, "set default deployment of", name)
	return inSpan(ctx, e.c, r.op, func(ctx context.Context) (Endpoint, error) { return e.setDefault(ctx, r, deployment, options) })
}

func (e EndpointsClient) setDefault(ctx context.Context, r request, deployment string, options *WaitOptions) (Endpoint, error) {
	if err := checkName(r.op, "deployment", deployment); err != nil {
		return Endpoint{}, err
	}
	if _, err := e.c.Deployments(r.op.name).Get(ctx, deployment); err != nil {
		return Endpoint{}, err
	}
	endpoint, err := e.Get(ctx, r.op.name) // last, so that little time is left for a neighbour
	if err != nil {
		return Endpoint{}, err
	}
	if endpoint.DefaultDeployment == deployment {
		return endpoint, nil
	}
	endpoint.DefaultDeployment = deployment
	wrote := endpoint
	r.body = endpoint
	p, err := beginOperation[Endpoint](ctx, e.c, r)
	if endpoint, err = untilDone(ctx, p, err, options); err != nil {
		return endpoint, err
	}
	return endpoint, changedMeanwhile(r.op, wrote, endpoint)
}

// changedMeanwhile compares what was written with what is there after it: a difference is a
// neighbour's change.
func changedMeanwhile(op operation, wrote, found Endpoint) error {
	what := ""
	switch {
	case found.DefaultDeployment != wrote.DefaultDeployment:
		what = fmt.Sprintf("the default deployment changed to %q while this call ran", found.DefaultDeployment)
	case found.Description != wrote.Description:
		what = "the description changed while this call ran"
	case !maps.Equal(found.Tags, wrote.Tags):
		what = "the tags changed while this call ran"
	default:
		return nil
	}
	return op.found(ErrConflict, what, "get the endpoint and try again")
}

// EndpointKeys are the keys of an endpoint. The service documents them; batch endpoints accept only
// tokens.
type EndpointKeys struct {
	// PrimaryKey opens the endpoint for whoever has it; it prints as REDACTED.
	PrimaryKey Secret `json:"primaryKey"`
	// SecondaryKey does the same, so that the other can be exchanged; it prints as REDACTED.
	SecondaryKey Secret `json:"secondaryKey"`
}

// Keys lists the keys of an endpoint. They are secrets: do not log them.
func (e EndpointsClient) Keys(ctx context.Context, name string) (EndpointKeys, error) {
	r := e.request(http.MethodPost, "list keys of", name, "listkeys")
	r.reads = true
	return do[EndpointKeys](ctx, e.c, r)
}
