//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd || windows)

package scratch

import (
	"errors"
	"os"
)

// TryLock returns an error: files are not locked on this system.
func TryLock(*os.File) (bool, error) {
	return false, errors.New("files cannot be locked on this system")
}
