package emulator

import (
	"os"
	"testing"
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
