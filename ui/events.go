package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const eventStream = "text/event-stream"

// The bounds of a round: however many pages are open, so many of them are read in it, so many at once,
// and each for so long. If there are more, they take turns.
const (
	readsPerRound = 12
	readsAtOnce   = 4
	readTimeout   = 30 * time.Second
)

// A hub keeps open pages up to date: one round of reads for all of them. It runs while a page is open.
type hub struct {
	ctx   context.Context // ends with close
	stop  context.CancelFunc
	after func(time.Duration) <-chan time.Time // time.After, except in tests

	interval time.Duration
	rounds   sync.WaitGroup // the goroutine that makes the rounds, if there is one

	mu      sync.Mutex
	topics  map[string]*topic
	running bool
	closed  bool
}

// A topic is one address that is open in one page or more.
type topic struct {
	read      func(context.Context) (update, error)
	sent      message // the last one, for pages that come later
	listeners map[chan message]bool
	round     int // in which it was read last
}

// An update is what a page shows now.
type update struct {
	content []byte
	last    bool // it will not change any more
}

// A message is an event for a browser: content to show, or a problem to tell.
type message struct {
	event string
	text  string
	last  bool
}

func newHub(interval time.Duration) *hub {
	h := &hub{interval: interval, after: time.After, topics: map[string]*topic{}}
	h.ctx, h.stop = context.WithCancel(context.Background())
	return h
}

// close ends all event streams and the rounds, and waits for the latter.
func (h *hub) close() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.stop()
	h.rounds.Wait()
}

// serve sends events until the browser leaves, the hub is closed or nothing changes any more.
func (h *hub) serve(w http.ResponseWriter, r *http.Request, key string, read func(context.Context) (update, error)) {
	messages := h.listen(key, read)
	defer h.leave(key, messages)
	out := http.NewResponseController(w)
	_ = out.SetWriteDeadline(time.Time{}) // a stream outlives a server's limit for answers
	w.Header().Set("Content-Type", eventStream)
	w.WriteHeader(http.StatusOK)
	if out.Flush() != nil {
		return
	}
	for {
		select {
		case m := <-messages:
			if m.write(w) != nil || out.Flush() != nil || m.last {
				return
			}
		case <-r.Context().Done():
			return
		case <-h.ctx.Done():
			return
		}
	}
}

// write sends the message. Its text is JSON, so that it is one line.
func (m message) write(w http.ResponseWriter) error {
	text, err := json.Marshal(m.text)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "event: %s\ndata: %s\n\n", m.event, text)
	if err == nil && m.last {
		_, err = fmt.Fprint(w, "event: end\ndata: \"\"\n\n")
	}
	return err
}

// listen adds a page to a topic, and starts the rounds if it is the first.
func (h *hub) listen(key string, read func(context.Context) (update, error)) chan message {
	messages := make(chan message, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topics[key]
	if t == nil {
		t = &topic{read: read, listeners: map[chan message]bool{}}
		h.topics[key] = t
	}
	t.listeners[messages] = true
	if t.sent.event != "" {
		messages <- t.sent
	}
	if !h.running && !h.closed {
		h.running = true
		h.rounds.Go(h.run)
	}
	return messages
}

// leave removes a page from its topic.
func (h *hub) leave(key string, messages chan message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topics[key]
	delete(t.listeners, messages)
	if len(t.listeners) == 0 {
		delete(h.topics, key)
	}
}

// run makes rounds until no page is open or the hub is closed.
func (h *hub) run() {
	for round := 1; ; round++ {
		due, ok := h.due(round)
		if !ok {
			return
		}
		var group errgroup.Group
		group.SetLimit(readsAtOnce)
		for _, t := range due {
			group.Go(func() error {
				h.refresh(t)
				return nil
			})
		}
		_ = group.Wait() // refresh has told the listeners
		select {
		case <-h.after(h.interval):
		case <-h.ctx.Done():
		}
	}
}

// due chooses the topics of a round: those that were not read for the longest time. It says false when
// the rounds are over.
func (h *hub) due(round int) ([]*topic, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.topics) == 0 || h.closed {
		h.running = false
		return nil, false
	}
	var due []*topic
	for _, t := range h.topics {
		if !t.sent.last {
			due = append(due, t)
		}
	}
	slices.SortFunc(due, func(a, b *topic) int { return a.round - b.round })
	due = due[:min(len(due), readsPerRound)]
	for _, t := range due {
		t.round = round
	}
	return due, true
}

// refresh reads a topic and tells its pages what has changed. A page whose read fails says why, and is
// read again in a later round.
func (h *hub) refresh(t *topic) {
	ctx, cancel := context.WithTimeout(h.ctx, readTimeout)
	defer cancel()
	u, err := t.read(ctx)
	m := message{event: "content", text: string(bytes.TrimSpace(u.content)), last: u.last}
	if err != nil {
		m = message{event: "problem", text: redacted(errorText(err))}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if m == t.sent || h.ctx.Err() != nil {
		return
	}
	t.sent = m
	for listener := range t.listeners {
		select {
		case <-listener: // it has not taken the one before, which is old now
		default:
		}
		listener <- m
	}
}
