package deploy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch"
)

// A FieldChange is one field of a resource that differs between workspace and [Spec].
type FieldChange struct {
	// Field as in Go, for example "Resources.InstanceCount" or `Tags["team"]`.
	Field string `json:"field"`
	// Key of the field in the file that the part was read from, for example
	// "resources.instance_count". Empty without [PlanOptions].Sources.
	Key string `json:"key,omitempty"`
	// Old is the value of the workspace, as JSON has it: nil where there is none. Secrets are
	// "REDACTED".
	Old any `json:"old"`
	// New is the value after Apply; nil removes it.
	New any `json:"new"`
}

// fieldRules say how the fields of a kind compare. Keys are fields as in [FieldChange].
type fieldRules struct {
	// skip leaves fields out: those that are compared elsewhere, and those that are never answered.
	skip []string
	// defaults are what the service fills in where nothing is sent.
	defaults map[string]any
	// unset are fields that keep what the workspace has where the Spec sets nothing.
	unset []string
	// merged are maps that others write into as well: what only the workspace has stays.
	merged []string
	// same compares fields that have several spellings.
	same map[string]func(want, have string) bool
}

// comparison collects the fields that differ.
type comparison struct {
	rules fieldRules
	found []FieldChange
}

// changedFields compares a resource of a Spec with that of the workspace, field by field. Members
// that the service alone sets do not count.
func changedFields(want, have any, rules fieldRules) []FieldChange {
	c := comparison{rules: rules}
	c.structs("", reflect.ValueOf(want), reflect.ValueOf(have))
	return c.found
}

func (c *comparison) structs(path string, want, have reflect.Value) {
	for i := range want.NumField() {
		f := want.Type().Field(i)
		if !f.IsExported() || f.Name == "Meta" || readOnly(f) {
			continue
		}
		name := f.Name
		if path != "" {
			name = path + "." + name
		}
		if !slices.Contains(c.rules.skip, name) {
			c.values(name, want.Field(i), have.Field(i))
		}
	}
}

// readOnly reports whether the service alone sets a field, or the field is no member at all: the
// name of an asset stands in its id.
func readOnly(f reflect.StructField) bool {
	tag := f.Tag.Get("wire")
	return tag == "-" || strings.HasSuffix(tag, ",readonly")
}

func (c *comparison) values(path string, want, have reflect.Value) {
	if want.IsZero() && slices.Contains(c.rules.unset, path) {
		return
	}
	if d, ok := c.rules.defaults[path]; ok {
		want, have = orDefault(want, d), orDefault(have, d)
	}
	switch want.Kind() {
	case reflect.Slice:
		c.slices(path, want, have)
	case reflect.Interface:
		c.interfaces(path, want, have)
	case reflect.Pointer:
		c.pointers(path, want, have)
	case reflect.Struct:
		c.structs(path, want, have)
	case reflect.Map:
		c.maps(path, want, have)
	case reflect.String:
		same := c.rules.same[path]
		if same == nil && want.Type() != reflect.TypeFor[string]() {
			same = sameWord // of an enum: the service reads any case and answers in its own, YAML writes snake case
		}
		if want.String() != have.String() && (same == nil || !same(want.String(), have.String())) {
			c.note(path, want, have)
		}
	default:
		if !reflect.DeepEqual(want.Interface(), have.Interface()) {
			c.note(path, want, have)
		}
	}
}

// slices compares lists as they are, and JSON by what it says.
func (c *comparison) slices(path string, want, have reflect.Value) {
	if w, ok := want.Interface().(json.RawMessage); ok && sameJSON(w, have.Bytes()) {
		return
	}
	if (want.Len() > 0 || have.Len() > 0) && !reflect.DeepEqual(want.Interface(), have.Interface()) {
		c.note(path, want, have)
	}
}

// orDefault is a value, or what the service takes where there is none.
func orDefault(v reflect.Value, d any) reflect.Value {
	if v.IsZero() {
		return reflect.ValueOf(d).Convert(v.Type())
	}
	return v
}

func (c *comparison) pointers(path string, want, have reflect.Value) {
	if !reflect.DeepEqual(want.Interface(), have.Interface()) {
		c.note(path, want, have)
	}
}

// interfaces compares one of several kinds. Another kind is another value.
func (c *comparison) interfaces(path string, want, have reflect.Value) {
	want, have = concrete(want), concrete(have)
	switch {
	case !want.IsValid() && !have.IsValid():
	case !want.IsValid() || !have.IsValid() || want.Type() != have.Type() || want.Kind() != reflect.Struct:
		if !want.IsValid() || !have.IsValid() || !reflect.DeepEqual(want.Interface(), have.Interface()) {
			c.note(path, want, have)
		}
	default:
		c.structs(path, want, have)
	}
}

// concrete is what an interface holds, without pointers; invalid for nil.
func concrete(v reflect.Value) reflect.Value {
	for v.IsValid() && (v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer) {
		v = v.Elem()
	}
	return v
}

func (c *comparison) maps(path string, want, have reflect.Value) {
	merged := slices.Contains(c.rules.merged, path) || strings.HasSuffix(path, "Extra")
	keys := want.MapKeys()
	for _, k := range have.MapKeys() {
		if !merged && !want.MapIndex(k).IsValid() {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
	for _, k := range keys {
		w, h := want.MapIndex(k), have.MapIndex(k)
		name := fmt.Sprintf("%s[%q]", path, k.String())
		same := c.rules.same[path]
		switch {
		case !w.IsValid() || !h.IsValid():
			c.note(name, w, h)
		case w.Type() == reflect.TypeFor[json.RawMessage]():
			if !sameJSON(w.Bytes(), h.Bytes()) {
				c.note(name, w, h)
			}
		case w.Kind() == reflect.String && same != nil && same(w.String(), h.String()):
		default:
			c.values(name, w, h)
		}
	}
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

func (c *comparison) note(path string, want, have reflect.Value) {
	c.found = append(c.found, FieldChange{Field: path, Old: shownValue(path, have), New: shownValue(path, want)})
}

// shownValue is a value as a plan shows it.
func shownValue(path string, v reflect.Value) any {
	v = concrete(v)
	if !v.IsValid() || v.IsZero() && v.Kind() != reflect.Bool && v.Kind() != reflect.Int {
		return nil
	}
	switch x := v.Interface().(type) {
	case azmlbatch.Secret:
		return redacted
	case time.Duration:
		return x.String()
	case json.RawMessage:
		return shownJSON(path, x)
	case string:
		return shownText(path, x)
	}
	switch v.Kind() {
	case reflect.String:
		return shownText(path, v.String())
	case reflect.Struct:
		if s, ok := v.Interface().(fmt.Stringer); ok {
			return s.String()
		}
		return shownStruct(v)
	}
	return v.Interface()
}

// shownStruct is a struct as a plan shows it: its fields that are set, by name.
func shownStruct(v reflect.Value) any {
	shown := map[string]any{}
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() && !v.Field(i).IsZero() {
			shown[f.Name] = shownValue(f.Name, v.Field(i))
		}
	}
	return shown
}

func shownJSON(path string, raw []byte) any {
	var v any
	if hidden(path) || json.Unmarshal(raw, &v) != nil {
		return redacted
	}
	return v
}
