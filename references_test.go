package azmlbatch

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const armPrefix = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"

var otherWorkspace = Workspace{SubscriptionID: "s", ResourceGroup: "g", Name: "w"}

func TestParseReference(t *testing.T) {
	inWorkspace := func(r Reference) Reference { r.Workspace = otherWorkspace; return r }
	tests := []struct {
		kind ReferenceKind
		text string
		want Reference
	}{
		{"", armPrefix + "/models/glaze/versions/3", inWorkspace(named(ReferenceKindModel, "glaze", "3"))},
		{ReferenceKindModel, "/subscriptions/s/resourcegroups/g/providers/microsoft.machinelearningservices/workspaces/w/models/glaze/versions/3",
			inWorkspace(named(ReferenceKindModel, "glaze", "3"))},
		{"", armPrefix + "/computes/raku", inWorkspace(named(ReferenceKindCompute, "raku", ""))},
		{ReferenceKindCode, armPrefix + "/codes/c1/versions/1", inWorkspace(named(ReferenceKindCode, "c1", "1"))},
		{ReferenceKindModel, "azureml:glaze:3", named(ReferenceKindModel, "glaze", "3")},
		{ReferenceKindModel, "AzureML:glaze:3", named(ReferenceKindModel, "glaze", "3")},
		{ReferenceKindModel, "glaze:3", named(ReferenceKindModel, "glaze", "3")},
		{ReferenceKindModel, "glaze:2022-09-14-20-33", named(ReferenceKindModel, "glaze", "2022-09-14-20-33")},
		{ReferenceKindModel, "azureml:glaze@latest", Reference{Form: ReferenceFormNamed, Kind: ReferenceKindModel, Name: "glaze", Label: "latest"}},
		{ReferenceKindModel, "azureml:glaze", named(ReferenceKindModel, "glaze", "")},
		{ReferenceKindCompute, "azureml:raku", named(ReferenceKindCompute, "raku", "")},
		{ReferenceKindCompute, "raku", named(ReferenceKindCompute, "raku", "")},
		{ReferenceKindEnvironment, "azureml:AzureML-sklearn-1.0:33", named(ReferenceKindEnvironment, "AzureML-sklearn-1.0", "33")},
		{"", "azureml://registries/r/models/glaze/versions/3", Reference{Form: ReferenceFormNamed, Kind: ReferenceKindModel, Name: "glaze", Version: "3", Registry: "r"}},
		{"", "azureml://registries/r/environments/e/labels/latest", Reference{Form: ReferenceFormNamed, Kind: ReferenceKindEnvironment, Name: "e", Label: "latest", Registry: "r"}},
		{"", "azureml://subscriptions/s/resourcegroups/g/workspaces/w/data/clay/versions/1", inWorkspace(named(ReferenceKindData, "clay", "1"))},
		{"", "azureml://subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/data/clay/versions/1",
			inWorkspace(named(ReferenceKindData, "clay", "1"))},
		{"", "azureml://locations/here/workspaces/guid/data/clay/versions/1",
			Reference{Form: ReferenceFormNamed, Kind: ReferenceKindData, Name: "clay", Version: "1", Location: "here", WorkspaceID: "guid"}},
		{"", "azureml://locations/here/workspaces/w/data/clay/versions/labels/latest",
			Reference{Form: ReferenceFormNamed, Kind: ReferenceKindData, Name: "clay", Label: "latest", Location: "here", WorkspaceID: "w"}},
		{"", "azureml://datastores/shelf/paths/a/b", Reference{Form: ReferenceFormPlace, Datastore: "shelf", Path: "a/b"}},
		{"", "azureml://datastores/shelf/paths/", Reference{Form: ReferenceFormPlace, Datastore: "shelf"}},
		{"", "azureml://datastores/shelf/ExperimentRun/dcid.j", Reference{Form: ReferenceFormPlace, Datastore: "shelf", Path: "ExperimentRun/dcid.j"}},
		{"", "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/shelf/paths/a/", inWorkspace(Reference{Form: ReferenceFormPlace, Datastore: "shelf", Path: "a/"})},
		{"", "azureml://workspaces/guid/datastores/shelf/paths/a/", Reference{Form: ReferenceFormPlace, Datastore: "shelf", Path: "a/", WorkspaceID: "guid"}},
		{"", "azureml://jobs/j/outputs/score/paths/p.csv", Reference{Form: ReferenceFormOutput, Job: "j", Output: "score", Path: "p.csv"}},
		{"", "runs:/j/model", Reference{Form: ReferenceFormOutput, Job: "j", Path: "model"}},
		{"", "https://shelf.blob.core.windows.net/c/x", Reference{Form: ReferenceFormURL, Path: "https://shelf.blob.core.windows.net/c/x"}},
		{"", "wasbs://c@shelf.blob.core.windows.net/x", Reference{Form: ReferenceFormURL, Path: "wasbs://c@shelf.blob.core.windows.net/x"}},
		{ReferenceKindModel, "./glaze", Reference{Form: ReferenceFormLocal, Path: "./glaze"}},
		{ReferenceKindModel, "glaze", Reference{Form: ReferenceFormLocal, Path: "glaze"}},
		{ReferenceKindModel, `C:\glaze`, Reference{Form: ReferenceFormLocal, Path: `C:\glaze`}},
		{ReferenceKindModel, "C:glaze", Reference{Form: ReferenceFormLocal, Path: "C:glaze"}},
		{ReferenceKindModel, "/home/potter/glaze", Reference{Form: ReferenceFormLocal, Path: "/home/potter/glaze"}},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			tt.want.Text = tt.text
			got, err := ParseReference(tt.kind, tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("ParseReference(%q, %q) (-want +got):\n%s", tt.kind, tt.text, diff)
			}
			if got.String() != tt.text {
				t.Errorf("String = %q, want the text as it was", got)
			}
		})
	}
	slash, err := ParseReference(ReferenceKindData, "azureml:/clay@latest")
	if err != nil || slash.Name != "clay" || slash.Label != "latest" {
		t.Errorf("azureml:/clay@latest = %+v, %v", slash, err)
	}
	got, err := ParseReference("", "azureml:"+armPrefix+"/models/glaze/versions/3")
	if err != nil || got.Text != armPrefix+"/models/glaze/versions/3" {
		t.Errorf("an id behind azureml: is %q, %v, want it without the prefix", got.Text, err)
	}
}

func named(kind ReferenceKind, name, version string) Reference {
	return Reference{Form: ReferenceFormNamed, Kind: kind, Name: name, Version: version}
}

// TestEveryKindOfReference reads each kind by its name and by its id; assets have versions, the others have none.
func TestEveryKindOfReference(t *testing.T) {
	for _, tt := range []struct {
		kind   ReferenceKind
		noun   string
		byName string
		id     string // below the workspace
		want   Reference
	}{
		{ReferenceKindCode, "code", "azureml:clay:1", "/codes/clay/versions/1", named(ReferenceKindCode, "clay", "1")},
		{ReferenceKindModel, "model", "azureml:clay:1", "/models/clay/versions/1", named(ReferenceKindModel, "clay", "1")},
		{ReferenceKindEnvironment, "environment", "azureml:clay:1", "/environments/clay/versions/1", named(ReferenceKindEnvironment, "clay", "1")},
		{ReferenceKindData, "data asset", "azureml:clay:1", "/data/clay/versions/1", named(ReferenceKindData, "clay", "1")},
		{ReferenceKindComponent, "component", "azureml:clay:1", "/components/clay/versions/1", named(ReferenceKindComponent, "clay", "1")},
		{ReferenceKindCompute, "compute", "azureml:clay", "/computes/clay", named(ReferenceKindCompute, "clay", "")},
		{ReferenceKindDatastore, "datastore", "azureml:clay", "/datastores/clay", named(ReferenceKindDatastore, "clay", "")},
		{ReferenceKindJob, "job", "azureml:clay", "/jobs/clay", named(ReferenceKindJob, "clay", "")},
	} {
		for _, text := range []string{tt.byName, strings.TrimPrefix(tt.byName, "azureml:")} {
			r, err := ParseReference(tt.kind, text)
			if err != nil {
				t.Errorf("ParseReference(%q, %q) = %v", tt.kind, text, err)
				continue
			}
			if id, err := r.ID(testWorkspace); id != testWorkspaceID+tt.id || err != nil {
				t.Errorf("ID of the %s %q = %q, %v, want %q", tt.kind, text, id, err, testWorkspaceID+tt.id)
			}
			r.Text = ""
			if diff := cmp.Diff(tt.want, r); diff != "" {
				t.Errorf("ParseReference(%q, %q) (-want +got):\n%s", tt.kind, text, diff)
			}
		}
		r, err := ParseReference("", testWorkspaceID+tt.id)
		r.Text, r.Workspace = "", Workspace{}
		if diff := cmp.Diff(tt.want, r); err != nil || diff != "" {
			t.Errorf("ParseReference of the id of the %s: %v (-want +got):\n%s", tt.kind, err, diff)
		}
		if got := tt.kind.noun(); got != tt.noun {
			t.Errorf("noun of %s = %q, want %q", tt.kind, got, tt.noun)
		}
	}
}

func TestEverySchemeOfCloudStorage(t *testing.T) {
	for _, scheme := range []string{"https", "http", "wasbs", "wasb", "abfss", "abfs", "adl", "HTTPS"} {
		text := scheme + "://shelf.example/c/x"
		want := Reference{Form: ReferenceFormURL, Path: text, Text: text}
		if got, err := ParseReference("", text); err != nil || got != want {
			t.Errorf("ParseReference(%q) = %+v, %v", text, got, err)
		}
	}
	if got, err := ParseReference("", "ftp://shelf.example/x"); err != nil || got.Form != ReferenceFormLocal {
		t.Errorf("another scheme is %+v, %v, want a local path", got, err)
	}
}

func TestParseReferenceRefusesWhatHasNoForm(t *testing.T) {
	said := newTexts(t)
	for _, text := range []string{"", "  ", "azureml:", "azureml:a b", "azureml:glaze:3:4", "azureml://", "azureml://datastores",
		"azureml://registries/r", "azureml://registries/r/workspaces/w/models/glaze/versions/3", "azureml://workspaces/w/registries/r/models/glaze/versions/3",
		"azureml://registries/r" + armPrefix + "/models/glaze/versions/3", armPrefix + "/registries/r/models/glaze/versions/3",
		"azureml://registries/r/datastores/d/paths/p", "azureml://registries/r/jobs/j/outputs/o", "/subscriptions/s", armPrefix + "/models/glaze/versions", armPrefix + "/models/glaze/pages/3", "runs:/"} {
		var bad *ArgumentError
		r, err := ParseReference(ReferenceKindModel, text)
		said.add(strconv.Quote(text), err)
		if !asError(err, &bad) {
			t.Errorf("ParseReference(%q) = %+v, %v, want an ArgumentError", text, r, err)
		}
	}
}

// TestThingsWithoutVersions refuses a version of what has none, and says the form that is meant.
func TestThingsWithoutVersions(t *testing.T) {
	said := newTexts(t)
	for kind, texts := range map[ReferenceKind][]string{
		ReferenceKindCompute:   {"azureml:raku:1", "raku:1", "raku@latest", "azureml:raku@latest", armPrefix + "/computes/raku/versions/1", "azureml:" + armPrefix + "/computes/raku/versions/1"},
		ReferenceKindDatastore: {"azureml:raku:1", "raku:1", "raku@latest"},
		ReferenceKindJob:       {"azureml:raku:1", "raku:1", armPrefix + "/jobs/raku/versions/1"},
	} {
		for _, text := range texts {
			_, err := ParseReference(kind, text)
			said.add(string(kind)+" "+text, err)
			var bad *ArgumentError
			if !asError(err, &bad) || bad.Remedy != "write azureml:raku" || !strings.Contains(bad.Problem, kind.noun()+"s have no version") {
				t.Errorf("ParseReference(%q, %q) = %v, want an ArgumentError that says the form", kind, text, err)
			}
		}
	}
}

// A reference made by hand prints a text that means the same.
func TestReferenceStringParsesBack(t *testing.T) {
	for _, r := range []Reference{
		{Form: ReferenceFormNamed, Kind: ReferenceKindModel, Name: "glaze", Version: "3"},
		{Form: ReferenceFormNamed, Kind: ReferenceKindModel, Name: "glaze", Label: "latest"},
		{Form: ReferenceFormNamed, Kind: ReferenceKindModel, Name: "glaze", Version: "3", Workspace: otherWorkspace},
		{Form: ReferenceFormNamed, Kind: ReferenceKindModel, Name: "glaze", Version: "3", Registry: "r"},
		{Form: ReferenceFormNamed, Kind: ReferenceKindModel, Name: "glaze", Label: "latest", Registry: "r"},
		{Form: ReferenceFormNamed, Kind: ReferenceKindCompute, Name: "raku"},
		{Form: ReferenceFormPlace, Datastore: "shelf", Path: "a/b"},
		{Form: ReferenceFormPlace, Datastore: "shelf", Path: "a/b", Workspace: otherWorkspace},
		{Form: ReferenceFormPlace, Datastore: "shelf", Path: "a/b", WorkspaceID: "guid"},
		{Form: ReferenceFormOutput, Job: "j", Output: "score", Path: "p.csv"},
		{Form: ReferenceFormOutput, Job: "j", Path: "model"},
		{Form: ReferenceFormURL, Path: "https://shelf.example/c"},
		{Form: ReferenceFormLocal, Path: "./glaze"},
	} {
		got, err := ParseReference(r.Kind, r.String())
		got.Text = ""
		if diff := cmp.Diff(r, got); err != nil || diff != "" {
			t.Errorf("ParseReference(%q) = %v (-want +got):\n%s", r, err, diff)
		}
	}
}

func TestReferenceEqual(t *testing.T) {
	const long = "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/shelf/paths/"
	tests := []struct {
		a, b string
		want bool
	}{
		{"azureml://datastores/shelf/paths/a/b", long + "a/b", true},
		{long + "a/b/", "azureml://workspaces/guid/datastores/shelf/paths/a/b", true},
		{long + "a/b", "azureml://subscriptions/S/resourceGroups/G/workspaces/W/datastores/shelf/paths/a/b", true},
		{long + "a/b", "azureml://subscriptions/s/resourcegroups/g/workspaces/other/datastores/shelf/paths/a/b", false},
		{long + "a/b", long + "a/B", false},
		{"azureml://datastores/shelf/paths/a", "azureml://datastores/rack/paths/a", false},
		{armPrefix + "/data/clay/versions/1", "azureml://locations/here/workspaces/guid/data/clay/versions/1", true},
		{armPrefix + "/data/clay/versions/1", armPrefix + "/data/clay/versions/2", false},
		{armPrefix + "/data/clay/versions/1", armPrefix + "/models/clay/versions/1", false},
		{"azureml://registries/r/models/m/versions/1", "azureml://registries/R/models/m/versions/1", true},
		{"azureml://registries/r/models/m/versions/1", armPrefix + "/models/m/versions/1", false},
		{"https://Shelf.blob.core.windows.net:443/c/x/", "https://shelf.blob.core.windows.net/c/x?sig=secret", true},
		{"https://shelf.blob.core.windows.net/c/x", "https://shelf.blob.core.windows.net/c/X", false},
		{"https://shelf.blob.core.windows.net/c/x(1) y", "https://shelf.blob.core.windows.net/c/x%281%29%20y", true},
		{"azureml://jobs/j/outputs/score/paths/p", "azureml://jobs/j/outputs/score/paths/p/", true},
		{"azureml://jobs/j/outputs/score/paths/p", "runs:/j/p", false},
		{"", "", true},
		{"", "azureml://datastores/shelf/paths/a", false},
	}
	for _, tt := range tests {
		if samePlace(tt.a, tt.b) != tt.want || samePlace(tt.b, tt.a) != tt.want {
			t.Errorf("%q and %q: want equal %v, both ways", tt.a, tt.b, tt.want)
		}
	}
}

func TestReferenceID(t *testing.T) {
	tests := []struct {
		kind       ReferenceKind
		text, want string // "" for an error
	}{
		{ReferenceKindModel, "azureml:glaze:3", testWorkspaceID + "/models/glaze/versions/3"},
		{ReferenceKindModel, armPrefix + "/models/glaze/versions/3", armPrefix + "/models/glaze/versions/3"},
		{ReferenceKindModel, "azureml://subscriptions/s/resourcegroups/g/workspaces/w/models/glaze/versions/3", armPrefix + "/models/glaze/versions/3"},
		{ReferenceKindData, "azureml://locations/here/workspaces/guid/data/clay/versions/1", testWorkspaceID + "/data/clay/versions/1"},
		{ReferenceKindModel, "azureml://registries/r/models/glaze/labels/latest", "azureml://registries/r/models/glaze/labels/latest"},
		{ReferenceKindEnvironment, "azureml:AzureML-sklearn-1.0:33", "azureml:AzureML-sklearn-1.0:33"},
		{ReferenceKindEnvironment, "AzureML-sklearn-1.0:33", "azureml:AzureML-sklearn-1.0:33"},
		{ReferenceKindCompute, "raku", testWorkspaceID + "/computes/raku"},
		{ReferenceKindModel, "azureml:glaze", ""},
		{ReferenceKindModel, "azureml:glaze@latest", ""},
		{ReferenceKindModel, "./glaze", ""},
		{"", "azureml://datastores/shelf/paths/a", ""},
	}
	for _, tt := range tests {
		r, err := ParseReference(tt.kind, tt.text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.ID(testWorkspace)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("ID of %q = %q, %v, want %q", tt.text, got, err, tt.want)
		}
	}
}

func FuzzParseReference(f *testing.F) {
	for _, text := range []string{armPrefix + "/models/glaze/versions/3", "azureml:glaze:3", "azureml://datastores/d/paths/p",
		"azureml://jobs/j/outputs/o/paths/p", "runs:/j/p", "https://h/c?sig=x", "azureml://registries/r/models/m/labels/l", "x:", ":", "azureml://a//b"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, kind := range []ReferenceKind{"", ReferenceKindModel, ReferenceKindCompute} {
			r, err := ParseReference(kind, text)
			if err != nil {
				continue
			}
			again, err := ParseReference(kind, r.String())
			if err != nil || !again.Equal(r) {
				t.Errorf("%q read again is %+v, %v, want %+v", text, again, err, r)
			}
			_, _ = r.ID(testWorkspace)
		}
	})
}

func TestSamePlace(t *testing.T) {
	const place, bad = "azureml://datastores/d/paths/a/", "azureml://datastores/d/nowhere"
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{place, "azureml://datastores/d/paths/a", true},
		{place, "azureml://datastores/d/paths/b", false},
		{bad, bad, true},
		{bad, bad + "/x", false},
		{place, bad, false},
		{bad, place, false},
	} {
		if got := samePlace(tt.a, tt.b); got != tt.same {
			t.Errorf("samePlace(%q, %q) = %t", tt.a, tt.b, got)
		}
	}
}

// TestReferencesThatDifferInOnePart differ, each part in turn. Scope may differ in case, and be left out.
func TestReferencesThatDifferInOnePart(t *testing.T) {
	whole := Reference{Kind: ReferenceKindModel, Name: "clay", Version: "1", Label: "l", Registry: "r",
		Workspace: Workspace{SubscriptionID: "s", ResourceGroup: "g", Name: "w"}, WorkspaceID: "guid", Datastore: "d", Path: "p", Job: "j", Output: "o"}
	changes := map[string]struct {
		change func(*Reference)
		forms  []ReferenceForm // in which it counts
		scope  bool
	}{
		"kind":         {func(r *Reference) { r.Kind = ReferenceKindData }, []ReferenceForm{ReferenceFormNamed}, false},
		"name":         {func(r *Reference) { r.Name = "Clay" }, []ReferenceForm{ReferenceFormNamed}, false},
		"version":      {func(r *Reference) { r.Version = "2" }, []ReferenceForm{ReferenceFormNamed}, false},
		"label":        {func(r *Reference) { r.Label = "L" }, []ReferenceForm{ReferenceFormNamed}, false},
		"datastore":    {func(r *Reference) { r.Datastore = "D" }, []ReferenceForm{ReferenceFormPlace}, false},
		"path":         {func(r *Reference) { r.Path = "P" }, []ReferenceForm{ReferenceFormPlace, ReferenceFormOutput, ReferenceFormURL, ReferenceFormLocal}, false},
		"job":          {func(r *Reference) { r.Job = "J" }, []ReferenceForm{ReferenceFormOutput}, false},
		"output":       {func(r *Reference) { r.Output = "O" }, []ReferenceForm{ReferenceFormOutput}, false},
		"registry":     {func(r *Reference) { r.Registry = "x" }, nil, true},
		"subscription": {func(r *Reference) { r.Workspace.SubscriptionID = "x" }, nil, true},
		"group":        {func(r *Reference) { r.Workspace.ResourceGroup = "x" }, nil, true},
		"workspace":    {func(r *Reference) { r.Workspace.Name = "x" }, nil, true},
		"workspace id": {func(r *Reference) { r.WorkspaceID = "x" }, nil, true},
	}
	forms := []ReferenceForm{ReferenceFormNamed, ReferenceFormPlace, ReferenceFormOutput, ReferenceFormURL, ReferenceFormLocal}
	for _, form := range forms {
		r := whole
		r.Form = form
		for part, tt := range changes {
			other := r
			tt.change(&other)
			if want := !tt.scope && !slices.Contains(tt.forms, form); r.Equal(other) != want || other.Equal(r) != want {
				t.Errorf("form %v, another %s: equal %t, want %t", form, part, !want, want)
			}
		}
		shouted := r
		shouted.Registry, shouted.WorkspaceID, shouted.Workspace = "R", "GUID", Workspace{"S", "G", "W"}
		bare := r
		bare.WorkspaceID, bare.Workspace = "", Workspace{}
		if !r.Equal(shouted) || !r.Equal(bare) || !bare.Equal(r) {
			t.Errorf("form %v: the scope counts with its case, or where it is left out", form)
		}
		for _, f := range forms {
			if other := (Reference{Form: f}); f != form && other.Equal(Reference{Form: form}) {
				t.Errorf("form %v equals form %v", f, form)
			}
		}
	}
}
