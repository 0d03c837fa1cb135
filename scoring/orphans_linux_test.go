package scoring

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestEndAllOnABusyMachine: one process is killed late, and what it started shows its environment
// even later.
func TestEndAllOnABusyMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alive := map[int]bool{1: true}
		var asked [][]int
		endAll(func() []int {
			var pids []int
			for pid := range 3 {
				if alive[pid] {
					pids = append(pids, pid)
				}
			}
			return pids
		}, func(pids []int) (killed int, unknown []int) {
			if len(asked) == 0 || len(pids) != len(asked[len(asked)-1]) || pids[0] != asked[len(asked)-1][0] {
				asked = append(asked, pids)
			}
			if alive[1] {
				time.Sleep(time.Minute) // the machine is busy
				alive = map[int]bool{2: true, 0: false}
				time.AfterFunc(10*time.Second, func() { alive[0] = true }) // 2 shows its environment
				return 1, nil
			}
			if !alive[0] {
				return 0, pids
			}
			alive = map[int]bool{}
			return len(pids), nil
		})
		if diff := cmp.Diff([][]int{{1}, {2}}, asked); diff != "" || len(alive) > 0 {
			t.Errorf("alive %v; looked at (-want +got):\n%s", alive, diff)
		}
	})
}

// TestEndAllGivesUp: a process that never shows its environment, and a script that starts processes
// faster than they can be killed.
func TestEndAllGivesUp(t *testing.T) {
	for want, killed := range map[time.Duration]int{endPatience: 0, endLimit: 1} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			endAll(func() []int { return []int{7} }, func(pids []int) (int, []int) {
				time.Sleep(time.Second)
				return killed, pids
			})
			if took := time.Since(began); took < want || took > want+2*time.Second {
				t.Errorf("%d killed at each look: ends after %v, want %v", killed, took, want)
			}
		})
	}
}
