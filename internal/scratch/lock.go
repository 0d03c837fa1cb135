//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package scratch

import (
	"errors"
	"os"
	"syscall"
)

// TryLock locks a file against every other opening of it, in this process or another. It reports
// false when somebody else has the lock. The lock lasts until the file is closed everywhere.
func TryLock(file *os.File) (bool, error) {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
		return false, nil
	}
	return err == nil, err
}
