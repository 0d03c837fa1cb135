//go:build unix

package transfer

import (
	"errors"
	"syscall"
)

// isFull reports whether an error says that there is no room for more.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
