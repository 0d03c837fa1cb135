package ui

import (
	"context"
	"errors"
	"time"

	"github.com/azmlbatch/azmlbatch"
)

// How long a new job may take to show, and how often it is looked for. The service shows one about a
// second after its invocation.
const (
	appearInterval = time.Second
	appearTries    = 5
)

// appears waits until the service shows a job that was just started, so that its page does not say that
// there is none. After some seconds it gives up: the page then tells what is wrong.
func (h *Handler) appears(ctx context.Context, job string) {
	for range appearTries {
		if _, err := h.client.Jobs().Get(ctx, job); !errors.Is(err, azmlbatch.ErrNotFound) {
			return
		}
		select {
		case <-h.hub.after(appearInterval):
		case <-ctx.Done():
			return
		}
	}
}
