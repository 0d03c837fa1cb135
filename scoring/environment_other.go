//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package scoring

import (
	"errors"
	"os"
)

func tryLock(*os.File) (bool, error) {
	return false, errors.New("environments are not built on this system")
}
