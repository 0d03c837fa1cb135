package arm

import (
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// pruneInterval is how often ended operations are looked through.
const pruneInterval = time.Minute

// pruneOperations forgets the operations that ended longer ago than Options.Keep. What cannot be
// deleted is tried again at the next interval.
func (h *Handler) pruneOperations() {
	now := h.now()
	if h.keep <= 0 || now.Sub(h.pruned) < pruneInterval {
		return
	}
	h.pruned = now
	old := h.operationsBefore(now.Add(-h.keep))
	_ = h.store.Batch(func(b *store.Batch) error {
		for _, op := range old {
			b.Delete(operationKey(op.ID))
		}
		return nil
	})
}

// operationsBefore returns the ended operations that were due before a time.
func (h *Handler) operationsBefore(limit time.Time) (old []operation) {
	for _, doc := range h.store.List(operationPrefix) {
		var op operation
		if err := convert(doc, &op); err == nil && !h.active[op.ID] && op.Ends.Before(limit) {
			old = append(old, op)
		}
	}
	return old
}

// isPruned reports whether the operation of a status URL is no longer known.
func (h *Handler) isPruned(uri string) bool {
	path, _, _ := strings.Cut(uri, "?")
	_, found := h.findOperation(store.LastSegment(path))
	return !found
}
