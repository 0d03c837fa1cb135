package ui

import (
	"testing"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator"
)

// TestAJobThatShowsLate is looked for until it is there, and not for ever.
func TestAJobThatShowsLate(t *testing.T) {
	for name, tt := range map[string]struct{ hidden, want int }{"at once": {0, 1}, "third look": {2, 3}, "never": {100, appearTries}} {
		t.Run(name, func(t *testing.T) {
			azure, client, endpoint := newAzure(t, score, nil)
			job := start(t, client, endpoint, "a.txt")
			if tt.hidden > 0 {
				if err := azure.Inject(emulator.Fault{Host: "management", Method: "GET", Path: "**/jobs/" + job.Name, Action: emulator.ActionFailBefore, Status: 404, Times: tt.hidden}); err != nil {
					t.Fatal(err)
				}
			}
			p := newTestPage(t, client, nil)
			waits := 0
			p.handler.hub.after = func(time.Duration) <-chan time.Time {
				waits++
				now := make(chan time.Time, 1)
				now <- time.Now()
				return now
			}
			before := len(azure.Requests())
			p.handler.appears(t.Context(), job.Name)
			if looks := len(azure.Requests()) - before; looks != tt.want || waits > looks {
				t.Errorf("%d looks and %d waits, want %d looks", looks, waits, tt.want)
			}
		})
	}
}
