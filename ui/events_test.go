package ui

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// handRounds lets a test say when each round begins: a send on the channel begins one.
func handRounds(h *hub) chan<- time.Time {
	ticks := make(chan time.Time)
	h.after = func(time.Duration) <-chan time.Time { return ticks }
	return ticks
}

// holdRounds keeps the first round from beginning until the test has opened its pages and calls begin.
func holdRounds(h *hub) (begin func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running = true
	return func() { h.rounds.Go(h.run) }
}

// A stream is an open page.
type stream struct {
	t     *testing.T
	lines *bufio.Reader
	close func()
}

// open opens the updates of a page.
func (p *testPage) open(path string) *stream {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.server.URL+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Accept", eventStream)
	resp, err := p.browser.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != eventStream {
		p.t.Fatalf("events of %s: %s", path, resp.Status)
	}
	s := &stream{p.t, bufio.NewReader(resp.Body), func() { cancel(); resp.Body.Close() }}
	p.t.Cleanup(s.close)
	return s
}

// next returns the next event; empty at the end of the stream.
func (s *stream) next() (event, text string) {
	s.t.Helper()
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			return "", ""
		}
		if name, ok := strings.CutPrefix(line, "event: "); ok {
			event = strings.TrimSpace(name)
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			if err := json.Unmarshal([]byte(data), &text); err != nil {
				s.t.Fatal(err)
			}
			return event, text
		}
	}
}

// TestARunningJobMoves: an open page gets what changed, and hears of the end.
func TestARunningJobMoves(t *testing.T) {
	goOn := make(chan struct{})
	client, endpoint := emulator.NewEndpoint(t, emulator.Func(func(ctx context.Context, files []string) ([]string, error) {
		select {
		case <-goOn:
			return score(ctx, files)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}), &emulator.DeployOptions{Deployment: azmlbatch.Deployment{MiniBatchSize: 1, RetrySettings: azmlbatch.RetrySettings{Timeout: time.Hour}}})
	p := newTestPage(t, client, nil)
	ticks := handRounds(p.handler.hub)
	var calls atomic.Int64
	p.handler.now = func() time.Time { return time.Now().Add(time.Duration(calls.Add(1)) * time.Minute) } // what was read is old at once
	job := start(t, client, endpoint, "a.txt", "b.txt")
	s := p.open("/jobs/" + job.Name)
	if event, text := s.next(); event != "content" || strings.Contains(text, "Completed") || strings.Contains(text, "<html") {
		t.Fatalf("the first event = %s\n%s", event, text)
	}
	close(goOn)
	waitForEnd(t, client, job)
	ticks <- time.Now()
	if event, text := s.next(); event != "content" || !strings.Contains(text, "Completed") || !strings.Contains(text, "2 of 2") {
		t.Errorf("after the end: %s\n%s", event, text)
	}
	if event, _ := s.next(); event != "end" {
		t.Errorf("the last event = %q, want end", event)
	}
}

// TestFiftyPagesCostWhatOneDoes: pages of one list share the look at the jobs, and pages of one address
// the whole read.
func TestFiftyPagesCostWhatOneDoes(t *testing.T) {
	l := &largeWorkspace{jobs: 1_000, pageSize: 50}
	p := newTestPage(t, newTestClient(t, l), nil)
	ticks := handRounds(p.handler.hub)
	var now atomic.Int64
	p.handler.jobs.now = func() time.Time { return time.Unix(now.Load(), 0) }
	begin := holdRounds(p.handler.hub)
	var streams []*stream
	for i := range 50 {
		streams = append(streams, p.open(fmt.Sprintf("/jobs?endpoint=kiln-%d", i%2)))
	}
	begin()
	for _, s := range streams {
		if event, _ := s.next(); event != "content" {
			t.Fatalf("the first event = %q", event)
		}
	}
	l.asked()
	for range 3 {
		now.Add(60)
		l.mu.Lock()
		l.jobs++ // so that the pages change
		l.mu.Unlock()
		ticks <- time.Now()
	}
	ticks <- time.Now() // the third round is over
	if lists, gets := l.asked(); lists > 3 || gets > 0 {
		t.Errorf("three rounds of 50 pages asked for %d pages of the list and %d jobs, want 3 and none", lists, gets)
	}
}

// TestManyDifferentPagesTakeTurns: a round reads a bounded number of addresses, each in its turn.
func TestManyDifferentPagesTakeTurns(t *testing.T) {
	h := newHub(time.Second)
	defer h.close()
	var mu sync.Mutex
	reads := map[string]int{}
	var topics []chan message
	ticks := handRounds(h)
	begin := holdRounds(h)
	const pages = 5 * readsPerRound
	for i := range pages {
		key := fmt.Sprint(i)
		topics = append(topics, h.listen(key, func(context.Context) (update, error) {
			mu.Lock()
			defer mu.Unlock()
			reads[key]++
			return update{content: []byte(key)}, nil
		}))
	}
	begin()
	for range 4 {
		ticks <- time.Now()
	}
	for i, messages := range topics {
		if m := <-messages; m.text != fmt.Sprint(i) {
			t.Errorf("page %d got %q", i, m.text)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for key, n := range reads {
		if n != 1 {
			t.Errorf("page %s was read %d times in five rounds, want once", key, n)
		}
	}
	for i, messages := range topics {
		h.leave(fmt.Sprint(i), messages)
	}
}

// TestNoPageNoRequest: when the last page is closed, nothing is read any more, and a new page begins
// again.
func TestNoPageNoRequest(t *testing.T) {
	h := newHub(time.Second)
	defer h.close()
	ticks := handRounds(h)
	reads := make(chan int, 10)
	n := 0
	read := func(context.Context) (update, error) {
		n++
		reads <- n
		return update{}, nil
	}
	for want := 1; want <= 2; want++ {
		messages := h.listen("a", read)
		if got := <-reads; got != want {
			t.Errorf("read %d, want %d", got, want)
		}
		<-messages
		h.leave("a", messages)
		ticks <- time.Now()
		h.rounds.Wait() // the goroutine has ended by itself
	}
	if len(reads) > 0 {
		t.Error("something was read although no page is open")
	}
}

// TestAPageThatCannotBeReadSaysWhy and shows its content again when it can.
func TestAPageThatCannotBeReadSaysWhy(t *testing.T) {
	h := newHub(time.Second)
	defer h.close()
	ticks := handRounds(h)
	failures := []error{errors.New("azmlbatch: the kiln is cold, see https://a.blob.core.windows.net/c?sig=topsecret"), nil}
	messages := h.listen("a", func(context.Context) (update, error) {
		err := failures[0]
		failures = failures[1:]
		return update{content: []byte("warm"), last: err == nil}, err
	})
	defer h.leave("a", messages)
	if m := <-messages; m.event != "problem" || !strings.HasPrefix(m.text, "the kiln is cold") || strings.Contains(m.text, "topsecret") {
		t.Errorf("the first message = %+v", m)
	}
	ticks <- time.Now()
	if m := <-messages; m.event != "content" || m.text != "warm" || !m.last {
		t.Errorf("the second message = %+v", m)
	}
}

// TestASlowBrowserGetsTheNewest: it keeps nobody waiting.
func TestASlowBrowserGetsTheNewest(t *testing.T) {
	h := newHub(time.Second)
	defer h.close()
	ticks := handRounds(h)
	n := 0
	messages := h.listen("a", func(context.Context) (update, error) {
		n++
		return update{content: []byte(fmt.Sprint(n))}, nil
	})
	defer h.leave("a", messages)
	for range 3 {
		ticks <- time.Now()
	}
	ticks <- time.Now()
	if m := <-messages; m.text != "4" && m.text != "5" { // the fifth round may have begun
		t.Errorf("it got %q first, want the newest", m.text)
	}
}

// TestWriteOfManyLines: an event is one line whatever its text.
func TestWriteOfManyLines(t *testing.T) {
	w := httptest.NewRecorder()
	if err := (message{event: "content", text: "a\nevent: evil\r\n\ndata: b"}).write(w); err != nil {
		t.Fatal(err)
	}
	if got, want := w.Body.String(), "event: content\ndata: \"a\\nevent: evil\\r\\n\\ndata: b\"\n\n"; got != want {
		t.Errorf("write = %q, want %q", got, want)
	}
}
