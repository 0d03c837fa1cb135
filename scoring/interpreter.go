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

// interpreter is the Python that runs the workers.
//
// The python3 in PATH is often a wrapper: a shell script of a version manager, which takes half a
// second to find the real interpreter. The first worker is started through the wrapper and reports
// the real interpreter and its environment. All other workers, in this job and in later jobs of
// this process, start the real one directly.
type interpreter struct {
	key string // in realInterpreters; empty if path is not a wrapper

	mu      sync.Mutex
	path    string
	environ []string
	known   bool
	asked   chan struct{} // closed when the first worker has reported; nil if none was asked
}

// realInterpreters caches the real interpreters of wrappers. The key has everything that a wrapper
// looks at, except files.
var realInterpreters sync.Map

// realInterpreter is what a wrapper starts, and with which environment.
type realInterpreter struct {
	path    string
	environ []string
}

// findInterpreter finds the interpreter in PATH, as a shell would. It does not start it.
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

// command returns how to start a worker. If ask is true, the worker must report the real
// interpreter, and the caller must call resolved. Other callers wait until then.
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

// resolved stores what a worker reported. An empty path means that it failed to.
func (in *interpreter) resolved(path string, environ []string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	close(in.asked)
	in.asked = nil
	if path == "" {
		return
	}
	in.remember(path, environ)
}

// remember stores what the wrapper starts, for this job and for later ones.
func (in *interpreter) remember(path string, environ []string) {
	in.path, in.environ, in.known = path, environ, true
	realInterpreters.Store(in.key, realInterpreter{path, environ})
}

// name is the path of the interpreter, as far as it is known.
func (in *interpreter) name() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.path
}
