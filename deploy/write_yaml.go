package deploy

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// yamlMap is a mapping that is being written. Its methods leave out what is empty.
type yamlMap struct{ node yaml.Node }

func newYAMLMap() *yamlMap { return &yamlMap{yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}} }

func scalarNode(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}

func (m *yamlMap) put(key string, value *yaml.Node) {
	m.node.Content = append(m.node.Content, scalarNode("!!str", key), value)
}

func (m *yamlMap) text(key, value string) {
	if value != "" {
		m.put(key, scalarNode("!!str", value))
	}
}

// word writes one of the words of a kind of value, in the YAML's spelling.
func (m *yamlMap) word(key, value string, words ...string) {
	for _, word := range words {
		if plainWord(word) == plainWord(value) {
			m.text(key, word)
			return
		}
	}
	m.text(key, value)
}

func (m *yamlMap) integer(key string, value int) {
	if value != 0 {
		m.put(key, scalarNode("!!int", strconv.Itoa(value)))
	}
}

func (m *yamlMap) optionalInteger(key string, value *int) {
	if value != nil {
		m.put(key, scalarNode("!!int", strconv.Itoa(*value)))
	}
}

func (m *yamlMap) seconds(key string, value time.Duration) { m.integer(key, int(value/time.Second)) }

func (m *yamlMap) optionalBoolean(key string, value *bool) {
	if value != nil {
		m.put(key, scalarNode("!!bool", strconv.FormatBool(*value)))
	}
}

func (m *yamlMap) texts(key string, values map[string]string) {
	within := newYAMLMap()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		within.put(name, scalarNode("!!str", values[name]))
	}
	m.nested(key, within)
}

func (m *yamlMap) nested(key string, within *yamlMap) {
	if len(within.node.Content) > 0 {
		m.put(key, &within.node)
	}
}

// json writes JSON as YAML.
func (m *yamlMap) json(key string, text []byte) {
	if node := parsedNode(text); node != nil {
		m.put(key, node)
	}
}

// parsedNode is a text of YAML or JSON as a tree in block style; nil if it is not one document.
func parsedNode(text []byte) *yaml.Node {
	documents,
		err := parseDocuments("", append([]byte("value:\n "), []byte(strings.ReplaceAll(strings.TrimSpace(string(text)),
		"\n", "\n "))...))
	if err != nil || len(documents) != 1 {
		return nil
	}
	node := child(documents[0].root, "value")
	plainStyle(node)
	return node
}

// plainStyle takes style and comments away, so that equal content is written alike.
func plainStyle(node *yaml.Node) {
	if node == nil {
		return
	}
	*node = yaml.Node{Kind: node.Kind, Tag: node.ShortTag(), Value: node.Value, Content: node.Content}
	for _, c := range node.Content {
		plainStyle(c)
	}
}
