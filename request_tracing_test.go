package azmlbatch_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/tracing"
	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
)

// spanLog is a tracing provider that keeps every span.
type spanLog struct {
	mu    sync.Mutex
	spans []*span
}

type span struct {
	log    *spanLog
	parent *span
	name   string
	kind   tracing.SpanKind
	notes  []string // attributes and status
	ended  bool
}

type spanKey struct{}

func (l *spanLog) provider() tracing.Provider {
	return tracing.NewProvider(func(string, string) tracing.Tracer {
		return tracing.NewTracer(func(ctx context.Context, name string, o *tracing.SpanOptions) (context.Context, tracing.Span) {
			s := l.start(ctx, name)
			if o != nil {
				s.kind = o.Kind
				s.note(o.Attributes...)
			}
			return context.WithValue(ctx, spanKey{}, s), tracing.NewSpan(tracing.SpanImpl{
				End:           func() { l.mu.Lock(); defer l.mu.Unlock(); s.ended = true },
				SetAttributes: s.note,
				SetStatus:     func(_ tracing.SpanStatus, text string) { s.note(tracing.Attribute{Key: "status", Value: text}) },
			})
		}, nil)
	}, nil)
}

func (l *spanLog) start(ctx context.Context, name string) *span {
	l.mu.Lock()
	defer l.mu.Unlock()
	parent, _ := ctx.Value(spanKey{}).(*span)
	s := &span{log: l, parent: parent, name: name}
	l.spans = append(l.spans, s)
	return s
}

func (s *span) note(attributes ...tracing.Attribute) {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	for _, a := range attributes {
		s.notes = append(s.notes, fmt.Sprintf("%s=%v", a.Key, a.Value))
	}
}

// steps are the names of the client's own spans, each once in the order of the first.
func (l *spanLog) steps() []string {
	var names []string
	for _, s := range l.spans {
		if s.kind == tracing.SpanKindInternal && !slices.Contains(names, s.name) {
			names = append(names, s.name)
		}
	}
	return names
}

// TestOneSpanTreeFromDeployToRows runs a whole flow under one span of the caller's.
func TestOneSpanTreeFromDeployToRows(t *testing.T) {
	t.Parallel()
	var spans spanLog
	var logged bytes.Buffer
	s := newShop(t, nil, func(o *azmlbatch.ClientOptions) {
		o.TracingProvider = spans.provider()
		o.Logger = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	root := spans.start(t.Context(), "nightly scoring")
	ctx := context.WithValue(t.Context(), spanKey{}, root)
	whole := *s
	whole.ctx = ctx
	whole.deploy(basenames)
	job, err := s.client.Endpoints().Invoke(ctx, "vases", s.invocation("spans"))
	s.must(err)
	_, err = s.wait(job.Name)
	s.must(err)
	_, err = s.client.Jobs().Wait(ctx, job.Name, nil)
	s.must(err)
	for _, err := range azmlbatch.Rows[[]string](ctx, s.client, job.Name, nil) {
		s.must(err)
	}
	for _, err := range s.client.Jobs().Watch(ctx, []string{job.Name}, nil) {
		s.must(err)
	}
	for _, err := range s.client.Jobs().FollowLogs(ctx, job.Name, nil) {
		s.must(err)
	}

	want := []string{"upload code", "upload model", "create environment", "get workspace", "create compute", "wait: create compute",
		"create endpoint", "wait: create endpoint", "create deployment", "wait: create deployment", "set default deployment of endpoint",
		"invoke endpoint", "wait for job", "read rows of job", "watch jobs", "follow logs of job"}
	if diff := cmp.Diff(want, spans.steps()); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	for _, sp := range spans.spans[1:] {
		switch {
		case !sp.ended:
			t.Errorf("span %q has not ended", sp.name)
		case sp.kind == tracing.SpanKindInternal && sp.parent != root:
			t.Errorf("step %q is not a child of the caller's span", sp.name)
		case sp.kind == tracing.SpanKindClient && (sp.parent == nil || sp.parent.kind != tracing.SpanKindInternal):
			t.Errorf("request %q %v is not a child of a step", sp.name, sp.notes)
		}
		mustNotLeak(t, "span "+sp.name, strings.Join(sp.notes, " "))
	}
	mustNotLeak(t, "the log", logged.String())
	for _, line := range []string{`level=INFO msg="upload model" name=vases`, `level=INFO msg="invoke endpoint" name=vases`, `level=INFO msg="create environment" name=plain`, `level=DEBUG msg="get workspace"`} {
		if !strings.Contains(logged.String(), line) {
			t.Errorf("the log has no line %q", line)
		}
	}
}

func mustNotLeak(t *testing.T, where, text string) {
	t.Helper()
	for _, leak := range leaks {
		if found := leak.FindString(text); found != "" {
			t.Errorf("%s holds what looks like a secret (%s): %.60q", where, leak, found)
		}
	}
}

// TestAFailedStepSaysSoInItsSpanAndLog has the error where an operator looks.
func TestAFailedStepSaysSoInItsSpanAndLog(t *testing.T) {
	t.Parallel()
	var spans spanLog
	var logged bytes.Buffer
	s := newShop(t, nil, func(o *azmlbatch.ClientOptions) {
		o.TracingProvider = spans.provider()
		o.Logger = slog.New(slog.NewTextHandler(&logged, nil))
	})
	_, err := s.client.Endpoints().Invoke(t.Context(), "nobody", s.invocation("spans"))
	if err == nil {
		t.Fatal("invoking an endpoint that does not exist gave no error")
	}
	if notes := strings.Join(spans.spans[0].notes, " "); !strings.Contains(notes, `get endpoint "nobody": 404`) {
		t.Errorf("span %q has notes %q", spans.spans[0].name, notes)
	}
	if !strings.Contains(logged.String(), `get endpoint \"nobody\": 404`) {
		t.Errorf("log %q", logged.String())
	}
}
