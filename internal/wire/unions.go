package wire

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// A Union is a sealed interface T that the codec reads and writes as an object of one of several
// kinds.
type Union[T any] struct{ *union }

// OneOf tells the codec what stands behind the sealed interface T. The member called discriminator
// says which kind an object is; it is "" when a field beside the object does (option kind of the
// field's tag). Kinds are matched without regard to case. An object of any other kind becomes a
// copy of unknown, a struct with the fields Type (the kind as it was spelt) and Raw (the whole
// object, written back unchanged). Unknown is nil for a T that is written only.
//
// Call it while package variables are initialized. It panics when a kind does not implement T.
func OneOf[T any](discriminator string, unknown T, kinds ...KindOf) Union[T] {
	u := &union{discriminator: discriminator, unknown: reflect.TypeOf(unknown), kinds: kinds}
	for _, k := range kinds {
		if !k.typ.Implements(reflect.TypeFor[T]()) {
			panic(fmt.Sprintf("wire: %s is no %s", k.typ, reflect.TypeFor[T]()))
		}
	}
	unions.Store(reflect.TypeFor[T](), u)
	return Union[T]{u}
}

// Name is the first spelling of the kind of v, "" for a type that is none of the kinds.
func (u Union[T]) Name(v T) string {
	value := reflect.Indirect(reflect.ValueOf(v))
	name, _ := u.spelling(value, false)
	return name
}

// KindOf is a struct type with the spellings of its kind.
type KindOf struct {
	typ       reflect.Type
	spellings []string
}

// Kind is the type of value, under its spellings. All of them are read. The first is written, or
// the second within a field that has the option snake.
func Kind(value any, spellings ...string) KindOf {
	return KindOf{reflect.TypeOf(value), spellings}
}

// Indirect returns the value behind a pointer, nil for a nil one: callers may write &ModelByID{...}
// as well.
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

type union struct {
	discriminator string
	unknown       reflect.Type
	kinds         []KindOf
}

var unions sync.Map // reflect.Type of the interface → *union

// unionOf returns nil for a type that OneOf has not been told about.
func unionOf(t reflect.Type) *union {
	if t.Kind() != reflect.Interface {
		return nil
	}
	u, _ := unions.Load(t)
	known, _ := u.(*union)
	return known
}

// decode reads any value into the interface f. A value that is not an object is of an unknown kind.
func (u *union) decode(raw []byte, f reflect.Value) error {
	return u.decodeKind(raw, discriminate(raw, u.discriminator), f)
}

func (u *union) decodeKind(raw []byte, kind string, f reflect.Value) error {
	for _, k := range u.kinds {
		if k.is(kind) {
			v := reflect.New(k.typ).Elem()
			c := cursor{data: raw}
			decodeObject(&c, v, u.discriminator)
			f.Set(v)
			return c.end()
		}
	}
	if u.unknown == nil {
		return fmt.Errorf("unknown kind %.100q", kind)
	}
	v := reflect.New(u.unknown).Elem()
	v.FieldByName("Type").SetString(kind)
	v.FieldByName("Raw").SetBytes(bytes.Clone(raw))
	f.Set(v)
	return nil
}

func (k KindOf) is(kind string) bool {
	for _, s := range k.spellings {
		if strings.EqualFold(s, kind) {
			return true
		}
	}
	return false
}

// discriminate returns the text of a member, "" when there is none or raw is not an object.
func discriminate(raw []byte, discriminator string) (kind string) {
	c := cursor{data: raw}
	if c.peek() != '{' {
		return ""
	}
	for name := range c.members {
		if value := c.skip(); strings.EqualFold(string(name), discriminator) {
			kind, _ = Unquote(value)
		}
	}
	return kind
}

// encode appends the value in the interface v, with its discriminator in front.
func (u *union) encode(out []byte, v reflect.Value, f form) ([]byte, error) {
	v = reflect.Indirect(v.Elem())
	switch {
	case !v.IsValid():
		return nil, errors.New("is nil")
	case v.Type() != u.unknown:
		name, ok := u.spelling(v, f.snake)
		if !ok {
			return nil, fmt.Errorf("a %s cannot be sent here", v.Type())
		}
		return f.appendStruct(out, v, constant{u.discriminator, name})
	case v.FieldByName("Raw").Len() == 0:
		return append(out, "null"...), nil
	}
	raw := v.FieldByName("Raw").Bytes()
	if err := check(raw); err != nil {
		return nil, fmt.Errorf("its Raw: %w", err)
	}
	return append(out, raw...), nil
}

// spelling is the word for the kind of a struct.
func (u *union) spelling(v reflect.Value, snake bool) (name string, ok bool) {
	if !v.IsValid() {
		return "", false
	}
	if v.Type() == u.unknown {
		return v.FieldByName("Type").String(), true
	}
	for _, k := range u.kinds {
		if k.typ == v.Type() {
			if snake {
				return k.spellings[len(k.spellings)-1], true
			}
			return k.spellings[0], true
		}
	}
	return "", false
}
