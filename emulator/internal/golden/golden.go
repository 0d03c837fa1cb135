// Package golden compares what tests of the emulator see with files, so that a member or a word that
// comes, goes or changes is seen, whatever it is.
package golden

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Check compares a value as JSON with testdata/golden/NAME.json of the test's package. With
// AZMLBATCH_RECORD=1 in the environment it writes the file first; read the difference before you
// commit it.
func Check(t *testing.T, name string, got any) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name+".json")
	text := encode(t, got)
	if os.Getenv("AZMLBATCH_RECORD") != "" {
		write(t, file, text)
	}
	want, err := os.ReadFile(file) //nolint:gosec // of the test's own folder
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(decode(t, want), decode(t, text)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func encode(t *testing.T, value any) []byte {
	t.Helper()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // people read it
	encoder.SetIndent("", " ")
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

func decode(t *testing.T, text []byte) (value any) {
	t.Helper()
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

func write(t *testing.T, file string, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
