//go:build linux

package scoring

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// TestInterpreterInThePath checks which programs are taken for wrappers: shell scripts.
func TestInterpreterInThePath(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"wrapper": "#!/bin/sh\n", "binary": "\x7fELF", "short": "#", "empty": ""} {
		writeFile(t, filepath.Join(dir, name), text)
		if err := os.Chmod(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	for name, known := range map[string]bool{"wrapper": false, "binary": true, "short": true, "empty": true} {
		in, err := findInterpreter(name, []string{"A=b"})
		if err != nil {
			t.Fatal(err)
		}
		path, environ, ask, err := in.command(t.Context())
		if path != filepath.Join(dir, name) || in.name() != path || strings.Join(environ, " ") != "A=b" || ask == known || err != nil {
			t.Errorf("%s: command = %s, %v, ask %v, %v", name, path, environ, ask, err)
		}
	}
	if _, err := findInterpreter("none", nil); err == nil || !strings.HasPrefix(err.Error(), "scoring: no Python interpreter: ") {
		t.Errorf("findInterpreter = %v", err)
	}
	if isShellScript(filepath.Join(dir, "none")) {
		t.Error("a file that is not there is a shell script")
	}
}

// TestInterpreterBehindAWrapper checks that what a wrapper starts is cached for the same folder and
// environment, and for no other.
func TestInterpreterBehindAWrapper(t *testing.T) {
	wrapper := filepath.Join(t.TempDir(), "python")
	script(t, wrapper, "exec false")
	find := func(environ ...string) *interpreter {
		t.Helper()
		in, err := findInterpreter(wrapper, environ)
		if err != nil {
			t.Fatal(err)
		}
		return in
	}
	first := find("A=b")
	if _, _, ask, err := first.command(t.Context()); !ask || err != nil {
		t.Fatalf("the first command asks: %v, %v", ask, err)
	}
	first.resolved("/usr/bin/real", []string{"A=b", "C=d"})
	for _, in := range []*interpreter{first, find("A=b")} {
		path, environ, ask, err := in.command(t.Context())
		if diff := cmp.Diff([]string{"/usr/bin/real", "A=b", "C=d"}, append([]string{path}, environ...)); diff != "" || ask || err != nil {
			t.Errorf("ask %v, %v; the next command (-want +got):\n%s", ask, err, diff)
		}
	}
	t.Chdir(t.TempDir())
	for _, in := range []*interpreter{find("A=b"), find("A=bC=d"), find("A=b", "C=d")} {
		if path, _, ask, err := in.command(t.Context()); path != wrapper || !ask || err != nil {
			t.Errorf("in another folder or environment: %s, ask %v, %v", path, ask, err)
		}
	}
}

// TestInterpreterThatIsBeingAsked checks that others wait for the first worker's report, or until
// their context ends, and that one of them asks if it gave none.
func TestInterpreterThatIsBeingAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &interpreter{key: "of " + t.Name(), path: "wrapper"}
		_, _, _, _ = in.command(t.Context())
		stopped, stop := context.WithCancel(t.Context())
		errs, paths := make(chan error, 1), make(chan string, 2)
		go func() { _, _, _, err := in.command(stopped); errs <- err }()
		for range 2 {
			go func() {
				path, _, ask, err := in.command(t.Context())
				if ask && err == nil {
					path += ", asks"
				}
				paths <- path
			}()
		}
		stop()
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("of a job that was cancelled: %v", err)
		}
		synctest.Wait()
		if len(paths) > 0 {
			t.Fatalf("%s without waiting", <-paths)
		}
		in.resolved("", nil) // the first worker failed
		if got := <-paths; got != "wrapper, asks" {
			t.Errorf("after a worker that failed: %s", got)
		}
		in.resolved("real", nil)
		if got := <-paths; got != "real" {
			t.Errorf("after the report: %s", got)
		}
	})
}
