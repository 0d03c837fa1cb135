package azmlbatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
)

// StorageCredential says what opens a datastore's storage.
type StorageCredential string

const (
	// StorageCredentialAuto tries the client's own credential first, then the signature (SAS) that
	// the workspace hands out for the datastore, then the account's key. What worked is remembered.
	StorageCredentialAuto StorageCredential = ""
	// StorageCredentialIdentity uses the client's own credential and nothing else.
	StorageCredentialIdentity StorageCredential = "identity"
	// StorageCredentialSecrets asks the workspace for the datastore's secrets first. It uses the
	// client's own credential only if there are none, or if the account takes no keys.
	StorageCredentialSecrets StorageCredential = "secrets"
)

// way is one way into a container.
type way int

const (
	byIdentity  way = iota // the client's own token
	bySecrets              // what listSecrets gives for the datastore
	anonymously            // a public container
	bySignature            // the signature of the URL
)

// waysIn lists what may open a place, in the order to try.
func waysIn(at place, prefer StorageCredential) []way {
	switch {
	case at.sas != "":
		return []way{bySignature}
	case prefer == StorageCredentialIdentity || at.keyless:
		return []way{byIdentity}
	case at.datastore == "": // secrets: only if the account is that of the default datastore
		return []way{byIdentity, bySecrets, anonymously}
	case prefer == StorageCredentialSecrets:
		return []way{bySecrets, byIdentity}
	}
	return []way{byIdentity, bySecrets}
}

// storageState is what a client remembers about storage. Its zero value is ready.
type storageState struct {
	mu         sync.Mutex
	http       sync.Once
	plain      *http.Client
	token      cached[azcore.AccessToken] // the caller's own, for storage
	noCRC      sync.Map                   // by host: *atomic.Bool
	clients    map[string]*blockblob.Client
	works      map[place]way      // by container
	standard   *cached[Datastore] // the default one
	datastores map[string]*cached[Datastore]
	secrets    map[string]*cached[storeSecret] // by datastore
}

// httpClient makes the requests to storage, with the caller's transport or one of our own, made at
// its first use.
func (s *storageState) httpClient(own policy.Transporter) *http.Client {
	s.http.Do(func() {
		if own == nil {
			own = &http.Client{Transport: storageTransport()}
		}
		s.plain = plainClient(own)
	})
	return s.plain
}

// roundTrip makes a request without what http.Client adds to it, where the caller's adds nothing.
func (s *storageState) roundTrip(own policy.Transporter, req *http.Request) (*http.Response, error) {
	client := s.httpClient(own)
	if client.Transport == nil || client.Timeout > 0 || client.Jar != nil {
		return client.Do(req)
	}
	return client.Transport.RoundTrip(req)
}

// client returns the client of a kind of credential; open makes it at its first use.
func (s *storageState) client(kind string, open func() (*blockblob.Client, error)) (*blockblob.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.clients[kind]; ok {
		return c, nil
	}
	c, err := open()
	if err == nil {
		put(&s.clients, kind, c)
	}
	return c, err
}

// order moves the way that worked last to the front.
func (s *storageState) order(at place, ways []way) []way {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.works[at.at("")]; ok && len(ways) > 1 {
		if i := slices.Index(ways, last); i > 0 {
			ways = slices.Insert(slices.Delete(ways, i, i+1), 0, last)
		}
	}
	return ways
}

func (s *storageState) remember(at place, w way) {
	if w == bySignature {
		return // the URL says it
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	put(&s.works, at.at(""), w)
}

func (s *storageState) defaultStore() *cached[Datastore] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.standard == nil {
		s.standard = new(cached[Datastore])
	}
	return s.standard
}

func (s *storageState) store(name string) *cached[Datastore] { return cachedIn(s, &s.datastores, name) }

func (s *storageState) secret(name string) *cached[storeSecret] { return cachedIn(s, &s.secrets, name) }

func cachedIn[T any](s *storageState, m *map[string]*cached[T], name string) *cached[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := (*m)[name]; !ok {
		put(m, name, new(cached[T]))
	}
	return (*m)[name]
}

// storeSecret opens the storage of a datastore: a signature or a key.
type storeSecret struct {
	sas, key Secret
	renew    time.Time // it is asked for again from then on
	again    time.Time // when it was asked for because storage refused the one before
}

// differs reports whether it is another secret than s.
func (s storeSecret) differs(other storeSecret) bool { return s.sas != other.sas || s.key != other.key }

// storeSecret returns the secret of a datastore. It asks the workspace once in the secret's
// lifetime.
func (c *Client) storeSecret(ctx context.Context, name string) (storeSecret, error) {
	valid := func(s storeSecret) bool { return c.clock.now().Before(s.renew) }
	return c.storage.secret(name).get(ctx, valid, func(ctx context.Context) (storeSecret, error) { return c.readSecret(ctx, name) })
}

func (c *Client) readSecret(ctx context.Context, name string) (storeSecret, error) {
	secrets, err := c.Datastores().Secrets(ctx, name)
	if err != nil {
		return storeSecret{}, err
	}
	end := c.clock.now().Add(secretHours * time.Hour)
	switch v := secrets.(type) {
	case AccountKeySecrets:
		return storeSecret{key: v.Key, renew: end.Add(-secretMargin)}, nil
	case SASSecrets:
		return storeSecret{sas: v.Token, renew: sasEnd(v.Token, end).Add(-secretMargin)}, nil
	}
	return storeSecret{}, errNoSecrets
}

// rotated reports whether the workspace has another secret than the one that storage refused with
// err. It asks the workspace at most once a minute.
func (c *Client) rotated(ctx context.Context, op operation, at place, refused storeSecret, err error) bool {
	if !refused.differs(storeSecret{}) || !HasCode(err, "AuthenticationFailed") {
		return false
	}
	name, err := c.secretsFor(ctx, op, at)
	if err != nil {
		return false
	}
	valid := func(s storeSecret) bool { return s.differs(refused) || c.clock.now().Before(s.again.Add(time.Minute)) }
	s, err := c.storage.secret(name).get(ctx, valid, func(ctx context.Context) (storeSecret, error) {
		s, err := c.readSecret(ctx, name)
		s.again = c.clock.now()
		return s, err
	})
	return err == nil && s.differs(refused)
}

// sasEnd reads when a signature ends.
func sasEnd(token Secret, otherwise time.Time) time.Time {
	query, err := url.ParseQuery(strings.TrimPrefix(string(token), "?"))
	if err != nil {
		return otherwise
	}
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04Z", time.DateOnly} {
		if end, err := time.Parse(form, query.Get("se")); err == nil {
			return end
		}
	}
	return otherwise
}

// forgetDatastore drops what is remembered about a datastore that was changed through this client.
func (c *Client) forgetDatastore(name string) {
	if c == nil {
		return
	}
	s := &c.storage
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.datastores, name)
	delete(s.secrets, name)
	s.standard = nil
	for at := range s.works {
		if at.datastore == name {
			delete(s.works, at)
		}
	}
}

var errNoSecrets = errors.New("the datastore has no secrets that open its storage")

// connections lets as many requests of a transfer reuse their connection as run at once; net/http
// keeps two by default.
const connections = 320

func storageTransport() http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	t = t.Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, connections
	t.WriteBufferSize = 32 << 10 // head and body of a small file leave in one piece
	return t
}

// storageError turns errors of storage into *[Error]. Those of this package pass through.
func storageError(op operation, err error) error {
	var own *Error
	var bad *ArgumentError
	var answer *azcore.ResponseError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own), errors.As(err, &bad):
		return err
	case errors.As(err, &answer) && answer.RawResponse != nil:
		return newResponseError(op.String(), answer.RawResponse)
	}
	return transportError(op, err)
}

// refused reports whether another way in may work: storage refused this one, or the credential gave
// no token. A refusal by the account's network rules does not depend on the way. To anonymous
// callers, storage answers that a private container does not exist.
func refused(err error, w way) bool {
	var noToken *tokenError
	if errors.As(err, &noToken) {
		return true
	}
	if HasCode(err, "AuthorizationFailure", "InsufficientAccountPermissions") {
		return false
	}
	if w == anonymously && HasCode(err, "PublicAccessNotPermitted", "ResourceNotFound") {
		return true
	}
	return errors.Is(err, ErrUnauthorized) || errors.Is(err, ErrForbidden)
}

// statusOf returns the HTTP status of an error, 0 without one.
func statusOf(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.StatusCode
	}
	return 0
}

// tokenError means that the credential gave no token for storage.
type tokenError struct{ error }

func (e *tokenError) Unwrap() error { return e.error }

// located adds container, account and datastore to the remedy of an error that concerns all of the
// container, such as a missing role.
func (p place) located(err error) error {
	var e *Error
	if !errors.As(err, &e) || e.StatusCode == 0 || strings.HasSuffix(e.Remedy, p.described()) {
		return err
	}
	remedy := containerRemedy(e)
	if remedy == "" && !errors.Is(err, ErrUnauthorized) && !errors.Is(err, ErrForbidden) {
		return err
	}
	e.Remedy = cmp.Or(remedy, e.Remedy) + p.described()
	return err
}

// described names container, account and datastore, to append to a sentence.
func (p place) described() string {
	text := fmt.Sprintf(" (container %q of storage account %q", p.container, p.account())
	if p.datastore != "" {
		text += fmt.Sprintf(", datastore %q", p.datastore)
	}
	return text + ")"
}

// containerRemedy says what to do about a container or account that takes no requests; "" for other
// errors.
func containerRemedy(e *Error) string {
	switch {
	case e.has("ContainerNotFound"), e.has("FilesystemNotFound"):
		return "the container does not exist: create it, or name another datastore"
	case e.has("ContainerBeingDeleted"):
		return "the container is being deleted: name another datastore, or create it again in some minutes"
	case e.has("ContainerDisabled"), e.has("AccountIsDisabled"):
		return "the storage is disabled: ask the owner of the storage account"
	case e.has("AccountBeingCreated"):
		return "the storage account is being created: try again in some minutes"
	}
	return ""
}
