package emulator

import (
	"cmp"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
)

// Options configure an emulator. The zero value and a nil pointer mean one workspace in memory in
// the public cloud.
type Options struct {
	// Workspaces are the workspaces, each with a storage account and the four built-in datastores.
	// Empty means one, the zero [Workspace].
	Workspaces []Workspace
	// Cloud chooses the host names and audiences. Empty means [CloudPublic].
	Cloud Cloud
	// TenantID is the GUID of the tenant. Empty means [DefaultTenantID].
	TenantID string
	// ClientID is the GUID of the service principal that can sign in. Empty means
	// [DefaultClientID].
	ClientID string
	// ClientSecret is that principal's secret. Empty means a random one, which a DataDir keeps.
	ClientSecret string
	// Now is the clock for token lifetimes, timestamps, leases and, with [PaceReal], how long
	// operations take. Nil means time.Now. azidentity uses the real clock: the tokens that it
	// caches are refused once this clock has passed their expiry.
	Now func() time.Time
	// Pace is how long operations take. Empty means [PaceInstant].
	Pace Pace
	// DataDir is the folder that keeps resources, blobs and keys across restarts. It is created if
	// needed, with access for its owner only. One emulator at a time can use it. Empty keeps
	// everything in memory.
	DataDir string
	// Keep is how long an ended job is kept with its logs, and an ended operation can be polled. What
	// a job wrote to its outputs stays. 0 means for ever.
	Keep time.Duration
	// Python is the interpreter that runs scoring scripts. Empty means the python3 found in PATH.
	Python string
	// ScriptEnv names variables of this process that scoring scripts see beside those that every
	// program needs, such as PATH and HOME. Scripts see nothing else of this process's environment,
	// and so none of its secrets. A name that ends in * stands for all names that begin so.
	ScriptEnv []string
	// Environments is which Python packages scripts get. Empty means [EnvironmentsHost].
	Environments Environments
	// EnvironmentsDir is the folder of the virtual environments of [EnvironmentsVenv]. Emulators
	// can share it. Empty means azmlbatch/environments in the user's cache folder.
	EnvironmentsDir string
	// Seeds are local folders shown as blobs.
	Seeds []Seed
	// Registries are the registries that workspaces can refer to. Empty means none.
	Registries []Registry
	// Faults make matching requests fail. The first fault that matches applies.
	Faults []Fault
	// Listen is the host:port of [Start]; New does not use it. Empty means a free port of
	// 127.0.0.1. Anyone who reaches the port and knows the secret can run Python code on this
	// machine, so keep it on loopback.
	Listen string
	// StudioURL is how the links of jobs to the studio begin, for example the address of a page of
	// package ui. Empty means Azure's own studio, which the emulator does not play. Jobs that a
	// DataDir has keep their links.
	StudioURL string
	// Logger gets a record for each request with method, host, path and status (never the query or
	// headers), a warning for each host and each request that the emulator does not play, and an error with the stack for each panic. Nil
	// logs nothing.
	Logger *slog.Logger
}

// Workspace describes a workspace. Every empty field has a default.
type Workspace struct {
	// SubscriptionID is a GUID. Empty means [DefaultSubscriptionID].
	SubscriptionID string
	// ResourceGroup is the name of its resource group. Empty means "azmlbatch".
	ResourceGroup string
	// Name is the workspace's name. Empty means "laptop".
	Name string
	// Location is the region, which is part of host names. "East US" means "eastus", and so does
	// empty.
	Location string
	// StorageAccount is the account behind its datastores, 3 to 24 lower-case letters and digits,
	// unique among the workspaces. Empty means "azmlbatch" followed by the workspace's name, cut to
	// 24 characters.
	StorageAccount string
	// Keyless makes a workspace whose storage account refuses account keys: its datastores have no
	// secrets, and blobs need a token or a user delegation SAS.
	Keyless bool
}

// Cloud is a cloud, by the name that Azure's tools use.
type Cloud string

// The clouds.
const (
	CloudPublic       Cloud = "AzureCloud"
	CloudChina        Cloud = "AzureChinaCloud"
	CloudUSGovernment Cloud = "AzureUSGovernment"
)

// Pace is how long the operations take that a client has to poll.
type Pace string

const (
	// PaceInstant completes an operation at its first poll, whatever the clock says, so that no
	// client waits for a second one. A cancel completes when its job has ended.
	PaceInstant Pace = "instant"
	// PaceReal takes as long as recordings of the service show: 20 s for an endpoint, 30 s for a
	// deployment or a compute cluster, by the clock Options.Now.
	PaceReal Pace = "real"
)

// Environments is which Python packages scoring scripts get. Docker images never run.
type Environments string

const (
	// EnvironmentsHost runs scripts with Options.Python and the packages that it has.
	EnvironmentsHost Environments = "host"
	// EnvironmentsVenv runs them in a virtual environment of Options.Python with the pip packages
	// of the deployment's conda file, or of the model's own for an MLflow model without a script.
	// The first job that needs it builds it with pip, from pip's package index; later jobs reuse
	// it. The job's log lists the packages that could not be installed.
	EnvironmentsVenv Environments = "venv"
)

// The names when Options leave them empty.
const (
	DefaultSubscriptionID = "11111111-1111-4111-8111-111111111111"
	DefaultTenantID       = "22222222-2222-4222-8222-222222222222"
	DefaultClientID       = "33333333-3333-4333-8333-333333333333"
)

var (
	containerName  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{1,61}[a-z0-9])$`)
	locationName   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	notAccountName = regexp.MustCompile(`[^a-z0-9]`)
)

// resolve fills in the defaults and checks the options.
func (o *Options) resolve() (Options, cloud.Cloud, error) {
	var r Options
	if o != nil {
		r = *o
	}
	r.TenantID = cmp.Or(r.TenantID, DefaultTenantID)
	r.ClientID = cmp.Or(r.ClientID, DefaultClientID)
	r.Pace = cmp.Or(r.Pace, PaceInstant)
	r.Environments = cmp.Or(r.Environments, EnvironmentsHost)
	if r.Now == nil {
		r.Now = time.Now
	}
	if r.Logger == nil {
		r.Logger = slog.New(slog.DiscardHandler)
	}
	r.Workspaces = slices.Clone(r.Workspaces)
	if len(r.Workspaces) == 0 {
		r.Workspaces = []Workspace{{}}
	}
	for i := range r.Workspaces {
		r.Workspaces[i] = r.Workspaces[i].resolve()
	}
	c, ok := cloud.ByName(string(r.Cloud))
	if !ok {
		return r, c, fmt.Errorf("emulator: unknown cloud %q: use %s, %s or %s", r.Cloud, CloudPublic, CloudChina, CloudUSGovernment)
	}
	r.Cloud = Cloud(c.Name)
	c.StudioURL = cmp.Or(strings.TrimSuffix(r.StudioURL, "/"), c.StudioURL)
	return r, c, r.check()
}

func (w Workspace) resolve() Workspace {
	w.SubscriptionID = cmp.Or(w.SubscriptionID, DefaultSubscriptionID)
	w.ResourceGroup = cmp.Or(w.ResourceGroup, "azmlbatch")
	w.Name = cmp.Or(w.Name, "laptop")
	w.Location = strings.ToLower(strings.ReplaceAll(cmp.Or(w.Location, "eastus"), " ", ""))
	if w.StorageAccount == "" {
		account := "azmlbatch" + notAccountName.ReplaceAllString(strings.ToLower(w.Name), "")
		w.StorageAccount = account[:min(len(account), 24)]
	}
	return w
}

func (o *Options) check() error {
	if o.Pace != PaceInstant && o.Pace != PaceReal {
		return fmt.Errorf("emulator: unknown pace %q: use %s or %s", o.Pace, PaceInstant, PaceReal)
	}
	if o.Keep < 0 {
		return fmt.Errorf("emulator: keep %s: must not be negative", o.Keep)
	}
	if o.Environments != EnvironmentsHost && o.Environments != EnvironmentsVenv {
		return fmt.Errorf("emulator: unknown environments %q: use %s or %s", o.Environments, EnvironmentsHost, EnvironmentsVenv)
	}
	for what, id := range map[string]string{"tenant": o.TenantID, "client": o.ClientID} {
		if uuid.Validate(id) != nil {
			return fmt.Errorf("emulator: %s id %q is not a GUID", what, id)
		}
	}
	return o.checkPlaces()
}

// checkPlaces checks the workspaces, the registries and the seeds.
func (o *Options) checkPlaces() error {
	accounts, names := map[string]bool{}, map[string]bool{}
	for _, w := range o.Workspaces {
		name := strings.ToLower(w.SubscriptionID + "/" + w.ResourceGroup + "/" + w.Name)
		switch {
		case names[name]:
			return fmt.Errorf("emulator: workspace %q of resource group %q is listed twice; give each workspace its own name", w.Name, w.ResourceGroup)
		case strings.ContainsAny(w.Name+w.ResourceGroup, `/\?#%`):
			return fmt.Errorf(`emulator: workspace %q in resource group %q: names cannot contain / \ ? # or %%`, w.Name, w.ResourceGroup)
		case !locationName.MatchString(w.Location):
			return fmt.Errorf("emulator: workspace %q: location %q: use the short name of a region, such as eastus", w.Name, w.Location)
		case uuid.Validate(w.SubscriptionID) != nil:
			return fmt.Errorf("emulator: workspace %q: subscription %q is not a GUID", w.Name, w.SubscriptionID)
		case !cloud.IsStorageAccount(w.StorageAccount):
			return fmt.Errorf("emulator: workspace %q: storage account %q: must be 3 to 24 lower-case letters and digits", w.Name, w.StorageAccount)
		case accounts[w.StorageAccount]:
			return fmt.Errorf("emulator: workspace %q: storage account %q is used by another workspace; give each its own", w.Name, w.StorageAccount)
		}
		accounts[w.StorageAccount], names[name] = true, true
	}
	if err := o.checkRegistries(accounts); err != nil {
		return fmt.Errorf("emulator: %w", err)
	}
	for _, s := range o.Seeds {
		if err := s.check(); err != nil {
			return fmt.Errorf("emulator: %w", err)
		}
	}
	return nil
}
