package ui

import (
	"bytes"
	"embed"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/azmlbatch/azmlbatch"
)

//go:embed templates
var templateFiles embed.FS

// layout is what the template of the frame gets.
type layout struct {
	Title     string
	Section   string
	Workspace azmlbatch.Workspace
	ReadOnly  bool
	Live      bool
	Data      any
}

// renderer turns views into HTML.
type renderer struct {
	prefix    string
	templates map[string]*template.Template // by the name of their file
}

// newRenderer parses each page's template with the frame and the parts that pages share.
func newRenderer(prefix string) (*renderer, error) {
	v := &renderer{prefix: prefix, templates: map[string]*template.Template{}}
	frame, err := template.New("frame").Funcs(v.functions()).ParseFS(templateFiles, "templates/frame.html", "templates/parts/*.html")
	if err != nil {
		return nil, err
	}
	entries, err := templateFiles.ReadDir("templates")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.IsDir() || e.Name() == "frame.html" {
			continue
		}
		own, err := frame.Clone()
		if err != nil {
			return nil, err
		}
		if v.templates[e.Name()], err = own.ParseFS(templateFiles, "templates/"+e.Name()); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// link is the path of a page; each segment is escaped.
func (v *renderer) link(segments ...string) string {
	path := v.prefix + "/"
	for i, s := range segments {
		if i > 0 {
			path += "/"
		}
		path += url.PathEscape(s)
	}
	return path
}

// page answers with a whole page.
func (v *renderer) page(w http.ResponseWriter, p page, l layout) {
	v.write(w, http.StatusOK, p.template, "frame", l)
}

// content is the part of a page that updates replace.
func (v *renderer) content(p page, l layout) ([]byte, error) {
	var b bytes.Buffer
	err := v.templates[p.template].ExecuteTemplate(&b, "content", l)
	return b.Bytes(), err
}

// welcome is the answer to the first link. It is a page that leads on, not a redirect: to a browser
// that came from another site, a redirect counts as a request of that site, which gets no cookie.
func (v *renderer) welcome(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	query.Del(tokenParameter)
	next := url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: query.Encode()}
	v.write(w, http.StatusOK, "welcome.html", "welcome", next.String())
}

// problem answers with an error page.
func (v *renderer) problem(w http.ResponseWriter, status int, title, text string) {
	setSafeHeaders(w.Header()) // a file may have begun with others
	v.write(w, status, "problem.html", "frame", layout{Title: title, Data: redacted(text)})
}

// write renders before it writes, so that a mistake in a template is an error and not half a page.
func (v *renderer) write(w http.ResponseWriter, status int, file, name string, data any) {
	var b bytes.Buffer
	if err := v.templates[file].ExecuteTemplate(&b, name, data); err != nil {
		http.Error(w, "The page cannot be shown: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.Copy(w, &b) // the browser may have left
}

// functions are what templates can call.
func (v *renderer) functions() template.FuncMap {
	return template.FuncMap{
		"link":       v.link,
		"at":         showTime,
		"duration":   showDuration,
		"bytes":      showBytes,
		"count":      showCount,
		"lower":      strings.ToLower,
		"redacted":   redacted,
		"comparison": showComparison,
	}
}
