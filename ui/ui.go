package ui

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch"
)

// Options tune a [Handler]. Nil means the defaults.
type Options struct {
	// Token signs a browser in; see [Handler.Link]. Empty means a random one. It is a secret.
	Token string
	// Prefix is the path below which the handler is mounted, for example "/batch". The handler
	// expects it in the path of a request. It has no "{", "?", blank or other sign that would be
	// escaped. Empty means the root.
	Prefix string
	// Hosts are the names by which browsers reach the handler, without port. Names that are not
	// listed are refused, because a site can make its own name lead to this machine. "localhost" and
	// IP addresses are always allowed.
	Hosts []string
	// ReadOnly hides and refuses everything that changes something in the workspace. A client that is
	// read-only makes the page so too.
	ReadOnly bool
	// LocalInputs lets people score a folder of the machine that the handler runs on, by its path. So
	// whoever may look can read this machine's files: set it for a page of your own only.
	LocalInputs bool
	// Interval is the time between two looks at what open pages show. 0 means two seconds.
	Interval time.Duration
}

const defaultInterval = 2 * time.Second

// A Handler serves the page of one workspace. Get one from [New] and end it with [Handler.Close]. It
// is safe for concurrent use.
type Handler struct {
	client  *azmlbatch.Client
	options Options
	access  access
	views   *renderer
	hub     *hub
	jobs    *jobIndex
	details *detailCache

	summaries  *scanner[*rowSummary]
	selections *scanner[selectedRows]
	inputs     *scanner[inputIndex]

	lines       lineIndexes
	permissions *scanner[azmlbatch.Permissions]
	clusters    *scanner[clusterList]

	routes http.Handler
	now    func() time.Time
}

// New returns the page of the client's workspace. It sends nothing. Nil options mean the defaults. A nil
// client or a negative interval is an [*azmlbatch.ArgumentError].
func New(client *azmlbatch.Client, options *Options) (*Handler, error) {
	if client == nil {
		return nil, &azmlbatch.ArgumentError{Operation: "make the page", Argument: "client", Problem: "is nil; make one with NewClient"}
	}
	h := &Handler{client: client, now: time.Now}
	if options != nil {
		h.options = *options
	}
	if h.options.Interval < 0 {
		return nil, &azmlbatch.ArgumentError{Operation: "make the page", Argument: "Interval", Problem: "is negative", Remedy: "0 means two seconds"}
	}
	h.options.Interval = cmp.Or(h.options.Interval, defaultInterval)
	h.options.ReadOnly = h.options.ReadOnly || client.ReadOnly()
	h.options.Prefix = strings.TrimSuffix("/"+strings.Trim(h.options.Prefix, "/"), "/")
	if strings.ContainsAny(h.options.Prefix, "{}?#%; \t\r\n") {
		return nil, &azmlbatch.ArgumentError{Operation: "make the page", Argument: "Prefix", Problem: fmt.Sprintf("%q is no path of plain segments", h.options.Prefix),
			Remedy: `use one such as "/batch"`}
	}
	views, err := newRenderer(h.options.Prefix)
	if err != nil {
		return nil, err
	}
	h.views = views
	h.access = newAccess(h.options)
	h.hub = newHub(h.options.Interval)
	h.jobs = newJobIndex(h.hub.ctx, client)
	h.details = newDetailCache(client)
	h.summaries = newScanner[*rowSummary](h.hub.ctx)
	h.selections = newScanner[selectedRows](h.hub.ctx)
	h.inputs = newScanner[inputIndex](h.hub.ctx)
	h.lines.logs = map[string]*lineIndex{}
	h.permissions = newScanner[azmlbatch.Permissions](h.hub.ctx)
	h.clusters = newScanner[clusterList](h.hub.ctx)
	h.routes = h.newRoutes()
	return h, nil
}

// Link returns the address of the page with the token that signs a browser in. The base is where the
// handler is reached, for example "http://127.0.0.1:8080". The link is a secret.
func (h *Handler) Link(base string) string {
	return strings.TrimSuffix(base, "/") + h.options.Prefix + "/?" + url.Values{tokenParameter: {h.access.token}}.Encode()
}

// ServeHTTP answers a request of a browser.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setSafeHeaders(w.Header())
	h.routes.ServeHTTP(w, r)
}

// Close ends the updates of open pages and waits until nothing runs any more. Later requests may fail.
// Closing twice is not an error.
func (h *Handler) Close() error {
	if h == nil || h.hub == nil {
		return nil
	}
	h.hub.close()
	h.jobs.close(context.Background())
	h.summaries.close()
	h.selections.close()
	h.inputs.close()
	h.permissions.close()
	h.clusters.close()
	return nil
}
