package wire

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Encode writes the struct v as JSON.
func Encode(v any, mode Mode) ([]byte, error) {
	return encodeStruct(reflect.ValueOf(v), mode)
}

func encodeStruct(v reflect.Value, mode Mode) ([]byte, error) {
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
	mode  Mode
	extra map[string]json.RawMessage
}

// object appends the object at path, or nothing when it would be empty.
func (e *structEncoder) object(out []byte, n *node, path string) ([]byte, error) {
	start := len(out)
	out = append(out, '{')
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
		out = AppendName(out, m.name)
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
				used[strings.ToLower(m.path)] = true
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
		if i := strings.LastIndexByte(p, '/'); i >= 0 && p[:i] == path && !used[strings.ToLower(p)] {
			at = append(at, p)
		}
	}
	slices.Sort(at)
	for _, p := range at {
		out = AppendName(out, unescapePointer(p[len(path)+1:]))
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

// field appends the value of m, or nothing when it is zero and not asked for.
func (e *structEncoder) field(out []byte, m *member) ([]byte, error) {
	f := m.value(e.value)
	if f.IsZero() && (!m.always || e.keeps(m.path)) {
		return out, nil
	}
	if f.Kind() == reflect.Pointer {
		f = f.Elem()
	}
	switch {
	case f.Type() == durationType:
		return append(out, `"`+FormatDuration(time.Duration(f.Int()))+`"`...), nil
	case hasLayout(f.Type()):
		b, err := encodeStruct(f, e.mode)
		return append(out, b...), err
	case m.text:
		return AppendString(out, f.String()), nil
	}
	b, err := json.Marshal(f.Interface())
	return append(out, b...), err
}

func AppendName(out []byte, name string) []byte { return append(AppendString(out, name), ':') }

func AppendString(out []byte, s string) []byte {
	if strings.IndexFunc(s, needsEscape) < 0 {
		return append(append(append(out, '"'), s...), '"')
	}
	b, _ := json.Marshal(s) // a string always marshals
	return append(out, b...)
}

func needsEscape(r rune) bool {
	return r < ' ' || r > '~' || r == '"' || r == '\\' || r == '<' || r == '>' || r == '&'
}
