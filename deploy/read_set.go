package deploy

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// setting is one --set: a value for a key of a document.
type setting struct {
	text   string   // as it was given, without the value, which may be a secret
	target string   // the kind or name of the document, empty if the key must tell
	path   []string // keys
	value  *yaml.Node
}

// bad is a mistake in the setting.
func (s setting) bad(problem, remedy string) error {
	return &SpecError{File: "--set " + s.text, Problem: problem, Remedy: remedy}
}

// parseSetting reads [TARGET:]A.B.C=VALUE. A value in braces or brackets is JSON, all else is one
// text, number or boolean.
func parseSetting(text string) (setting, error) {
	s := setting{text: text}
	path, value, ok := strings.Cut(text, "=")
	s.text = path
	if !ok {
		return s, s.bad("has no =", "write KEY=VALUE, as in settings.mini_batch_size=5")
	}
	if target, rest, ok := strings.Cut(path, ":"); ok {
		s.target, path = target, rest
	}
	s.path = strings.Split(path, ".")
	if slices.Contains(s.path, "") {
		return s, s.bad("has an empty key", "write KEY=VALUE, as in settings.mini_batch_size=5")
	}
	s.value = &yaml.Node{Kind: yaml.ScalarNode, Value: value}
	if strings.HasPrefix(value, "{") || strings.HasPrefix(value, "[") {
		documents, err := parseDocuments("--set "+path, []byte("value: "+value))
		if err != nil || len(documents) != 1 {
			return s, s.bad("has a value that is not JSON", "check its braces, brackets and quotes")
		}
		s.value = child(documents[0].root, "value")
	}
	return s, nil
}

// fits reports whether the setting is for a document of this kind.
func (s setting) fits(k documentKind, root *yaml.Node) bool {
	if s.target == "" {
		return slices.Contains(k.keys(), s.path[0])
	}
	name := textOf(root, "name")
	return s.target == name || s.target == textOf(root, "endpoint_name")+"/"+name || slices.Contains(strings.Fields(k.name), s.target)
}

// apply puts the value into the document; missing mappings on the way are made. Nothing can be set
// below a text, such as a reference.
func (s setting) apply(d document) error {
	node := d.root
	for i, key := range s.path {
		if node.Kind != yaml.MappingNode {
			return s.bad(fmt.Sprintf("%s is %s in %s", strings.Join(s.path[:i], "."), nodeNoun(node), d.file),
				"set that key as a whole")
		}
		next := child(node, key)
		last := i == len(s.path)-1
		switch {
		case last && next != nil:
			line, column := next.Line, next.Column
			*next = *s.value
			next.Line, next.Column = line, column
		case last:
			addChild(node, key, s.value)
		case next == nil:
			next = addChild(node, key, &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"})
		case next.Kind == yaml.ScalarNode && next.ShortTag() == "!!null":
			*next = yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: next.Line, Column: next.Column}
		}
		node = next
	}
	return nil
}

// addChild adds a key that was not in the file; it has the mapping's place there.
func addChild(mapping *yaml.Node, key string, value *yaml.Node) *yaml.Node {
	added := *value
	added.Line, added.Column = mapping.Line, mapping.Column
	mapping.Content = append(mapping.Content,
		&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key, Line: mapping.Line, Column: mapping.Column}, &added)
	return &added
}
