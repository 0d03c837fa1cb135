package azmlbatch

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/tracing"
)

const (
	moduleName    = "github.com/azmlbatch/azmlbatch"
	moduleVersion = "v0.1.0"
)

// A Workspace names the Azure ML workspace that a [Client] works in.
type Workspace struct {
	// SubscriptionID is the GUID of the subscription.
	SubscriptionID string
	// ResourceGroup is the name of the resource group.
	ResourceGroup string
	// Name is the name of the workspace.
	Name string
}

// ID returns the ARM id of the workspace.
func (w Workspace) ID() string {
	return "/subscriptions/" + url.PathEscape(w.SubscriptionID) + "/resourceGroups/" + url.PathEscape(w.ResourceGroup) +
		"/providers/Microsoft.MachineLearningServices/workspaces/" + url.PathEscape(w.Name)
}

// A Client talks to one workspace. It is immutable and safe for concurrent use: make one and reuse
// it. No goroutine outlives a call.
type Client struct {
	workspace  Workspace
	cloud      cloudConfig
	apiVersion string
	readOnly   bool
	cred       azcore.TokenCredential
	options    ClientOptions
	retry      retryConfig
	tracer     tracing.Tracer
	clock      clock

	management *plane
	scoring    *plane
	data       *plane

	details cached[WorkspaceDetails] // what the workspace says about itself (workspace.go)
	api     cached[string]           // base URL of its data plane, https://{region}.api.azureml.ms (workspace.go)
	storage storageState             // what the client has learnt about storage (storage.go)
	turns   keyTurns                 // one caller at a time for each invocation key (invoke_once.go)
}

// NewClient returns a client for the workspace. It sends nothing, so a wrong name shows at the
// first call. Nil options mean the defaults.
//
// The credential is asked for tokens of three audiences, each sent only to the hosts of its plane:
// management (also for the workspace data plane), Azure ML scoring, and storage. It returns
// *[ArgumentError] for an empty name, a placeholder such as "<NAME>", a nil credential or an
// unusable cloud.
func NewClient(ws Workspace, cred azcore.TokenCredential, options *ClientOptions) (*Client, error) {
	return newClient(ws, cred, options, realClock())
}

func newClient(ws Workspace, cred azcore.TokenCredential, options *ClientOptions, clk clock) (*Client, error) {
	o := orZero(options)
	for _, p := range []struct{ argument, value string }{
		{"Workspace.SubscriptionID", ws.SubscriptionID},
		{"Workspace.ResourceGroup", ws.ResourceGroup},
		{"Workspace.Name", ws.Name},
	} {
		if strings.TrimSpace(p.value) == "" {
			return nil, operation{"create", "client", ""}.invalid(p.argument, "is empty",
				"name subscription, resource group and workspace, or use FindWorkspace")
		}
		if strings.ContainsAny(p.value, " <>{}[]$%/\\?#&*\"'") || strings.ContainsFunc(p.value, unicode.IsControl) {
			return nil, operation{"create", "client", ""}.invalid(p.argument, fmt.Sprintf("%q has characters that no such name has", redact(clip(p.value))),
				"replace placeholders, and take ids and names from config.json, which the studio gives out")
		}
	}
	if isNil(cred) {
		return nil, operation{"create", "client", ""}.invalid("cred", "is nil",
			"pass a credential of azidentity, for example NewDefaultAzureCredential")
	}
	if err := checkClientOptions(o); err != nil {
		return nil, err
	}
	cfg, bad := resolveCloud(o.Cloud)
	if bad != nil {
		return nil, bad
	}
	c := &Client{
		workspace:  ws,
		cloud:      cfg,
		apiVersion: cmp.Or(o.APIVersion, DefaultAPIVersion),
		readOnly:   o.ReadOnly,
		options:    o,
		retry:      newRetryConfig(o.Retry, clk),
		tracer:     newTracer(o.TracingProvider, ws),
		clock:      clk,
	}
	c.cred = steadyCredential{cred, c.retry}
	c.management = c.newPlane("management", cfg.managementAudience, exactHost(cfg.managementHost))
	c.scoring = c.newPlane("scoring", cfg.mlAudience, hostSuffix(cfg.scoringSuffixes))
	c.data = c.newPlane("data", cfg.managementAudience, hostSuffix(cfg.dataSuffixes))
	return c, nil
}

func (c *Client) newPlane(name, audience string, owns func(string) bool) *plane {
	o := c.options.ClientOptions
	o.Retry = policy.RetryOptions{MaxRetries: -1} // one retry layer, and it is below (retry.go)
	o.Transport = newRetryTransport(c.retry, o.Transport, c.options.Logger)
	auth := runtime.NewBearerTokenPolicy(c.cred, []string{audience + "/.default"}, &policy.BearerTokenOptions{
		InsecureAllowCredentialWithHTTP: o.InsecureAllowCredentialWithHTTP,
	})
	return &plane{name: name, owns: owns, pipeline: runtime.NewPipeline(moduleName, moduleVersion,
		runtime.PipelineOptions{PerRetry: []policy.Policy{auth}}, &o)}
}

// The name of a span says what is done to which kind of thing ("upload model"), so that spans of
// one step group together. The thing's own name is an attribute.
const (
	attributeNamespace = "az.namespace"
	attributeWorkspace = "azmlbatch.workspace"
	attributeName      = "azmlbatch.name"
)

func newTracer(p tracing.Provider, ws Workspace) tracing.Tracer {
	t := p.NewTracer(moduleName, moduleVersion)
	if t.Enabled() {
		t.SetAttributes(tracing.Attribute{Key: attributeNamespace, Value: resourceProvider},
			tracing.Attribute{Key: attributeWorkspace, Value: ws.Name})
	}
	return t
}

// ready returns an error for a client that NewClient did not make.
func (c *Client) ready(op operation) error {
	if c == nil || c.management == nil {
		return op.invalid("client", "was not made by NewClient", "make it with NewClient, and get JobsClient and its like from it, as in client.Jobs()")
	}
	return nil
}

// isNil reports whether an interface holds nothing, or a nil pointer or function. A nil map or
// slice can be a value of its own.
func isNil(v any) bool {
	r := reflect.ValueOf(v)
	return !r.IsValid() || (r.Kind() == reflect.Pointer || r.Kind() == reflect.Func) && r.IsNil()
}

// checkClientOptions refuses nil where azcore would panic at the first request.
func checkClientOptions(o ClientOptions) error {
	op := operation{"create", "client", ""}
	switch {
	case o.Transport != nil && isNil(o.Transport):
		return op.invalid("Transport", "holds nil", "leave it out, or pass a transport")
	case slices.ContainsFunc(o.PerCallPolicies, func(p policy.Policy) bool { return isNil(p) }):
		return op.invalid("PerCallPolicies", "holds nil", "leave it out")
	case slices.ContainsFunc(o.PerRetryPolicies, func(p policy.Policy) bool { return isNil(p) }):
		return op.invalid("PerRetryPolicies", "holds nil", "leave it out")
	}
	return nil
}

// Workspace returns the names that the client was made with.
func (c *Client) Workspace() Workspace {
	if c == nil {
		return Workspace{}
	}
	return c.workspace
}

// ReadOnly reports whether the client was made with [ClientOptions].ReadOnly, and so changes nothing.
func (c *Client) ReadOnly() bool { return c != nil && c.readOnly }

// armURL builds a management URL below the workspace from unescaped path segments.
func (c *Client) armURL(segments ...string) string {
	if c == nil {
		return ""
	}
	return c.cloud.management + c.armID(segments...)
}

// armID builds the ARM id of something in the workspace.
func (c *Client) armID(segments ...string) string {
	if c == nil {
		return "" // nothing is sent, see ready
	}
	var b strings.Builder
	b.WriteString(c.workspace.ID())
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

// transport is what the caller gave, or nil for azcore's default.
func (c *Client) transport() policy.Transporter { return c.options.Transport }

// Access is one audience for which the client's credential gave a token.
type Access struct {
	// Audience that the token is for, for example "https://ml.azure.com".
	Audience string
	// ExpiresOn is when the token expires; the client renews it before that.
	ExpiresOn time.Time
	// Caller is who the token is of.
	Caller Caller
}

// Authenticate gets a token for the management and the scoring audience, so that a wrong secret
// shows before long work begins. Calling it is optional, and nothing is sent to Azure ML. A
// credential that gives no token is an *[Error]. A token says nothing about the caller's roles.
func (c *Client) Authenticate(ctx context.Context) ([]Access, error) {
	if err := c.ready(operation{"authenticate", "client", ""}); err != nil {
		return nil, err
	}
	var access []Access
	for _, audience := range []string{c.cloud.managementAudience, c.cloud.mlAudience} {
		token, err := c.cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{audience + "/.default"}, EnableCAE: true})
		if err != nil {
			return access, transportError(operation{"authenticate for", "audience", audience}, err)
		}
		access = append(access, Access{Audience: audience, ExpiresOn: token.ExpiresOn, Caller: callerOf(token.Token)})
	}
	return access, nil
}

// cached holds a value read on first use, such as the workspace's location or the secrets of a
// datastore. One caller at a time reads; the others wait for it, or until their context ends. A
// failure is not cached. The zero value is ready.
type cached[T any] struct {
	start sync.Once
	turn  chan struct{} // holds one token while somebody reads
	value *T
}

// get returns the cached value while it is valid, else what read returns. A nil valid means
// forever.
func (c *cached[T]) get(ctx context.Context, valid func(T) bool, read func(context.Context) (T, error)) (v T, err error) {
	c.start.Do(func() { c.turn = make(chan struct{}, 1) })
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return v, ctx.Err()
	}
	if c.value != nil && (valid == nil || valid(*c.value)) {
		return *c.value, nil
	}
	if v, err = read(ctx); err == nil {
		c.value = &v
	}
	return v, err
}

// put sets an entry of a map that may still be nil.
func put[K comparable, V any](m *map[K]V, key K, value V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[key] = value
}

// set puts a value in the place of the cached one.
func (c *cached[T]) set(ctx context.Context, v T) error {
	_, err := c.get(ctx, func(T) bool { return false }, func(context.Context) (T, error) { return v, nil })
	return err
}

// A Caller is who a client is signed in as, as far as its token tells. It is for people to read and
// for role assignments to name; the service alone decides what the caller may do, see
// [Client.Permissions].
type Caller struct {
	// ObjectID is the id in Microsoft Entra, which role assignments name.
	ObjectID string
	// TenantID is the tenant that gave the token.
	TenantID string
	// Name is the sign-in name of a user, empty for an application.
	Name string
	// ApplicationID is the application's own id; of a user, it is that of the program that signed
	// in, such as az.
	ApplicationID string
	// IsUser tells a person from a service principal or a managed identity.
	IsUser bool
}

// callerOf reads the claims of a token. A token that is not a JWT, as Entra may give some day,
// tells nothing.
func callerOf(token string) Caller {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return Caller{}
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return Caller{}
	}
	var claims struct {
		ObjectID          string `json:"oid"`
		TenantID          string `json:"tid"`
		Kind              string `json:"idtyp"` // "user" or "app"; not in every token
		AppID             string `json:"appid"` // of version 1
		Party             string `json:"azp"`   // the same in version 2
		UPN               string `json:"upn"`
		UniqueName        string `json:"unique_name"`
		PreferredUsername string `json:"preferred_username"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return Caller{}
	}
	name := cmp.Or(claims.UPN, claims.UniqueName, claims.PreferredUsername)
	return Caller{ObjectID: claims.ObjectID, TenantID: claims.TenantID, ApplicationID: cmp.Or(claims.AppID, claims.Party), Name: name,
		IsUser: claims.Kind == "user" || claims.Kind == "" && name != ""}
}
