package deploy

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/azmlbatch/azmlbatch"
)

// ReadOptions tune [Read] and [ReadInvocation]. The zero value and nil are the defaults.
type ReadOptions struct {
	// Set gives keys of the documents values before they are checked, as --set of the CLI does:
	// "settings.mini_batch_size=5". Missing keys are made. A value in braces or brackets is JSON.
	// With several documents the key must exist in one kind of them only, or the setting begins
	// with the kind or name of its document: "deployment:compute=cluster",
	// "blue:model=azureml:digits:3", "digits/blue:compute=cluster".
	Set []string
	// OnDocument is called for each document that is read or left out. May be nil.
	OnDocument func(Document)
	// Sources gets to know where the parts of the Spec stand. Give it to [PlanOptions], so that what
	// Plan finds is told with file, line and key. May be nil.
	Sources *Sources
	// Unchecked leaves out [Spec.Check], for files whose local parts are somewhere else.
	Unchecked bool
}

// A Document is what [Read] found in one YAML document.
type Document struct {
	// File is its path.
	File string
	// Line is where it begins, from 1.
	Line int
	// Kind is what it describes, for example "batch deployment" or "conda file".
	Kind string
	// Name that it gives to what it describes; may be empty.
	Name string
	// Skipped is why it adds nothing to the Spec; empty for what was read.
	Skipped string
}

// Read reads files of the CLI v2 into a Spec: batch endpoints, deployments, models, environments,
// computes, data assets, components and schedules, several documents in a file and any number of
// files. A path can be a folder; its files that end in .yml or .yaml are read, those of its folders
// are not. What a document describes is told by its keys. Documents that do not belong to batch
// scoring are left out if they are in a folder, and a mistake if their file is named.
//
// Paths within a file are relative to the file, and relative to the working directory in the Spec.
// A schedule has create_job: azureml:JOB, or invoke_batch_endpoint with endpoint_name and the keys
// of an inputs file, which az ml has no key for. Assets that stand in a deployment, and files that
// it names, become parts of the Spec. Keys that the CLI does not know are mistakes. Numbers become
// text as they are written: version: 2.10 is "2.10".
//
// It sends nothing. The error has all mistakes, joined, each a *[SpecError] with file, line and
// column.
func Read(paths []string, options *ReadOptions) (Spec, error) {
	r := newReader(options)
	for _, path := range paths {
		r.open(path)
	}
	r.read()
	return r.result()
}

// reader collects what the files have.
type reader struct {
	options  ReadOptions
	settings []setting
	pending  []pending
	spec     Spec
	sources  Sources
	files    []string // files that are being read because one names the other
	found    []error
}

// pending is a document that was not read yet.
type pending struct {
	document
	inFolder bool // the file was not named, it lies in a folder
}

func newReader(options *ReadOptions) *reader {
	r := &reader{sources: Sources{parts: map[part]document{}}}
	if options != nil {
		r.options = *options
	}
	for _, text := range r.options.Set {
		s, err := parseSetting(text)
		if err != nil {
			r.found = append(r.found, err)
			continue
		}
		r.settings = append(r.settings, s)
	}
	return r
}

// open takes up the documents of a file, or of a folder's files.
func (r *reader) open(path string) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		r.openFolder(path)
		return
	}
	r.openFile(path, false)
}

func (r *reader) openFile(path string, inFolder bool) {
	if slices.ContainsFunc(r.pending, func(p pending) bool { return sameFile(p.file, path) }) {
		return
	}
	documents, err := readDocuments(path)
	if err != nil {
		r.found = append(r.found, err)
		return
	}
	if len(documents) == 0 && !inFolder {
		r.found = append(r.found, &SpecError{File: path, Problem: "is empty", Remedy: "describe a resource in it"})
	}
	for _, d := range documents {
		r.pending = append(r.pending, pending{d, inFolder})
	}
}

func (r *reader) openFolder(folder string) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		r.found = append(r.found, &SpecError{File: folder, Problem: "cannot be read: " + reasonOf(err), Err: err})
		return
	}
	n := len(r.pending)
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); !e.IsDir() && (ext == ".yml" || ext == ".yaml") {
			r.openFile(filepath.Join(folder, e.Name()), true)
		}
	}
	if len(r.pending) == n && len(r.found) == 0 {
		r.found = append(r.found, &SpecError{File: folder, Problem: "has no file that ends in .yml or .yaml",
			Remedy: "name files, or their folder"})
	}
}

// read applies the settings and reads what was opened.
func (r *reader) read() {
	if len(r.found) > 0 {
		return
	}
	r.applySettings()
	for _, p := range r.pending {
		r.readPending(p)
	}
}

func (r *reader) readPending(p pending) {
	kind, err := kindOf(p.document)
	report := Document{File: p.file, Line: p.root.Line, Kind: kind.name, Name: textOf(p.root, "name")}
	if err != nil {
		report.Kind = "unknown"
	}
	switch {
	case err == nil && kind.read != nil:
		r.readAs(kind, p.document)
	case p.inFolder && err != nil && !misspelt(err):
		report.Skipped = problemOf(err)
	case p.inFolder && err == nil:
		report.Skipped = kind.reason
	case err != nil:
		r.found = append(r.found, err)
	default:
		r.found = append(r.found, p.at(p.root, "", "is "+withArticle(kind.name), kind.reason))
	}
	if r.options.OnDocument != nil {
		r.options.OnDocument(report)
	}
}

// misspelt reports whether a document would be of a known kind but for one word: in a folder, too, it
// is not left out then.
func misspelt(err error) bool {
	var e *SpecError
	return errors.As(err, &e) && e.Field == "type" && strings.HasPrefix(e.Remedy, "did you mean")
}

// problemOf is what is wrong, without the place.
func problemOf(err error) string {
	if e := new(SpecError); errors.As(err, &e) {
		return e.Problem
	}
	return err.Error()
}

// withArticle puts a or an before a noun; "inputs" is a plural.
func withArticle(noun string) string {
	switch {
	case strings.HasPrefix(noun, "inputs"):
		return "the " + noun
	case strings.ContainsRune("aeiou", rune(noun[0])), strings.HasPrefix(noun, "MLmodel"):
		return "an " + noun
	}
	return "a " + noun
}

// readAs reads a document as one of a kind.
func (r *reader) readAs(kind documentKind, d document) {
	m := d.mapping(&r.found)
	kind.read(r, m)
	m.readOnly("$schema")
	m.done()
}

// applySettings gives each setting to its document.
func (r *reader) applySettings() {
	for _, s := range r.settings {
		var fit []pending
		for _, p := range r.pending {
			kind, err := kindOf(p.document)
			if len(r.pending) == 1 && s.target == "" || err == nil && kind.read != nil && s.fits(kind, p.root) {
				fit = append(fit, p)
			}
		}
		switch len(fit) {
		case 1:
			if err := s.apply(fit[0].document); err != nil {
				r.found = append(r.found, err)
			}
		case 0:
			r.found = append(r.found, s.bad("fits no document", r.remedyFor(s)))
		default:
			r.found = append(r.found, s.bad(fmt.Sprintf("fits %d documents, the first in %s", len(fit), fit[0].file),
				"put the kind or name of the document before it: blue:compute=cluster"))
		}
	}
}

// remedyFor says what a setting that fits no document should have been.
func (r *reader) remedyFor(s setting) string {
	var keys []string
	for _, p := range r.pending {
		if kind, err := kindOf(p.document); err == nil && kind.read != nil {
			keys = append(keys, kind.keys()...)
		}
	}
	if near := nearest(s.path[0], sortedUnique(keys)); near != "" && s.target == "" {
		return "did you mean " + near + "?"
	}
	return "begin with a key of the document, or with its kind or name: deployment:compute=cluster"
}

// result checks the whole. Mistakes of the Spec get the places of their keys.
func (r *reader) result() (Spec, error) {
	if len(r.found) > 0 {
		return Spec{}, inOrder(r.found)
	}
	if r.options.Sources != nil {
		*r.options.Sources = r.sources
	}
	if r.options.Unchecked {
		return r.spec, nil
	}
	if err := r.spec.Check(); err != nil {
		return Spec{}, r.sources.located(err)
	}
	return r.spec, nil
}

// inOrder joins mistakes in the order of their places.
func inOrder(found []error) error {
	slices.SortStableFunc(found, func(a, b error) int {
		var x, y *SpecError
		if !errors.As(a, &x) || !errors.As(b, &y) {
			return 0
		}
		return cmp.Or(strings.Compare(x.File, y.File), x.Line-y.Line, x.Column-y.Column)
	})
	return errors.Join(found...)
}

// add notes where a part stands. A second part of the same name is a mistake unless it is the same
// again, as when two deployments have one environment inline; then it reports false.
func (r *reader) add(p part, m *mapping, same func() bool) bool {
	d := m.document
	d.root = m.node
	first, ok := r.sources.parts[p]
	switch {
	case !ok:
		r.sources.parts[p] = d
		return true
	case !same():
		r.found = append(r.found, d.at(d.root, m.path+"name", fmt.Sprintf("names a second %s, the first is in %s:%d", p,
			first.file, first.root.Line),
			"remove one of the two, rename it, or give both versions"))
	}
	return false
}

// addTo adds a part to its list.
func addTo[T any](r *reader, list *[]T, m *mapping, p part, value T, is func(T) bool) {
	if r.sources.parts == nil { // a reader that only lists keys
		return
	}
	same := func() bool {
		i := slices.IndexFunc(*list, is)
		return i >= 0 && equal((*list)[i], value)
	}
	if r.add(p, m, same) {
		*list = append(*list, value)
	}
}

// sameFile reports whether two paths lead to one file.
func sameFile(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// isReference reports whether a text is something else than a local path.
func isReference(text string) bool {
	r, err := azmlbatch.ParseReference("", text)
	return err != nil || r.Form != azmlbatch.ReferenceFormLocal
}

// isYAMLFile reports whether a text names an existing YAML file, as seen from the document.
func (d document) yamlFile(text string) (string, bool) {
	text = strings.TrimPrefix(text, "file:")
	if isReference(text) {
		return "", false
	}
	ext := filepath.Ext(text)
	return d.rebase(text), ext == ".yml" || ext == ".yaml"
}

// named reads the one document of a file that another file names, with what reads it.
func (r *reader) named(m *mapping, key, path string, read func(m *mapping)) {
	if slices.ContainsFunc(r.files, func(f string) bool { return sameFile(f, path) }) {
		m.bad(key, child(m.node, key), fmt.Sprintf("%q names itself", path), "remove the circle")
		return
	}
	documents, err := readDocuments(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		m.bad(key, child(m.node, key), fmt.Sprintf("%q does not exist", path), suggestPath(path))
		return
	case err != nil:
		r.found = append(r.found, err)
		return
	case len(documents) != 1:
		m.bad(key, child(m.node, key), fmt.Sprintf("%q has %d documents", path, len(documents)), "name a file with one")
		return
	}
	r.files = append(r.files, path)
	within := documents[0].mapping(&r.found)
	read(within)
	within.readOnly("$schema")
	within.done()
	r.files = r.files[:len(r.files)-1]
}

// mappingOf is the mapping of a key, for what is read as if it were a document of its own.
func (m *mapping) mappingOf(v *yaml.Node, key string) *mapping {
	return &mapping{document: m.document, node: v, path: m.path + key + ".", found: m.found}
}
