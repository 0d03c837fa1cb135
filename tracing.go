package azmlbatch

import (
	"context"
	"log/slog"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/tracing"
)

// A span of this package is named by what is done to which kind of thing ("upload model"), so that spans of one step group
// together; the name of the thing is an attribute.
const (
	attributeNamespace = "az.namespace"
	attributeWorkspace = "azmlbatch.workspace"
	attributeName      = "azmlbatch.name"
	resourceProvider   = "Microsoft.MachineLearningServices"
)

func newTracer(p tracing.Provider, ws Workspace) tracing.Tracer {
	t := p.NewTracer(moduleName, moduleVersion)
	if t.Enabled() {
		t.SetAttributes(tracing.Attribute{Key: attributeNamespace, Value: resourceProvider},
			tracing.Attribute{Key: attributeWorkspace, Value: ws.Name})
	}
	return t
}

// inSpan runs a step of several requests within a span.
func inSpan[T any](ctx context.Context, c *Client, op operation, run func(context.Context) (T, error)) (v T, err error) {
	if err := c.ready(op); err != nil {
		return v, err
	}
	ctx, end := c.begin(ctx, op, slog.LevelInfo)
	defer end(&err)
	return run(ctx)
}

// begin opens the span of a step and returns what ends it, with the step's error, and logs it: a step of several requests
// at slog.LevelInfo, a single request at slog.LevelDebug. A span within another span of this package is left out, as in
// every Azure SDK; the HTTP spans of its requests are children of the outer one.
//
//	ctx, end := c.begin(ctx, op, slog.LevelInfo)
//	defer end(&err)
func (c *Client) begin(ctx context.Context, op operation, level slog.Level) (context.Context, func(*error)) {
	logger := c.options.Logger
	logs := logger != nil && logger.Enabled(ctx, level)
	if !logs && !c.tracer.Enabled() {
		return ctx, func(*error) {}
	}
	started := c.clock.now()
	ctx, endSpan := runtime.StartSpan(ctx, op.verb+" "+op.kind, c.tracer, &runtime.StartSpanOptions{
		Attributes: []tracing.Attribute{{Key: attributeName, Value: redact(op.name)}},
	})
	return ctx, func(err *error) {
		endSpan(*err)
		if logs {
			attributes := []any{"name", redact(op.name), "duration", c.clock.now().Sub(started).Round(time.Microsecond)}
			if *err != nil {
				attributes = append(attributes, "error", *err)
			}
			logger.Log(ctx, level, op.verb+" "+op.kind, attributes...)
		}
	}
}
