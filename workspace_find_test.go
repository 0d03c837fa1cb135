package azmlbatch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFindWorkspace(t *testing.T) {
	const good = `{"subscription_id":"sub-1","resource_group":"pottery","workspace_name":"kiln","scope":"ignored"}`
	tests := []struct {
		name, file, content string
		env                 bool
		want                Workspace
	}{
		{"config.json above", "config.json", good, false, testWorkspace},
		{"in .azureml above", ".azureml/config.json", good, false, testWorkspace},
		{"the environment comes first", "config.json", good, true, Workspace{"sub-2", "g", "w"}},
		{"only the subscription", "config.json", `{"subscription_id":"sub-1"}`, false, Workspace{}},
		{"no subscription", "config.json", `{"resource_group":"pottery","workspace_name":"kiln"}`, false, Workspace{}},
		{"no resource group", "config.json", `{"subscription_id":"sub-1","workspace_name":"kiln"}`, false, Workspace{}},
		{"no workspace", "config.json", `{"subscription_id":"sub-1","resource_group":"pottery"}`, false, Workspace{}},
		{"not JSON", "config.json", `{`, false, Workspace{}},
		{"a byte order mark", "config.json", "\ufeff" + good, false, testWorkspace},
		{"none at all", "other.json", good, false, Workspace{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			value := func(v string) string {
				if tt.env {
					return v
				}
				return ""
			}
			t.Setenv(envSubscription, value("sub-2"))
			t.Setenv(envResourceGroup, value("g"))
			t.Setenv(envWorkspace, value("w"))
			root := t.TempDir()
			below := filepath.Join(root, "a", "b")
			file := filepath.Join(root, filepath.FromSlash(tt.file))
			for _, dir := range []string{below, filepath.Dir(file)} {
				if err := os.MkdirAll(dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(file, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := FindWorkspace(below)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("FindWorkspace (-want +got):\n%s", diff)
			}
			if (tt.want == Workspace{}) != asError(err, new(*ArgumentError)) {
				t.Errorf("FindWorkspace = %v", err)
			}
		})
	}
}

// TestFindWorkspaceInAPartOfTheEnvironment takes all three variables or none, and never mixes them with a file.
func TestFindWorkspaceInAPartOfTheEnvironment(t *testing.T) {
	names := []string{envSubscription, envResourceGroup, envWorkspace}
	withFile, without := t.TempDir(), t.TempDir()
	const content = `{"subscription_id":"sub-1","resource_group":"pottery","workspace_name":"kiln"}`
	if err := os.WriteFile(filepath.Join(withFile, "config.json"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	for set := range 1<<len(names) - 1 { // every part but the whole
		for i, name := range names {
			value := ""
			if set&(1<<i) != 0 {
				value = "elsewhere"
			}
			t.Setenv(name, value)
		}
		if got, err := FindWorkspace(withFile); err != nil || got != testWorkspace {
			t.Errorf("FindWorkspace with the variables %03b and a file = %+v, %v, want the file's", set, got, err)
		}
		if got, err := FindWorkspace(without); got != (Workspace{}) || !asError(err, new(*ArgumentError)) {
			t.Errorf("FindWorkspace with the variables %03b and no file = %+v, %v, want an ArgumentError", set, got, err)
		}
	}
}

// TestFindWorkspaceWhereAFileIsNamedAsTheFolder goes on looking upwards.
func TestFindWorkspaceWhereAFileIsNamedAsTheFolder(t *testing.T) {
	for _, name := range []string{envSubscription, envResourceGroup, envWorkspace} {
		t.Setenv(name, "")
	}
	root := t.TempDir()
	below := filepath.Join(root, "a")
	if err := os.Mkdir(below, 0o755); err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string]string{
		filepath.Join(below, ".azureml"):   "no folder",
		filepath.Join(root, "config.json"): `{"subscription_id":"sub-1","resource_group":"pottery","workspace_name":"kiln"}`,
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := FindWorkspace(below)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(testWorkspace, got); diff != "" {
		t.Errorf("FindWorkspace (-want +got):\n%s", diff)
	}
}

// TestFindWorkspaceSaysWhatIsMissing names each missing member and the file, or each missing variable.
func TestFindWorkspaceSaysWhatIsMissing(t *testing.T) {
	tests := []struct{ name, content, want string }{
		{"one member", `{"subscription_id":"s","resource_group":"g"}`, "FILE: lacks workspace_name; "},
		{"two members", `{"resource_group":"g","workspace_name":""}`, "FILE: lacks subscription_id, workspace_name; "},
		{"all members", `{}`, "FILE: lacks subscription_id, resource_group, workspace_name; "},
		{"a number", `{"subscription_id":"s","resource_group":5,"workspace_name":"w"}`, `FILE: its member "resource_group" must be a string, not a JSON number; `},
		{"a list", `[]`, "FILE: must be a JSON object, not a JSON array; "},
		{"no JSON", `{`, "FILE: is not JSON; "},
		{"no file", "", "the environment lacks " + envResourceGroup + ", " + envWorkspace + "; "},
	}
	said := newTexts(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(envSubscription, "sub-2")
			t.Setenv(envResourceGroup, "")
			t.Setenv(envWorkspace, "")
			folder := t.TempDir()
			file := filepath.Join(folder, "config.json")
			if tt.content != "" {
				if err := os.WriteFile(file, []byte(tt.content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := FindWorkspace(folder)
			said.add(tt.name, err)
			if want := strings.Replace(tt.want, "FILE", file, 1); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("FindWorkspace = %v, want %q in it", err, want)
			}
		})
	}
}

// TestFindWorkspaceInAFileThatCannotBeRead does not go on looking above it, where another workspace may be.
func TestFindWorkspaceInAFileThatCannotBeRead(t *testing.T) {
	for _, name := range []string{envSubscription, envResourceGroup, envWorkspace} {
		t.Setenv(name, "")
	}
	root := t.TempDir()
	below := filepath.Join(root, "a")
	if err := os.MkdirAll(filepath.Join(below, "config.json"), 0o755); err != nil { // a folder of that name
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "config.json"), []byte(`{"subscription_id":"sub-1","resource_group":"pottery","workspace_name":"kiln"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := FindWorkspace(below)
	newTexts(t).add("a folder", err)
	if !asError(err, new(*ArgumentError)) || got != (Workspace{}) {
		t.Errorf("FindWorkspace = %+v, %v, want an ArgumentError", got, err)
	}
}
