package deploy

import (
	"reflect"
	"slices"
	"strings"
)

// overlay is what an update sends: the resource of the Spec, with what the workspace has where the
// Spec leaves it alone. A request replaces the whole resource.
func overlay[T any](want, have T, rules fieldRules) T {
	v := reflect.New(reflect.TypeFor[T]()).Elem()
	v.Set(reflect.ValueOf(want))
	overlayStruct("", v, reflect.ValueOf(have), rules)
	return v.Interface().(T)
}

func overlayStruct(path string, want, have reflect.Value, rules fieldRules) {
	for i := range want.NumField() {
		f := want.Type().Field(i)
		name := f.Name
		if path != "" {
			name = path + "." + name
		}
		switch {
		case !f.IsExported():
		case f.Name == "Meta" || strings.HasSuffix(f.Tag.Get("wire"), ",readonly"):
			want.Field(i).Set(have.Field(i)) // known to be there; not sent
		default:
			overlayField(name, want.Field(i), have.Field(i), rules)
		}
	}
}

func overlayField(path string, want, have reflect.Value, rules fieldRules) {
	left := slices.Contains(rules.unset, path) || slices.Contains(rules.skip, path)
	switch {
	case want.IsZero() && left:
		want.Set(have)
	case want.Kind() == reflect.Map && (slices.Contains(rules.merged, path) || strings.HasSuffix(path, "Extra")):
		overlayMap(want, have)
	case want.Kind() == reflect.Struct:
		overlayStruct(path, want, have, rules)
	case want.Kind() == reflect.Interface:
		w, h := concrete(want), concrete(have)
		if w.IsValid() && h.IsValid() && w.Type() == h.Type() && w.Kind() == reflect.Struct {
			merged := reflect.New(w.Type()).Elem()
			merged.Set(w)
			overlayStruct(path, merged, h, rules)
			want.Set(merged)
		}
	}
}

func overlayMap(want, have reflect.Value) {
	if have.Len() == 0 {
		return
	}
	all := reflect.MakeMap(want.Type())
	for _, m := range []reflect.Value{have, want} {
		for _, k := range m.MapKeys() {
			all.SetMapIndex(k, m.MapIndex(k))
		}
	}
	want.Set(all)
}
