package ui

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/azmlbatch/azmlbatch"
)

// pages are all pages. A new one is a file with its page, a template, and a line here.
var pages = []page{
	jobsPage,
	jobPage,
	predictionsPage,
	inputPage,
	inputsPage,
	logsPage,
	logPage,
	cancelPage,
	endpointsPage,
	endpointPage,
	deploymentPage,
	invokePage,
	setDefaultPage,
	overviewPage,
}

// files are the addresses that answer with something other than a page, such as the content of a blob.
var files = []file{
	predictionsFile,
	inputContent,
	rawLog,
	outputFile,
	endpointYAML,
}

// actions are what changes something in the workspace. A read-only handler has none of them.
var actions = []action{
	cancelAction,
	invokeAction,
	setDefaultAction,
}

// A page is one view of the workspace.
type page struct {
	// pattern is the path, as http.ServeMux takes it, without a method.
	pattern string
	// template is the file in templates that defines "content".
	template string
	// load reads what the page shows. For a live view it is called in each round.
	load func(ctx context.Context, h *Handler, v visit) (view, error)
}

// A visit is what the address of a page says.
type visit struct {
	// path returns the value of a wildcard of the pattern.
	path func(name string) string
	// query of the address; empty, never nil.
	query url.Values
}

// A view is what a page shows.
type view struct {
	// title of the page, without the workspace.
	title string
	// section is the entry of the navigation that the page belongs to, for example "Jobs".
	section string
	// live says that the content may still change: the page updates itself until a view says no more.
	live bool
	// data is for the template.
	data any
}

// A file answers by itself. An error before the first byte becomes an error page.
type file struct {
	// pattern is the path, as http.ServeMux takes it, without a method.
	pattern string
	serve   func(h *Handler, w http.ResponseWriter, r *http.Request) error
}

// An action is the answer to a post of a form.
type action struct {
	// pattern is the path, as http.ServeMux takes it, without a method.
	pattern string
	// do acts and returns where the browser goes then: a path as the function link of templates
	// makes it, see [Handler.link].
	do func(ctx context.Context, h *Handler, r *http.Request) (string, error)
}

func (h *Handler) newRoutes() http.Handler {
	private, all := http.NewServeMux(), http.NewServeMux()
	prefix := h.options.Prefix
	for _, p := range pages {
		private.HandleFunc("GET "+prefix+p.pattern, func(w http.ResponseWriter, r *http.Request) { h.servePage(w, r, p) })
	}
	for _, f := range files {
		private.HandleFunc("GET "+prefix+f.pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := f.serve(h, w, r); err != nil {
				h.fail(w, r, err)
			}
		})
	}
	for _, a := range actions {
		private.HandleFunc("POST "+prefix+a.pattern, func(w http.ResponseWriter, r *http.Request) { h.act(w, r, a) })
	}
	private.HandleFunc("GET "+prefix+"/{$}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, h.link("jobs"), http.StatusSeeOther)
	})
	private.HandleFunc("GET "+prefix+"/runs/{job}", func(w http.ResponseWriter, r *http.Request) { // as in links to the studio
		http.Redirect(w, r, h.link("jobs", r.PathValue("job")), http.StatusSeeOther)
	})
	private.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		h.views.problem(w, http.StatusNotFound, "There is no such page", "Go back to the list of jobs.")
	})
	all.Handle("GET "+prefix+"/assets/", http.StripPrefix(prefix+"/", assetServer()))
	all.Handle("/", h.guard(private))
	return all
}

// servePage answers with a page, or with its updates if the browser asks for events.
func (h *Handler) servePage(w http.ResponseWriter, r *http.Request, p page) {
	v := visit{path: r.PathValue, query: r.URL.Query()}
	if r.Header.Get("Accept") == eventStream {
		h.follow(w, r, p, v)
		return
	}
	shown, err := p.load(r.Context(), h, v)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	h.views.page(w, p, h.layout(shown))
}

// layout is what the frame around each page shows.
func (h *Handler) layout(v view) layout {
	return layout{Title: v.title, Section: v.section, Workspace: h.client.Workspace(), ReadOnly: h.options.ReadOnly, Live: v.live, Data: v.data}
}

// follow sends the content of a page each time it has changed.
func (h *Handler) follow(w http.ResponseWriter, r *http.Request, p page, v visit) {
	key := r.URL.Path + "?" + v.query.Encode()
	h.hub.serve(w, r, key, func(ctx context.Context) (update, error) {
		shown, err := p.load(ctx, h, v)
		if err != nil {
			return update{}, err
		}
		content, err := h.views.content(p, h.layout(shown))
		return update{content: content, last: !shown.live}, err
	})
}

// act runs an action and leads the browser to the page that shows its effect.
func (h *Handler) act(w http.ResponseWriter, r *http.Request, a action) {
	if h.options.ReadOnly {
		h.views.problem(w, http.StatusForbidden, "This page is read-only", "Nothing was done. Use the command, or a page that is not read-only.")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	next, err := a.do(r.Context(), h, r)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// link is the path of a page; each segment is escaped. It is the function link of templates too.
func (h *Handler) link(segments ...string) string { return h.views.link(segments...) }

// fail answers with an error of the SDK.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // nobody listens any more
	}
	title := map[int]string{http.StatusNotFound: "Not found", http.StatusForbidden: "Not allowed", http.StatusBadRequest: "This cannot be"}
	status := statusOf(err)
	h.views.problem(w, status, cmp.Or(title[status], "The service did not answer as expected"), errorText(err))
}

func statusOf(err error) int {
	var argument *azmlbatch.ArgumentError
	switch {
	case errors.As(err, &argument):
		return http.StatusBadRequest
	case errors.Is(err, azmlbatch.ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, azmlbatch.ErrForbidden):
		return http.StatusForbidden
	}
	return http.StatusBadGateway
}

// errorText is the text of an error without the name of the package.
func errorText(err error) string { return strings.TrimPrefix(err.Error(), "azmlbatch: ") }
