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

// Decode reads a JSON object into the struct that v points to, by its tags; null changes nothing.
// It checks the whole text. After an error v may be half filled.
func Decode(data []byte, v any) error {
	c := cursor{data: data}
	if c.peek() == 'n' {
		c.skip()
	} else {
		decodeObject(&c, reflect.ValueOf(v).Elem(), "")
	}
	return c.end()
}

// Unmarshal reads data into what v points to: by its own UnmarshalJSON, by its tags, as one of the
// kinds of a sealed interface, or else as [json.Unmarshal] does.
func Unmarshal(data []byte, v any) error {
	switch v := v.(type) {
	case *json.RawMessage: // takes anything
		return json.Unmarshal(data, v)
	case json.Unmarshaler:
		return v.UnmarshalJSON(data) // ours check the text themselves
	}
	f := reflect.ValueOf(v).Elem()
	if hasLayout(f.Type()) {
		return Decode(data, v)
	}
	if u := unionOf(f.Type()); u != nil {
		c := cursor{data: data}
		raw := c.skip()
		if err := c.end(); err != nil {
			return err
		}
		return u.decode(raw, f)
	}
	return json.Unmarshal(data, v)
}

// structDecoder fills one struct. The cursor is passed along and not a field, which keeps it off
// the heap.
type structDecoder struct {
	value         reflect.Value
	layout        *layout
	extra         map[string]json.RawMessage
	discriminator string // a member that the caller has read already; "" for none
	late          []lateMember
}

// lateMember is a member that is decoded after all others, because its kind may come later in the
// text.
type lateMember struct {
	*member
	raw []byte
}

// decodeObject reads the object at the cursor into the struct v.
func decodeObject(c *cursor, v reflect.Value, discriminator string) {
	l := layoutOf(v.Type())
	d := structDecoder{value: v, layout: l, discriminator: discriminator}
	d.object(c, &l.root, "")
	if c.err != nil {
		return
	}
	for _, m := range d.late {
		if f := m.value(v); m.raw[0] != '{' || unionOf(f.Type()).decodeKind(m.raw, v.FieldByName(m.kind).String(), f) != nil {
			d.keep(m.path, m.raw)
		}
	}
	if l.extra >= 0 && d.extra != nil {
		v.Field(l.extra).Set(reflect.ValueOf(d.extra))
	}
}

func (d *structDecoder) object(c *cursor, n *node, path string) {
	for name := range c.members {
		m := n.find(name)
		b := c.peek()
		switch {
		case m == nil && (d.layout.extra < 0 || n == &d.layout.root && d.discriminator != "" && strings.EqualFold(string(name), d.discriminator)):
			c.skip()
		case m == nil:
			at := path + "/" + escapePointer(string(name))
			d.keep(at, c.skip())
		case b == 'n': // absent and null mean the same to the service
			c.skip()
		case m.nested != nil && b == '{':
			d.object(c, m.nested, m.path)
		case m.inner && b == '{':
			decodeObject(c, m.value(d.value), "")
		case m.kind != "":
			if raw := c.skip(); c.err == nil {
				d.late = append(d.late, lateMember{m, raw})
			}
		default:
			raw := c.skip()
			if c.err == nil && (m.nested != nil || decodeValue(raw, m.value(d.value)) != nil) {
				d.keep(m.path, raw) // it does not fit the field: keep it
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

// decodeValue reads a value other than null into a field. When the value does not fit, the field
// stays zero.
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
	case *any:
		*p, err = decodeAny(raw)
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
	case reflect.Map: // the keys of all our maps are strings
		return decodeMap(raw, f)
	case reflect.Interface:
		if raw[0] != '{' {
			return errors.New("not an object")
		}
		return unionOf(f.Type()).decode(raw, f)
	case reflect.Struct:
		if hasLayout(f.Type()) {
			c := cursor{data: raw}
			decodeObject(&c, f, "")
			return c.end()
		}
	case reflect.String:
		s, err := Unquote(raw)
		f.SetString(s)
		return err
	case reflect.Bool, reflect.Int, reflect.Int32, reflect.Int64, reflect.Float64:
		return decodeScalar(raw, f)
	}
	if err = json.Unmarshal(raw, f.Addr().Interface()); err != nil {
		f.SetZero() // part of a slice may have been read
	}
	return err
}

// errZeroDuration keeps a duration of zero in Extra, because a zero field means the service's
// default.
var errZeroDuration = errors.New("a duration of zero")

// decodeScalar reads a boolean or a number, which may also be text: the service accepts numbers as
// text, and some of its answers have booleans as "True".
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

// decodeAny reads a value of any type. A number is a float64, or a [json.Number] where a float64
// would change an integer or the number stands within an object or array.
func decodeAny(raw []byte) (v any, err error) {
	switch {
	case raw[0] == '"':
		return Unquote(raw)
	case isNumber(raw):
		f, err := strconv.ParseFloat(string(raw), 64)
		if err != nil || !bytes.ContainsAny(raw, ".eE") && strconv.FormatFloat(f, 'f', -1, 64) != string(raw) {
			return json.Number(raw), nil //nolint:nilerr // a float64 cannot hold it; the text can
		}
		return f, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

// decodeTexts reads tags and properties, quickly, because every resource has some. Null becomes an
// empty text.
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

// decodeMap reads a map whose keys are strings.
func decodeMap(raw []byte, f reflect.Value) error {
	m := reflect.MakeMap(f.Type())
	u := unionOf(f.Type().Elem())
	c := cursor{data: raw}
	for name := range c.members {
		element := reflect.New(f.Type().Elem()).Elem()
		value := c.skip()
		if c.err != nil {
			break
		}
		if u != nil {
			if err := u.decode(value, element); err != nil {
				return err
			}
		} else if _, own := element.Addr().Interface().(json.Unmarshaler); own || !IsNull(value) {
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

// IsNull reports whether a value is null.
func IsNull(raw []byte) bool { return string(raw) == "null" }

// Unquote reads a JSON string.
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
