package emulator

import (
	"context"

	"github.com/azmlbatch/azmlbatch"
)

// TB is the part of testing.TB that the helpers for tests need. Package testing itself stays out of
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

// NewClient returns a client of the SDK for a test. It calls an emulator of its own, in memory,
// which ends with the test. Nil options mean the defaults.
func NewClient(t TB, options *Options) *azmlbatch.Client {
	t.Helper()
	client, err := NewTest(t, options).Client(nil)
	if err != nil {
		t.Fatalf("Emulator.Client: %v", err)
	}
	return client
}

// NewEndpoint returns a client of the SDK for a test, and the name of an endpoint that the client
// can invoke: its default deployment runs s. Both belong to an emulator of their own with the
// default [Options], which ends with the test. See [Emulator.Deploy].
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
