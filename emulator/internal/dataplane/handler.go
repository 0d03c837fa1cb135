// Package dataplane plays the data plane of workspaces, {region}.api.azureml.ms, as far as clients
// of batch endpoints use it: discovery, the jobs of batch endpoints, run history with logs and
// metrics, and the places of registered data.
//
// It does not play creating runs, filters of lists, experiments, and starting batch jobs through this
// host (the scoring host does that).
package dataplane

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/azmlbatch/azmlbatch/emulator/internal/blob"
	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
	"github.com/azmlbatch/azmlbatch/emulator/internal/jobs"
	"github.com/azmlbatch/azmlbatch/emulator/internal/login"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/emulator/internal/unplayed"
)

// DefaultPageSize is how many jobs a page of a list holds unless [Options.PageSize] says otherwise.
// Not evidenced: the service's number.
const DefaultPageSize = 50

// Options configure a [Handler]. Store, Verify and Logs are required.
type Options struct {
	// Store holds workspaces, jobs and runs.
	Store *store.Store
	// Cloud has the names of hosts and the audiences of tokens.
	Cloud cloud.Cloud
	// Verify checks an Authorization header.
	Verify func(authorization string, audiences ...string) (login.Claims, *login.Refusal)
	// Logs is the Blob service that holds the logs of runs.
	Logs Logs
	// RegistryOperation polls the operation of an asset of a registry; nil means that there are none.
	RegistryOperation func(id string) (asset string, done, known bool)
	// TenantID is the tenant of registries.
	TenantID string
	// Now is the clock of answers; nil means time.Now.
	Now func() time.Time
	// PageSize is how many jobs a page holds; 0 means DefaultPageSize.
	PageSize int
}

// Logs is the part of the Blob service that shows the logs of runs.
type Logs interface {
	// List yields the blobs whose names begin with prefix.
	List(ctx context.Context, account, container, prefix string) iter.Seq2[blob.Properties, error]
	// UserDelegationSAS returns the query text of a SAS for one container that works whether or not
	// the account takes keys.
	UserDelegationSAS(account, container, permissions string, start, expiry time.Time) (string, error)
}

// Handler is the data plane. It is safe for concurrent use.
type Handler struct {
	store     *store.Store
	cloud     cloud.Cloud
	verify    func(string, ...string) (login.Claims, *login.Refusal)
	logs      Logs
	operation func(id string) (asset string, done, known bool)
	tenantID  string
	now       func() time.Time
	pageSize  int
}

// New returns the data plane over the state in o.Store.
func New(o Options) (*Handler, error) {
	if o.Store == nil || o.Verify == nil || o.Logs == nil {
		return nil, errors.New("dataplane: Store, Verify and Logs are required")
	}
	h := &Handler{store: o.Store, cloud: o.Cloud, verify: o.Verify, logs: o.Logs, operation: o.RegistryOperation, tenantID: o.TenantID, now: o.Now, pageSize: o.PageSize}
	if h.now == nil {
		h.now = time.Now
	}
	if h.pageSize <= 0 {
		h.pageSize = DefaultPageSize
	}
	return h, nil
}

// call is one request and what is known about it.
type call struct {
	*Handler
	w         http.ResponseWriter
	request   *http.Request
	started   time.Time
	region    string
	workspace string // ARM id as stored
	path      []string
}

// ServeHTTP answers a request for the data plane of any region.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{Handler: h, w: w, request: r, started: h.now()}
	if route, ok := h.cloud.Route(r.Host); ok {
		c.region = route.Region
	}
	segments := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	if len(segments) == 1 && strings.EqualFold(segments[0], "discovery") {
		c.discovery() // needs no token
		return
	}
	// azure-ai-ml sends its ARM token here, others the token of the scoring host.
	if _, refusal := h.verify(r.Header.Get("Authorization"), append([]string{h.cloud.MLAudience}, h.cloud.ManagementAudiences...)...); refusal != nil {
		// Not evidenced: the text of this host's 401.
		c.refuse(http.StatusUnauthorized, "The bearer token is missing, expired or meant for another service.", "Auth", "Authentication")
		return
	}
	for i := range segments {
		segments[i], _ = url.PathUnescape(segments[i]) // the escapes of EscapedPath are always valid
	}
	c.serve(segments)
}

// service is one of the services behind the host: the first segments of its paths, and the function
// that serves what follows the workspace.
type service struct {
	name, version string
	serve         func(*call)
}

var services = []service{
	{"mferp", "managementfrontend", (*call).batch},
	{"history", "v1.0", (*call).history},
	{"data", "v1.0", (*call).data},
	{"metric", "v2.0", (*call).metrics},
	{"mlflow", "v1.0", (*call).mlflow},
}

func (c *call) serve(segments []string) {
	if c.registries(segments) {
		return
	}
	const scope = 8 // /subscriptions/S/resourceGroups/G/providers/P/workspaces/W
	if len(segments) >= 2+scope {
		for _, s := range services {
			if !strings.EqualFold(segments[0], s.name) || !strings.EqualFold(segments[1], s.version) {
				continue
			}
			workspace, ok := c.store.Get("/" + strings.Join(segments[2:2+scope], "/"))
			if !ok {
				c.refuse(http.StatusNotFound, "The workspace '"+segments[1+scope]+"' was not found.", "NotFound")
				return
			}
			c.workspace = store.Text(workspace, "id")
			c.path = segments[2+scope:]
			s.serve(c)
			return
		}
	}
	c.noRoute()
}

// matches reports whether the request has the method and, below the workspace, the path. A {name}
// in the pattern fits any segment; the values are returned in order.
func (c *call) matches(method, pattern string) (fitted []string, ok bool) {
	words := strings.Split(pattern, "/")
	if method != c.request.Method || len(words) != len(c.path) {
		return nil, false
	}
	for i, word := range words {
		switch {
		case strings.HasPrefix(word, "{") && c.path[i] != "":
			fitted = append(fitted, c.path[i])
		case !strings.EqualFold(word, c.path[i]):
			return nil, false
		}
	}
	return fitted, true
}

// readBody decodes the JSON of a request. If that fails, it answers the request and reports false.
func (c *call) readBody(into any) bool {
	err := json.NewDecoder(http.MaxBytesReader(c.w, c.request.Body, 4<<20)).Decode(into)
	if err != nil {
		c.refuse(http.StatusBadRequest, "The request body is not the JSON that is expected here.", "BadArgument")
	}
	return err == nil
}

// noRoute answers for an operation that this host may have in Azure.
func (c *call) noRoute() {
	c.refuse(http.StatusNotFound, unplayed.Mark(c.w.Header(), c.request.Method+" "+c.request.URL.Path), "NotFound")
}

// refuse answers in the data plane's envelope. Not evidenced: the codes and texts of its refusals
// on these routes.
func (c *call) refuse(status int, message string, inner ...string) {
	code := "UserError"
	if status >= 500 {
		code = "ServiceError"
	}
	c.answer(status, jobs.FailureDocument(jobs.FailedCall{
		Code: code, Message: message, Inner: inner, Status: status, Region: c.region, Component: "api", Time: c.now(),
	}))
}

// answer writes JSON with the headers of this host, far fewer than ARM's (seen in
// azure-sdk-for-python recording test_pipeline_job_child_run_download, 2026).
func (c *call) answer(status int, body any) {
	c.w.Header().Set("Mise-Correlation-Id", uuid.NewString())
	c.write(status, body)
}

func (c *call) write(status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // documents are decoded JSON
	}
	header := c.w.Header()
	header.Set("Content-Type", "application/json; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(len(text)))
	header.Set("Azureml-Served-By-Cluster", "vienna-"+c.region+"-01")
	header.Set("X-Ms-Response-Type", map[bool]string{true: "standard", false: "error"}[status < 400])
	header.Set("X-Request-Time", strconv.FormatFloat(c.now().Sub(c.started).Seconds(), 'f', 3, 64))
	c.w.WriteHeader(status)
	_, _ = c.w.Write(text) // a caller that has gone away needs no answer
}
