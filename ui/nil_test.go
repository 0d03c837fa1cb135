package ui

import (
	"errors"
	"testing"

	"github.com/azmlbatch/azmlbatch"
)

// TestHandlersThatNobodyMade: New returns no Handler beside an error, and programs defer its Close.
func TestHandlersThatNobodyMade(t *testing.T) {
	for name, h := range map[string]*Handler{"nil": nil, "zero": {}} {
		if err := h.Close(); err != nil {
			t.Errorf("%s: Close = %v", name, err)
		}
	}
	if err := new(Handler).Serve(t.Context(), nil); !errors.As(err, new(*azmlbatch.ArgumentError)) {
		t.Errorf("Serve = %v, want an ArgumentError", err)
	}
}
