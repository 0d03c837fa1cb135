package scoring

import (
	"fmt"
	"sync"
)

// node is one simulated instance.
type node struct {
	number       int
	name         string
	initFailures int // guarded by the engine's mutex

	mu      sync.Mutex
	parts   []part  // by process
	tallies []tally // by process
}

// newProcess gives the number of the node's next process: a replaced one gets a new number.
func (n *node) newProcess() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.parts = append(n.parts, part{})
	n.tallies = append(n.tallies, tally{})
	return len(n.parts) - 1
}

// wrote keeps what a process has written.
func (n *node) wrote(process int, p part) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.parts[process] = p
}

// did adds a try to a process's tally.
func (n *node) did(process int, t try, settled bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tallies[process].add(t, settled)
}

// gaveUp tells that too many of the node's processes have failed in init.
func (n *node) gaveUp(e *engine) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return n.initFailures >= 3*e.MaxConcurrencyPerInstance
}

// processName is the name of a process in the logs.
func processName(number int) string {
	return fmt.Sprintf("process%03d", number)
}
