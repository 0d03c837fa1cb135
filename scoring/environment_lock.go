//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package scoring

import (
	"errors"
	"os"
	"syscall"
)

// tryLock locks a file against every other opening of it, in this process or another. It reports false when somebody else
// has the lock, which lasts until the file is closed wherever it is open.
func tryLock(file *os.File) (bool, error) {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
		return false, nil
	}
	return err == nil, err
}
