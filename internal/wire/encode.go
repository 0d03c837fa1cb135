package wire

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Marshal writes v: a struct with places in its tags as [Encode] does, anything else as
// [json.Marshal] does.
func Marshal(v any, mode Mode) ([]byte, error) {
	if t := reflect.TypeOf(v); hasLayout(t) || t.Kind() == reflect.Pointer && hasLayout(t.Elem()) {
		return Encode(v, mode)
	}
	return json.Marshal(v)
}

// Encode writes the struct v, or the struct that v points to, as a JSON object. An entry of Extra
// with a key that the struct has no place for is an error.
func Encode(v any, mode Mode) ([]byte, error) {
	return form{mode: mode}.appendStruct(nil, reflect.Indirect(reflect.ValueOf(v)), constant{})
}

// form says how values are written. It holds for everything nested in them, too.
type form struct {
	mode  Mode
	snake bool // kinds in their second spelling
}

// appendStruct appends the struct v. The member first, unless it is zero, comes before all others.
func (f form) appendStruct(out []byte, v reflect.Value, first constant) ([]byte, error) {
	l := layoutOf(v.Type())
	e := structEncoder{form: f, value: v}
	if l.extra >= 0 {
		e.extra = v.Field(l.extra).Interface().(map[string]json.RawMessage)
	}
	if e.extra != nil {
		e.used = map[string]bool{}
	}
	start := len(out)
	out, err := e.object(out, &l.root, "", first)
	switch {
	case err != nil:
		return nil, err
	case e.placed < len(e.extra):
		return nil, e.misplaced(&l.root)
	case len(out) == start:
		out = append(out, "{}"...)
	}
	return out, nil
}

type structEncoder struct {
	form
	value  reflect.Value
	extra  map[string]json.RawMessage
	used   map[string]bool // the paths of known members, in lower case: Extra must not repeat them; nil without Extra
	placed int             // how many entries of Extra belong to an object of the struct
}

// object appends the object at path, or nothing when it would be empty.
func (e *structEncoder) object(out []byte, n *node, path string, first constant) ([]byte, error) {
	start := len(out)
	out = append(out, '{')
	if first.name != "" {
		out = e.constant(out, path, first)
	}
	for _, m := range n.members {
		if m.readOnly && e.mode == ForRequest {
			e.use(m.path)
			continue
		}
		before := len(out)
		out = appendName(out, m.name)
		nameEnd := len(out)
		var err error
		if m.nested != nil {
			out, err = e.object(out, m.nested, m.path, constant{})
		} else {
			out, err = e.field(out, m)
		}
		if err != nil {
			return nil, err
		}
		if len(out) == nameEnd { // nothing to write
			out = out[:before]
			continue
		}
		out = append(out, ',')
		e.use(m.path)
		if m.with.name != "" {
			out = e.constant(out, path, m.with)
		}
	}
	out, err := e.appendExtra(out, path)
	if err != nil {
		return nil, err
	}
	if out[len(out)-1] != ',' {
		return out[:start], nil
	}
	out[len(out)-1] = '}'
	return out, nil
}

func (e *structEncoder) constant(out []byte, path string, c constant) []byte {
	if e.used != nil {
		e.use(path + "/" + escapePointer(c.name))
	}
	return append(appendString(appendName(out, c.name), c.value), ',')
}

func (e *structEncoder) use(path string) {
	if e.used != nil {
		e.used[strings.ToLower(path)] = true
	}
}

// appendExtra writes the entries of Extra that are members of the object at path, in a stable
// order.
func (e *structEncoder) appendExtra(out []byte, path string) ([]byte, error) {
	var here []string
	for p := range e.extra {
		if i := strings.LastIndexByte(p, '/'); i >= 0 && p[:i] == path {
			e.placed++
			if !e.used[strings.ToLower(p)] {
				here = append(here, p)
			}
		}
	}
	slices.Sort(here)
	for _, p := range here {
		out = appendName(out, unescapePointer(p[len(path)+1:]))
		if err := check(e.extra[p]); err != nil {
			return nil, fmt.Errorf("member %q of Extra: %w", p, err)
		}
		out = append(append(out, e.extra[p]...), ',')
	}
	return out, nil
}

// keeps reports whether Extra holds the member at path, or an object around it.
func (e *structEncoder) keeps(path string) bool {
	for path != "" {
		if _, ok := e.extra[path]; ok {
			return true
		}
		path = path[:strings.LastIndexByte(path, '/')]
	}
	return false
}

// misplaced returns an error for an entry of Extra that belongs to no object of the struct.
func (e *structEncoder) misplaced(root *node) error {
	for _, p := range slices.Sorted(maps.Keys(e.extra)) {
		if i := strings.LastIndexByte(p, '/'); i < 0 || !root.hasObject(p[:i], "") {
			return fmt.Errorf("key %q of Extra is no place for a member of %s", p, e.value.Type())
		}
	}
	return nil
}

func (n *node) hasObject(path, at string) bool {
	return path == at || slices.ContainsFunc(n.members, func(m *member) bool {
		return m.nested != nil && m.nested.hasObject(path, m.path)
	})
}

// field appends the value of m, or nothing when it is zero and need not be written.
func (e *structEncoder) field(out []byte, m *member) ([]byte, error) {
	v := m.value(e.value)
	if v.IsZero() && (!m.always || e.keeps(m.path)) {
		return out, nil
	}
	if m.text {
		return appendString(out, v.String()), nil
	}
	out, err := form{mode: e.mode, snake: e.snake || m.snake}.appendValue(out, v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.path, err)
	}
	return out, nil
}

func (f form) appendValue(out []byte, v reflect.Value) ([]byte, error) {
	switch t := v.Type(); {
	case t == durationType:
		return append(out, `"`+FormatDuration(time.Duration(v.Int()))+`"`...), nil
	case v.Kind() == reflect.Pointer && !v.IsNil():
		return f.appendValue(out, v.Elem())
	case hasLayout(t):
		return f.appendStruct(out, v, constant{})
	case unionOf(t) != nil:
		return unionOf(t).encode(out, v, f)
	case v.Kind() == reflect.Map && (unionOf(t.Elem()) != nil || hasLayout(t.Elem())):
		return f.appendMap(out, v)
	}
	b, err := json.Marshal(v.Interface())
	return append(out, b...), err
}

// appendMap appends a map with its keys in order.
func (f form) appendMap(out []byte, v reflect.Value) ([]byte, error) {
	out = append(out, '{')
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for i, key := range keys {
		if i > 0 {
			out = append(out, ',')
		}
		var err error
		if out, err = f.appendValue(appendName(out, key.String()), v.MapIndex(key)); err != nil {
			return nil, fmt.Errorf("%q: %w", key, err)
		}
	}
	return append(out, '}'), nil
}

func appendName(out []byte, name string) []byte { return append(appendString(out, name), ':') }

func appendString(out []byte, s string) []byte {
	if strings.IndexFunc(s, needsEscape) < 0 {
		return append(append(append(out, '"'), s...), '"')
	}
	b, _ := json.Marshal(s) // a string always marshals
	return append(out, b...)
}

func needsEscape(r rune) bool {
	return r < ' ' || r > '~' || r == '"' || r == '\\' || r == '<' || r == '>' || r == '&'
}
