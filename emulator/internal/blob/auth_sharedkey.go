package blob

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxClockSkew is how far the date of a signed request may differ from the service's clock.
const maxClockSkew = 15 * time.Minute

// checkSharedKey verifies an Authorization header "SharedKey account:signature" or "SharedKeyLite
// account:signature" (Microsoft Learn, "Authorize with Shared Key").
func (r *request) checkSharedKey(authorization string) error {
	if err := r.checkKeyAllowed(); err != nil {
		return err
	}
	scheme, account, signature, ok := parseSharedKey(authorization)
	if !ok {
		return errMalformedAuthorization()
	}
	if account != r.accountID {
		return errAuthenticationFailed("The account in the Authorization header is not that of the host.")
	}
	if err := r.checkDate(); err != nil {
		return err
	}
	candidates := r.sharedKeyStrings(scheme)
	for _, toSign := range candidates {
		if r.signedByKey(toSign, signature) {
			return nil
		}
	}
	return errAuthenticationFailed("The MAC signature found in the HTTP request is not the same as any computed signature. " +
		"Server used following string to sign: '" + candidates[0] + "'.")
}

// parseSharedKey splits an Authorization header.
func parseSharedKey(authorization string) (scheme, account string, signature []byte, ok bool) {
	scheme, rest, _ := strings.Cut(authorization, " ")
	account, encoded, found := strings.Cut(strings.TrimSpace(rest), ":")
	signature, err := base64.StdEncoding.DecodeString(encoded)
	if !found || err != nil || len(signature) != sha256.Size || !validAccountName(account) {
		return "", "", nil, false
	}
	return strings.ToLower(scheme), account, signature, true
}

// checkDate refuses old requests. Clients date requests by the real clock, so a date near that is
// accepted too, whatever clock the service has.
func (r *request) checkDate() error {
	text := cmp.Or(r.header.Get("X-Ms-Date"), r.header.Get("Date"))
	date, err := http.ParseTime(text)
	if err != nil {
		return errAuthenticationFailed("A valid x-ms-date or Date header is required.")
	}
	if r.time.Sub(date).Abs() > maxClockSkew && time.Since(date).Abs() > maxClockSkew {
		return errAuthenticationFailed("Request date header too old: '" + date.UTC().Format(http.TimeFormat) + "'")
	}
	return nil
}

// signedByKey reports whether one of the account's keys made the signature.
func (r *request) signedByKey(toSign string, signature []byte) bool {
	for _, key := range r.settings.Keys {
		if len(key) > 0 && hmac.Equal(sign(key, toSign), signature) {
			return true
		}
	}
	return false
}

func sign(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// sharedKeyStrings returns the strings that a client may have signed: one for each order of headers
// that clients use.
func (r *request) sharedKeyStrings(scheme string) []string {
	var all []string
	for _, order := range []func(a, b string) int{strings.Compare, compareByCulture} {
		headers := r.canonicalHeaders(order)
		if scheme == "sharedkeylite" {
			all = append(all, r.liteString(headers))
		} else {
			all = append(all, r.fullString(headers))
		}
	}
	return all
}

func (r *request) fullString(canonicalHeaders string) string {
	length := ""
	if r.ContentLength > 0 || r.ContentLength == 0 && !r.atLeast("2015-02-21") && r.Method == http.MethodPut {
		length = strconv.FormatInt(r.ContentLength, 10) // before 2015-02-21 a zero was signed as "0"
	}
	h := r.header
	return strings.Join([]string{
		r.Method, h.Get("Content-Encoding"), h.Get("Content-Language"), length, h.Get("Content-MD5"), h.Get("Content-Type"),
		r.signedDate(), h.Get("If-Modified-Since"), h.Get("If-Match"), h.Get("If-None-Match"), h.Get("If-Unmodified-Since"),
		h.Get("Range"), canonicalHeaders + r.canonicalResource(),
	}, "\n")
}

func (r *request) liteString(canonicalHeaders string) string {
	resource := "/" + r.accountID + cmp.Or(r.URL.EscapedPath(), "/")
	if comp := r.queryParam("comp"); comp != "" {
		resource += "?comp=" + comp
	}
	return strings.Join([]string{
		r.Method, r.header.Get("Content-MD5"), r.header.Get("Content-Type"), r.signedDate(), canonicalHeaders + resource,
	}, "\n")
}

// signedDate is the Date header, which counts only without x-ms-date.
func (r *request) signedDate() string {
	if r.header.Get("X-Ms-Date") != "" {
		return ""
	}
	return r.header.Get("Date")
}

// canonicalHeaders writes the x-ms- headers, one per line.
func (r *request) canonicalHeaders(order func(a, b string) int) string {
	var names []string
	for name := range r.header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-ms-") {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, order)
	var b strings.Builder
	for _, name := range names {
		var values []string
		for _, v := range r.header[http.CanonicalHeaderKey(name)] {
			values = append(values, strings.TrimSpace(v))
		}
		b.WriteString(name + ":" + strings.Join(values, ",") + "\n")
	}
	return b.String()
}

// canonicalResource writes the path as it was sent and the decoded parameters, one per line.
func (r *request) canonicalResource() string {
	var b strings.Builder
	b.WriteString("/" + r.accountID + cmp.Or(r.URL.EscapedPath(), "/"))
	byName := map[string][]string{}
	query, _ := url.ParseQuery(r.URL.RawQuery) // newRequest refused what does not parse
	for name, values := range query {
		name = strings.ToLower(name)
		byName[name] = append(byName[name], values...)
	}
	names := make([]string, 0, len(byName))
	for name := range byName {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		slices.Sort(byName[name])
		b.WriteString("\n" + name + ":" + strings.Join(byName[name], ","))
	}
	return b.String()
}

// compareByCulture orders header names by the culture-aware comparison that the service and its
// newer clients use: hyphens count only between names that are otherwise equal, and other
// punctuation sorts before digits and letters. It differs from byte order only for metadata names
// with such characters.
func compareByCulture(a, b string) int {
	if c := slices.CompareFunc(cultureWeights(a), cultureWeights(b), cmp.Compare[int]); c != 0 {
		return c
	}
	return strings.Compare(b, a)
}

func cultureWeights(s string) []int {
	var weights []int
	for _, c := range []byte(s) {
		switch {
		case c == '-' || c == '\'':
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z':
			weights = append(weights, 256+int(c))
		case c == '_':
			weights = append(weights, 0)
		default:
			weights = append(weights, int(c))
		}
	}
	return weights
}
