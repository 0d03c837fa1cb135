package emulator

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
)

func TestWorkspacesThatCannotBe(t *testing.T) {
	for name, test := range map[string]struct {
		workspaces []Workspace
		says       string
	}{
		"two of one name":       {[]Workspace{{Name: "Kiln", StorageAccount: "one"}, {Name: "kiln", StorageAccount: "two"}}, "listed twice"},
		"a name with a slash":   {[]Workspace{{Name: "kiln/two"}}, "kiln/two"},
		"a group with a slash":  {[]Workspace{{ResourceGroup: "pots/and"}}, "pots/and"},
		"a location with a dot": {[]Workspace{{Location: "east.us"}}, "east.us"},
	} {
		e, err := New(&Options{Workspaces: test.workspaces})
		if err == nil {
			_ = e.Close()
		}
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: error %v, want one that says %q", name, err, test.says)
		}
	}
}

func TestLocationsAsPeopleWriteThem(t *testing.T) {
	e, err := New(&Options{Workspaces: []Workspace{{Location: "East US 2"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	if got := e.Workspaces()[0].Location; got != "eastus2" {
		t.Errorf("location = %q, want eastus2, which hosts have in their names", got)
	}
}

// TestAuthorityWithAnotherKey: clients would see no more than a bad signature.
func TestAuthorityWithAnotherKey(t *testing.T) {
	dir := t.TempDir()
	if _, err := newAuthority(cloud.Public(), dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "ca-key.pem")); err != nil {
		t.Fatal(err)
	}
	if _, err := newAuthority(cloud.Public(), dir); err == nil || !strings.Contains(err.Error(), "ca-AzureCloud.pem") {
		t.Errorf("error %v, want one that names the certificate's file", err)
	}
}
