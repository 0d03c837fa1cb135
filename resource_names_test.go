package azmlbatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// TestNoCallSendsAnEmptyName calls every method of every sub-client with empty texts: each refuses, and sends nothing.
func TestNoCallSendsAnEmptyName(t *testing.T) {
	var sent *http.Request
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		sent = r
		writeJSON(w, 200, `{}`)
	})
	needsNoName := map[string]bool{
		"CreateOrUpdate": true, // of assets, whose name is a field; see the tests of assets
		"Watch":          true, // of no jobs at all
	}
	for _, resources := range []any{c.Endpoints(), c.Deployments("digits"), c.Computes(), c.Datastores(), c.Jobs(),
		c.Codes(), c.Models(), c.Environments(), c.Data(), c.Components(), c.Schedules()} {
		for method := range reflect.TypeOf(resources).Methods() {
			if method.Type.NumIn() < 3 || method.Type.In(1) != reflect.TypeFor[context.Context]() || needsNoName[method.Name] {
				continue
			}
			args := []reflect.Value{reflect.ValueOf(resources), reflect.ValueOf(t.Context())}
			for i := 2; i < method.Type.NumIn(); i++ {
				args = append(args, reflect.Zero(method.Type.In(i)))
			}
			if method.Type.In(2).Kind() != reflect.String {
				continue
			}
			sent = nil
			err := firstError(method.Func.Call(args))
			if !errors.As(err, new(*ArgumentError)) || sent != nil {
				t.Errorf("%T.%s with an empty name = %v, want an ArgumentError; sent: %v", resources, method.Name, err, sent != nil)
			}
		}
	}
}

// firstError is the error among a call's results, or the first that a list yields.
func firstError(results []reflect.Value) error {
	last := results[len(results)-1]
	if err, ok := last.Interface().(error); ok {
		return err
	}
	if last.Kind() == reflect.Func {
		for _, err := range last.Seq2() {
			return firstError([]reflect.Value{err})
		}
	}
	return nil
}

// TestNameErrorsPrintTheStrictestRule mends a new name in one go, whatever is wrong with it.
func TestNameErrorsPrintTheStrictestRule(t *testing.T) {
	const (
		endpointRule = "use 3 to 32 letters, digits and '-', beginning with a letter and not ending in '-'"
		computeRule  = "use 3 to 24 letters, digits and '-', beginning with a letter and not ending in '-' or in '-' and digits"
	)
	made := func(name string) operation { return operation{"create", "thing", name} }
	for _, name := range []string{"a b", "vase!", "9", "a_b", "ab-", "x", "größe", strings.Repeat("a", 300)} {
		if err := checkEndpointName(made(name), name, Meta{}); err == nil || !strings.HasSuffix(err.Error(), endpointRule) {
			t.Errorf("endpoint %q: %v, want the rule %q", name, err, endpointRule)
		}
		if err := checkComputeName(made(name), Meta{}); err == nil || !strings.HasSuffix(err.Error(), computeRule) {
			t.Errorf("compute %q: %v, want the rule %q", name, err, computeRule)
		}
	}
	for _, name := range []string{"", " "} {
		for _, err := range []error{checkEndpointName(made(name), name, Meta{}), checkComputeName(made(name), Meta{})} {
			if err == nil || !strings.Contains(err.Error(), "is empty; name the thing") {
				t.Errorf("%q: %v, want that it is empty", name, err)
			}
		}
	}
}

// TestVersionErrorsPrintTheStrictestRule: versions of data are shorter than others.
func TestVersionErrorsPrintTheStrictestRule(t *testing.T) {
	for kind, longest := range map[ReferenceKind]int{ReferenceKindData: 50, ReferenceKindModel: 255} {
		op := operation{"create", kind.noun(), "clay"}
		if err := checkAsset(op, "clay", strings.Repeat("1", longest)); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		rule := fmt.Sprintf("use letters, digits, '-', '_' and '.', at most %d, beginning with a letter or digit", longest)
		for _, version := range []string{strings.Repeat("1", longest+1), "@latest", "a b", ".1"} {
			if err := checkAsset(op, "clay", version); !asError(err, new(*ArgumentError)) || !strings.Contains(err.Error(), rule) {
				t.Errorf("%s version %q: %v, want the rule %q", kind, version, err, rule)
			}
		}
	}
}
