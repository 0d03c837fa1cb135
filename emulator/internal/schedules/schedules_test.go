package schedules

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// TestScheduleDisabledWhileItFires fires no more, although more times have come.
func TestScheduleDisabledWhileItFires(t *testing.T) {
	documents, err := store.Open("")
	if err != nil {
		t.Fatal(err)
	}
	const id = "/ws/schedules/a"
	now, fired := created, 0
	s := New(Options{Store: documents, Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler), Fire: func(store.Document) error {
		fired++
		_, err := documents.Update(id, func(doc store.Document) error {
			store.Object(doc, "properties")["isEnabled"] = false
			return nil
		})
		return err
	}})
	defer s.Close()
	if _, err := documents.Put(id, store.Document{"id": id, "name": "a", "systemData": store.Document{"createdAt": store.TimeText(now)}, "properties": store.Document{
		"isEnabled": true, "trigger": parse(t, `{"triggerType": "Cron", "expression": "0 * * * *"}`),
	}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Changed(id); err != nil {
		t.Fatal(err)
	}
	now = now.Add(3 * time.Hour)
	s.Tick()
	if fired != 1 {
		t.Errorf("it fires %d times, want once", fired)
	}
}

func TestSchedulesFire(t *testing.T) {
	documents, err := store.Open("")
	if err != nil {
		t.Fatal(err)
	}
	now := created
	var fired []string
	open := func() *Service {
		return New(Options{Store: documents, Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler), Fire: func(doc store.Document) error {
			fired = append(fired, now.Format("15:04 ")+store.Text(doc, "name"))
			return errors.New("no matter")
		}})
	}
	s := open()
	defer func() { s.Close() }()
	put := func(name, trigger string, enabled bool) {
		t.Helper()
		id := "/ws/schedules/" + name
		if _, err := documents.Put(id, store.Document{"id": id, "name": name, "systemData": store.Document{"createdAt": store.TimeText(now)},
			"properties": store.Document{"isEnabled": enabled, "trigger": parse(t, trigger)}}); err != nil {
			t.Fatal(err)
		}
		if err := s.Changed(id); err != nil {
			t.Fatal(err)
		}
	}
	pass := func(d time.Duration, want ...string) {
		t.Helper()
		now, fired = now.Add(d), nil
		s.Tick()
		if diff := cmp.Diff(want, fired); diff != "" {
			t.Errorf("at %s (-want +got):\n%s", now.Format("15:04"), diff)
		}
	}
	const hourly, half = `{"triggerType": "Cron", "expression": "0 * * * *"}`, `{"triggerType": "Cron", "expression": "30 * * * *"}`
	put("a", hourly, true)
	put("b", half, false)
	pass(30 * time.Minute) // 10:50
	pass(time.Hour, "11:50 a")
	pass(0)
	pass(2*time.Hour, "13:50 a", "13:50 a")
	put("b", half, true)
	put("a", hourly, true) // no change
	pass(40*time.Minute, "14:30 a", "14:30 b")
	put("a", half, true)
	put("b", half, false)
	now = now.Add(2 * time.Hour)
	s.Close()
	s = open() // nothing ran meanwhile
	pass(0)
	pass(time.Hour, "17:30 a")
	if _, err := documents.Delete("/ws/schedules/a"); err != nil {
		t.Fatal(err)
	}
	if err := s.Changed("/ws/schedules/a"); err != nil {
		t.Fatal(err)
	}
	pass(time.Hour)
	if left := documents.List(indexRoot); len(left) != 1 {
		t.Errorf("%d schedules are indexed, want b alone", len(left))
	}
	pass(1000 * time.Hour)
	put("c", hourly, true)
	now = now.Add(1000 * time.Hour)
	fired = nil
	s.Tick()
	if len(fired) != mostAtOnce {
		t.Errorf("a leap of the clock fires %d times, want %d", len(fired), mostAtOnce)
	}
	pass(time.Hour, now.Add(time.Hour).Format("15:04 ")+"c")
}
