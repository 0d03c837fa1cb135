package deploy

import (
	"cmp"
	"errors"
	"strings"
)

// Sources know where the parts of a Spec stand in files. [Read] fills them. The zero value knows
// nothing.
type Sources struct{ parts map[part]document }

// inFiles are the words of a mistake for who has written files and no Spec.
var inFiles = strings.NewReplacer("the Spec", "the files", "this Spec", "these files", "SummaryOnly", "summary_only", "AppendRow", "append_row",
	"MinNodes", "min_instances", "CodeConfiguration", "code_configuration", "Build.DockerfilePath", "build.dockerfile_path",
	"Build.ContextURI", "build.path")

// located gives the mistakes in an error their places, and puts them in their order. All other
// errors stay as they are.
func (s *Sources) located(err error) error {
	if s == nil || err == nil {
		return err
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, err := range several.Unwrap() {
			all = append(all, s.located(err))
		}
		return inOrder(all)
	}
	var e *SpecError
	if errors.As(err, &e) && e.File == "" {
		s.locate(e)
	}
	return err
}

// locate gives a mistake its place.
func (s *Sources) locate(e *SpecError) {
	d, ok := s.parts[e.part]
	if !ok {
		return
	}
	node, key := d.root, ""
	for _, path := range keysOf[e.Field] {
		n, depth := d.root, 0
		for _, k := range strings.Split(path, ".") {
			if c := child(n, k); c != nil {
				n, depth = c, depth+1
			}
		}
		if depth > 0 {
			node, key = n, path
			break
		}
		key = cmp.Or(key, path)
	}
	e.File, e.Line, e.Column = d.file, node.Line, node.Column
	if key != "" {
		e.Field = key
	}
	e.Problem, e.Remedy = inFiles.Replace(e.Problem), inFiles.Replace(e.Remedy)
}

// name gives the fields of a change the keys of their file.
func (s *Sources) name(c *Change) {
	for n := range c.Fields {
		f := &c.Fields[n]
		if f.Key = s.key(c.part, f.Field); f.Key != "" {
			c.Obstacle = strings.Replace(c.Obstacle, f.Field, f.Key, 1)
		}
	}
}

// key is the key that a field of a part has in its file, or would have there; empty if it has none
// or the part stands in no file.
func (s *Sources) key(p part, field string) string {
	if s == nil {
		return ""
	}
	d, ok := s.parts[p]
	if !ok {
		return ""
	}
	name, rest, indexed := strings.Cut(field, "[")
	keys := keysOf[field]
	if keys == nil && indexed {
		keys = keysOf[name]
		rest = "." + strings.Trim(rest, `"]`)
	} else {
		rest = ""
	}
	for _, key := range keys {
		n := d.root
		for _, k := range strings.Split(key, ".") {
			n = child(n, k)
		}
		if n != nil {
			return key + rest
		}
	}
	if len(keys) == 0 {
		return ""
	}
	return keys[0] + rest
}
