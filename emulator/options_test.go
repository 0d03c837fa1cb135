package emulator

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
	"github.com/azmlbatch/azmlbatch/emulator/internal/golden"
)

func TestOptionsThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	workspaces := func(w ...Workspace) Options { return Options{Workspaces: w} }
	seeds := func(s Seed) Options { return Options{Seeds: []Seed{s}} }
	registries := func(names ...string) (o Options) {
		for _, name := range names {
			o.Registries = append(o.Registries, Registry{Name: name})
		}
		return o
	}
	texts := map[string]string{}
	for name, test := range map[string]struct {
		options Options
		says    string
	}{
		"two of one name":         {workspaces(Workspace{Name: "Kiln", StorageAccount: "one"}, Workspace{Name: "kiln", StorageAccount: "two"}), "listed twice"},
		"two of one account":      {workspaces(Workspace{Name: "kiln", StorageAccount: "one"}, Workspace{Name: "wheel", StorageAccount: "one"}), `"one" is used by another workspace`},
		"a name with a slash":     {workspaces(Workspace{Name: "kiln/two"}), "kiln/two"},
		"a name with a backslash": {workspaces(Workspace{Name: `kiln\two`}), "names cannot contain"},
		"a name with a question":  {workspaces(Workspace{Name: "kiln?"}), "names cannot contain"},
		"a name with a hash":      {workspaces(Workspace{Name: "kiln#2"}), "names cannot contain"},
		"a name with a percent":   {workspaces(Workspace{Name: "kiln%2"}), "names cannot contain"},
		"a group with a slash":    {workspaces(Workspace{ResourceGroup: "pots/and"}), "pots/and"},
		"a location with a dot":   {workspaces(Workspace{Location: "east.us"}), "east.us"},
		"a subscription":          {workspaces(Workspace{SubscriptionID: "mine"}), `subscription "mine" is not a GUID`},
		"a long account":          {workspaces(Workspace{StorageAccount: strings.Repeat("a", 25)}), "must be 3 to 24 lower-case letters and digits"},
		"a short account":         {workspaces(Workspace{StorageAccount: "ab"}), "must be 3 to 24 lower-case letters and digits"},
		"an upper-case account":   {workspaces(Workspace{StorageAccount: "Kiln"}), "must be 3 to 24 lower-case letters and digits"},
		"a cloud":                 {Options{Cloud: "AzureGermanCloud"}, `unknown cloud "AzureGermanCloud": use AzureCloud, AzureChinaCloud or AzureUSGovernment`},
		"a pace":                  {Options{Pace: "slow"}, `unknown pace "slow": use instant or real`},
		"environments":            {Options{Environments: "docker"}, `unknown environments "docker": use host or venv`},
		"a tenant":                {Options{TenantID: "mine"}, `tenant id "mine" is not a GUID`},
		"a client":                {Options{ClientID: "mine"}, `client id "mine"`},
		"two registries":          {registries("pottery", "Pottery"), "the registries pottery and Pottery"},
		"registries too alike":    {registries("pottery-one", "pottery_one"), "storage account registrypotteryone"},
		"long registries":         {registries("pottery-of-the-north-1", "pottery-of-the-north-2"), "differ in their first 16 letters and digits"},
		"a workspace's registry":  {Options{Workspaces: []Workspace{{StorageAccount: "registrypottery"}}, Registries: []Registry{{Name: "pottery"}}}, `storage account "registrypottery"`},
		"a seed's account":        {seeds(Seed{Account: "K", Container: "data", Dir: "."}), `storage account "K": must be 3 to 24`},
		"a seed's container":      {seeds(Seed{Account: "kilns", Container: "a--b", Dir: "."}), `container "a--b": must be 3 to 63`},
		"a seed's short name":     {seeds(Seed{Account: "kilns", Container: "ab", Dir: "."}), `container "ab"`},
		"a seed's folder":         {seeds(Seed{Account: "kilns", Container: "data", Dir: file + "-none"}), "seed kilns/data: "},
		"a seed that is a file":   {seeds(Seed{Account: "kilns", Container: "data", Dir: file}), "is not a folder"},
		"a data folder":           {Options{DataDir: filepath.Join(file, "below")}, "below"},
		"a keep time":             {Options{Keep: -1}, "must not be negative"},
		"a short registry":        {registries("ab"), "must be 3 to 33"},
		"a long registry":         {registries(strings.Repeat("a", 34)), "must be 3 to 33"},
		"a registry's folder":     {Options{Registries: []Registry{{Name: "pottery", Dir: file + "-none"}}}, "no such file"},
		"a registry that is none": {Options{Registries: []Registry{{Name: "pottery", Dir: file}}}, "is not a folder"},
		"a seed's long name":      {seeds(Seed{Account: "kilns", Container: strings.Repeat("a", 64), Dir: "."}), "must be 3 to 63"},
		"a seed's last letter":    {seeds(Seed{Account: "kilns", Container: "data-", Dir: "."}), "must be 3 to 63"},
	} {
		e, err := New(&test.options)
		if err == nil {
			_ = e.Close()
		}
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: error %v, want one that says %q", name, err, test.says)
			continue
		}
		texts[name] = strings.ReplaceAll(err.Error(), file, "FILE")
	}
	golden.Check(t, "options_that_cannot_be", texts)
}

// TestNamesAtTheirLimits: the shortest and the longest that can be.
func TestNamesAtTheirLimits(t *testing.T) {
	for name, o := range map[string]*Options{
		"short": {
			Workspaces: []Workspace{{Name: "k", Location: "e", StorageAccount: "abc"}}, Registries: []Registry{{Name: "a-b"}},
			Seeds: []Seed{{Account: "kil", Container: "a-b", Dir: "testdata"}},
		},
		"long": {
			Workspaces: []Workspace{{StorageAccount: strings.Repeat("9", 24)}}, Registries: []Registry{{Name: strings.Repeat("a", 32) + "_"}},
			Seeds: []Seed{{Account: strings.Repeat("k", 24), Container: "0" + strings.Repeat("a", 61) + "9", Dir: "testdata"}},
		},
		"one letter apart": {Registries: []Registry{{Name: strings.Repeat("a", 15) + "b"}, {Name: strings.Repeat("a", 15) + "c"}}},
	} {
		if _, _, err := o.resolve(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, want := range map[string]string{
		"Pottery-Shop_1": "registrypotteryshop1", strings.Repeat("a", 16): "registry" + strings.Repeat("a", 16), strings.Repeat("a", 17): "registry" + strings.Repeat("a", 16),
	} {
		if got := (Registry{Name: name}).account(); got != want {
			t.Errorf("the account of the registry %s is %s, want %s", name, got, want)
		}
	}
}

// TestDefaults: what the zero options mean, as their comments say.
func TestDefaults(t *testing.T) {
	e := NewTest(t, nil)
	want := []Workspace{{
		SubscriptionID: "11111111-1111-4111-8111-111111111111", ResourceGroup: "azmlbatch", Name: "laptop", Location: "eastus",
		StorageAccount: "azmlbatchlaptop",
	}}
	if diff := cmp.Diff(want, e.Workspaces()); diff != "" {
		t.Errorf("workspaces (-want +got):\n%s", diff)
	}
	if e.TenantID() != "22222222-2222-4222-8222-222222222222" || e.ClientID() != "33333333-3333-4333-8333-333333333333" || len(e.ClientSecret()) < 26 {
		t.Errorf("tenant %s, client %s, secret of %d letters", e.TenantID(), e.ClientID(), len(e.ClientSecret()))
	}
	long := NewTest(t, &Options{Workspaces: []Workspace{{Name: "The_Kiln-of-the-far-North"}}})
	if got := long.Workspaces()[0].StorageAccount; got != "azmlbatchthekilnofthefar" {
		t.Errorf("storage account %q, want the workspace's name cut to 24 letters and digits", got)
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

// TestKeysThatAreNone: a file that holds something else is named, with the remedy.
func TestKeysThatAreNone(t *testing.T) {
	block := func(kind string) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: []byte("clay")}))
	}
	for file, content := range map[string]string{
		"token-key.pem":     block("PRIVATE KEY"),
		"ca-key.pem":        block("EC PRIVATE KEY"),
		"ca-AzureCloud.pem": block("CERTIFICATE"),
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Start(t.Context(), &Options{DataDir: dir})
		if err == nil {
			_ = s.Close()
		}
		if err == nil || !strings.HasPrefix(err.Error(), "emulator: ") {
			t.Errorf("%s: %v", file, err)
		}
	}
}
