//go:build !unix

package local

import "testing"

// fifo skips the test: this system has no named pipes.
func fifo(t *testing.T, _ string) {
	t.Skip("no named pipes on this system")
}
