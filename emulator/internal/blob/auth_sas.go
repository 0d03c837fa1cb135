package blob

import (
	"crypto/hmac"
	"encoding/base64"
	"net"
	"net/netip"
	"strings"
	"time"
)

// sas is a shared access signature from the parameters of a URL. Values stay as they came, because
// they are signed that way.
type sas struct {
	version, permissions, start, expiry, ip, protocol, identifier string
	services, resourceTypes                                       string // account SAS
	resource                                                      string // service SAS: c container, b blob
	signature                                                     []byte
	get                                                           func(string) string // any other parameter
}

// parseSAS reads the parameters of a SAS and refuses those that no signature can make valid.
func parseSAS(get func(string) string) (sas, error) {
	t := sas{
		version: get("sv"), permissions: get("sp"), start: get("st"), expiry: get("se"), ip: get("sip"),
		protocol: get("spr"), identifier: get("si"), services: get("ss"), resourceTypes: get("srt"), resource: get("sr"),
		get: get,
	}
	// A plus sign that the client forgot to escape arrives as a space.
	signature, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(get("sig"), " ", "+"))
	if err != nil || len(signature) == 0 {
		return t, errAuthenticationFailed("Signature fields not well formed.")
	}
	t.signature = signature
	for _, f := range []detail{{"sv", t.version}, {"se", t.expiry}, {"sp", t.permissions}} {
		if f.value == "" && t.identifier == "" {
			return t, errAuthenticationFailed(f.name + " is mandatory. Cannot be empty")
		}
	}
	if _, err := time.Parse(time.DateOnly, t.version); err != nil {
		return t, errAuthenticationFailed("sv is not well formed.")
	}
	return t, t.checkShape()
}

// checkShape tells account SAS and service SAS apart by their fields.
func (t sas) checkShape() error {
	switch {
	case t.identifier != "":
		return errAuthenticationFailed("Access policy not found")
	case t.isAccount():
		return nil
	case t.resource == "":
		return errAuthenticationFailed("sr is mandatory. Cannot be empty")
	case t.resource != "c" && t.resource != "b":
		return errAuthenticationFailed("sr=" + t.resource + " is not a resource of this account.")
	case !inOrder(t.permissions, servicePermissions):
		return errAuthenticationFailed("SAS field 'sp' is not well formed.")
	}
	return nil
}

// servicePermissions are the letters of a service SAS, in the one order that the service accepts.
// Those of an account SAS come in any order ("rcuwdl" in the azure-ai-ml recordings of 2026).
const servicePermissions = "racwdxyltfmeopi"

// inOrder reports whether every letter is in order, at most once and in the same sequence.
func inOrder(letters, order string) bool {
	for _, c := range letters {
		i := strings.IndexRune(order, c)
		if i < 0 {
			return false
		}
		order = order[i+1:]
	}
	return true
}

func (t sas) isAccount() bool { return t.services != "" || t.resourceTypes != "" }

// isDelegation reports whether a user delegation key signed the SAS. An account SAS is always
// signed by an account key.
func (t sas) isDelegation() bool { return t.get("skoid") != "" && !t.isAccount() }

// checkSAS verifies the SAS of a request and what it grants.
func (r *request) checkSAS(n need) (grant, error) {
	t, err := parseSAS(r.queryParam)
	if !t.isDelegation() {
		if err := r.checkKeyAllowed(); err != nil {
			return grant{}, err
		}
	}
	if err != nil {
		return grant{}, err
	}
	if err := r.checkSignature(t); err != nil {
		return grant{}, err
	}
	if err := r.checkSASTimes(t); err != nil {
		return grant{}, err
	}
	if err := r.checkSASOrigin(t); err != nil {
		return grant{}, err
	}
	if t.isAccount() {
		err = t.checkAccountScope(n)
	} else {
		err = t.checkServiceScope(n)
	}
	if err != nil {
		return grant{}, err
	}
	return t.grant(n), nil
}

// checkSignature finds out who signed the SAS.
func (r *request) checkSignature(t sas) error {
	var toSign string
	var good bool
	switch {
	case t.isAccount():
		toSign = t.accountString(r.accountID)
		good = r.signedByKey(toSign, t.signature)
	case t.isDelegation():
		toSign = t.delegationString(r)
		key := r.svc.userDelegationKeyValue(r.accountID, t.delegation())
		good = hmac.Equal(sign(key, toSign), t.signature)
	default:
		toSign = t.serviceString(r)
		good = r.signedByKey(toSign, t.signature)
	}
	if !good {
		return errAuthenticationFailed("Signature did not match. String to sign used was " + toSign)
	}
	return nil
}

func (r *request) checkSASTimes(t sas) error {
	if err := checkPeriod(r.time, t.start, t.expiry, "the specified time frame"); err != nil {
		return err
	}
	if t.isDelegation() {
		return checkPeriod(r.time, t.get("skt"), t.get("ske"), "key time frame")
	}
	return nil
}

// checkPeriod refuses what is not valid yet, or not any more. An empty start means no start.
func checkPeriod(now time.Time, start, expiry, what string) error {
	from, fromOK := parseSASTime(start)
	to, toOK := parseSASTime(expiry)
	if start != "" && !fromOK || !toOK {
		return errAuthenticationFailed("Signature fields not well formed.")
	}
	if now.Before(from) || !now.Before(to) {
		return errAuthenticationFailed("Signature not valid in " + what + ": Start [" + periodTime(from) + "] - Expiry [" +
			periodTime(to) + "] - Current [" + periodTime(now) + "]")
	}
	return nil
}

func periodTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return httpTime(t)
}

// parseSASTime reads the ISO 8601 forms that Microsoft Learn, "Formatting DateTime values", allows.
func parseSASTime(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// checkSASOrigin checks the protocol and the address of the client.
func (r *request) checkSASOrigin(t sas) error {
	if t.protocol == "https" && !r.isTLS() {
		return errNotAuthorised("AuthorizationProtocolMismatch", " using this protocol")
	}
	if t.ip != "" && !ipInRange(r.RemoteAddr, t.ip) {
		return errNotAuthorised("AuthorizationSourceIPMismatch", " using this source IP")
	}
	return nil
}

// ipInRange reports whether the address of a peer is in "a" or "a-b".
func ipInRange(remote, allowed string) bool {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	first, last, isRange := strings.Cut(allowed, "-")
	if !isRange {
		last = first
	}
	ip, err1 := netip.ParseAddr(host)
	lo, err2 := netip.ParseAddr(first)
	hi, err3 := netip.ParseAddr(last)
	if err1 != nil || err2 != nil || err3 != nil {
		return false
	}
	ip = ip.Unmap()
	return ip.Compare(lo) >= 0 && ip.Compare(hi) <= 0
}

func (t sas) checkAccountScope(n need) error {
	switch {
	case !strings.Contains(t.services, "b"):
		return errNotAuthorised("AuthorizationServiceMismatch", " using this service")
	case !strings.ContainsRune(t.resourceTypes, rune(n.level)):
		return errNotAuthorised("AuthorizationResourceTypeMismatch", " using this resource type")
	case !strings.ContainsAny(t.permissions, n.any):
		return errPermission()
	}
	return nil
}

// checkServiceScope checks the operation: a service SAS permits operations on blobs and the listing
// of one container. The signature binds it to that container.
func (t sas) checkServiceScope(n need) error {
	lists := n.level == 'c' && n.any == "l" && t.resource == "c"
	switch {
	case n.level != 'o' && !lists:
		return errNotAuthorised("AuthorizationFailure", "")
	case !strings.ContainsAny(t.permissions, n.any):
		return errPermission()
	}
	return nil
}

func (t sas) grant(n need) grant {
	g := grant{withoutWrite: strings.Contains(n.any, "w") && !strings.Contains(t.permissions, "w")}
	if t.isAccount() {
		return g
	}
	g.overrides = map[string]string{}
	for param, header := range map[string]string{
		"rscc": "Cache-Control", "rscd": "Content-Disposition", "rsce": "Content-Encoding",
		"rscl": "Content-Language", "rsct": "Content-Type",
	} {
		if v := t.get(param); v != "" {
			g.overrides[header] = v
		}
	}
	return g
}
