package jobs

import (
	"os"
	"path/filepath"
	"testing"
)

// TestRestartRemovesTheFoldersOfAKilledEmulator: their lock ended with the process.
func TestRestartRemovesTheFoldersOfAKilledEmulator(t *testing.T) {
	w := newWorld(t, nil)
	left := filepath.Join(w.options.TempDir, jobFolderPrefix+"1")
	for _, file := range []string{"lock", "input/a.txt"} {
		path := filepath.Join(left, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again, err := New(w.options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Close() })
	if _, err := os.Stat(left); err == nil {
		t.Errorf("%s is left", left)
	}
}
