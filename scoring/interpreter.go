package scoring

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// interpreter is the Python that workers are started with.
//
// What PATH calls python3 is often a shell script of a version manager, which looks for the real interpreter half a
// second long at every start. The first worker is started through it and tells what it is and with which environment;
// all others, in this job and in later ones of this process, start that at once.
type interpreter struct {
	key string // of the memory of wrappers; empty when path is no wrapper

	mu      sync.Mutex
	path    string
	environ []string
	known   bool
	asked   chan struct{} // closed when the first worker has told, or failed to; nil when none was asked
}

// realInterpreters remembers what wrappers were found to start. Its key holds all that a wrapper decides by, short of
// files that change while this process runs.
var realInterpreters sync.Map

// realInterpreter is what a wrapper starts, and the environment it gives it.
type realInterpreter struct {
	path    string
	environ []string
}

// findInterpreter looks for python as a shell would, without starting it.
func findInterpreter(python string, environ []string) (*interpreter, error) {
	path, err := exec.LookPath(python)
	if err != nil {
		return nil, fmt.Errorf("scoring: no Python interpreter: %w", err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("scoring: %w", err)
	}
	in := &interpreter{path: path, environ: environ, known: true}
	if !isShellScript(path) {
		return in, nil
	}
	directory, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("scoring: %w", err)
	}
	sum := sha256.Sum256([]byte(strings.Join(append([]string{path, directory}, environ...), "\x00")))
	in.key = string(sum[:])
	if found, ok := realInterpreters.Load(in.key); ok {
		real := found.(realInterpreter)
		in.path, in.environ = real.path, real.environ
		return in, nil
	}
	in.known = false
	return in, nil
}

func isShellScript(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	var start [2]byte
	n, _ := file.Read(start[:])
	return bytes.Equal(start[:n], []byte("#!"))
}

// command gives what to start a worker with. With ask, the worker shall tell the real interpreter and its environment,
// and the caller hand them to learn; other callers wait for that.
func (in *interpreter) command(ctx context.Context) (path string, environ []string, ask bool, err error) {
	for {
		in.mu.Lock()
		if in.known || in.asked == nil {
			ask = !in.known
			if ask {
				in.asked = make(chan struct{})
			}
			path, environ = in.path, in.environ
			in.mu.Unlock()
			return path, environ, ask, nil
		}
		asked := in.asked
		in.mu.Unlock()
		select {
		case <-asked:
		case <-ctx.Done():
			return "", nil, false, ctx.Err()
		}
	}
}

// learn takes what the asked worker told; an empty path means that it could not.
func (in *interpreter) learn(path string, environ []string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	close(in.asked)
	in.asked = nil
	if path == "" {
		return
	}
	in.path, in.environ, in.known = path, environ, true
	realInterpreters.Store(in.key, realInterpreter{path, environ})
}

// name is the path as far as it is known.
func (in *interpreter) name() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.path
}
