package wire

import (
	"encoding/json"
	"reflect"
	"strings"
)

// A member that is one of several kinds is a field of a sealed interface type. The codec cannot decode it and keeps it in
// Extra; the struct's UnmarshalJSON claims it from there.

// Claim moves the object at path from extra into a field. What is no object stays in extra, so nothing is lost.
func Claim[T any](extra *map[string]json.RawMessage, path string, field *T, decode func(json.RawMessage) T) {
	raw, ok := (*extra)[path]
	if !ok || len(raw) == 0 || raw[0] != '{' {
		return
	}
	*field = decode(raw)
	if delete(*extra, path); len(*extra) == 0 {
		*extra = nil
	}
}

// DecodeTagged reads an object of a known kind; the discriminator is not kept, because the type says it.
func DecodeTagged[T any, P interface {
	*T
	json.Unmarshaler
}](raw json.RawMessage, discriminator string) T {
	var v T
	_ = P(&v).UnmarshalJSON(withoutMember(raw, discriminator)) // raw is valid JSON and an object; nothing else can fail
	return v
}

// withoutMember returns the object without one member, whose name is matched without regard to case.
func withoutMember(raw json.RawMessage, name string) json.RawMessage {
	out := []byte{'{'}
	_ = EachMember(raw, func(member string, value []byte) error {
		if !strings.EqualFold(member, name) {
			out = append(append(AppendName(out, member), value...), ',')
		}
		return nil
	})
	if len(out) == 1 {
		return json.RawMessage("{}")
	}
	out[len(out)-1] = '}'
	return out
}

func RawOrNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}

// Indirect returns the value behind a pointer, nil for a nil one: callers may write &ModelByID{...} as well.
func Indirect(v any) any {
	p := reflect.ValueOf(v)
	switch {
	case p.Kind() != reflect.Pointer:
		return v
	case p.IsNil():
		return nil
	}
	return p.Elem().Interface()
}

func Discriminate(raw []byte, discriminator string) (kind string, err error) {
	if len(raw) == 0 || raw[0] != '{' {
		return "", nil
	}
	err = EachMember(raw, func(name string, value []byte) error {
		if strings.EqualFold(name, discriminator) && !IsNull(value) {
			kind, err = Unquote(value)
		}
		return err
	})
	return kind, err
}

// EncodeTagged writes the struct with its discriminator in front.
func EncodeTagged(v any, discriminator, kind string) ([]byte, error) {
	b, err := Encode(v, ForCaller)
	if err != nil {
		return nil, err
	}
	out := AppendString(AppendName([]byte{'{'}, discriminator), kind)
	if len(b) > 2 {
		out = append(out, ',')
	}
	return append(out, b[1:]...), nil
}
