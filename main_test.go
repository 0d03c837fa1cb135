package azmlbatch

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails when a goroutine has outlived its call.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
