package deploy

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/azmlbatch/azmlbatch"
)

// Check finds what is certain to be wrong, without sending anything: names that are missing or
// doubled, references that lead nowhere, local files that do not exist, settings that exclude each
// other. It returns all mistakes, joined; each is a *[SpecError]. It looks for local files and
// reads none but the file MLmodel of a model.
func (s Spec) Check() error {
	c := checker{spec: s}
	c.names()
	c.assets()
	for _, d := range s.Deployments {
		c.deployment(d)
	}
	c.values()
	return errors.Join(c.found...)
}

// checker collects the mistakes of a Spec.
type checker struct {
	spec  Spec
	found []error
	wrong map[part]bool // parts with mistakes
}

// bad notes a mistake. Err may be nil.
func (c *checker) bad(p part, field, problem, remedy string, err error) {
	if c.wrong == nil {
		c.wrong = map[part]bool{}
	}
	c.wrong[p] = true
	c.found = append(c.found, &SpecError{Part: p.String(), Field: field, Problem: problem, Remedy: remedy, Err: err,
		part: p})
}

// names checks that every part has a name, and one of its own.
func (c *checker) names() {
	seen := map[part]bool{}
	for _, p := range c.spec.parts() {
		switch {
		case p.name == "" || strings.HasSuffix(p.name, "/"):
			c.bad(p, "Name", "is empty", "name the "+p.noun(), nil)
		case strings.HasPrefix(p.name, "/"):
			c.bad(p, "Endpoint", "is empty", "name the endpoint that the deployment belongs to", nil)
		case seen[p]:
			c.bad(p, "Name", "stands here twice", "remove one of the two, or rename it", nil)
		}
		seen[p] = true
	}
}

// assets checks the places of the assets' content.
func (c *checker) assets() {
	for _, m := range c.spec.Models {
		p := part{azmlbatch.ReferenceKindModel, m.Name, m.Version}
		if m.ModelURI == "" && m.Version != "" {
			c.bad(p, "ModelURI", "is empty", noContent+"; a registered model is "+p.reference(), nil)
			continue
		}
		if folder, ok := c.place(p, "ModelURI", m.ModelURI, anything); ok && sameWord(string(m.ModelType), string(azmlbatch.ModelTypeMLFlow)) {
			c.holds(p, "ModelURI", folder, "MLmodel", "an MLflow model is a folder with a file of this name")
		}
	}
	for _, v := range c.spec.Codes {
		c.place(part{azmlbatch.ReferenceKindCode, v.Name, v.Version}, "CodeURI", v.CodeURI, anything)
	}
	for _, d := range c.spec.Data {
		p := part{azmlbatch.ReferenceKindData, d.Name, d.Version}
		want := onlyFolder
		if d.DataType == azmlbatch.DataTypeURIFile {
			want = onlyFile
		}
		if folder, ok := c.place(p, "DataURI", d.DataURI, want); ok && d.DataType == azmlbatch.DataTypeMLTable {
			c.holds(p, "DataURI", folder, "MLTable", "an mltable is a folder with a file of this name")
		}
	}
	for _, e := range c.spec.Environments {
		c.environment(e)
	}
}

func (c *checker) environment(e azmlbatch.Environment) {
	p := part{azmlbatch.ReferenceKindEnvironment, e.Name, e.Version}
	build := e.Build.ContextURI != ""
	if !build && e.Image == "" {
		c.bad(p, "Image", "is empty", "name a container image, or a folder with a Dockerfile in Build.ContextURI", nil)
	}
	if !build {
		return
	}
	if folder, ok := c.place(p, "Build.ContextURI", e.Build.ContextURI, onlyFolder); ok {
		dockerfile := e.Build.DockerfilePath
		if dockerfile == "" {
			dockerfile = "Dockerfile"
		}
		c.holds(p, "Build.ContextURI", folder, dockerfile, "set Build.DockerfilePath if it has another name")
	}
}

// pathKind is what a local path may be.
type pathKind int

const (
	anything pathKind = iota
	onlyFile
	onlyFolder
)

// noContent is what to do about an asset without content.
const noContent = "give a local path, a datastore place or a cloud URL"

// place checks a place of content. It returns the path and true for a local one that exists.
func (c *checker) place(p part, field, uri string, want pathKind) (string, bool) {
	if uri == "" {
		c.bad(p, field, "is empty", noContent, nil)
		return "", false
	}
	r, err := azmlbatch.ParseReference("", uri)
	if err != nil {
		problem, remedy := argumentProblem(err)
		c.bad(p, field, problem, remedy, err)
		return "", false
	}
	if r.Form != azmlbatch.ReferenceFormLocal {
		return "", false
	}
	return r.Path, c.exists(p, field, r.Path, want)
}

// exists checks that a local path is there, and is what it should be.
func (c *checker) exists(p part, field, path string, want pathKind) bool {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.bad(p, field, fmt.Sprintf("%q does not exist", path), suggestPath(path), err)
	case err != nil:
		c.bad(p, field, fmt.Sprintf("%q cannot be read: %s", path, reasonOf(err)), "", err)
	case want == onlyFile && info.IsDir():
		c.bad(p, field, fmt.Sprintf("%q is a folder", path), "name a file", nil)
	case want == onlyFolder && !info.IsDir():
		c.bad(p, field, fmt.Sprintf("%q is a file", path), "name a folder", nil)
	default:
		return true
	}
	return false
}

// holds checks that a folder has a file. A file in place of the folder is compared by its name.
func (c *checker) holds(p part, field, folder, file, remedy string) {
	full := filepath.Join(folder, filepath.FromSlash(file))
	if info, err := os.Stat(folder); err == nil && !info.IsDir() && filepath.Base(folder) == file {
		return
	}
	if info, err := os.Stat(full); err != nil || info.IsDir() {
		if near := nearestFile(full); near != "" {
			remedy = fmt.Sprintf("did you mean %q?", path.Join(path.Dir(file), near))
		}
		c.bad(p, field, fmt.Sprintf("%q has no file %q", folder, file), remedy, err)
	}
}

// suggestPath says what to do about a path that does not exist, which a file or a Spec has.
func suggestPath(path string) string {
	return cmp.Or(similarPath(path), "relative paths start at the folder of the file they stand in, or in a program at the working directory")
}

// similarPath names the entry of a path's folder that was probably meant; empty if there is none.
func similarPath(path string) string {
	slashes := filepath.Clean(strings.ReplaceAll(path, `\`, "/"))
	if _, err := os.Stat(slashes); err == nil && slashes != filepath.Clean(path) {
		return fmt.Sprintf("write %q: a backslash separates folders on Windows only", filepath.ToSlash(slashes))
	}
	near := nearestFile(path)
	if near == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", filepath.Join(filepath.Dir(path), near))
}

// nearestFile is the name of the entry most like the last part of a path that does not exist.
func nearestFile(path string) string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return ""
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return nearest(filepath.Base(path), names)
}
