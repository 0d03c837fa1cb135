//go:build unix

package local

import (
	"syscall"
	"testing"
)

// fifo makes a named pipe.
func fifo(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
}
