package scratch

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// TryLock locks a file against every other opening of it, in this process or another. It reports
// false when somebody else has the lock. The lock lasts until the file is closed everywhere.
func TryLock(file *os.File) (bool, error) {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(file.Fd()), flags, 0, 1, 0, new(windows.Overlapped))
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}
