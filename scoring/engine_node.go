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
	parts   []part  // by number of the worker
	tallies []tally // by number of the worker
}

// newWorker returns the number of the next worker. A replacement gets a new number.
func (n *node) newWorker() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.parts = append(n.parts, part{})
	n.tallies = append(n.tallies, tally{})
	return len(n.parts) - 1
}

// setRows records what a worker has written.
func (n *node) setRows(number int, p part) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.parts[number] = p
}

// addTry adds a try to a worker's tally.
func (n *node) addTry(number int, t try, settled bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tallies[number].add(t, settled)
}

// gaveUp reports whether too many of the node's workers have failed to start.
func (n *node) gaveUp(e *engine) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return n.initFailures >= 3*e.MaxConcurrencyPerInstance
}

// processName is the name of a worker in the logs.
func processName(number int) string {
	return fmt.Sprintf("process%03d", number)
}
