// Package wire is the JSON codec of the SDK: flat structs over nested JSON, and nothing is lost. It
// knows no resource of Azure ML.
//
// Azure nests the members of a resource (properties/authMode). Our structs are flat, so a field
// names its place in a tag:
//
//	AuthMode AuthMode `wire:"properties/authMode"`
//	State    string   `wire:"properties/provisioningState,readonly"` // left out of requests
//	MinNodes int      `wire:"minNodeCount,always"`                   // written even when zero
//	Inputs   Inputs   `wire:"properties/inputs,snake"`               // kinds in their second spelling, see Kind
//	Details  Details  `wire:"properties/details,kind=Type"`          // the field Type tells the kind, see OneOf
//	Key      Secret   `wire:"secrets/key,with=secretsType:Key"`      // written together with "secretsType": "Key"
//
// Reading is tolerant: names match in any case, numbers and booleans may be text, null may stand
// anywhere. Nested structs, maps of structs, and sealed interfaces that [OneOf] knows are read and
// written by the same rules.
//
// A struct has a field Extra, of type map[string]json.RawMessage, for what has no field and for
// what does not fit its field. The keys are JSON Pointers (RFC 6901) within the struct. Extra is
// written back unchanged; a field that is set wins over the same place in Extra.
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

// Mode says for whom a value is written.
type Mode bool

// The two readers of a value.
const (
	ForCaller  Mode = false // all members, for logs, caches and comparisons
	ForRequest Mode = true  // without the members that only the service sets
)

// node is an object: the struct itself, or an object within it that the tags name. The zero node
// has no members.
type node struct {
	members []*member
	byName  map[string]*member // by wire name
}

// member is a known member of an object: a field, or an object within that holds fields.
type member struct {
	name     string
	path     string // JSON Pointer
	field    int    // index in the struct, -1 for a nested object
	owner    []int  // index path of the embedded struct that has the field; nil for the struct itself
	nested   *node
	readOnly bool
	always   bool
	snake    bool
	kind     string   // the field that tells the kind of a union; "" when a discriminator within the object does
	with     constant // is written next to this member
	inner    bool     // a struct that this codec reads
	text     bool     // a string type without a JSON form of its own
}

// constant is a member that always has the same value.
type constant struct{ name, value string }

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
	unmarshalerType   = reflect.TypeFor[json.Unmarshaler]()
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

// hasLayout reports whether t is a struct with places in its tags.
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
		m := newMember(f.Type, strings.Split(options, ","))
		m.field, m.owner = i, owner
		l.root.add(strings.Split(path, "/"), "", m)
	}
}

func newMember(t reflect.Type, options []string) *member {
	m := &member{
		inner: hasLayout(t) && !reflect.PointerTo(t).Implements(unmarshalerType),
		text:  t.Kind() == reflect.String && !t.Implements(marshalerType) && !t.Implements(textMarshalerType),
	}
	switch { // encoding/json would not know what the tags and OneOf say
	case t.Kind() == reflect.Slice && hasLayout(t.Elem()):
		panic("wire: a list of " + t.Elem().String() + " is not supported")
	case t.Kind() == reflect.Interface && t.NumMethod() > 0 && unionOf(t) == nil:
		panic("wire: OneOf has not been told what stands behind " + t.String())
	}
	for _, option := range options {
		switch name, value, _ := strings.Cut(option, "="); name {
		case "":
		case "readonly":
			m.readOnly = true
		case "always":
			m.always = true
		case "snake":
			m.snake = true
		case "kind":
			m.kind = value
		case "with":
			m.with.name, m.with.value, _ = strings.Cut(value, ":")
		default:
			panic("wire: unknown option " + option)
		}
	}
	return m
}

func (n *node) add(path []string, parent string, m *member) {
	at := parent + "/" + escapePointer(path[0])
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

// find looks for a member by its exact name, then in any case.
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

func escapePointer(name string) string {
	if !strings.ContainsAny(name, "~/") {
		return name
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

func unescapePointer(name string) string {
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
}
