package deploy

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"go.yaml.in/yaml/v4"
)

// document is one YAML document of a file. Its tree has neither aliases nor merge keys, and every
// key of a mapping is text and stands in it once.
type document struct {
	file string
	root *yaml.Node // a mapping
}

// at is a mistake at a node of the document.
func (d document) at(node *yaml.Node, field, problem, remedy string) *SpecError {
	e := &SpecError{File: d.file, Field: field, Problem: problem, Remedy: remedy}
	if node != nil {
		e.Line, e.Column = node.Line, node.Column
	}
	return e
}

// maxFileSize is far above any real file; larger ones are a mistake, such as a model in place of
// its YAML.
const maxFileSize = 4 << 20

// readDocuments reads the documents of a file. Empty documents are left out.
func readDocuments(path string) ([]document, error) {
	if path == "" {
		return nil, &SpecError{Problem: "a path is empty", Remedy: "name a file, or a folder of such files"}
	}
	file, err := os.Open(path)
	if err != nil {
		e := &SpecError{File: path, Problem: "cannot be read: " + reasonOf(err), Err: err}
		if errors.Is(err, os.ErrNotExist) {
			e.Problem, e.Remedy = "does not exist", cmp.Or(similarPath(path), "name a file, or a folder of such files")
		}
		return nil, e
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFileSize+1))
	if err != nil {
		return nil, &SpecError{File: path, Problem: "cannot be read: " + reasonOf(err), Err: err}
	}
	return parseDocuments(path, text)
}

func parseDocuments(path string, text []byte) ([]document, error) {
	if len(text) > maxFileSize {
		return nil, &SpecError{File: path, Problem: "is larger than 4 MiB", Remedy: "name a YAML file"}
	}
	loader, err := yaml.NewLoader(bytes.NewReader(text))
	if err != nil {
		return nil, &SpecError{File: path, Problem: "cannot be read: " + reasonOf(err), Err: err}
	}
	var documents []document
	for {
		var node yaml.Node
		err := loader.Load(&node)
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, syntaxError(path, text, err)
		}
		d := document{file: path}
		expander := expander{document: d, left: maxNodes}
		root, err := expander.expand(&node)
		if err != nil {
			return nil, err
		}
		switch {
		case root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null":
		case root.Kind != yaml.MappingNode:
			return nil, d.at(root, "", "is "+nodeNoun(root), "write keys and values: name: digits")
		default:
			d.root = root
			documents = append(documents, d)
		}
	}
}

// syntaxError says where a text is no YAML, and what probably happened.
func syntaxError(path string, text []byte, err error) *SpecError {
	e := &SpecError{File: path, Problem: "is not YAML", Err: err}
	var load *yaml.LoadError
	if !errors.As(err, &load) {
		return e
	}
	e.Problem = "is not YAML: " + load.Message
	if load.Mark.Line == 0 {
		return e
	}
	e.Line, e.Column = load.Mark.Line, max(load.Mark.Column, 1)
	lines := strings.Split(string(text), "\n")
	line := ""
	if e.Line <= len(lines) {
		line = lines[e.Line-1]
	}
	indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	rest := ""
	if e.Column <= len(line) {
		rest = line[e.Column-1:]
	}
	switch {
	case strings.Contains(indent, "\t"):
		e.Problem, e.Remedy = "is indented with a tab", "indent with spaces"
	case strings.HasPrefix(rest, "@"), strings.HasPrefix(rest, "`"), strings.HasPrefix(rest, "%"):
		e.Remedy = "put the value in quotes"
	case strings.Contains(load.Message, "mapping values are not allowed"):
		e.Problem = "has a colon and a blank where no key can stand"
		e.Remedy = "line the key up with those it belongs to, or put a text that holds a colon in quotes"
	case strings.Contains(load.Message, "did not find expected key"), strings.Contains(load.Message, "did not find expected '-'"):
		e.Problem = "is indented differently from the lines it belongs to"
		e.Remedy = "line the keys of one mapping up"
	case strings.Contains(load.ContextMsg, "quoted scalar") && load.ContextMark.Line > 0:
		e.Line, e.Column = load.ContextMark.Line, max(load.ContextMark.Column, 1)
		e.Problem, e.Remedy = "begins a quoted text that does not end", "close the quotes"
	}
	return e
}

// maxNodes bounds the tree that aliases unfold to.
const maxNodes = 100_000

// expander unfolds aliases and merge keys.
type expander struct {
	document
	left int          // nodes that may still be made
	open []*yaml.Node // the aliases' targets that are being unfolded
}

func (x *expander) expand(node *yaml.Node) (*yaml.Node, error) {
	if x.left--; x.left < 0 {
		return nil, x.at(node, "", fmt.Sprintf("has more than %d values, counting those that aliases repeat", maxNodes), "write it without aliases")
	}
	switch node.Kind {
	case yaml.DocumentNode:
		if len(node.Content) == 0 {
			return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}, nil
		}
		return x.expand(node.Content[0])
	case yaml.AliasNode:
		for _, open := range x.open {
			if open == node.Alias {
				return nil, x.at(node, "", "is an alias of something it is part of", "write the value out")
			}
		}
		x.open = append(x.open, node.Alias)
		defer func() { x.open = x.open[:len(x.open)-1] }()
		return x.expand(node.Alias)
	case yaml.MappingNode:
		return x.mapping(node)
	case yaml.SequenceNode:
		out := *node
		out.Content = nil
		for _, item := range node.Content {
			item, err := x.expand(item)
			if err != nil {
				return nil, err
			}
			out.Content = append(out.Content, item)
		}
		return &out, nil
	}
	out := *node
	return &out, nil
}

func (x *expander) mapping(node *yaml.Node) (*yaml.Node, error) {
	out := *node
	out.Content = nil
	var merged []*yaml.Node
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, err := x.expand(node.Content[i])
		if err != nil {
			return nil, err
		}
		value, err := x.expand(node.Content[i+1])
		if err != nil {
			return nil, err
		}
		switch {
		case key.Kind != yaml.ScalarNode:
			return nil, x.at(key, "", "has "+nodeNoun(key)+" in place of a key", "put text with braces or brackets in quotes")
		case key.ShortTag() == "!!merge":
			merged = append(merged, value)
		case child(&out, key.Value) != nil:
			return nil, x.at(key, key.Value, fmt.Sprintf("stands here twice, first in line %d", keyNode(&out, key.Value).Line), "remove one of the two")
		default:
			out.Content = append(out.Content, key, value)
		}
	}
	for _, m := range merged {
		if err := x.merge(&out, m); err != nil {
			return nil, err
		}
	}
	return &out, nil
}

// merge adds what a mapping lacks from a mapping, or a list of mappings.
func (x *expander) merge(into, from *yaml.Node) error {
	switch from.Kind {
	case yaml.SequenceNode:
		for _, item := range from.Content {
			if err := x.merge(into, item); err != nil {
				return err
			}
		}
		return nil
	case yaml.MappingNode:
		for i := 0; i+1 < len(from.Content); i += 2 {
			if child(into, from.Content[i].Value) == nil {
				into.Content = append(into.Content, from.Content[i], from.Content[i+1])
			}
		}
		return nil
	}
	return x.at(from, "<<", "is "+nodeNoun(from), "merge a mapping")
}

// child is the value of a key of a mapping, nil if there is none.
func child(mapping *yaml.Node, key string) *yaml.Node {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

func keyNode(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i]
		}
	}
	return nil
}

// textOf is the text of a key's value, empty if it is no text.
func textOf(mapping *yaml.Node, key string) string {
	if v := child(mapping, key); v != nil && v.Kind == yaml.ScalarNode && v.ShortTag() != "!!null" {
		return v.Value
	}
	return ""
}

// nodeNoun says what a node is.
func nodeNoun(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch node.ShortTag() {
	case "!!null":
		return "empty"
	case "!!int", "!!float":
		return "the number " + clip(node.Value)
	case "!!bool":
		return node.Value
	}
	return fmt.Sprintf("the text %q", clip(node.Value))
}

// clip shortens a text for a message.
func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
