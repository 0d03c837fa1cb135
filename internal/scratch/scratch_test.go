package scratch

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("SCRATCH_TEST_DIR"); dir != "" { // a process that a test kills
		d, err := New(dir, "kiln-", nil)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(d.Path)
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func write(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func list(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// abandoned makes the folder of a process that was killed.
func abandoned(t *testing.T, dir string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), "SCRATCH_TEST_DIR="+dir)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var path string
	if _, err := fmt.Fscanln(out, &path); err != nil {
		t.Fatal(err)
	}
	// It lives, so nobody may touch its folder.
	other, err := New(dir, "kiln-", func(path string) { t.Errorf("%s was taken for abandoned", path) })
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Remove(); err != nil {
		t.Error(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	write(t, filepath.Join(path, "deep", "file"))
	return path
}

func TestFolderOfAKilledProcessIsRemovedByTheNext(t *testing.T) {
	dir := t.TempDir()
	left := abandoned(t, dir)
	if err := os.Chmod(filepath.Join(left, "deep"), 0); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "kiln-file"))
	write(t, filepath.Join(dir, "other-folder", "lock"))
	write(t, filepath.Join(dir, "kiln-full", "file")) // without a lock; nobody knows whose it is
	if err := os.Mkdir(filepath.Join(dir, "kiln-empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	var told []string
	d, err := New(dir, "kiln-", func(path string) { told = append(told, path) })
	if err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Base(d.Path), "kiln-file", "kiln-full", "other-folder"}
	slices.Sort(want)
	if diff := cmp.Diff(want, list(t, dir)); diff != "" {
		t.Errorf("folders (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{left}, told); diff != "" {
		t.Errorf("told before the removal (-want +got):\n%s", diff)
	}
	if err := d.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(d.Path); err == nil {
		t.Errorf("%s is left", d.Path)
	}
}

// TestManyAtOnce checks that nobody takes a folder from another.
func TestManyAtOnce(t *testing.T) {
	dir := t.TempDir()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				d, err := New(dir, "kiln-", func(path string) {
					if _, err := os.Stat(filepath.Join(path, "mine")); err == nil {
						t.Errorf("%s is in use and was taken for abandoned", path)
					}
				})
				if err != nil {
					t.Error(err)
					return
				}
				if err := os.WriteFile(filepath.Join(d.Path, "mine"), nil, 0o600); err != nil {
					t.Error(err)
				}
				if err := d.Remove(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if diff := cmp.Diff([]string{}, list(t, dir)); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

func TestFolderThatCannotBeMade(t *testing.T) {
	if _, err := New(filepath.Join(t.TempDir(), "none"), "kiln-", nil); err == nil {
		t.Error("New succeeded")
	}
}

func TestKeptFolderIsNeverRemoved(t *testing.T) {
	dir := t.TempDir()
	d, err := New(dir, "kiln-", nil)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(d.Path, "file"))
	if err := d.Keep(); err != nil {
		t.Fatal(err)
	}
	RemoveAbandoned(dir, "kiln-", func(path string) { t.Errorf("%s was taken for abandoned", path) })
	if diff := cmp.Diff([]string{"file"}, list(t, d.Path)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}
