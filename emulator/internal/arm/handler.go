// Package arm plays the Azure management host (management.azure.com): the part of Azure Resource
// Manager that a batch-scoring client talks to, with its subscriptions, resource groups, storage
// accounts and the whole tree of an Azure Machine Learning workspace.
//
// Every resource is a JSON document in a [store.Store] under its ARM id, as the newest api-version
// shows it; members that an older version lacks are removed from the answer. Each kind of resource
// has its own file and adds its routes to one table. Reading requests and writing answers and
// refusals is shared (request*.go, answer*.go).
//
// The emulated service is that of 2026, as the recordings of the Azure SDKs show it, with one
// deliberate addition: PUT answers of batch endpoints and deployments carry AzureAsyncOperationUri
// in properties.properties, as the service did until early 2023, because Microsoft's REST
// walk-through polls nothing else.
//
// Not played: role assignments (every valid token may do everything), creating workspaces over
// HTTP, and jobs that are neither commands nor pipelines.
package arm

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/blob"
	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
	"github.com/azmlbatch/azmlbatch/emulator/internal/jobs"
	"github.com/azmlbatch/azmlbatch/emulator/internal/login"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// Options configures a [Handler].
type Options struct {
	// Store holds all state. Required.
	Store *store.Store
	// Cloud says which host names and audiences are played. Required.
	Cloud cloud.Cloud
	// TenantID is the tenant that the subscriptions belong to.
	TenantID string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Verify checks an Authorization header. Nil lets every request pass, for tests.
	Verify func(authorization string, audiences ...string) (login.Claims, *login.Refusal)
	// Pace says how long operations take; the zero value is Instant.
	Pace Pace
	// Accounts is the Blob service behind the storage accounts. Required for CreateWorkspace, code
	// uploads and datastore secrets.
	Accounts Accounts
	// Jobs runs and ends jobs; nil means that none ever runs.
	Jobs JobRunner
	// Schedules fires schedules; nil means that none ever fires.
	Schedules Schedules
	// Denied tells which actions of Azure's roles the caller lacks: names with *, where those of a
	// workspace may lack what all of them begin with. Nil means none.
	Denied func() []string
	// Keep is how long an ended operation can be polled; 0 means for ever.
	Keep time.Duration
	// User is the display name that systemData shows for whoever calls. Empty means the application
	// id of the token.
	User string
	// ReservedNames are endpoint names that are taken in the region, in any case.
	ReservedNames []string
}

// Accounts is the part of the Blob service that resource management needs.
type Accounts interface {
	// AddAccount adds an account, or changes one that exists.
	AddAccount(account blob.Account) error
	// CreateContainer makes a container; one that exists is not an error.
	CreateContainer(account, container string) error
	// AccountSAS returns the query text of a SAS for all containers of the account, signed with its
	// key.
	AccountSAS(account, permissions string, expiry time.Time) (string, error)
	// UserDelegationSAS returns the query text of a SAS for one container that needs no account
	// key.
	UserDelegationSAS(account, container, permissions string, start, expiry time.Time) (string, error)
}

// JobRunner runs jobs.
type JobRunner interface {
	// Start stores and runs a command or pipeline job, given its document. It returns at once. If
	// it fails, nothing is stored.
	Start(job store.Document, caller jobs.Caller) error
	// Runs reports whether the job with the ARM id jobID has been started and has not ended.
	Runs(jobID string) bool
	// Cancel asks the running job with the ARM id jobID to end. It returns at once; the job's
	// document says when it has ended. An error means that no such job is running.
	Cancel(jobID string) error
	// ComputesChanged is called after a compute was created, changed or deleted.
	ComputesChanged()
}

// Handler is the management host. It is safe for concurrent use; it answers one request at a time.
type Handler struct {
	store     *store.Store
	cloud     cloud.Cloud
	tenantID  string
	now       func() time.Time
	verify    func(string, ...string) (login.Claims, *login.Refusal)
	pace      Pace
	accounts  Accounts
	jobs      JobRunner
	schedules Schedules
	denied    func() []string
	keep      time.Duration
	user      string
	reserved  map[string]bool
	signer    *signer
	routes    routeTable

	// mu is held while a request is answered: a route reads, decides and writes without another
	// request in between.
	mu     sync.Mutex
	active map[string]bool // operations that have not ended, by id
	pruned time.Time       // when ended operations were looked through
}

// New returns the management host over the state in options.Store. Operations that had not ended
// when the state was last used continue.
func New(options Options) (*Handler, error) {
	if options.Store == nil {
		return nil, errors.New("arm: a store is required")
	}
	signer, err := loadSigner(options.Store)
	if err != nil {
		return nil, fmt.Errorf("arm: %w", err)
	}
	h := &Handler{
		store:     options.Store,
		cloud:     options.Cloud,
		tenantID:  options.TenantID,
		now:       options.Now,
		verify:    options.Verify,
		pace:      options.Pace,
		accounts:  options.Accounts,
		jobs:      options.Jobs,
		schedules: options.Schedules,
		denied:    options.Denied,
		keep:      options.Keep,
		user:      options.User,
		reserved:  map[string]bool{},
		signer:    signer,
		active:    map[string]bool{},
	}
	if h.now == nil {
		h.now = time.Now
	}
	for _, name := range options.ReservedNames {
		h.reserved[foldName(name)] = true
	}
	h.routes = newRouteTable(
		h.tenantRoutes(), h.providerRoutes(), h.quotaRoutes(), h.storageAccountRoutes(), h.workspaceRoutes(),
		h.datastoreRoutes(), h.computeRoutes(), h.assetRoutes(), h.codeRoutes(), h.datasetRoutes(),
		h.endpointRoutes(), h.deploymentRoutes(), h.jobRoutes(), h.scheduleRoutes(), h.registryRoutes(), h.operationRoutes(),
	)
	return h, h.resumeOperations()
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := newCall(h, r)
	c.answer(w, h.serve(c))
}

// serve checks a request the way ARM's gateway does, then hands it to the handler of its route.
func (h *Handler) serve(c *call) answer {
	route, known := h.routes.find(c)
	if !route.open {
		if refusal := c.authenticate(); refusal != nil {
			return *refusal
		}
	}
	if refusal := c.readVersion(); refusal != nil {
		return *refusal
	}
	if !known {
		return c.noSuchRoute()
	}
	if refusal := c.checkVersion(); refusal != nil {
		return *refusal
	}
	if refusal := c.readBody(); refusal != nil {
		return *refusal
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.settle()
	if refusal := c.findParents(); refusal != nil {
		return *refusal
	}
	return route.serve(c)
}
