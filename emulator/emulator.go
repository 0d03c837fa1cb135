package emulator

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azcloud "github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
)

// Emulator is a small Azure without a socket: an [http.Handler] routed by host name, and a
// transport that calls it. It is safe for concurrent use. Create one with [New] and end it with
// [Emulator.Close]. [Start] serves one on a port.
type Emulator struct {
	options    Options // resolved
	cloud      cloud.Cloud
	credential azcore.TokenCredential
	services   *services
	faults     faults
	requests   requestLog
	functions  functions

	deploys  sync.Mutex // held by Deploy
	deployed int        // calls of Deploy

	ctx  context.Context // ends with Close
	stop context.CancelFunc

	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup // requests being answered
}

// New returns an emulator with the workspaces and seeds of the options. It opens no socket. Nil
// options mean the defaults. With a DataDir it continues from the state in that folder; it is an
// error if another emulator is still using the folder.
func New(options *Options) (*Emulator, error) {
	o, c, err := options.resolve()
	if err != nil {
		return nil, err
	}
	e := &Emulator{cloud: c, requests: requestLog{logger: o.Logger}}
	if err := e.faults.add(o.Faults); err != nil {
		return nil, err
	}
	keys, err := loadKeys(o.DataDir)
	if err != nil {
		return nil, err
	}
	if o.ClientSecret == "" {
		o.ClientSecret = keys.clientSecret
	}
	e.options = o
	if e.credential, err = newCredential(e); err != nil {
		return nil, err
	}
	if e.services, err = newServices(o, c, keys.signing, e); err != nil {
		return nil, err
	}
	e.ctx, e.stop = context.WithCancel(context.Background())
	return e, nil
}

func newCredential(e *Emulator) (azcore.TokenCredential, error) {
	o := e.options
	return azidentity.NewClientSecretCredential(o.TenantID, o.ClientID, o.ClientSecret, &azidentity.ClientSecretCredentialOptions{
		ClientOptions: azcore.ClientOptions{
			Transport: e,
			Cloud:     azcloud.Configuration{ActiveDirectoryAuthorityHost: "https://" + e.cloud.LoginHosts[0] + "/"},
		},
	})
}

// Credential returns azidentity's client-secret credential for the emulator's service principal. It
// gets its tokens from the emulator, in memory.
func (e *Emulator) Credential() azcore.TokenCredential { return e.credential }

// TenantID returns the GUID of the tenant.
func (e *Emulator) TenantID() string { return e.options.TenantID }

// ClientID returns the GUID of the service principal that can sign in.
func (e *Emulator) ClientID() string { return e.options.ClientID }

// ClientSecret returns the secret of that service principal.
func (e *Emulator) ClientSecret() string { return e.options.ClientSecret }

// Workspaces returns the workspaces with their defaults filled in.
func (e *Emulator) Workspaces() []Workspace { return append([]Workspace(nil), e.options.Workspaces...) }

// Inject adds faults after those that are there. See [Fault].
func (e *Emulator) Inject(faults ...Fault) error { return e.faults.add(faults) }

// ClearFaults removes all faults.
func (e *Emulator) ClearFaults() { e.faults.clear() }

// Requests returns the latest 10,000 requests at most, in the order in which they ended.
func (e *Emulator) Requests() []Request { return e.requests.all() }

// Close ends the emulator: it stops running jobs, cancels the requests in progress and waits for
// them. With a DataDir the state is complete on disk. Later requests are refused. Closing twice is
// not an error.
func (e *Emulator) Close() error {
	if !e.made() {
		return nil
	}
	e.mu.Lock()
	first := !e.closed
	e.closed = true
	e.mu.Unlock()
	e.stop()
	e.calls.Wait()
	if !first {
		return nil
	}
	return e.services.close()
}

// made reports whether the emulator comes from [New].
func (e *Emulator) made() bool { return e != nil && e.services != nil }

var errNotMade = errors.New("emulator: it was not made by New")

// begin counts a request that starts; it returns false when the emulator is closed.
func (e *Emulator) begin() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.calls.Add(1)
	return true
}

// UnknownHostError is the error of a request to a host that the emulator does not play. Nothing was
// sent anywhere.
type UnknownHostError struct {
	// Host is the host of the request.
	Host string
}

// Error names the host.
func (e *UnknownHostError) Error() string {
	return "the azmlbatch emulator does not play the host " + e.Host + "; nothing was sent"
}

// NonRetriable tells azcore's retry policy that a retry cannot help.
func (*UnknownHostError) NonRetriable() {}

// ServeHTTP answers as the host in the request's Host header. For an unknown host it answers 502
// with a text that names the host.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case cutConnection:
			panic(http.ErrAbortHandler)
		default:
			e.options.Logger.ErrorContext(r.Context(), "panic", "method", r.Method, "host", r.Host, "path", r.URL.Path, "panic", v, "stack", string(debug.Stack()))
			panic(v)
		}
	}()
	e.serve(w, r)
}

// serve is ServeHTTP for callers that can tell a cut connection from a panic.
func (e *Emulator) serve(w http.ResponseWriter, r *http.Request) {
	if !e.begin() {
		http.Error(w, errClosed.Error(), http.StatusServiceUnavailable)
		return
	}
	defer e.calls.Done()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(e.ctx, cancel)()
	e.requests.observe(http.HandlerFunc(e.dispatch), w, r.WithContext(ctx))
}

var errClosed = errors.New("the azmlbatch emulator is closed")

// dispatch finds the service for the request's host and the fault that applies, if any.
func (e *Emulator) dispatch(w http.ResponseWriter, r *http.Request) {
	route, ok := e.cloud.Route(r.Host)
	if !ok {
		err := &UnknownHostError{Host: cloud.HostName(r.Host)}
		e.options.Logger.WarnContext(r.Context(), err.Error(), "host", err.Host)
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Date", e.options.Now().UTC().Format(http.TimeFormat))
	service := e.services.handler(route.Kind)
	if fault, ok := e.faults.match(route.Kind, r); ok {
		applyFault(fault, route.Kind, faultWorld{e.options.Now, e.options.ClientID}, service, w, r)
		return
	}
	service.ServeHTTP(w, r)
}
