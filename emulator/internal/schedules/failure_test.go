package schedules

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// TestSchedulesThatCannotBeRead: a trigger that is none any more does not fire and is logged at the
// start, and a store that is closed is no place for a new schedule.
func TestSchedulesThatCannotBeRead(t *testing.T) {
	documents, err := store.Open("")
	if err != nil {
		t.Fatal(err)
	}
	now, fired := created, 0
	var log bytes.Buffer
	open := func() *Service {
		return New(Options{
			Store: documents, Now: func() time.Time { return now }, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Fire: func(store.Document) error { fired++; return nil },
		})
	}
	s := open()
	defer func() { s.Close() }()
	const id = "/ws/schedules/a"
	put := func(trigger string) error {
		t.Helper()
		if _, err := documents.Put(id, store.Document{"id": id, "name": "a", "properties": store.Document{"isEnabled": true, "trigger": parse(t, trigger)}}); err != nil {
			t.Fatal(err)
		}
		return s.Changed(id)
	}
	if err := put(`{"triggerType": "Cron", "expression": "0 * * * *"}`); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	s.Tick()
	if fired != 1 || !strings.Contains(log.String(), `level=INFO msg="schedule fired" schedule=a`) {
		t.Errorf("fired %d times, log %s", fired, log.String())
	}
	if err := put(`{"triggerType": "Cron", "expression": "at noon"}`); err == nil {
		t.Error("a trigger that is none is taken")
	}
	now = now.Add(10 * time.Hour)
	s.Tick()
	s.Close()
	s.Close()
	log.Reset()
	s = open()
	s.Tick()
	if fired != 1 || !strings.Contains(log.String(), `level=WARN msg="schedule cannot be read" schedule=/ws/schedules/a reason=`) {
		t.Errorf("fired %d times, log %s", fired, log.String())
	}
	if _, err := documents.Put("/ws/schedules/b", store.Document{"id": "/ws/schedules/b", "properties": store.Document{}}); err != nil {
		t.Fatal(err)
	}
	if err := documents.Close(); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"/ws/schedules/b", "/ws/schedules/none"} {
		if err := s.Changed(id); !errors.Is(err, store.ErrClosed) {
			t.Errorf("Changed(%s) = %v, want ErrClosed", id, err)
		}
	}
}

// TestClosedServiceFiresNoMore: what is due then stays so, and nothing ticks.
func TestClosedServiceFiresNoMore(t *testing.T) {
	documents, err := store.Open("")
	if err != nil {
		t.Fatal(err)
	}
	const id = "/ws/schedules/a"
	if _, err := documents.Put(id, store.Document{"id": id, "name": "a", "properties": store.Document{
		"isEnabled": true, "trigger": parse(t, `{"triggerType": "Cron", "expression": "0 * * * *"}`),
	}}); err != nil {
		t.Fatal(err)
	}
	now := created
	var log bytes.Buffer
	failed := errors.New("the kiln is cold")
	s := New(Options{
		Store: documents, Now: func() time.Time { return now }, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Fire: func(store.Document) error { return failed },
	})
	if err := s.Changed(id); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	s.Tick()
	if got := log.String(); !strings.Contains(got, `level=WARN msg="schedule failed" schedule=a reason="the kiln is cold"`) || strings.Contains(got, "fired") {
		t.Errorf("log %s", got)
	}
	log.Reset()
	s.Close()
	if err := s.Changed(id); err != nil {
		t.Error(err)
	}
	now = now.Add(time.Hour)
	s.Tick()
	if log.Len() > 0 || len(s.due()) > 0 {
		t.Errorf("a closed service fires: %s", log.String())
	}
}
