package deploy

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/azmlbatch/azmlbatch"
)

// TestEachPropertyIsCompared changes one property after the other, of every kind, as a new field of the SDK would be: a comparison
// shows exactly that property, unless the rules of the kind leave it to a comparison of its own.
func TestEachPropertyIsCompared(t *testing.T) {
	for _, kind := range []struct {
		name  string
		value any
		rules fieldRules
	}{
		{"deployment", azmlbatch.Deployment{Model: azmlbatch.ModelByID{}}, deploymentFields},
		{"deployment of a pipeline", azmlbatch.Deployment{Configuration: azmlbatch.PipelineComponentDeployment{}}, deploymentFields},
		{"endpoint", azmlbatch.Endpoint{}, endpointFields},
		{"cluster", azmlbatch.Compute{Properties: azmlbatch.AmlCompute{}}, computeFields},
		{"model", azmlbatch.Model{}, models.rules},
		{"data asset", azmlbatch.Data{}, dataAssets.rules},
		{"environment", azmlbatch.Environment{}, environments.rules},
		{"component", azmlbatch.Component{}, components.rules},
		{"code", azmlbatch.Code{}, codes.rules},
		{"schedule by crontab", azmlbatch.Schedule{Trigger: azmlbatch.CronTrigger{}, Action: azmlbatch.JobScheduleAction{}}, scheduleFields},
		{"schedule by recurrence", azmlbatch.Schedule{Trigger: azmlbatch.RecurrenceTrigger{}, Action: azmlbatch.EndpointScheduleAction{}}, scheduleFields},
	} {
		n := 0
		for _, path := range leavesOf(reflect.ValueOf(kind.value), "") {
			if slices.Contains(kind.rules.skip, path) {
				continue
			}
			n++
			have, want := filled(kind.value, path, 1), filled(kind.value, path, 2)
			var got []string
			for _, f := range changedFields(want, have, kind.rules) {
				got = append(got, f.Field)
			}
			if len(got) != 1 || got[0] != path && !strings.HasPrefix(got[0], path+"[") {
				t.Errorf("%s: another %s shows as %q", kind.name, path, got)
			}
		}
		if n < 2 {
			t.Errorf("%s: only %d properties were changed", kind.name, n)
		}
	}
}

// leavesOf are the paths of the properties that a Spec can set.
func leavesOf(v reflect.Value, path string) (paths []string) {
	for v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return []string{path}
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() || f.Name == "Meta" || f.Name == "Extra" || readOnly(f) || f.Type.Kind() == reflect.Interface && v.Field(i).IsNil() {
			continue
		}
		name := f.Name
		if path != "" {
			name = path + "." + name
		}
		paths = append(paths, leavesOf(v.Field(i), name)...)
	}
	return paths
}

// filled is a value whose property at a path has the nth of its samples.
func filled(value any, path string, n int) any {
	return with(reflect.ValueOf(value), strings.Split(path, "."), n).Interface()
}

func with(v reflect.Value, path []string, n int) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	switch {
	case v.Kind() == reflect.Interface:
		out.Set(with(v.Elem(), path, n))
	case len(path) == 0:
		out.Set(sample(v.Type(), n))
	default:
		out.Set(v)
		f := out.FieldByName(path[0])
		f.Set(with(f, path[1:], n))
	}
	return out
}

// sample is the nth sample of a type. The second differs from the first, and from what the service takes by default.
func sample(of reflect.Type, n int) reflect.Value {
	v := reflect.New(of).Elem()
	switch {
	case of == reflect.TypeFor[json.RawMessage]():
		v.SetBytes(fmt.Appendf(nil, `{"a":%d}`, n))
	case of == reflect.TypeFor[time.Duration]():
		v.SetInt(int64(time.Duration(n) * time.Second))
	case of.Kind() == reflect.String:
		v.SetString(fmt.Sprintf("value%d", n))
	case of.Kind() == reflect.Bool:
		v.SetBool(n == 2)
	case v.CanInt():
		v.SetInt(int64(n))
	case of.Kind() == reflect.Pointer:
		v.Set(reflect.New(of.Elem()))
		v.Elem().Set(sample(of.Elem(), n))
	case of.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(of))
		v.SetMapIndex(reflect.ValueOf("key").Convert(of.Key()), sample(of.Elem(), n))
	case of.Kind() == reflect.Slice:
		v.Set(reflect.Append(v, sample(of.Elem(), n)))
	case of.Kind() == reflect.Struct:
		v.Field(0).Set(sample(of.Field(0).Type, n))
	}
	return v
}
