package scoring

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestCloseWaitsForTheThread: close ends no earlier than the thread does.
func TestCloseWaitsForTheThread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, began := newStarter(), time.Now()
		s.commands <- func() { time.Sleep(time.Hour) }
		s.close()
		if took := time.Since(began); took != time.Hour {
			t.Errorf("close has waited %v, want an hour", took)
		}
	})
}
