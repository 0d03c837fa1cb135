package schedules

import (
	"testing"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// FuzzTrigger: a trigger that is taken fires later than asked, or never.
func FuzzTrigger(f *testing.F) {
	f.Add(`{"triggerType": "Cron", "expression": "30 2 31 2 *"}`)
	f.Add(`{"triggerType": "Recurrence", "frequency": "Month", "interval": 1, "schedule": {"hours": [6], "minutes": [0], "monthDays": [31]}}`)
	f.Add(`{"triggerType": "Recurrence", "frequency": "Minute", "interval": 9223372036854775807, "startTime": "9999-12-31T23:59:59"}`)
	f.Fuzz(func(t *testing.T, text string) {
		var doc store.Document
		if store.Decode([]byte(text), &doc) != nil {
			t.Skip("no JSON")
		}
		trigger, err := ParseTrigger(doc, created)
		if err != nil {
			return
		}
		at := created
		for range 3 {
			next := trigger.Next(at)
			if next.IsZero() {
				return
			}
			if !next.After(at) {
				t.Fatalf("after %s the next is %s", at, next)
			}
			at = next
		}
	})
}
