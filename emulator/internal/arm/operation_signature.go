package arm

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// ARM signs the URLs of operations since December 2023: the query values t (time in 100 ns since
// year 1), c (a certificate), s and h make them some 3,000 characters long. Whoever changes such a
// URL on the way, even its encoding, is refused.
const (
	signerKey         = "secret:operations"
	certificateBytes  = 1965 // 2,620 characters
	longSignatureSize = 256
)

// signer signs operation URLs with a key that is kept in the store.
type signer struct {
	key         []byte
	certificate string
}

func loadSigner(state *store.Store) (*signer, error) {
	doc, found := state.Get(signerKey)
	if !found {
		random := make([]byte, sha256.Size+certificateBytes)
		if _, err := rand.Read(random); err != nil {
			return nil, err
		}
		doc = store.Document{
			"key":         base64.RawURLEncoding.EncodeToString(random[:sha256.Size]),
			"certificate": base64.RawURLEncoding.EncodeToString(random[sha256.Size:]),
		}
		if _, err := state.Put(signerKey, doc); err != nil {
			return nil, err
		}
	}
	key, err := base64.RawURLEncoding.DecodeString(store.Text(doc, "key"))
	return &signer{key: key, certificate: store.Text(doc, "certificate")}, err
}

// sign returns the query to use with path: the given one and the signature.
func (s *signer) sign(path, query string, at time.Time) string {
	query += "&t=" + strconv.FormatInt(ticks(at), 10) + "&c=" + s.certificate
	var long []byte
	for block := byte(0); len(long) < longSignatureSize; block++ {
		long = append(long, s.mac(query, string(block))...)
	}
	query += "&s=" + base64.RawURLEncoding.EncodeToString(long)
	return query + "&h=" + s.hash(path, query)
}

// accepts reports whether the URL of a request has its signature. What follows the signature is not
// signed: clients in JavaScript append the query of their first request. URLs without any signature
// are accepted too: the service of 2023 did not sign them.
func (s *signer) accepts(path, rawQuery string) bool {
	signed, rest, found := strings.Cut(rawQuery, "&h=")
	if !found {
		values, err := url.ParseQuery(rawQuery)
		return err == nil && !values.Has("t") && !values.Has("c") && !values.Has("s") && !values.Has("h")
	}
	hash, more, _ := strings.Cut(rest, "&")
	values, err := url.ParseQuery(more)
	for name := range values {
		if signedNames[strings.ToLower(name)] {
			return false
		}
	}
	return err == nil && hmac.Equal([]byte(hash), []byte(s.hash(path, signed)))
}

// signedNames are the query values of a signature, which nothing may repeat behind it.
var signedNames = map[string]bool{"t": true, "c": true, "s": true, "h": true}

func (s *signer) hash(path, query string) string {
	return base64.RawURLEncoding.EncodeToString(s.mac(strings.ToLower(path), "?", query))
}

func (s *signer) mac(parts ...string) []byte {
	mac := hmac.New(sha256.New, s.key)
	for _, part := range parts {
		mac.Write([]byte(part))
	}
	return mac.Sum(nil)
}

// ticks is the time in units of 100 ns since the beginning of year 1.
func ticks(t time.Time) int64 {
	const unixEpoch = 621_355_968_000_000_000
	return unixEpoch + t.UnixNano()/100
}

// signedURL is the absolute URL of an operation in one of the operation collections, with a new
// signature.
func (c *call) signedURL(collection, id, extraQuery string) string {
	path := c.operationPath(collection, id)
	return c.origin() + path + "?" + c.h.signer.sign(path, "api-version="+c.version.text+extraQuery, c.h.now())
}

// operationPath is at subscription level, not under the resource group.
func (c *call) operationPath(collection, id string) string {
	return subscriptionID(c.param("subscription")) + "/providers/" + provider + "/locations/" + c.region() + "/" + collection + "/" + id
}

// checkSignature refuses an operation URL that is not used as it was given. The form of the refusal
// is not evidenced.
func (c *call) checkSignature() *answer {
	if c.h.signer.accepts(c.request.URL.EscapedPath(), c.request.URL.RawQuery) {
		return nil
	}
	a := gatewayFailure(http.StatusForbidden, "AuthorizationFailed",
		"The signature of the operation URL is not valid. Use the URL exactly as it was returned.")
	return &a
}
