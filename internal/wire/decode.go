package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Decode reads a JSON object into the struct that v points to, and checks all of it: an UnmarshalJSON that does nothing
// else needs no encoding/json in front of it. After an error v may be half filled.
func Decode(data []byte, v any) error {
	value := reflect.ValueOf(v).Elem()
	l := layoutOf(value.Type())
	d := structDecoder{cursor: cursor{data: data}, value: value, layout: l}
	if d.peek() == 'n' {
		d.skip()
		return d.end()
	}
	d.object(&l.root, "")
	if l.extra >= 0 && d.extra != nil {
		value.Field(l.extra).Set(reflect.ValueOf(d.extra))
	}
	return d.end()
}

// Unmarshal is json.Unmarshal without a first pass over the text for the types that check what they read.
func Unmarshal(data []byte, v any) error {
	switch v := v.(type) {
	case *json.RawMessage: // takes anything
	case json.Unmarshaler:
		return v.UnmarshalJSON(data)
	}
	return json.Unmarshal(data, v)
}

type structDecoder struct {
	cursor
	value  reflect.Value
	layout *layout
	extra  map[string]json.RawMessage
}

func (d *structDecoder) object(n *node, path string) {
	for name := range d.members {
		m := n.find(name)
		b := d.peek()
		switch {
		case m == nil && d.layout.extra < 0:
			d.skip()
		case m == nil:
			at := path + "/" + EscapePointer(string(name))
			d.keep(at, d.skip())
		case b == 'n': // absent and null mean the same to the service
			d.skip()
		case m.nested != nil && b == '{':
			d.object(m.nested, m.path)
		default:
			raw := d.skip()
			if d.err == nil && (m.nested != nil || decodeValue(raw, m.value(d.value)) != nil) {
				d.keep(m.path, raw) // another kind than we know: nothing is lost
			}
		}
	}
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

// decodeValue reads one value, which is not null, into a field; the field stays zero when the value does not fit.
func decodeValue(raw []byte, f reflect.Value) (err error) {
	switch p := f.Addr().Interface().(type) {
	case *string:
		*p, err = Unquote(raw)
		return err
	case *time.Duration:
		text, err := Unquote(raw)
		if err != nil {
			return err
		}
		*p, err = ParseDuration(text)
		if err == nil && *p == 0 {
			err = errZeroDuration
		}
		return err
	case *map[string]string:
		*p, err = decodeTexts(raw)
		return err
	case json.Unmarshaler:
		if err = p.UnmarshalJSON(raw); err != nil {
			f.SetZero()
		}
		return err
	}
	switch f.Kind() {
	case reflect.Pointer:
		p := reflect.New(f.Type().Elem())
		if err := decodeValue(raw, p.Elem()); err != nil && !errors.Is(err, errZeroDuration) {
			return err
		}
		f.Set(p)
		return nil
	case reflect.Map: // all our maps have text as keys
		return decodeMap(raw, f)
	case reflect.String:
		s, err := Unquote(raw)
		f.SetString(s)
		return err
	case reflect.Bool, reflect.Int, reflect.Int32, reflect.Int64, reflect.Float64:
		return decodeScalar(raw, f)
	}
	if err = json.Unmarshal(raw, f.Addr().Interface()); err != nil {
		f.SetZero() // half of a slice may be there
	}
	return err
}

// errZeroDuration keeps a duration of zero, which a field has for "the service's default", in Extra.
var errZeroDuration = errors.New("a duration of zero")

// decodeScalar reads a boolean or a number, also as text: the service takes numbers as text, and some of its answers carry
// booleans as "True".
func decodeScalar(raw []byte, f reflect.Value) error {
	if raw[0] == '"' {
		s, err := Unquote(raw)
		if err != nil {
			return err
		}
		raw = []byte(strings.ToLower(s))
	}
	text := string(raw)
	switch {
	case f.Kind() == reflect.Bool:
		if text != "true" && text != "false" {
			return fmt.Errorf("not a boolean: %.100q", text)
		}
		f.SetBool(text == "true")
	case !isNumber(raw):
		return fmt.Errorf("not a number: %.100q", text)
	case f.Kind() == reflect.Float64:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return err
		}
		f.SetFloat(x)
	default:
		n, err := strconv.ParseInt(text, 10, f.Type().Bits())
		if err != nil {
			return err
		}
		f.SetInt(n)
	}
	return nil
}

// decodeTexts reads tags and properties, of which every resource has some. Null is an empty text.
func decodeTexts(raw []byte) (map[string]string, error) {
	m := map[string]string{}
	c := cursor{data: raw}
	for name := range c.members {
		value := c.skip()
		if IsNull(value) {
			m[string(name)] = ""
			continue
		}
		text, err := Unquote(value)
		if err != nil {
			return nil, err
		}
		m[string(name)] = text
	}
	if err := c.end(); err != nil {
		return nil, err
	}
	return m, nil
}

// decodeMap reads a map with text as its keys.
func decodeMap(raw []byte, f reflect.Value) error {
	m := reflect.MakeMap(f.Type())
	c := cursor{data: raw}
	for name := range c.members {
		element := reflect.New(f.Type().Elem()).Elem()
		value := c.skip()
		if c.err != nil {
			break
		}
		if _, own := element.Addr().Interface().(json.Unmarshaler); own || !IsNull(value) {
			if err := decodeValue(value, element); err != nil {
				return err
			}
		}
		m.SetMapIndex(reflect.ValueOf(string(name)), element)
	}
	if err := c.end(); err != nil {
		return err
	}
	f.Set(m)
	return nil
}

func IsNull(raw []byte) bool { return string(raw) == "null" }

func Unquote(raw []byte) (string, error) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", fmt.Errorf("not a text: %.100q", raw)
	}
	if isPlain(raw) {
		return string(raw[1 : len(raw)-1]), nil
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err
}
