// Package frontdoor plays the scoring hosts of batch endpoints,
// {endpoint}.{region}.inference.ml.azure.com: invoking an endpoint and asking for the status of a
// job.
//
// invoke_body.go reads the body of an invocation, refusal.go words refusals, and package jobs does
// everything about the job.
//
// It does not play online endpoints, keys as credentials (those of batch endpoints do not work),
// and roles: every token for the Azure ML audience may invoke.
package frontdoor

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
	"github.com/azmlbatch/azmlbatch/emulator/internal/jobs"
	"github.com/azmlbatch/azmlbatch/emulator/internal/login"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/emulator/internal/unplayed"
)

// Options configure a [Handler]. All of them but Now and User are required.
type Options struct {
	// Store holds endpoints, deployments and jobs.
	Store *store.Store
	// Cloud knows the scoring hosts and the audience of tokens.
	Cloud cloud.Cloud
	// Verify checks an Authorization header.
	Verify func(authorization string, audiences ...string) (login.Claims, *login.Refusal)
	// Endpoint returns the ARM id of the batch endpoint with a name in a region.
	Endpoint func(region, name string) (id string, ok bool)
	// Jobs makes jobs of invocations.
	Jobs Submitter
	// Now is the clock of answers; nil means time.Now.
	Now func() time.Time
	// User is the caller's display name, shown in systemData. Empty means the application id of the
	// token.
	User string
}

// Submitter makes jobs of invocations.
type Submitter interface {
	// Submit returns the new job as it is to be answered. A *jobs.BadInvocationError is the
	// caller's mistake.
	Submit(context.Context, jobs.Invocation) (store.Document, error)
}

// Handler is the scoring hosts. It is safe for concurrent use.
type Handler struct {
	store  *store.Store
	cloud  cloud.Cloud
	verify func(string, ...string) (login.Claims, *login.Refusal)
	lookup func(region, name string) (string, bool)
	jobs   Submitter
	now    func() time.Time
	user   string
}

// New returns the scoring hosts over the state in o.Store.
func New(o Options) (*Handler, error) {
	if o.Store == nil || o.Verify == nil || o.Endpoint == nil || o.Jobs == nil {
		return nil, errors.New("frontdoor: Store, Verify, Endpoint and Jobs are required")
	}
	h := &Handler{
		store: o.Store, cloud: o.Cloud, verify: o.Verify, lookup: o.Endpoint, jobs: o.Jobs, now: o.Now, user: o.User,
	}
	if h.now == nil {
		h.now = time.Now
	}
	return h, nil
}

// call is one request and what is known about it.
type call struct {
	*Handler
	request  *http.Request
	started  time.Time
	claims   login.Claims
	endpoint endpoint
}

// endpoint is the batch endpoint that a host belongs to.
type endpoint struct {
	id, name, region string
	workspace        string // ARM id
}

// ServeHTTP answers a request for any scoring host of the cloud. Like the service's front door it
// checks the token first.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{Handler: h, request: r, started: h.now()}
	claims, refusal := h.verify(r.Header.Get("Authorization"), h.cloud.MLAudience)
	if refusal != nil {
		c.refuseToken(w, refusal)
		return
	}
	c.claims = claims
	if !c.findEndpoint() {
		c.refuseText(w, http.StatusNotFound, "There is no endpoint at this host.")
		return
	}
	path := strings.Trim(r.URL.EscapedPath(), "/")
	name, single := strings.CutPrefix(path, "jobs/")
	switch {
	case path == "jobs" && r.Method == http.MethodPost:
		c.invoke(w)
	case single && r.Method == http.MethodGet && !strings.Contains(name, "/"):
		c.status(w, name)
	case path == "jobs" || single:
		w.Header().Set("Allow", map[bool]string{false: http.MethodPost, true: http.MethodGet}[single])
		c.refuseText(w, http.StatusMethodNotAllowed, "Method not allowed.")
	default:
		c.refuseText(w, http.StatusNotFound, unplayed.Mark(w.Header(), r.Method+" "+r.URL.Path))
	}
}

func (c *call) findEndpoint() bool {
	route, ok := c.cloud.Route(c.request.Host)
	if !ok || route.Kind != cloud.KindScoring {
		return false
	}
	id, ok := c.lookup(route.Region, route.Endpoint)
	if !ok {
		return false
	}
	doc, ok := c.store.Get(id)
	workspace, _, found := strings.Cut(id, "/batchEndpoints/")
	c.endpoint = endpoint{id: id, name: store.Text(doc, "name"), region: route.Region, workspace: workspace}
	return ok && found
}

// status answers a job. Not evidenced: a recording of this call. Microsoft's sample
// cli/batch-score-rest.sh makes it and reads properties.status. The published description of the
// data plane says that the answer is the batch job.
func (c *call) status(w http.ResponseWriter, escaped string) {
	name, _ := url.PathUnescape(escaped) // the escapes of EscapedPath are always valid
	job, ok := jobs.BatchJob(c.store, c.endpoint.workspace, c.endpoint.name, name)
	if !ok {
		c.refuse(w, http.StatusNotFound, "The job with the name '"+name+"' does not exist in the endpoint '"+c.endpoint.name+"'.")
		return
	}
	c.answer(w, http.StatusOK, job)
}

// answer writes JSON with the headers of the front door (seen in azure-sdk-for-python recording
// test_batch_invoke, 2023).
func (c *call) answer(w http.ResponseWriter, status int, body store.Document) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // documents are decoded JSON
	}
	elapsed := c.now().Sub(c.started)
	header := w.Header()
	header.Set("Content-Type", "application/json; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(len(text)))
	header.Set("Server", "azureml-frontdoor")
	header.Set("X-Aml-Cluster", "vienna-"+c.endpoint.region+"-01")
	header.Set("X-Envoy-Upstream-Service-Time", strconv.FormatInt(elapsed.Milliseconds(), 10))
	header.Set("X-Ms-Response-Type", map[bool]string{true: "standard", false: "error"}[status < 400])
	header.Set("X-Request-Id", uuid.NewString())
	header.Set("X-Request-Time", strconv.FormatFloat(elapsed.Seconds(), 'f', 3, 64))
	w.WriteHeader(status)
	_, _ = w.Write(text) // a caller that has gone away needs no answer
}
