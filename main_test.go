package azmlbatch_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails when a goroutine has outlived its call. The test binary is also the child processes of a test.
func TestMain(m *testing.M) {
	if os.Getenv(childKey) != "" {
		os.Exit(invokeAsChild())
	}
	goleak.VerifyTestMain(m)
}
