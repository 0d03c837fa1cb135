package rows

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// A valueParser puts the text of a column, which is not empty, into a place that is zero.
type valueParser func(place reflect.Value, text string) error

// valueParserOf returns nil for a type that cannot take a value.
func valueParserOf(t reflect.Type) valueParser {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return parseTime
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return parseText
	case t == reflect.TypeFor[any]():
		return parseAny
	}
	switch k := t.Kind(); {
	case k == reflect.String:
		return parseString
	case k == reflect.Bool:
		return parseBool
	case k >= reflect.Int && k <= reflect.Int64:
		return intParser(t.Bits())
	case k >= reflect.Uint && k <= reflect.Uint64:
		return uintParser(t.Bits())
	case k == reflect.Float32, k == reflect.Float64:
		return floatParser(t.Bits())
	case k == reflect.Pointer:
		return pointerParser(t.Elem())
	}
	return nil
}

func parseString(place reflect.Value, text string) error {
	place.SetString(text)
	return nil
}

func parseBool(place reflect.Value, text string) error {
	b, err := strconv.ParseBool(text) // takes Python's True and False
	if err != nil {
		return err
	}
	place.SetBool(b)
	return nil
}

func intParser(bits int) valueParser {
	return func(place reflect.Value, text string) error {
		n, err := strconv.ParseInt(text, 10, bits)
		if err != nil {
			return err
		}
		place.SetInt(n)
		return nil
	}
}

func uintParser(bits int) valueParser {
	return func(place reflect.Value, text string) error {
		n, err := strconv.ParseUint(text, 10, bits)
		if err != nil {
			return err
		}
		place.SetUint(n)
		return nil
	}
}

func floatParser(bits int) valueParser {
	return func(place reflect.Value, text string) error {
		x, err := strconv.ParseFloat(text, bits)
		if err != nil {
			return err
		}
		place.SetFloat(x)
		return nil
	}
}

func pointerParser(elem reflect.Type) valueParser {
	parse := valueParserOf(elem)
	if parse == nil {
		return nil
	}
	return func(place reflect.Value, text string) error {
		place.Set(reflect.New(elem))
		return parse(place.Elem(), text)
	}
}

// timeLayouts are what pandas and Python's isoformat write. time.Parse takes a fraction of a second
// by itself.
var timeLayouts = []string{
	time.DateTime, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", time.RFC3339, time.DateOnly,
}

func parseTime(place reflect.Value, text string) error {
	for _, layout := range timeLayouts {
		if at, err := time.Parse(layout, text); err == nil {
			place.Set(reflect.ValueOf(at))
			return nil
		}
	}
	return strconv.ErrSyntax
}

func parseText(place reflect.Value, text string) error {
	return place.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
}

func parseAny(place reflect.Value, text string) error {
	if v := anyValue(text); v != nil {
		place.Set(reflect.ValueOf(v))
	}
	return nil
}

// exactIntegers is up to where a float64 holds every integer.
const exactIntegers = 1 << 53

// anyValue is a text as JSON would decode it; nil for none.
func anyValue(text string) any {
	switch text {
	case "":
		return nil
	case "True", "true":
		return true
	case "False", "false":
		return false
	}
	if !strings.ContainsAny(text[:1], "-0123456789") || !json.Valid([]byte(text)) {
		return text
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || !strings.ContainsAny(text, ".eE") && (x > exactIntegers || x < -exactIntegers) {
		return text
	}
	return x
}
