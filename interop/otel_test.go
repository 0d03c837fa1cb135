package interop

import (
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/tracing/azotel"
	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// TestOpenTelemetry has the client's spans in a real OpenTelemetry provider, under the caller's own span.
func TestOpenTelemetry(t *testing.T) {
	exporter := tracetest.NewInMemoryExporter()
	provider := trace.NewTracerProvider(trace.WithSyncer(exporter))
	o := &azmlbatch.ClientOptions{}
	o.TracingProvider = azotel.NewTracingProvider(provider, nil)
	azure, err := emulator.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(o)
	if err != nil {
		t.Fatal(err)
	}

	ctx, root := provider.Tracer("test").Start(t.Context(), "nightly scoring")
	if _, err := client.Endpoints().CreateOrUpdate(ctx, "vases", azmlbatch.Endpoint{Location: "westeurope"}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Deployments("vases").Get(ctx, "nobody"); err == nil {
		t.Fatal("a missing deployment gave no error")
	}
	root.End()

	spans := exporter.GetSpans()
	byID := map[string]string{}
	for _, s := range spans {
		byID[s.SpanContext.SpanID().String()] = s.Name
	}
	children := map[string]int{} // of each edge of the tree
	var failed []string
	for _, s := range spans {
		if s.SpanContext.TraceID() != root.SpanContext().TraceID() {
			t.Errorf("span %q is of another trace", s.Name)
		}
		children[byID[s.Parent.SpanID().String()]+" > "+s.Name] = 1
		if s.Status.Code.String() == "Error" {
			failed = append(failed, s.Name)
		}
	}
	want := map[string]int{
		" > nightly scoring": 1, "nightly scoring > create endpoint": 1, "create endpoint > HTTP PUT": 1,
		"nightly scoring > wait: create endpoint": 1, "wait: create endpoint > HTTP GET": 1,
		"nightly scoring > get deployment": 1, "get deployment > HTTP GET": 1,
	}
	if diff := cmp.Diff(want, children); diff != "" {
		t.Errorf("edges of the span tree (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"HTTP GET", "get deployment"}, failed); diff != "" {
		t.Errorf("spans with an error (-want +got):\n%s", diff)
	}
}
