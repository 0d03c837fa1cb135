package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/azmlbatch/azmlbatch"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestQuickstartTwice(t *testing.T) {
	for range 2 {
		var out bytes.Buffer
		if err := onEmulator(t.Context(), &out, false); err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		if !strings.Contains(out.String(), "300 rows, accuracy 0.9") || !strings.Contains(out.String(), "14. ") {
			t.Errorf("output:\n%s", out.String())
		}
	}
}

// TestServe keeps the page up after the last step, until the interrupt.
func TestServe(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out bytes.Buffer
	if err := onEmulator(ctx, cancelAt{&out, "The page stays up", cancel}, true); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if !strings.Contains(out.String(), "Watch the jobs at http://127.0.0.1:") || !strings.Contains(out.String(), "All steps took") {
		t.Errorf("output:\n%s", out.String())
	}
}

// cancelAt cancels as soon as a text is printed.
type cancelAt struct {
	io.Writer
	text   string
	cancel context.CancelFunc
}

func (c cancelAt) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(c.text)) {
		c.cancel()
	}
	return c.Writer.Write(p)
}

// TestInterruptedWhileJobsRun ends at once and leaves no goroutine; the engine's own tests look for processes.
func TestInterruptedWhileJobsRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := onEmulator(ctx, cancelAt{io.Discard, "12. ", cancel}, false)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("quickstart = %v, want context.Canceled", err)
	}
}

// BenchmarkQuickstart is the wall time of the whole walk-through.
func BenchmarkQuickstart(b *testing.B) {
	for b.Loop() {
		if err := onEmulator(b.Context(), io.Discard, false); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAzureNeedsAWorkspace fails before anything is sent where nothing names a workspace.
func TestAzureNeedsAWorkspace(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"AZUREML_ARM_SUBSCRIPTION", "AZUREML_ARM_RESOURCEGROUP", "AZUREML_ARM_WORKSPACE_NAME"} {
		t.Setenv(name, "")
	}
	if err := onAzure(t.Context(), io.Discard, false); !errors.As(err, new(*azmlbatch.ArgumentError)) {
		t.Errorf("quickstart -azure = %v, want an ArgumentError", err)
	}
}
