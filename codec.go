package azmlbatch

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// This file is the one JSON codec of the package. Azure nests a resource's members (properties/authMode); our structs are
// flat, so each field names its place in a tag:
//
//	AuthMode AuthMode `wire:"properties/authMode"`
//	State    string   `wire:"properties/provisioningState,readonly"` // dropped when a request is built
//	MinNodes int      `wire:"minNodeCount,always"`                   // written even when zero
//
// Reading is tolerant: names in any case, numbers and booleans as text, null for anything. Members without a field, and
// members whose value does not fit their field, go to the struct's Extra under their JSON Pointer (RFC 6901) and are
// written back unchanged. A field that is not zero wins over an equal key in Extra.

// encodeMode says for whom a value is encoded.
type encodeMode bool

const (
	forCaller  encodeMode = false // everything, for logs, caches and comparisons
	forRequest encodeMode = true  // without the members that the service alone sets
)

// node is one level of JSON object; the zero node has no members.
type node struct {
	members []*member
	byName  map[string]*member // by wire name and by lower-case name
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
}

type layout struct {
	root  node
	extra int // index of the field Extra, -1 without
}

var layouts sync.Map // reflect.Type → *layout

var (
	durationType = reflect.TypeFor[time.Duration]()
	timeType     = reflect.TypeFor[time.Time]()
	extraType    = reflect.TypeFor[map[string]json.RawMessage]()
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
		})
	}
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
	n.byName[strings.ToLower(m.name)] = m
}

func (n *node) find(name string) *member {
	if m, ok := n.byName[name]; ok {
		return m
	}
	return n.byName[strings.ToLower(name)]
}

func (m *member) value(v reflect.Value) reflect.Value {
	for _, i := range m.owner {
		v = v.Field(i)
	}
	return v.Field(m.field)
}

// decode reads valid JSON into the struct that v points to. encoding/json has checked the syntax before it calls an
// UnmarshalJSON, which is the only way here.
func decode(data []byte, v any) error {
	return decodeStruct(data, reflect.ValueOf(v).Elem())
}

func decodeStruct(data []byte, v reflect.Value) error {
	if isNull(data) {
		return nil
	}
	l := layoutOf(v.Type())
	d := structDecoder{value: v, layout: l}
	if err := d.object(data, &l.root, ""); err != nil {
		return err
	}
	if l.extra >= 0 && d.extra != nil {
		v.Field(l.extra).Set(reflect.ValueOf(d.extra))
	}
	return nil
}

type structDecoder struct {
	value  reflect.Value
	layout *layout
	extra  map[string]json.RawMessage
}

func (d *structDecoder) object(data []byte, n *node, path string) error {
	return eachMember(data, func(name string, raw []byte) error {
		m := n.find(name)
		switch {
		case m == nil:
			d.keep(path+"/"+escapePointer(name), raw)
		case isNull(raw): // absent and null mean the same to the service
		case m.nested != nil && raw[0] == '{':
			return d.object(raw, m.nested, m.path)
		case m.nested != nil || decodeValue(raw, m.value(d.value)) != nil:
			d.keep(m.path, raw) // another kind than we know: nothing is lost
		}
		return nil
	})
}

func (d *structDecoder) keep(path string, raw []byte) {
	if d.layout.extra < 0 {
		return
	}
	if d.extra == nil {
		d.extra = map[string]json.RawMessage{}
	}
	d.extra[path] = bytes.Clone(raw)
}

// decodeValue reads one JSON value into a field and leaves the field untouched when it does not fit.
func decodeValue(raw []byte, f reflect.Value) error {
	if f.Kind() == reflect.Pointer {
		p := reflect.New(f.Type().Elem())
		if err := decodeValue(raw, p.Elem()); err != nil {
			return err
		}
		f.Set(p)
		return nil
	}
	switch {
	case f.Type() == durationType:
		text, err := unquote(raw)
		if err != nil {
			return err
		}
		d, err := parseDuration(text)
		if err != nil {
			return err
		}
		f.SetInt(int64(d))
		return nil
	case hasLayout(f.Type()):
		if raw[0] != '{' {
			return fmt.Errorf("not an object")
		}
		return json.Unmarshal(raw, f.Addr().Interface())
	}
	return decodeScalar(raw, f)
}

func decodeScalar(raw []byte, f reflect.Value) error {
	if _, own := f.Addr().Interface().(json.Unmarshaler); own {
		return json.Unmarshal(raw, f.Addr().Interface())
	}
	switch f.Kind() {
	case reflect.String:
		s, err := unquote(raw)
		if err != nil {
			return err
		}
		f.SetString(s)
		return nil
	case reflect.Bool, reflect.Int, reflect.Int32, reflect.Int64, reflect.Float64:
		if raw[0] == '"' { // the service takes numbers as text, and some answers carry booleans as "True"
			s, err := unquote(raw)
			if err != nil {
				return err
			}
			raw = []byte(strings.ToLower(s))
		}
	}
	// Into a fresh value: json.Unmarshal may leave half of a map or slice behind when it fails.
	fresh := reflect.New(f.Type())
	if err := json.Unmarshal(raw, fresh.Interface()); err != nil {
		return err
	}
	f.Set(fresh.Elem())
	return nil
}

// encode writes the struct v as JSON.
func encode(v any, mode encodeMode) ([]byte, error) {
	return encodeStruct(reflect.ValueOf(v), mode)
}

func encodeStruct(v reflect.Value, mode encodeMode) ([]byte, error) {
	l := layoutOf(v.Type())
	e := structEncoder{value: v, mode: mode}
	if l.extra >= 0 {
		e.extra = v.Field(l.extra).Interface().(map[string]json.RawMessage)
	}
	out, err := e.object(nil, &l.root, "")
	if err != nil {
		return nil, err
	}
	if len(out) == 0 {
		out = []byte("{}")
	}
	return out, nil
}

type structEncoder struct {
	value reflect.Value
	mode  encodeMode
	extra map[string]json.RawMessage
}

// object appends the object at path, or nothing when it would be empty.
func (e *structEncoder) object(out []byte, n *node, path string) ([]byte, error) {
	start := len(out)
	out = append(out, '{')
	var used map[string]bool
	if e.extra != nil {
		used = map[string]bool{}
	}
	for _, m := range n.members {
		if m.readOnly && e.mode == forRequest {
			if used != nil {
				used[m.path] = true
			}
			continue
		}
		before := len(out)
		out = appendName(out, m.name)
		nameEnd := len(out)
		var err error
		switch {
		case m.nested != nil:
			out, err = e.object(out, m.nested, m.path)
		default:
			out, err = e.field(out, m)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.path, err)
		}
		if len(out) == nameEnd {
			out = out[:before]
		} else {
			out = append(out, ',')
			if used != nil {
				used[m.path] = true
			}
		}
	}
	out = e.appendExtra(out, path, used)
	if out[len(out)-1] != ',' {
		return out[:start], nil
	}
	out[len(out)-1] = '}'
	return out, nil
}

// appendExtra writes the members of Extra that belong directly to the object at path, in a stable order.
func (e *structEncoder) appendExtra(out []byte, path string, used map[string]bool) []byte {
	var at []string
	for p := range e.extra {
		if i := strings.LastIndexByte(p, '/'); i >= 0 && p[:i] == path && !used[p] {
			at = append(at, p)
		}
	}
	slices.Sort(at)
	for _, p := range at {
		out = appendName(out, unescapePointer(p[len(path)+1:]))
		out = append(out, e.extra[p]...)
		out = append(out, ',')
	}
	return out
}

// field appends the value of m, or nothing when it is zero and not asked for.
func (e *structEncoder) field(out []byte, m *member) ([]byte, error) {
	f := m.value(e.value)
	if f.IsZero() && !m.always {
		return out, nil
	}
	if f.Kind() == reflect.Pointer {
		f = f.Elem()
	}
	switch {
	case f.Type() == durationType:
		return append(out, `"`+formatDuration(time.Duration(f.Int()))+`"`...), nil
	case hasLayout(f.Type()):
		b, err := encodeStruct(f, e.mode)
		return append(out, b...), err
	case f.Kind() == reflect.String && !implementsMarshaler(f):
		return appendString(out, f.String()), nil
	}
	b, err := json.Marshal(f.Interface())
	return append(out, b...), err
}

func implementsMarshaler(f reflect.Value) bool {
	switch f.Interface().(type) {
	case json.Marshaler, encoding.TextMarshaler:
		return true
	}
	return false
}

func appendName(out []byte, name string) []byte { return append(appendString(out, name), ':') }

func appendString(out []byte, s string) []byte {
	b, _ := json.Marshal(s) // a string always marshals
	return append(out, b...)
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

func isNull(raw []byte) bool { return string(raw) == "null" }

func unquote(raw []byte) (string, error) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", fmt.Errorf("not a text: %s", strconv.Quote(clip(string(raw))))
	}
	if bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return string(raw[1 : len(raw)-1]), nil
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err
}
