package blob

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// request is an HTTP request as the service understands it.
type request struct {
	*http.Request
	svc       *Service
	host      string // without port
	accountID string // the account's name
	acct      *account
	settings  Account
	container string // "" for the account itself
	blob      string // "" for a container
	header    http.Header
	query     map[string]string // names in lower case
	version   string            // yyyy-mm-dd: the version of the service that the client speaks
	id        string            // x-ms-request-id
	time      time.Time
	grant     grant
}

// defaultVersion is spoken with clients that name no version, as anonymous readers do.
const defaultVersion = "2009-09-19"

// newRequest reads what every request has in common. The request it returns can always be answered,
// whatever the error.
func (s *Service) newRequest(hr *http.Request) (*request, error) {
	r := &request{Request: hr, svc: s, id: newRequestID(), time: s.now(), header: canonicalHeader(hr.Header)}
	r.host = strings.ToLower(hr.Host)
	if host, _, err := net.SplitHostPort(r.host); err == nil {
		r.host = host
	}
	query, err := url.ParseQuery(hr.URL.RawQuery)
	if err != nil {
		return r, errInvalidURI()
	}
	r.query = make(map[string]string, len(query))
	for name, values := range query {
		r.query[strings.ToLower(name)] = values[0]
	}
	if err := r.readVersion(); err != nil {
		return r, err
	}
	if err := r.readAccount(); err != nil {
		return r, err
	}
	return r, r.readPath()
}

// canonicalHeader makes names findable by http.Header.Get. A request that came over a socket has
// canonical names already; one that was handed over in memory has them as the client spelled them
// ("x-ms-meta-owner").
func canonicalHeader(h http.Header) http.Header {
	out := make(http.Header, len(h))
	for name, values := range h {
		name = http.CanonicalHeaderKey(name)
		out[name] = append(out[name], values...)
	}
	return out
}

// readVersion finds the version: the header's, else that of the SAS. Any date is taken, so that
// clients newer than this code are served; the real service refuses versions it does not have.
func (r *request) readVersion() error {
	r.version = r.header.Get("X-Ms-Version")
	if r.version == "" {
		r.version = cmp.Or(r.query["api-version"], defaultVersion)
		if _, err := time.Parse(time.DateOnly, r.query["sv"]); err == nil && r.query["api-version"] == "" {
			r.version = r.query["sv"]
		}
	}
	if _, err := time.Parse(time.DateOnly, r.version); err != nil {
		bad := r.version
		r.version = defaultVersion
		return errHeaderValue("x-ms-version", bad)
	}
	return nil
}

func (r *request) readAccount() error {
	name, ok := strings.CutSuffix(r.host, ".blob."+r.svc.suffix)
	if ok {
		r.accountID = name
		r.acct, r.settings, ok = r.svc.account(name)
	}
	if !ok {
		f := errResourceNotFound()
		f.details = []detail{{"Detail", "The emulator has no storage account at " + r.host + "."}}
		return f
	}
	return nil
}

// readPath splits the path into container and blob. A single segment without restype is a blob of
// the container $root.
func (r *request) readPath() error {
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/")
	container, blob, isBlob := strings.Cut(path, "/")
	if !isBlob && container != "" && r.query["restype"] == "" && r.query["comp"] != "list" {
		container, blob, isBlob = "$root", container, true
	}
	var err error
	if r.container, err = url.PathUnescape(container); err != nil {
		return errInvalidURI()
	}
	if r.blob, err = url.PathUnescape(blob); err != nil {
		return errInvalidURI()
	}
	switch {
	case r.container == "" && r.blob == "":
		return nil
	case checkContainerName(r.container) != nil:
		return checkContainerName(r.container)
	case isBlob && r.query["restype"] == "":
		r.blob, err = blobName(r.blob)
		return err
	}
	r.blob = ""
	return nil
}

// queryParam returns a query parameter as the client sent it.
func (r *request) queryParam(name string) string { return r.query[name] }

// atLeast says whether the client speaks this version of the service or a newer one.
func (r *request) atLeast(version string) bool { return r.version >= version }

// isTLS says whether the client spoke https: over a real connection, or to an in-memory transport.
func (r *request) isTLS() bool { return r.TLS != nil || r.URL.Scheme == "https" }

// newRequestID makes an id in the service's form, such as 40dfaea8-e01e-0006-4d29-a86e66000000.
func newRequestID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[13], b[14], b[15] = 0, 0, 0, 0
	t := hex.EncodeToString(b[:])
	return t[:8] + "-" + t[8:12] + "-" + t[12:16] + "-" + t[16:20] + "-" + t[20:]
}
