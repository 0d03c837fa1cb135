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

// Options says what an emulator plays. The zero value, and a nil pointer, is one workspace in
// memory in the public cloud.
type Options struct {
	// Workspaces are the workspaces there are, each with its storage account and its four built-in
	// datastores. Empty means one, the zero [Workspace].
	Workspaces []Workspace
	// Cloud chooses the host names and audiences. Empty means [PublicCloud].
	Cloud Cloud
	// TenantID is the GUID of the tenant. Empty means [DefaultTenantID].
	TenantID string
	// ClientID is the GUID of the service principal that can sign in. Empty means
	// [DefaultClientID].
	ClientID string
	// ClientSecret is that principal's secret. Empty means one made at random; with a DataDir it is
	// kept there.
	ClientSecret string
	// Now is the clock of everything that Azure's own clock decides: token lifetimes, timestamps,
	// and with [PaceReal] how long operations take. Nil means time.Now. azidentity does not know of
	// it: tokens that it keeps are refused once this clock has passed their end.
	Now func() time.Time
	// Pace says how long operations take. Empty means [PaceInstant].
	Pace Pace
	// DataDir keeps the state over a restart: resources, blobs, keys. It is created with access for
	// its owner only, and used by one emulator at a time. Empty keeps everything in memory.
	DataDir string
	// Python is the interpreter that runs scoring scripts. Empty means the python3 found in PATH.
	Python string
	// Environments says what becomes of the environments of deployments. Empty means
	// [EnvironmentsHost].
	Environments Environments
	// EnvironmentsDir keeps what [EnvironmentsVenv] has built, for other emulators too. Empty means
	// azmlbatch/environments in the user's cache folder.
	EnvironmentsDir string
	// Seeds are local folders shown as blobs.
	Seeds []Seed
	// Faults disturb the requests they match, the first that matches first.
	Faults []Fault
	// Listen is the host:port of [Start]; New does not use it. Empty means a free port of
	// 127.0.0.1. Whoever reaches the port and knows the secret can run Python code here, so think
	// before it is more than loopback.
	Listen string
	// Logger gets one record for each request (method, host, path, status and never a query or a
	// header), a warning for each refused host, and an error with its stack for each panic behind
	// the port. Nil logs nothing.
	Logger *slog.Logger
}

// Workspace names a workspace and where it is. Every empty field has a default.
type Workspace struct {
	// SubscriptionID is a GUID. Empty means [DefaultSubscriptionID].
	SubscriptionID string
	// ResourceGroup is the name of its resource group. Empty means "azmlbatch".
	ResourceGroup string
	// Name is the workspace's name. Empty means "laptop".
	Name string
	// Location is the region, part of the data plane's host names; "East US" is taken for "eastus".
	// Empty means "eastus".
	Location string
	// StorageAccount is the account behind its datastores, 3 to 24 lower-case letters and digits,
	// unique among the workspaces. Empty means "azmlbatch" and the workspace's name, cut to 24
	// characters.
	StorageAccount string
	// Keyless makes a workspace whose storage account takes no account keys: its datastores have no
	// secrets and blobs want a token or a user delegation SAS.
	Keyless bool
}

// Cloud is the name by which Azure's tools know a cloud.
type Cloud string

// The clouds that can be played.
const (
	PublicCloud       Cloud = "AzureCloud"
	ChinaCloud        Cloud = "AzureChinaCloud"
	USGovernmentCloud Cloud = "AzureUSGovernment"
)

// Pace says how long the operations take that Azure answers with 201 or 202 and lets the client
// poll.
type Pace string

const (
	// PaceInstant ends an operation at its second poll, whatever the clock says.
	PaceInstant Pace = "instant"
	// PaceReal lets operations take the time that recordings of the service show: 20 s for an
	// endpoint, 30 s for a deployment or a compute cluster, on the clock Options.Now.
	PaceReal Pace = "real"
)

// Environments says with which Python packages scoring scripts run. Docker images are not run in
// either case.
type Environments string

const (
	// EnvironmentsHost gives scripts Options.Python with the packages that it has.
	EnvironmentsHost Environments = "host"
	// EnvironmentsVenv gives them a virtual environment of Options.Python with the pip part of the
	// conda file of the deployment's environment, or for an MLflow model without a script of the
	// model's own. It is built with pip, which needs its package index, when the first job asks for
	// it, and kept. What cannot be had is told in the job's log.
	EnvironmentsVenv Environments = "venv"
)

// Names that hold when Options leave them empty.
const (
	DefaultSubscriptionID = "11111111-1111-4111-8111-111111111111"
	DefaultTenantID       = "22222222-2222-4222-8222-222222222222"
	DefaultClientID       = "33333333-3333-4333-8333-333333333333"
)

var (
	storageAccountName = regexp.MustCompile(`^[a-z0-9]{3,24}$`)
	containerName      = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{1,61}[a-z0-9])$`)
	locationName       = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	notAccountName     = regexp.MustCompile(`[^a-z0-9]`)
)

// resolve returns the options with every default filled in, checked.
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
		return r, c, fmt.Errorf("emulator: cloud %q is not played: want %s, %s or %s", r.Cloud, PublicCloud, ChinaCloud, USGovernmentCloud)
	}
	r.Cloud = Cloud(c.Name)
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
		return fmt.Errorf("emulator: pace %q: want %s or %s", o.Pace, PaceInstant, PaceReal)
	}
	if o.Environments != EnvironmentsHost && o.Environments != EnvironmentsVenv {
		return fmt.Errorf("emulator: environments %q: want %s or %s", o.Environments, EnvironmentsHost, EnvironmentsVenv)
	}
	accounts, names := map[string]bool{}, map[string]bool{}
	for _, w := range o.Workspaces {
		name := strings.ToLower(w.SubscriptionID + "/" + w.ResourceGroup + "/" + w.Name)
		switch {
		case names[name]:
			return fmt.Errorf("emulator: workspace %q of resource group %q is named twice", w.Name, w.ResourceGroup)
		case strings.ContainsAny(w.Name+w.ResourceGroup, `/\?#%`):
			return fmt.Errorf(`emulator: workspace %q, resource group %q: a name cannot have any of / \ ? # %%`, w.Name, w.ResourceGroup)
		case !locationName.MatchString(w.Location):
			return fmt.Errorf("emulator: workspace %q: location %q: want the short name of a region, such as eastus", w.Name, w.Location)
		case uuid.Validate(w.SubscriptionID) != nil:
			return fmt.Errorf("emulator: workspace %q: subscription %q is not a GUID", w.Name, w.SubscriptionID)
		case !storageAccountName.MatchString(w.StorageAccount):
			return fmt.Errorf("emulator: workspace %q: storage account %q: want 3 to 24 lower-case letters and digits", w.Name, w.StorageAccount)
		case accounts[w.StorageAccount]:
			return fmt.Errorf("emulator: workspace %q: storage account %q belongs to another workspace", w.Name, w.StorageAccount)
		}
		accounts[w.StorageAccount], names[name] = true, true
	}
	for _, s := range o.Seeds {
		if err := s.check(); err != nil {
			return fmt.Errorf("emulator: %w", err)
		}
	}
	return nil
}
