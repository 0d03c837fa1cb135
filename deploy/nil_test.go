package deploy

import (
	"errors"
	"testing"

	"github.com/azmlbatch/azmlbatch"
)

// TestNilChanges: Plan returns no Changes beside an error.
func TestNilChanges(t *testing.T) {
	var c *Changes
	if _, err := c.Apply(t.Context(), nil); err == nil || !c.Empty() || c.String() != "" || c.Obstacles() != nil {
		t.Errorf("Apply = %v, Empty = %v, String = %q, Obstacles = %v", err, c.Empty(), c, c.Obstacles())
	}
}

func TestExportWithoutAClient(t *testing.T) {
	for name, client := range map[string]*azmlbatch.Client{"nil": nil, "zero": {}} {
		if _, err := Export(t.Context(), client, "digits"); !errors.As(err, new(*azmlbatch.ArgumentError)) {
			t.Errorf("%s client: %v, want an ArgumentError", name, err)
		}
	}
}

func TestPathsThatAreNone(t *testing.T) {
	for path, want := range map[string]string{
		"":                 "deploy: a path is empty; name a file, or a folder of such files",
		"no-such-file.yml": "no-such-file.yml: does not exist; name a file, or a folder of such files",
	} {
		if _, err := Read([]string{path}, nil); err == nil || err.Error() != want {
			t.Errorf("Read(%q) = %v, want %s", path, err, want)
		}
	}
}
