package azmlbatch

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// printed is what fmt shows of a struct of this package: its name and the fields that are set, on one line. Embedded
// structs come last. Pointers are followed, JSON is shown as text, and nothing that looks like a secret is shown.
func printed(v any) string {
	var b strings.Builder
	value := reflect.ValueOf(v)
	b.WriteString(value.Type().Name())
	printStruct(&b, value)
	return b.String()
}

// printStruct leaves out what it does not know of a struct that has a secret: it may be a newer one.
func printStruct(b *strings.Builder, v reflect.Value) {
	secret := false
	for _, value := range v.Fields() {
		secret = secret || value.Type() == reflect.TypeFor[Secret]()
	}
	b.WriteByte('{')
	space := ""
	for _, embedded := range []bool{false, true} {
		for field, value := range v.Fields() {
			if field.Anonymous != embedded || !field.IsExported() || value.IsZero() || secret && field.Name == "Extra" {
				continue
			}
			b.WriteString(space + field.Name + ":")
			printValue(b, value)
			space = " "
		}
	}
	b.WriteByte('}')
}

func printValue(b *strings.Builder, v reflect.Value) {
	switch x := v.Interface().(type) {
	case json.RawMessage:
		b.WriteString(clip(redact(string(x))))
		return
	case time.Time:
		b.WriteString(x.Format(time.RFC3339Nano))
		return
	case fmt.Stringer:
		if v.Kind() != reflect.Pointer || !v.IsNil() {
			b.WriteString(x.String())
			return
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		printPointer(b, v)
	case reflect.Interface:
		printInterface(b, v)
	case reflect.Struct:
		printStruct(b, v)
	case reflect.Map:
		printMap(b, v)
	case reflect.Slice:
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteByte(' ')
			}
			printValue(b, v.Index(i))
		}
		b.WriteByte(']')
	default:
		b.WriteString(redact(fmt.Sprint(v.Interface())))
	}
}

func printPointer(b *strings.Builder, v reflect.Value) {
	if v.IsNil() {
		b.WriteString("nil")
		return
	}
	printValue(b, v.Elem())
}

// printInterface names the type: one of several kinds.
func printInterface(b *strings.Builder, v reflect.Value) {
	if v.IsNil() {
		b.WriteString("nil")
		return
	}
	v = reflect.Indirect(v.Elem())
	if _, names := v.Interface().(fmt.Stringer); !names && v.Kind() == reflect.Struct {
		b.WriteString(v.Type().Name())
	}
	printValue(b, v)
}

func printMap(b *strings.Builder, v reflect.Value) {
	b.WriteString("map[")
	texts := map[string]reflect.Value{}
	for key, value := range v.Seq2() {
		texts[fmt.Sprint(key.Interface())] = value
	}
	for i, key := range sortedKeys(texts) {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(key + ":")
		printValue(b, texts[key])
	}
	b.WriteByte(']')
}
