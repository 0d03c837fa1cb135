package emulator

import (
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/azmlbatch/azmlbatch/emulator/internal/golden"
)

// TestTheCAStaysTheSameWithADataFolder: who trusts it once trusts the next run too.
func TestTheCAStaysTheSameWithADataFolder(t *testing.T) {
	data := t.TempDir()
	var paths, contents []string
	for range 2 {
		s, err := Start(t.Context(), &Options{DataDir: data})
		if err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(s.CAFile())
		if err != nil {
			t.Fatal(err)
		}
		paths, contents = append(paths, s.CAFile()), append(contents, string(content))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if paths[0] != paths[1] || contents[0] != contents[1] {
		t.Errorf("CA files %v; the same content: %v", paths, contents[0] == contents[1])
	}
}

// TestDataFoldersThatCannotBeUsed: each error names the folder and says what to do. Permissions do not
// stop root, so files and folders stand in each other's places.
func TestDataFoldersThatCannotBeUsed(t *testing.T) {
	data := t.TempDir()
	made, err := Start(t.Context(), &Options{DataDir: data})
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(&Options{DataDir: data})
	texts := map[string]string{"a folder in use": strings.ReplaceAll(fmt.Sprint(err), data, "DATA")}
	if err := made.Close(); err != nil {
		t.Fatal(err)
	}
	texts["a file"] = startFails(t, data, func(copied string) string { return filepath.Join(copied, "client-secret") })
	for _, name := range []string{"client-secret", "token-key.pem", "documents.db", "ca-key.pem", "ca-AzureCloud.pem", "ca.pem", "ca.p12"} {
		texts["a folder "+name] = startFails(t, data, func(copied string) string {
			path := filepath.Join(copied, name)
			if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
				t.Fatal(err)
			}
			return copied
		})
	}
	for _, name := range []string{"token-key.pem", "documents.db", "ca-key.pem", "ca-AzureCloud.pem", "blobs"} {
		texts["junk in "+name] = startFails(t, data, func(copied string) string {
			path := filepath.Join(copied, name)
			if err := errors.Join(os.RemoveAll(path), os.WriteFile(path, []byte("junk"), 0o600)); err != nil {
				t.Fatal(err)
			}
			return copied
		})
	}
	for name, block := range map[string]string{"token-key.pem": "PRIVATE KEY", "ca-key.pem": "EC PRIVATE KEY", "ca-AzureCloud.pem": "CERTIFICATE"} {
		texts["junk in PEM in "+name] = startFails(t, data, func(copied string) string {
			text := pem.EncodeToMemory(&pem.Block{Type: block, Bytes: []byte("junk")})
			if err := os.WriteFile(filepath.Join(copied, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
			return copied
		})
	}
	golden.Check(t, "data_folders_that_cannot_be_used", texts)
}

// startFails is the error of a server over a copy of the data folder that spoil has changed.
func startFails(t *testing.T, data string, spoil func(string) string) string {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "copied")
	if err := os.CopyFS(copied, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	s, err := Start(t.Context(), &Options{DataDir: spoil(copied)})
	if err == nil {
		_ = s.Close()
	}
	// A file is replaced by way of another one, whose name and folder are the system's.
	text := regexp.MustCompile(`rename \S+ `).ReplaceAllString(fmt.Sprint(err), "rename NEW ")
	return strings.ReplaceAll(text, copied, "DATA")
}
