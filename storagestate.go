package azmlbatch

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
)

// StorageCredential says what opens a datastore's storage.
type StorageCredential string

const (
	// StorageAuto uses the client's own credential; where storage refuses it, the signature (SAS) that the workspace
	// hands out for the datastore; and the account's key only where there is no signature. What worked is remembered.
	StorageAuto StorageCredential = ""
	// StorageIdentity uses the client's own credential and nothing else.
	StorageIdentity StorageCredential = "identity"
	// StorageSecrets asks the workspace for the datastore's secrets at once, and uses the client's own credential only
	// where there are none or the account takes no keys.
	StorageSecrets StorageCredential = "secrets"
)

// way is one way into a container.
type way int

const (
	byIdentity  way = iota // the client's own token
	bySecrets              // what listSecrets gives for the datastore
	anonymously            // a public container
	bySignature            // the signature of the URL
)

// waysIn lists what may open a place, in the order in which it is tried.
func waysIn(at place, prefer StorageCredential) []way {
	switch {
	case at.sas != "":
		return []way{bySignature}
	case prefer == StorageIdentity || at.keyless:
		return []way{byIdentity}
	case at.datastore == "": // secrets: only if the account is that of the default datastore
		return []way{byIdentity, bySecrets, anonymously}
	case prefer == StorageSecrets:
		return []way{bySecrets, byIdentity}
	}
	return []way{byIdentity, bySecrets}
}

// storageState is what a client learns about storage and keeps. Its zero value is ready.
type storageState struct {
	mu         sync.Mutex
	roundTrip  http.RoundTripper
	clients    map[string]*blockblob.Client
	works      map[place]way    // by container
	standard   *kept[Datastore] // the default one
	datastores map[string]*kept[Datastore]
	secrets    map[string]*kept[storeSecret] // by datastore
}

// transport is the caller's, or one for all blob requests of the client.
func (s *storageState) transport(own policy.Transporter) policy.Transporter {
	if own != nil {
		return own
	}
	if s.roundTrip == nil { // under mu: clients are made by client
		s.roundTrip = storageTransport()
	}
	return &http.Client{Transport: s.roundTrip}
}

// client returns the client of a kind of credential, made at its first use.
func (s *storageState) client(kind string, make func() (*blockblob.Client, error)) (*blockblob.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.clients[kind]; ok {
		return c, nil
	}
	c, err := make()
	if err == nil {
		put(&s.clients, kind, c)
	}
	return c, err
}

// order puts the way that worked last first.
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

func put[K comparable, V any](m *map[K]V, key K, value V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[key] = value
}

func (s *storageState) defaultStore() *kept[Datastore] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.standard == nil {
		s.standard = new(kept[Datastore])
	}
	return s.standard
}

func (s *storageState) store(name string) *kept[Datastore] { return keptIn(s, &s.datastores, name) }

func (s *storageState) secret(name string) *kept[storeSecret] { return keptIn(s, &s.secrets, name) }

func keptIn[T any](s *storageState, m *map[string]*kept[T], name string) *kept[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := (*m)[name]; !ok {
		put(m, name, new(kept[T]))
	}
	return (*m)[name]
}

// blobCall makes one call of azblob for the place, with the first way in that storage does not refuse. The call may run
// several times and must begin anew each time. Of several refusals the caller sees that of its own identity, because that
// one has a remedy.
func (c *Client) blobCall(ctx context.Context, op operation, at place, prefer StorageCredential, call func(context.Context, *blockblob.Client) error) (err error) {
	ctx, end := c.begin(ctx, op, slog.LevelDebug)
	defer end(&err)
	var refusal error
	for _, w := range c.storage.order(at, waysIn(at, prefer)) {
		b, sign, err := c.enter(ctx, op, w, at)
		if err == nil {
			err = storageError(op, call(withTarget(ctx, blobTarget{url: at.url(), sign: sign}), b))
			if !refused(err, w) {
				if err == nil || statusOf(err) != 0 {
					c.storage.remember(at, w)
				}
				return err
			}
		}
		if ctx.Err() != nil {
			return err
		}
		if refusal == nil || w == byIdentity {
			refusal = err
		}
	}
	return refusal
}

// enter returns the client of a way in, and what signs its requests.
func (c *Client) enter(ctx context.Context, op operation, w way, at place) (*blockblob.Client, func(context.Context) (string, error), error) {
	switch w {
	case byIdentity:
		b, err := c.storage.client("identity", c.newIdentityClient)
		return b, nil, err
	case bySecrets:
		return c.enterBySecrets(ctx, op, at)
	}
	b, err := c.storage.client("open", c.newOpenClient)
	if w == anonymously {
		return b, nil, err
	}
	return b, func(context.Context) (string, error) { return at.sas, nil }, err
}

var errNoSecrets = errors.New("the datastore has no secrets that open its storage")

// enterBySecrets uses the datastore's secrets. A URL without datastore may lie in the account of the default datastore,
// whose secrets open all containers of the account; the workspace keeps code there.
func (c *Client) enterBySecrets(ctx context.Context, op operation, at place) (*blockblob.Client, func(context.Context) (string, error), error) {
	name := at.datastore
	if name == "" {
		d, err := c.knownDatastore(ctx, op, "")
		if err != nil {
			return nil, nil, err
		}
		if _, keyless := d.Credentials.(NoCredentials); keyless || d.blobHost(c.cloud.storageSuffix) != at.host {
			return nil, nil, errNoSecrets
		}
		name = d.Name
	}
	first, err := c.storeSecret(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	if first.key != "" {
		b, err := c.storage.client("key:"+at.account()+":"+string(first.key), func() (*blockblob.Client, error) {
			return c.newKeyClient(at.account(), first.key)
		})
		return b, nil, err
	}
	b, err := c.storage.client("open", c.newOpenClient)
	return b, func(ctx context.Context) (string, error) {
		s, err := c.storeSecret(ctx, name)
		return string(s.sas), err
	}, err
}

// storeSecret opens the storage of a datastore: a signature or a key.
type storeSecret struct {
	sas, key Secret
	renew    time.Time // from then on it is asked for anew
}

// Signatures are asked for an hour and renewed some minutes before they end. Keys, which somebody may exchange, are kept as
// long.
const (
	secretHours  = 1
	secretMargin = 5 * time.Minute
)

// storeSecret returns the secret of a datastore, asking the workspace at most once in its lifetime.
func (c *Client) storeSecret(ctx context.Context, name string) (storeSecret, error) {
	valid := func(s storeSecret) bool { return c.clock.now().Before(s.renew) }
	return c.storage.secret(name).get(ctx, valid, func(ctx context.Context) (storeSecret, error) {
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
	})
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

// forget drops what is known about a datastore that has been changed through this client.
func (s *storageState) forget(name string) {
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
