// Package wire is the JSON codec of the SDK: flat structs over nested JSON, nothing lost. It knows no resource of Azure ML.
package wire

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
)

// This file is the one JSON codec of the package, with decode.go, encode.go and the scanner below them (scan.go). Azure nests a resource's members (properties/authMode); our structs are
// flat, so each field names its place in a tag:
//
//	AuthMode AuthMode `wire:"properties/authMode"`
//	State    string   `wire:"properties/provisioningState,readonly"` // dropped when a request is built
//	MinNodes int      `wire:"minNodeCount,always"`                   // written even when zero
//
// Reading is tolerant: names in any case, numbers and booleans as text, null for anything. Members without a field, and
// members whose value does not fit their field, go to the struct's Extra under their JSON Pointer (RFC 6901) and are
// written back unchanged. A field that is not zero wins over an equal key in Extra.

// Mode says for whom a value is encoded.
type Mode bool

const (
	ForCaller  Mode = false // everything, for logs, caches and comparisons
	ForRequest Mode = true  // without the members that the service alone sets
)

// node is one level of JSON object; the zero node has no members.
type node struct {
	members []*member
	byName  map[string]*member // by wire name
}

// member is one known member of an object: a field, or a nested object that holds fields.
type member struct {
	name     string
	path     string // JSON Pointer
	field    int    // index in the struct, -1 for a nested object
	owner    []int  // index path of the embedded struct that has the field; nil for the struct itself
	nested   *node
	readOnly bool
	always   bool
	text     bool // a kind of string without a JSON form of its own
}

type layout struct {
	root  node
	extra int // index of the field Extra, -1 without
}

var layouts sync.Map // reflect.Type → *layout

var (
	durationType      = reflect.TypeFor[time.Duration]()
	timeType          = reflect.TypeFor[time.Time]()
	extraType         = reflect.TypeFor[map[string]json.RawMessage]()
	marshalerType     = reflect.TypeFor[json.Marshaler]()
	textMarshalerType = reflect.TypeFor[encoding.TextMarshaler]()
)

func layoutOf(t reflect.Type) *layout {
	if l, ok := layouts.Load(t); ok {
		return l.(*layout)
	}
	l := &layout{extra: -1}
	l.collect(t, nil)
	actual, _ := layouts.LoadOrStore(t, l)
	return actual.(*layout)
}

// hasLayout reports whether t is a struct that this codec reads, and not one that knows its own JSON form.
func hasLayout(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t != timeType && layoutOf(t).root.members != nil
}

func (l *layout) collect(t reflect.Type, owner []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && f.Type.Kind() == reflect.Struct {
			l.collect(f.Type, append(slices.Clone(owner), i))
			continue
		}
		if f.Name == "Extra" && f.Type == extraType && owner == nil {
			l.extra = i
			continue
		}
		tag, ok := f.Tag.Lookup("wire")
		if !ok || tag == "-" {
			continue
		}
		path, options, _ := strings.Cut(tag, ",")
		l.root.add(strings.Split(path, "/"), "", &member{
			field:    i,
			owner:    owner,
			readOnly: strings.Contains(options, "readonly"),
			always:   strings.Contains(options, "always"),
			text:     f.Type.Kind() == reflect.String && !f.Type.Implements(marshalerType) && !f.Type.Implements(textMarshalerType),
		})
	}
}

func (n *node) add(path []string, parent string, m *member) {
	at := parent + "/" + EscapePointer(path[0])
	if len(path) == 1 {
		m.name, m.path = path[0], at
		n.append(m)
		return
	}
	child := n.byName[path[0]]
	if child == nil {
		child = &member{name: path[0], path: at, field: -1, nested: &node{}}
		n.append(child)
	}
	child.nested.add(path[1:], at, m)
}

func (n *node) append(m *member) {
	if n.byName == nil {
		n.byName = map[string]*member{}
	}
	n.members = append(n.members, m)
	n.byName[m.name] = m
}

// find looks for a member, first as the service writes it, then in any case.
func (n *node) find(name []byte) *member {
	if m, ok := n.byName[string(name)]; ok {
		return m
	}
	for _, m := range n.members {
		if strings.EqualFold(m.name, string(name)) {
			return m
		}
	}
	return nil
}

func (m *member) value(v reflect.Value) reflect.Value {
	for _, i := range m.owner {
		v = v.Field(i)
	}
	return v.Field(m.field)
}

func EscapePointer(name string) string {
	if !strings.ContainsAny(name, "~/") {
		return name
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

func unescapePointer(name string) string {
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
}
