package emulator

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
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
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/scoring"
)

// rooms are the handlers of the hosts that are played, over one state.
type rooms struct {
	options   Options
	cloud     cloud.Cloud
	functions func(code string) scoring.Func

	login     *login.Service
	store     *store.Store
	blobs     *blob.Service
	arm       *arm.Handler
	jobs      *jobs.Runner
	scoring   *frontdoor.Handler
	dataplane *dataplane.Handler
}

// furnish makes the rooms and what is in them at the start. signing is the key
// of tokens, nil for one that lives in memory; functions finds the Go function
// behind a version of code.
func furnish(o Options, c cloud.Cloud, signing *rsa.PrivateKey, functions func(code string) scoring.Func) (*rooms, error) {
	r := &rooms{options: o, cloud: c, functions: functions}
	err := r.openLogin(signing)
	for _, step := range []func() error{r.openState, r.openJobs, r.openManagement, r.createWorkspaces, r.sow} {
		if err != nil {
			return nil, errors.Join(err, r.close())
		}
		err = step()
	}
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func (r *rooms) openLogin(signing *rsa.PrivateKey) (err error) {
	o := r.options
	object := uuid.NewSHA1(uuid.NameSpaceURL, []byte("service-principal/"+o.TenantID+"/"+o.ClientID)).String()
	r.login, err = login.New(login.Options{
		Cloud: r.cloud, Now: o.Now, TenantID: o.TenantID, Key: signing,
		Apps: []login.App{{ClientID: o.ClientID, ObjectID: object, Secret: o.ClientSecret}},
	})
	return err
}

// openState opens documents and blobs, in memory or below the data folder.
func (r *rooms) openState() (err error) {
	o := r.options
	documents, blobs := "", ""
	if o.DataDir != "" {
		documents, blobs = o.DataDir, filepath.Join(o.DataDir, "blobs")
	}
	if r.store, err = store.Open(documents); err != nil {
		return err
	}
	r.blobs, err = blob.New(blob.Options{
		Suffix: r.cloud.StorageSuffix, Dir: blobs, Now: o.Now, VerifyToken: r.verifyStorage,
		TenantID: o.TenantID, LoginHost: r.cloud.LoginHosts[0], Logger: o.Logger,
	})
	return err
}

// verifyStorage judges a token for a storage account: one for all of storage,
// or for the account's own address.
func (r *rooms) verifyStorage(authorization, account string) (tenant string, ok bool, reason string) {
	claims, refusal := r.login.Verify(authorization, r.cloud.BlobAudiences(account)...)
	if refusal != nil {
		return "", false, string(refusal.Reason)
	}
	return claims.TenantID, true, ""
}

func (r *rooms) openManagement() (err error) {
	pace := arm.Instant
	if r.options.Pace == PaceReal {
		pace = arm.Real
	}
	r.arm, err = arm.New(arm.Options{
		Store: r.store, Cloud: r.cloud, TenantID: r.options.TenantID, Now: r.options.Now,
		Verify: r.login.Verify, Pace: pace, Accounts: r.blobs, Jobs: r.jobs,
	})
	return err
}

// openJobs opens what runs jobs, and the two hosts that show them.
func (r *rooms) openJobs() (err error) {
	o := r.options
	r.jobs, err = jobs.New(jobs.Options{
		Store: r.store, Blobs: r.blobs, Cloud: r.cloud, Now: o.Now, Python: o.Python, Logger: o.Logger,
		Venv: o.Environments == EnvironmentsVenv, VenvDir: o.EnvironmentsDir, Func: r.functions,
	})
	if err != nil {
		return err
	}
	r.scoring, err = frontdoor.New(frontdoor.Options{
		Store: r.store, Cloud: r.cloud, Verify: r.login.Verify, Jobs: r.jobs, Now: o.Now,
		Endpoint: func(region, name string) (string, bool) { return arm.EndpointID(r.store, region, name) },
	})
	if err != nil {
		return err
	}
	r.dataplane, err = dataplane.New(dataplane.Options{
		Store: r.store, Cloud: r.cloud, Verify: r.login.Verify, Logs: r.blobs, Now: o.Now,
	})
	return err
}

func (r *rooms) createWorkspaces() error {
	for _, w := range r.options.Workspaces {
		err := r.arm.CreateWorkspace(arm.Workspace{
			SubscriptionID: w.SubscriptionID, ResourceGroup: w.ResourceGroup, Name: w.Name,
			Location: w.Location, StorageAccount: w.StorageAccount, Keyless: w.Keyless,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sow shows the seeded folders. Accounts that belong to no workspace are made
// first, open to everybody.
func (r *rooms) sow() error {
	public := map[string]map[string]bool{}
	for _, s := range r.options.Seeds {
		if slices.ContainsFunc(r.options.Workspaces, func(w Workspace) bool { return w.StorageAccount == s.Account }) {
			continue
		}
		if public[s.Account] == nil {
			public[s.Account] = map[string]bool{}
		}
		public[s.Account][s.Container] = true
	}
	for account, containers := range public {
		if err := r.blobs.AddAccount(blob.Account{Name: account, PublicContainers: containers}); err != nil {
			return err
		}
	}
	for _, s := range r.options.Seeds {
		if err := r.blobs.Seed(s.Account, s.Container, s.Prefix, s.Dir); err != nil {
			return fmt.Errorf("emulator: %w", err)
		}
	}
	return nil
}

// handler returns the room for a kind of host.
func (r *rooms) handler(kind cloud.Kind) http.Handler {
	switch kind {
	case cloud.KindLogin:
		return r.login
	case cloud.KindManagement:
		return r.arm
	case cloud.KindBlob:
		return r.blobs
	case cloud.KindAPI:
		return r.settled(r.dataplane)
	case cloud.KindScoring:
		return r.settled(r.scoring)
	}
	return http.NotFoundHandler()
}

// settled ends the operations whose time has come before the room answers: the
// management host does so itself, the others only read its documents.
func (r *rooms) settled(room http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.arm.Settle()
		room.ServeHTTP(w, req)
	})
}

// close ends the jobs, then what they write to.
func (r *rooms) close() error {
	var errs []error
	if r.jobs != nil {
		errs = append(errs, r.jobs.Close())
	}
	if r.blobs != nil {
		errs = append(errs, r.blobs.Close())
	}
	if r.store != nil {
		errs = append(errs, r.store.Close())
	}
	return errors.Join(errs...)
}
