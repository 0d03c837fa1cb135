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

// defaultVersion is the version for clients that name none, such as anonymous readers.
const defaultVersion = "2009-09-19"

// newRequest reads what all requests have in common. The returned request is usable for an answer
// even with an error.
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

// canonicalHeader returns a header with canonical names, which http.Header.Get finds. Requests over
// a socket have them already; requests in memory have the client's spelling ("x-ms-meta-owner").
func canonicalHeader(h http.Header) http.Header {
	out := make(http.Header, len(h))
	for name, values := range h {
		name = http.CanonicalHeaderKey(name)
		out[name] = append(out[name], values...)
	}
	return out
}

// readVersion reads the version from the header, else from the SAS. It accepts any date, so that
// newer clients work; the real service refuses versions that it does not have.
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
//
// Not evidenced: the answer to a restype of another level than the path's. It must not act on the
// container of a blob.
func (r *request) readPath() error {
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/")
	container, blob, isBlob := strings.Cut(path, "/")
	if !isBlob && container != "" && r.query["restype"] == "" && r.query["comp"] != "list" {
		container, blob, isBlob = "$root", container, true
	}
	r.container, _ = url.PathUnescape(container) // the escapes of EscapedPath are always valid
	r.blob, _ = url.PathUnescape(blob)
	switch restype := r.query["restype"]; {
	case restype == "container" && (r.container == "" || r.blob != ""), restype == "service" && path != "":
		return errInvalidURI()
	case r.container == "" && r.blob == "":
		return nil
	case checkContainerName(r.container) != nil:
		return checkContainerName(r.container)
	case isBlob && r.query["restype"] == "":
		var err error
		r.blob, err = blobName(r.blob)
		return err
	}
	r.blob = ""
	return nil
}

// queryParam returns a query parameter as the client sent it.
func (r *request) queryParam(name string) string { return r.query[name] }

// atLeast reports whether the client uses this version or a newer one.
func (r *request) atLeast(version string) bool { return r.version >= version }

// isTLS reports whether the client used https, over a connection or in memory.
func (r *request) isTLS() bool { return r.TLS != nil || r.URL.Scheme == "https" }

// newRequestID returns an id in the service's format, such as 40dfaea8-e01e-0006-4d29-a86e66000000.
func newRequestID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[13], b[14], b[15] = 0, 0, 0, 0
	t := hex.EncodeToString(b[:])
	return t[:8] + "-" + t[8:12] + "-" + t[12:16] + "-" + t[16:20] + "-" + t[20:]
}
