package emulator

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/uuid"

	"github.com/azmlbatch/azmlbatch/emulator/internal/arm"
	"github.com/azmlbatch/azmlbatch/emulator/internal/blob"
	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
	"github.com/azmlbatch/azmlbatch/emulator/internal/dataplane"
	"github.com/azmlbatch/azmlbatch/emulator/internal/frontdoor"
	"github.com/azmlbatch/azmlbatch/emulator/internal/jobs"
	"github.com/azmlbatch/azmlbatch/emulator/internal/login"
	"github.com/azmlbatch/azmlbatch/emulator/internal/schedules"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/scoring"
)

// services are the handlers of all hosts, over one shared state.
type services struct {
	options   Options
	cloud     cloud.Cloud
	functions func(code string) scoring.Func
	denied    func() []string

	login     *login.Service
	store     *store.Store
	blobs     *blob.Service
	arm       *arm.Handler
	jobs      *jobs.Runner
	scoring   *frontdoor.Handler
	dataplane *dataplane.Handler
	schedules *schedules.Service
}

// newServices opens the services and creates the workspaces and seeds. signing is the key for
// tokens, nil for one in memory only. The emulator has the Go functions and knows what is denied.
func newServices(o Options, c cloud.Cloud, signing *rsa.PrivateKey, e *Emulator) (*services, error) {
	s := &services{options: o, cloud: c, functions: e.functions.find, denied: e.faults.denied}
	err := s.openLogin(signing)
	for _, step := range []func() error{s.openState, s.openJobs, s.openManagement, s.createWorkspaces, s.createRegistries, s.showSeeds} {
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		err = step()
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *services) openLogin(signing *rsa.PrivateKey) (err error) {
	o := s.options
	object := uuid.NewSHA1(uuid.NameSpaceURL, []byte("service-principal/"+o.TenantID+"/"+o.ClientID)).String()
	s.login, err = login.New(login.Options{
		Cloud: s.cloud, Now: o.Now, TenantID: o.TenantID, Key: signing,
		Apps: []login.App{{ClientID: o.ClientID, ObjectID: object, Secret: o.ClientSecret}},
	})
	return err
}

// openState opens documents and blobs, in memory or below the data folder.
func (s *services) openState() (err error) {
	o := s.options
	documents, blobs := "", ""
	if o.DataDir != "" {
		documents, blobs = o.DataDir, filepath.Join(o.DataDir, "blobs")
	}
	if s.store, err = store.Open(documents); err != nil {
		return dataFolderError(o.DataDir, err)
	}
	s.blobs, err = blob.New(blob.Options{
		Suffix: s.cloud.StorageSuffix, Dir: blobs, Now: o.Now, VerifyToken: s.verifyStorage,
		TenantID: o.TenantID, LoginHost: s.cloud.LoginHosts[0], Logger: o.Logger,
	})
	if err != nil {
		return dataFolderError(o.DataDir, err)
	}
	return nil
}

// dataFolderError says what to do about a data folder that cannot be used.
func dataFolderError(dir string, err error) error {
	remedy := "move the folder away to begin with an empty one, or choose another with DataDir (--data)"
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.Is(err, store.ErrInUse):
		remedy = "stop that process, or choose another folder with DataDir (--data)"
	case errors.As(err, &path), errors.As(err, &link):
		remedy = "choose a folder that can be read and written with DataDir (--data)"
	}
	return fmt.Errorf("emulator: data folder %q: %w; %s", dir, err, remedy)
}

// verifyStorage checks a token for a storage account. Its audience is all of storage or the
// account's own address.
func (s *services) verifyStorage(authorization, account string) (tenant string, ok bool, reason string) {
	claims, refusal := s.login.Verify(authorization, s.cloud.BlobAudiences(account)...)
	if refusal != nil {
		return "", false, string(refusal.Reason)
	}
	return claims.TenantID, true, ""
}

func (s *services) openManagement() (err error) {
	pace := arm.Instant
	if s.options.Pace == PaceReal {
		pace = arm.Real
	}
	s.schedules = schedules.New(schedules.Options{Store: s.store, Now: s.options.Now, Fire: s.fire, Logger: s.options.Logger})
	s.arm, err = arm.New(arm.Options{
		Schedules: s.schedules,
		Store:     s.store, Cloud: s.cloud, TenantID: s.options.TenantID, Now: s.options.Now,
		Verify: s.login.Verify, Pace: pace, Accounts: s.blobs, Jobs: s.jobs, Denied: s.denied, Keep: s.options.Keep,
	})
	return err
}

// fire starts the job of a schedule, as its creator.
func (s *services) fire(schedule store.Document) error {
	author := store.Object(schedule, "systemData")
	caller := jobs.Caller{Name: store.Text(author, "createdBy"), Application: store.Text(author, "createdByType") != "User", TenantID: s.options.TenantID}
	var job string
	var err error
	if store.Text(schedule, "properties", "action", "actionType") == "CreateJob" {
		job, err = s.arm.CreateScheduledJob(schedule)
	} else {
		job, err = s.scoring.InvokeScheduled(context.Background(), schedule, caller)
	}
	if err == nil {
		s.options.Logger.Info("schedule started a job", "schedule", store.Text(schedule, "name"), "job", job)
	}
	return err
}

// openJobs opens the runner of jobs and the two hosts that show jobs.
func (s *services) openJobs() (err error) {
	o := s.options
	s.jobs, err = jobs.New(jobs.Options{
		Store: s.store, Blobs: s.blobs, Cloud: s.cloud, Now: o.Now, Python: o.Python, Logger: o.Logger,
		ScriptEnv: o.ScriptEnv, Keep: o.Keep, Venv: o.Environments == EnvironmentsVenv, VenvDir: o.EnvironmentsDir, Func: s.functions,
	})
	if err != nil {
		return err
	}
	s.scoring, err = frontdoor.New(frontdoor.Options{
		Store: s.store, Cloud: s.cloud, Verify: s.login.Verify, Jobs: s.jobs, Now: o.Now,
		Endpoint: func(region, name string) (string, bool) { return arm.EndpointID(s.store, region, name) },
	})
	if err != nil {
		return err
	}
	s.dataplane, err = dataplane.New(dataplane.Options{
		Store: s.store, Cloud: s.cloud, Verify: s.login.Verify, Logs: s.blobs, Now: o.Now, TenantID: o.TenantID,
		RegistryOperation: func(id string) (string, bool, bool) { return s.arm.RegistryOperation(id) },
	})
	return err
}

func (s *services) createWorkspaces() error {
	for _, w := range s.options.Workspaces {
		err := s.arm.CreateWorkspace(arm.Workspace{
			SubscriptionID: w.SubscriptionID, ResourceGroup: w.ResourceGroup, Name: w.Name,
			Location: w.Location, StorageAccount: w.StorageAccount, Keyless: w.Keyless,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// showSeeds shows the seeded folders as blobs. It first creates the accounts that belong to no
// workspace, with public containers.
func (s *services) showSeeds() error {
	public := map[string]map[string]bool{}
	for _, seed := range s.options.Seeds {
		if slices.ContainsFunc(s.options.Workspaces, func(w Workspace) bool { return w.StorageAccount == seed.Account }) {
			continue
		}
		if public[seed.Account] == nil {
			public[seed.Account] = map[string]bool{}
		}
		public[seed.Account][seed.Container] = true
	}
	for account, containers := range public {
		if err := s.blobs.AddAccount(blob.Account{Name: account, PublicContainers: containers}); err != nil {
			return err
		}
	}
	for _, seed := range s.options.Seeds {
		if err := s.blobs.Seed(seed.Account, seed.Container, seed.Prefix, seed.Dir); err != nil {
			return fmt.Errorf("emulator: %w", err)
		}
	}
	return nil
}

// handler returns the service for a kind of host.
func (s *services) handler(kind cloud.Kind) http.Handler {
	switch kind {
	case cloud.KindLogin:
		return s.login
	case cloud.KindManagement, cloud.KindRegistry:
		return s.ticked(s.arm)
	case cloud.KindBlob:
		return s.blobs
	case cloud.KindAPI:
		return s.settled(s.dataplane)
	case cloud.KindScoring:
		return s.settled(s.scoring)
	case cloud.KindSchemas:
		return http.HandlerFunc(serveSchema)
	}
	return http.NotFoundHandler()
}

// settled completes the operations that are due before the service answers. The management host
// does so by itself; the others only read its documents.
func (s *services) settled(room http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		s.arm.Settle()
		s.ticked(room).ServeHTTP(w, req)
	})
}

// ticked fires the schedules that are due before the service answers.
func (s *services) ticked(room http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		s.schedules.Tick()
		room.ServeHTTP(w, req)
	})
}

// close ends the jobs first, then the stores that they write to.
func (s *services) close() error {
	var errs []error
	if s.schedules != nil {
		s.schedules.Close()
	}
	if s.jobs != nil {
		errs = append(errs, s.jobs.Close())
	}
	if s.blobs != nil {
		errs = append(errs, s.blobs.Close())
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	return errors.Join(errs...)
}
