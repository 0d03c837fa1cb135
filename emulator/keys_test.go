package emulator

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEmptyKeysAreRefused: with an empty key anybody could sign. The error says which file it is
// and what to do.
func TestEmptyKeysAreRefused(t *testing.T) {
	for _, name := range []string{"client-secret", "token-key.pem", "blobs/delegation.key"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			e, err := New(&Options{DataDir: dir})
			if err == nil {
				_ = e.Close()
				t.Fatal("the emulator started")
			}
			if !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "remove the file") {
				t.Errorf("error %q does not name %s and the remedy", err, file)
			}
		})
	}
}

// TestKeptSecretMayEndInALineBreak, as editors and echo leave one.
func TestKeptSecretMayEndInALineBreak(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "client-secret"), []byte("throwing-clay\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := New(&Options{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	if got := e.ClientSecret(); got != "throwing-clay" {
		t.Errorf("secret = %q, want it without the line break", got)
	}
}
