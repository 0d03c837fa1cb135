package deploy

import (
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// mapping reads the keys of one mapping into Go values. Its methods take a key and where the value
// goes; an absent key and an empty value leave that alone. The keys that were asked for are those
// that exist: done reports all others.
type mapping struct {
	document
	node  *yaml.Node
	path  string // keys down to here, with a dot at the end
	known []string
	found *[]error
}

func (d document) mapping(found *[]error) *mapping {
	return &mapping{document: d, node: d.root, found: found}
}

// bad notes a mistake in the value of a key.
func (m *mapping) bad(key string, node *yaml.Node, problem, remedy string) {
	*m.found = append(*m.found, m.at(node, strings.TrimSuffix(m.path+key, "."), problem, remedy))
}

// value is the node of a key, nil if it is absent or empty.
func (m *mapping) value(key string) *yaml.Node {
	m.known = append(m.known, key)
	v := child(m.node, key)
	if v == nil || v.Kind == yaml.ScalarNode && v.ShortTag() == "!!null" {
		return nil
	}
	return v
}

// done reports the keys that nobody asked for.
func (m *mapping) done() {
	for i := 0; m.node != nil && i+1 < len(m.node.Content); i += 2 {
		key := m.node.Content[i]
		if slices.Contains(m.known, key.Value) {
			continue
		}
		remedy := "the keys here are " + strings.Join(sortedUnique(m.known), ", ")
		if near := nearest(key.Value, m.known); near != "" {
			remedy = fmt.Sprintf("did you mean %s?", near)
		}
		if place := placeOf[key.Value]; slices.Contains(m.known, place) {
			remedy = "write it below " + place
		}
		*m.found = append(*m.found, m.at(key, "", fmt.Sprintf("unknown key %q", clip(m.path+key.Value)), remedy))
	}
}

// placeOf is where keys belong that people write one level too high.
var placeOf = map[string]string{
	"code": "code_configuration", "scoring_script": "code_configuration",
	"conda_file": "environment", "image": "environment",
	"instance_count": "resources", "instance_type": "resources",
	"max_retries": "retry_settings", "timeout": "retry_settings",
	"continue_on_step_failure": "settings", "default_compute": "settings", "force_rerun": "settings",
	"deployment_name": "defaults",
}

func sortedUnique(words []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(words)))
}

// readOnly names keys that a shown resource has and that are ignored.
func (m *mapping) readOnly(keys ...string) { m.known = append(m.known, keys...) }

// nested reads the keys of a mapping within this one.
func (m *mapping) nested(key string, read func(m *mapping)) {
	v := m.value(key)
	switch {
	case v == nil:
	case v.Kind != yaml.MappingNode:
		m.bad(key, v, "is "+nodeNoun(v), "write keys and values below it, indented")
	default:
		within := &mapping{document: m.document, node: v, path: m.path + key + ".", found: m.found}
		read(within)
		within.done()
	}
}

// each reads a mapping whose keys are free.
func (m *mapping) each(key string, read func(m *mapping, name string)) {
	m.nested(key, func(m *mapping) {
		for i := 0; i+1 < len(m.node.Content); i += 2 {
			read(m, m.node.Content[i].Value)
			m.known = append(m.known, m.node.Content[i].Value)
		}
	})
}

// scalar is the text of a value that must be one.
func (m *mapping) scalar(key string) (*yaml.Node, bool) {
	v := m.value(key)
	if v == nil {
		return nil, false
	}
	if v.Kind != yaml.ScalarNode {
		remedy := "write one value"
		if v.Kind == yaml.MappingNode && v.Style&yaml.FlowStyle != 0 {
			remedy = "put text with braces in quotes; placeholders are not filled in: use --set"
		}
		m.bad(key, v, "is "+nodeNoun(v), remedy)
		return nil, false
	}
	return v, true
}

// text reads a text. Numbers become text as they are written.
func (m *mapping) text(key string, to *string) {
	if v, ok := m.scalar(key); ok {
		*to = v.Value
	}
}

// placeholder is what shells and templates would replace: $NAME, ${NAME}, <NAME>, {{ name }}.
var placeholder = regexp.MustCompile(`\$\{?[A-Za-z_]\w*\}?|<[A-Za-z_][\w -]*>|\{\{[^}]*\}\}`)

// word reads a name, version, reference or path: a text that must not hold a placeholder, because
// nothing fills it in.
func (m *mapping) word(key string, to *string) {
	v, ok := m.scalar(key)
	if !ok {
		return
	}
	if p := placeholder.FindString(v.Value); p != "" {
		m.bad(key, v, fmt.Sprintf("has the placeholder %q, which is not filled in", p),
			fmt.Sprintf("write the value, or give --set %s%s=VALUE", m.path, key))
		return
	}
	*to = v.Value
}

// local reads a word; a path of this machine is made relative to where the program runs.
func (m *mapping) local(key string, to *string) {
	m.word(key, to)
	*to = m.rebase(*to)
}

// rebase makes a path that is relative to the file one that is relative to the working directory.
// All other references stay as they are.
func (d document) rebase(text string) string {
	if text == "" || isReference(text) || filepath.IsAbs(text) {
		return text
	}
	return filepath.Join(filepath.Dir(d.file), filepath.FromSlash(text))
}

// integer reads a whole number. Text that is one is taken, as the CLI does.
func (m *mapping) integer(key string, to *int) {
	v, ok := m.scalar(key)
	if !ok {
		return
	}
	if v.ShortTag() == "!!int" {
		if v.Decode(to) == nil {
			return
		}
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(v.Value), 64)
	remedy := "write a whole number"
	switch {
	case err != nil || f != math.Trunc(f):
	case math.Abs(f) < 1<<53:
		*to = int(f)
		return
	default:
		remedy = "write a number closer to 0"
	}
	m.bad(key, v, "is "+nodeNoun(v), remedy)
}

// count reads a whole number whose absence means a default. A zero would mean the same without a
// word.
func (m *mapping) count(key string, to *int) {
	m.integer(key, to)
	if v := m.value(key); v != nil && v.Kind == yaml.ScalarNode {
		if n, err := strconv.ParseFloat(strings.TrimSpace(v.Value), 64); err == nil && n == 0 {
			m.bad(key, v, "is 0", "write a number above 0, or leave it out for the default")
		}
	}
}

// optionalInteger reads a whole number whose zero is a setting of its own.
func (m *mapping) optionalInteger(key string, to **int) {
	if m.value(key) != nil {
		n := 0
		m.integer(key, &n)
		*to = &n
	}
}

// seconds reads a number of seconds above 0.
func (m *mapping) seconds(key string, to *time.Duration) {
	n := 0
	m.count(key, &n)
	if n != 0 {
		*to = time.Duration(n) * time.Second
	}
}

// boolean reads true or false, and the older spellings yes, no, on and off.
func (m *mapping) boolean(key string, to *bool) {
	v, ok := m.scalar(key)
	if !ok {
		return
	}
	switch strings.ToLower(v.Value) {
	case "true", "yes", "on":
		*to = true
	case "false", "no", "off":
		*to = false
	default:
		m.bad(key, v, "is "+nodeNoun(v), "write true or false")
	}
}

// texts reads a mapping of texts, such as tags.
func (m *mapping) texts(key string, to *map[string]string) {
	m.each(key, func(m *mapping, name string) {
		if *to == nil {
			*to = map[string]string{}
		}
		text := ""
		m.text(name, &text)
		(*to)[name] = text
	})
}

// choice reads one of some words, in any case and in snake or camel form. It gives the word as it
// stands in the list.
func (m *mapping) choice(key string, words ...string) string {
	v, ok := m.scalar(key)
	if !ok {
		return ""
	}
	for _, word := range words {
		if plainWord(word) == plainWord(v.Value) {
			return word
		}
	}
	remedy := "write " + strings.Join(words, " or ")
	if near := nearest(v.Value, words); near != "" {
		remedy = fmt.Sprintf("did you mean %s? Possible: %s", near, strings.Join(words, ", "))
	}
	m.bad(key, v, fmt.Sprintf("is %q", clip(v.Value)), remedy)
	return ""
}

// plainWord is a word without case and separators.
func plainWord(s string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(s))
}
