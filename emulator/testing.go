package emulator

import (
	"context"

	"github.com/azmlbatch/azmlbatch"
)

// TB is the part of testing.TB that the helpers for tests use. It keeps package testing out of
// programs that only run an emulator.
type TB interface {
	Helper()
	Cleanup(func())
	Context() context.Context
	Fatalf(format string, args ...any)
}

// NewTest returns an emulator that ends with the test. Nil options mean the defaults.
func NewTest(t TB, options *Options) *Emulator {
	t.Helper()
	e, err := New(options)
	if err != nil {
		t.Fatalf("emulator.New: %v", err)
	}
	t.Cleanup(func() {
		t.Helper()
		if err := e.Close(); err != nil {
			t.Fatalf("Emulator.Close: %v", err)
		}
	})
	return e
}

// NewClient returns a client of the SDK for a new emulator, in memory, that ends with the test. Nil
// options mean the defaults.
func NewClient(t TB, options *Options) *azmlbatch.Client {
	t.Helper()
	client, err := NewTest(t, options).Client(nil)
	if err != nil {
		t.Fatalf("Emulator.Client: %v", err)
	}
	return client
}

// NewEndpoint returns a client of the SDK and the name of an endpoint whose default deployment runs
// s: the client can invoke it at once. Both belong to a new emulator with the default [Options],
// which ends with the test. Nil options mean the defaults. See [Emulator.Deploy].
func NewEndpoint(t TB, s Scorer, options *DeployOptions) (*azmlbatch.Client, string) {
	t.Helper()
	e := NewTest(t, nil)
	endpoint, err := e.Deploy(t.Context(), s, options)
	if err != nil {
		t.Fatalf("Emulator.Deploy: %v", err)
	}
	client, err := e.Client(nil)
	if err != nil {
		t.Fatalf("Emulator.Client: %v", err)
	}
	return client, endpoint
}
