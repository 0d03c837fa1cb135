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

// Encode writes the struct v, or the struct that v points to, as a JSON object by its tags. An entry of Extra for which the
// struct has no place is an error.
func Encode(v any, mode Mode) ([]byte, error) {
	return encodeStruct(nil, reflect.Indirect(reflect.ValueOf(v)), form{mode: mode}, "")
}

// form says how values are written. It holds for all that is nested in them.
type form struct {
	mode  Mode
	snake bool // kinds in their second spelling
}

// encodeStruct appends the struct v; head, where it is not empty, is the first member of the object.
func encodeStruct(out []byte, v reflect.Value, f form, head string) ([]byte, error) {
	l := layoutOf(v.Type())
	e := structEncoder{value: v, form: f}
	if l.extra >= 0 {
		e.extra = v.Field(l.extra).Interface().(map[string]json.RawMessage)
	}
	start := len(out)
	out, err := e.object(append(out, '{'), &l.root, "", head)
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
	placed int // entries of extra that belong to an object of the struct
}

// object appends the object at path, whose bracket stands in out already; nothing when it would be empty.
func (e *structEncoder) object(out []byte, n *node, path, head string) ([]byte, error) {
	start := len(out) - 1
	out = append(out, head...)
	var used map[string]bool // known members, in lower case: one in Extra in another case would go out twice
	if e.extra != nil {
		used = map[string]bool{}
	}
	for _, m := range n.members {
		if m.readOnly && e.mode == ForRequest {
			if used != nil {
				used[strings.ToLower(m.path)] = true
			}
			continue
		}
		before := len(out)
		out = appendName(out, m.name)
		nameEnd := len(out)
		var err error
		switch {
		case m.nested != nil:
			out, err = e.object(append(out, '{'), m.nested, m.path, "")
		default:
			out, err = e.field(out, m)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.path, err)
		}
		if len(out) == nameEnd {
			out = out[:before]
			continue
		}
		out = append(out, ',')
		if used != nil {
			used[strings.ToLower(m.path)] = true
		}
		if name, value := m.with[0], m.with[1]; name != "" {
			out = append(appendString(appendName(out, name), value), ',')
			if used != nil {
				used[strings.ToLower(path+"/"+name)] = true
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
		if i := strings.LastIndexByte(p, '/'); i >= 0 && p[:i] == path {
			e.placed++
			if !used[strings.ToLower(p)] {
				at = append(at, p)
			}
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

// keeps reports whether Extra has what stood at path, or around it.
func (e *structEncoder) keeps(path string) bool {
	for path != "" {
		if _, ok := e.extra[path]; ok {
			return true
		}
		path = path[:strings.LastIndexByte(path, '/')]
	}
	return false
}

// misplaced names an entry of Extra that belongs to no object of the struct.
func (e *structEncoder) misplaced(root *node) error {
	for _, p := range slices.Sorted(maps.Keys(e.extra)) {
		if i := strings.LastIndexByte(p, '/'); i < 0 || !root.hasObject(p[:i], "") {
			return fmt.Errorf("Extra has %q: no object of the struct has this place", p)
		}
	}
	return nil
}

func (n *node) hasObject(path, at string) bool {
	return path == at || slices.ContainsFunc(n.members, func(m *member) bool {
		return m.nested != nil && m.nested.hasObject(path, m.path)
	})
}

// field appends the value of m, or nothing when it is zero and not asked for.
func (e *structEncoder) field(out []byte, m *member) ([]byte, error) {
	v := m.value(e.value)
	if v.IsZero() && (!m.always || e.keeps(m.path)) {
		return out, nil
	}
	if m.text {
		return appendString(out, v.String()), nil
	}
	return form{mode: e.mode, snake: e.snake || m.snake}.appendValue(out, v)
}

func (f form) appendValue(out []byte, v reflect.Value) ([]byte, error) {
	switch t := v.Type(); {
	case t == durationType:
		return append(out, `"`+FormatDuration(time.Duration(v.Int()))+`"`...), nil
	case v.Kind() == reflect.Pointer && !v.IsNil():
		return f.appendValue(out, v.Elem())
	case hasLayout(t):
		return encodeStruct(out, v, f, "")
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
