// Package schedules fires the schedules of workspaces when their time comes.
package schedules

import (
	"encoding/json"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// Options configure a [Service]. All are required.
type Options struct {
	// Store holds the schedules, as ARM keeps them.
	Store *store.Store
	// Now is the clock.
	Now func() time.Time
	// Fire does what a schedule is for. It gets the schedule's document.
	Fire func(schedule store.Document) error
	// Logger gets a record for each firing, and a warning for each that failed.
	Logger *slog.Logger
}

// Service fires schedules: whenever [Service.Tick] is called, and once a second by itself from the
// first enabled schedule on. It is safe for concurrent use. Times that pass while no service runs
// are not made up for. End it with [Service.Close].
type Service struct {
	Options

	stop  chan struct{}
	group sync.WaitGroup

	mu      sync.Mutex
	known   map[string]*pending // by id
	running bool                // ticks by itself
	closed  bool
}

// pending is an enabled schedule and the next time that it fires.
type pending struct {
	trigger string // as JSON, to notice changes
	parsed  *Trigger
	next    time.Time
}

// New returns a service for the schedules that are in the store.
func New(o Options) *Service {
	s := &Service{Options: o, known: map[string]*pending{}, stop: make(chan struct{})}
	for _, entry := range o.Store.List(indexRoot) {
		if err := s.Changed(store.Text(entry, "id")); err != nil {
			o.Logger.Warn("schedule cannot be read", "schedule", store.Text(entry, "id"), "reason", err.Error())
		}
	}
	return s
}

// Documents under indexRoot name the schedules, so that a restart finds them.
const indexRoot = "schedule:index"

// Changed reads a schedule again after it was stored or deleted.
func (s *Service) Changed(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := indexRoot + "/" + url.PathEscape(id)
	doc, found := s.Store.Get(id)
	if !found {
		delete(s.known, id)
		_, err := s.Store.Delete(key)
		return err
	}
	if _, indexed := s.Store.Get(key); !indexed {
		if _, err := s.Store.Put(key, store.Document{"id": id}); err != nil {
			return err
		}
	}
	if !store.IsTrue(doc, "properties", "isEnabled") {
		delete(s.known, id)
		return nil
	}
	text, err := json.Marshal(store.Object(doc, "properties", "trigger"))
	if err != nil {
		return err
	}
	if old := s.known[id]; old != nil && old.trigger == string(text) {
		return nil
	}
	created, _ := time.Parse(time.RFC3339, store.Text(doc, "systemData", "createdAt"))
	trigger, err := ParseTrigger(store.Object(doc, "properties", "trigger"), created)
	if err != nil {
		delete(s.known, id)
		return err
	}
	s.known[id] = &pending{trigger: string(text), parsed: trigger, next: trigger.Next(s.Now())}
	if !s.running && !s.closed {
		s.running = true
		s.group.Go(s.run)
	}
	return nil
}

// run ticks until Close.
func (s *Service) run() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.Tick()
		case <-s.stop:
			return
		}
	}
}

// Close returns when nothing fires any more. Closing twice is harmless.
func (s *Service) Close() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.stop)
	}
	s.mu.Unlock()
	s.group.Wait()
}

// mostAtOnce bounds how often a schedule fires when the clock has made a leap.
const mostAtOnce = 100

// Tick fires what is due: once for each time that has come since the last call.
func (s *Service) Tick() {
	for _, id := range s.due() {
		doc, found := s.Store.Get(id)
		if !found || !store.IsTrue(doc, "properties", "isEnabled") { // a firing before it may have changed it
			continue
		}
		name := store.Text(doc, "name")
		if err := s.Fire(doc); err != nil {
			s.Logger.Warn("schedule failed", "schedule", name, "reason", err.Error())
			continue
		}
		s.Logger.Info("schedule fired", "schedule", name)
	}
}

// due returns the ids of the schedules to fire, one as often as it is due, and moves them on.
func (s *Service) due() (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	now := s.Now()
	for _, id := range slices.Sorted(maps.Keys(s.known)) {
		p := s.known[id]
		for range mostAtOnce {
			if p.next.IsZero() || p.next.After(now) {
				break
			}
			ids = append(ids, id)
			p.next = p.parsed.Next(p.next)
		}
		if !p.next.IsZero() && !p.next.After(now) {
			p.next = p.parsed.Next(now)
		}
	}
	return ids
}
