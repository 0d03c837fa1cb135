package azmlbatch

import (
	"context"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

// TestClientsThatNobodyMade calls everything on clients that were not made by NewClient.
func TestClientsThatNobodyMade(t *testing.T) {
	said := newTexts(t)
	for name, c := range map[string]*Client{"nil": nil, "zero": {}} {
		for _, e := range exportedCalls(c, newCallPaths(t)) {
			if !needsClient(e.name) {
				continue
			}
			err := ended(t.Context(), e)
			said.add(e.name, err)
			var bad *ArgumentError
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), "NewClient") || checkMould(err) != nil {
				t.Errorf("%s client: %s = %v, want an ArgumentError that names NewClient", name, e.name, err)
			}
		}
	}
}

// needsClient reports whether a call needs a client.
func needsClient(name string) bool {
	switch name {
	case "NewClient", "FindWorkspace", "ParseReference", "Check", "ReadRows", "NewEndpointScheduleAction":
		return false
	}
	return true
}

// TestNilArguments has nil for everything that can be nil in the arguments of a call, one after the other.
func TestNilArguments(t *testing.T) {
	for i, e := range exportedCalls(newTestClient(t, http.NotFound), newCallPaths(t)) {
		for at, v := range e.arguments() {
			if k := v.Kind(); k != reflect.Interface && k != reflect.Func && k != reflect.Pointer && k != reflect.Slice || v.Type() == reflect.TypeFor[context.Context]() {
				continue
			}
			call := exportedCalls(newTestClient(t, wholeService), newCallPaths(t))[i]
			call.args = call.args[:min(at, len(call.args))]
			if err := ended(t.Context(), call); err != nil && (strings.Contains(err.Error(), "panics") || checkMould(err) != nil) {
				t.Errorf("%s with nil for argument %d: %v", e.name, at, err)
			}
		}
	}
}

func TestTypedNilCredential(t *testing.T) {
	for _, cred := range []azcore.TokenCredential{nil, (*fakeCredential)(nil)} {
		_, err := NewClient(testWorkspace, cred, nil)
		var bad *ArgumentError
		if !errors.As(err, &bad) || bad.Argument != "cred" {
			t.Errorf("NewClient(%#v) = %v, want an ArgumentError about cred", cred, err)
		}
	}
}

// Nothing is read from no reader, and nothing is started from no sequence.
func TestNilReaderAndSequence(t *testing.T) {
	for _, r := range []io.Reader{nil, (*strings.Reader)(nil)} {
		n := 0
		for _, err := range ReadRows[string](r, "p.csv", nil) {
			if n++; !errors.As(err, new(*ArgumentError)) {
				t.Errorf("ReadRows(%#v) = %v, want an ArgumentError", r, err)
			}
		}
		if n != 1 {
			t.Errorf("ReadRows(%#v) yields %d times, want once", r, n)
		}
	}
	said := newTexts(t)
	n := 0
	for _, err := range newTestClient(t, wholeService).Endpoints().InvokeMany(t.Context(), "digits", nil, nil) {
		said.add("InvokeMany", err)
		if n++; !errors.As(err, new(*ArgumentError)) {
			t.Errorf("InvokeMany(nil) = %v, want an ArgumentError", err)
		}
	}
	if n != 1 {
		t.Errorf("InvokeMany(nil) yields %d times, want once", n)
	}
}

func TestNilClientHasNoWorkspace(t *testing.T) {
	var c *Client
	if c.Workspace() != (Workspace{}) || c.ReadOnly() {
		t.Errorf("workspace %v, read-only %v, want neither", c.Workspace(), c.ReadOnly())
	}
}
