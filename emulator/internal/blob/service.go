package blob

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Account is a storage account that a [Service] plays.
type Account struct {
	// Name is the first label of the account's host: 3 to 24 lower-case letters and digits.
	Name string
	// Keys are the two account keys, decoded. Both are accepted; the first one signs AccountSAS.
	Keys [2][]byte
	// AllowSharedKey says whether the keys, and every SAS made with them, are accepted. When false
	// they are refused with KeyBasedAuthenticationNotPermitted, and only tokens and user delegation
	// SAS open the account.
	AllowSharedKey bool
	// PublicContainers names the containers that anyone may read and list without a credential,
	// like the public sample data sets of Azure ML. Nil means that the account permits no public
	// access at all.
	PublicContainers map[string]bool
}

// Options configure a [Service].
type Options struct {
	// Suffix is the storage suffix of the cloud. Default: core.windows.net.
	Suffix string
	// Dir is the folder that keeps the blobs; it is created. Empty keeps them in memory.
	Dir string
	// Now is the clock of the service. Default: time.Now.
	Now func() time.Time
	// VerifyToken checks the bearer token in an Authorization header for an account and returns the
	// tenant that issued it. If the token is invalid, reason is a word such as "audience" or
	// "expired", or a sentence. Nil refuses all tokens.
	VerifyToken func(authorization, account string) (tenant string, ok bool, reason string)
	// TenantID is the tenant named in challenges and in user delegation SAS.
	TenantID string
	// LoginHost is the host of the authority named in challenges. Default:
	// login.microsoftonline.com.
	LoginHost string
	// Logger receives failures of the service itself, such as a full disk. Nil logs nothing.
	// Credentials are never logged.
	Logger *slog.Logger
}

// Errors of the direct interface. Test for them with errors.Is.
var (
	// ErrNotFound means that the account, the container or the blob does not exist.
	ErrNotFound = errors.New("not found")
	// ErrReadOnly means that the blob is a file of a seeded folder, which the service never
	// changes.
	ErrReadOnly = errors.New("read-only")
)

// Service is a Blob service. It is safe for concurrent use. Make one with [New] and end it with
// [Service.Close].
type Service struct {
	suffix    string
	now       func() time.Time
	verify    func(authorization, account string) (string, bool, string)
	tenantID  string
	loginHost string
	log       *slog.Logger

	store         backend
	delegationKey []byte        // signs user delegation keys
	lastETag      atomic.Uint64 // ETags grow even if the clock does not

	mu       sync.RWMutex
	accounts map[string]*account
}

// account is an account and its containers.
type account struct {
	mu         sync.RWMutex
	settings   Account
	known      bool // AddAccount was called; otherwise the account is only on disk
	containers map[string]*container
}

// New returns a service without accounts. The blobs of an earlier service in o.Dir appear when
// their accounts are added.
func New(o Options) (*Service, error) {
	s := &Service{
		suffix:    cmp.Or(o.Suffix, "core.windows.net"),
		now:       o.Now,
		verify:    o.VerifyToken,
		tenantID:  o.TenantID,
		loginHost: cmp.Or(o.LoginHost, "login.microsoftonline.com"),
		log:       o.Logger,
		accounts:  map[string]*account{},
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.verify == nil {
		s.verify = func(string, string) (string, bool, string) { return "", false, "no authority" }
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := s.openStore(o.Dir); err != nil {
		return nil, fmt.Errorf("blob: open %s: %w", o.Dir, err)
	}
	return s, nil
}

func (s *Service) openStore(dir string) error {
	if dir == "" {
		s.store = memoryBackend{}
		s.delegationKey = make([]byte, 32)
		rand.Read(s.delegationKey) // never fails
		return nil
	}
	disk, err := openDirBackend(dir, s.log)
	if err != nil {
		return err
	}
	s.store = disk
	if s.delegationKey, err = disk.secret("delegation.key"); err != nil {
		return err
	}
	stored, err := disk.load()
	if err != nil {
		return err
	}
	for _, c := range stored {
		s.adopt(c)
	}
	return nil
}

// adopt adds a container that was found on disk.
func (s *Service) adopt(stored storedContainer) {
	c := newContainer(s, stored.key, stored.record)
	s.sawETag(stored.record.ETag)
	for _, r := range stored.blobs {
		c.put(r)
		s.sawETag(r.ETag)
	}
	s.entry(stored.key.account).containers[stored.key.container] = c
}

// AddAccount adds an account, or changes the keys and settings of one that is there and keeps its
// blobs.
func (s *Service) AddAccount(a Account) error {
	if !validAccountName(a.Name) {
		return fmt.Errorf("blob: account name %q: must be 3 to 24 lower-case letters and digits", a.Name)
	}
	acct := s.entry(a.Name)
	acct.mu.Lock()
	defer acct.mu.Unlock()
	acct.settings, acct.known = a, true
	return nil
}

// entry returns the account of this name and creates it if needed.
func (s *Service) entry(name string) *account {
	s.mu.Lock()
	defer s.mu.Unlock()
	acct, ok := s.accounts[name]
	if !ok {
		acct = &account{containers: map[string]*container{}}
		s.accounts[name] = acct
	}
	return acct
}

// account returns an account that was added, and its settings.
func (s *Service) account(name string) (*account, Account, bool) {
	s.mu.RLock()
	acct, ok := s.accounts[name]
	s.mu.RUnlock()
	if !ok {
		return nil, Account{}, false
	}
	acct.mu.RLock()
	defer acct.mu.RUnlock()
	return acct, acct.settings, acct.known
}

// Close releases the seeded folders. Requests in progress may fail; everything that was answered is
// stored.
func (s *Service) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, acct := range s.accounts {
		for _, c := range acct.all() {
			errs = append(errs, c.closeSeeds())
		}
	}
	return errors.Join(errs...)
}
