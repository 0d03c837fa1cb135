package azmlbatch

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

const proxyLoginRemedy = "the proxy asks who you are: put user and password into HTTPS_PROXY (https_proxy=http://USER:PASSWORD@HOST:PORT)"

// transportRemedy explains why no answer came.
func transportRemedy(err error) string {
	var auth *azidentity.AuthenticationFailedError
	if errors.As(err, &auth) && auth.RawResponse != nil || signInMissing(err) || entraCode(err) != "" {
		return signInRemedy(err)
	}
	says := func(words ...string) bool { return auth != nil && containsAny(auth.Error(), words...) } // it hides its cause
	if text := proxyRemedy(err, says); text != "" {
		return text
	}
	if text := certificateRemedy(err, says); text != "" {
		return text
	}
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && !dns.IsTimeout && !dns.IsTemporary, says("no such host"):
		return "the host name is unknown: check the network, and ClientOptions.Cloud"
	case dns != nil, says("server misbehaving"):
		return "the name server gave no answer: check the network, and this machine's name servers"
	case errors.Is(err, syscall.ECONNREFUSED), says("connection refused"):
		return "nothing listens there: check HTTPS_PROXY and whether the emulator runs"
	case unreachable(err), says("network is unreachable", "no route to host", "dial tcp: i/o timeout"):
		return "this machine does not reach the host: check the network, VPN, firewall and HTTPS_PROXY"
	case auth != nil && cutSignIn.MatchString(auth.Error()):
		return "no whole answer came from the token service: check the network, and any proxy in between"
	case auth == nil && brokenOff(err):
		return "no answer came: check the network, and any proxy in between"
	}
	return ""
}

// proxyRemedy is for a proxy that does not let the request through.
func proxyRemedy(err error, says func(...string) bool) string {
	var op *net.OpError
	toProxy := errors.As(err, &op) && op.Op == "proxyconnect" || says("proxyconnect")
	switch refusal := proxyRefusal(err); {
	case refusal == http.StatusProxyAuthRequired, says(http.StatusText(http.StatusProxyAuthRequired)):
		return proxyLoginRemedy
	case refusal != 0:
		return "the proxy refuses to connect to this host: ask whoever runs it, or set NO_PROXY"
	case toProxy && strings.Contains(err.Error(), noTLS):
		return "the proxy does not speak TLS: begin HTTPS_PROXY with http://"
	case toProxy:
		return "the proxy cannot be reached: check HTTPS_PROXY and NO_PROXY"
	case strings.Contains(err.Error(), "invalid proxy address"), strings.Contains(err.Error(), "proxy: unknown scheme"):
		return "write HTTPS_PROXY as http://HOST:PORT, and escape special characters of a password (%40 for @)"
	}
	return ""
}

// noTLS is what crypto/tls says of a server that does not speak it.
const noTLS = "first record does not look like a TLS handshake"

// certificateRemedy is for a server that cannot show who it is.
func certificateRemedy(err error, says func(...string) bool) string {
	var unknownCA x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch text := err.Error(); {
	case errors.As(err, &unknownCA), says("certificate signed by unknown authority"),
		strings.Contains(text, "certificate is not trusted"), // in the words of macOS
		errors.As(err, new(x509.SystemRootsError)):
		return "the server's certificate is not trusted: add the proxy's or emulator's CA, for example with SSL_CERT_FILE; in a container, install ca-certificates"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired, says("certificate has expired"):
		return "check this machine's clock; if it is right, the certificate of a proxy in between must be renewed"
	case errors.As(err, new(x509.HostnameError)), says("x509: certificate is valid for", "x509: certificate is not valid for"):
		return "something else answers for this host: check its DNS entry, and any proxy in between"
	case strings.Contains(text, noTLS), strings.Contains(text, "server gave HTTP response to HTTPS client"):
		return "what answers does not speak TLS: check for a proxy in between, and the port"
	}
	return ""
}

// unreachable reports whether no connection came about because the way is closed. Firewalls mostly
// drop packets, so that only the time runs out.
func unreachable(err error) bool {
	var op *net.OpError
	return errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH) || errors.As(err, &op) && op.Op == "dial" && op.Timeout()
}

// brokenOff reports whether a connection ended without an answer, or none came in time.
func brokenOff(err error) bool {
	var failure net.Error
	return errors.As(err, new(*net.OpError)) || errors.As(err, &failure) && failure.Timeout() ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func containsAny(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

// endedBy returns the end of the context in the place of azidentity's error about it, which hides
// it.
func endedBy(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil && errors.As(err, new(*azidentity.AuthenticationFailedError)) {
		return ended
	}
	return err
}

// proxyRefusal is the status with which a proxy refused to connect, or 0. All that net/http tells
// is the text of the status line.
func proxyRefusal(err error) int {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	// An answer is no refusal to connect. Its error keeps its text when it is first asked for it, and
	// callers that share one sign-in share it too, so it is not asked here.
	if err == nil || errors.As(err, new(*azcore.ResponseError)) {
		return 0
	}
	for status := http.StatusBadRequest; status < 600; status++ {
		if text := http.StatusText(status); text != "" && text == err.Error() {
			return status
		}
	}
	return 0
}

// signInMissing reports whether a credential, or each of a chain, had nothing to sign in with.
// azidentity does not export its type for that, so its words must do.
func signInMissing(err error) bool {
	text := err.Error()
	return strings.Contains(text, "failed to acquire a token.\nAttempted credentials:") || strings.Contains(text, "az login") ||
		toolMissing.MatchString(text)
}

// toolMissing matches what a credential says that asks a command-line tool for its token.
var toolMissing = regexp.MustCompile(`\w+Credential: executable not found on path`)

// chainPattern finds the credentials that a chain of azidentity has tried, each at the beginning of
// a line.
var chainPattern = regexp.MustCompile(`(?m)^\t(\w+)`)

// signInText is what the token service or azidentity says, on one line and without the dump of the
// answer; "" if err is not about signing in.
func signInText(err error) string {
	var auth *azidentity.AuthenticationFailedError
	if text := entraText(err); text != "" {
		return "no token: " + text
	}
	if errors.As(err, &auth) && !signInMissing(err) {
		text := dumpPattern.ReplaceAllString(auth.Error(), "")
		return "no token: " + clip(oneLine(redact(text)))
	}
	if !signInMissing(err) {
		return ""
	}
	var tried []string
	for _, m := range chainPattern.FindAllStringSubmatch(err.Error(), -1) {
		tried = append(tried, m[1])
	}
	switch missing := toolMissing.FindString(err.Error()); {
	case tried == nil && missing != "":
		return "nobody is signed in (" + missing + ")"
	case tried == nil:
		return "nobody is signed in"
	}
	return "nobody is signed in (tried " + strings.Join(tried, ", ") + ")"
}

// dumpPattern finds what azidentity adds to its errors: the bytes of an answer, which may be a part
// of a token, and a link.
var dumpPattern = regexp.MustCompile(`(?s)\s(?:json message bytes were|raw message was):.*|\. To troubleshoot, visit \S+`)

// entraSentence finds what the token service says in the text of the Azure CLI and of other tools.
var entraSentence = regexp.MustCompile(`AADSTS(\d+): [^\n]*`)

// entraText is the token service's own sentence, which begins with its AADSTS code, or what else
// came in its place. It is empty if nothing of the kind is in err.
func entraText(err error) string {
	text := entraSentence.FindString(err.Error())
	var auth *azidentity.AuthenticationFailedError
	if errors.As(err, &auth) && auth.RawResponse != nil {
		body, _ := runtime.Payload(auth.RawResponse)
		var answer struct {
			Description string `json:"error_description"`
		}
		_ = json.Unmarshal(body, &answer) // a body of another form is none of the token service's
		if text = answer.Description; text == "" {
			_, text = parseErrorBody(body)
			text = strings.TrimSuffix(fmt.Sprintf("%d %s: %s", auth.RawResponse.StatusCode, http.StatusText(auth.RawResponse.StatusCode), text), ": ")
		}
	}
	text, _, _ = strings.Cut(text, "Trace ID:")
	return clip(oneLine(redact(text)))
}

// entraCode is the code of the token service in err, such as "7000215", or "".
func entraCode(err error) string {
	if m := entraSentence.FindStringSubmatch(entraText(err)); m != nil {
		return m[1]
	}
	return ""
}

// signInRemedies are the codes of the token service that people meet, with what helps (Microsoft
// Learn: reference-error-codes).
var signInRemedies = []struct {
	codes  []string
	remedy string
}{
	{[]string{"7000215"}, "give the client secret's value, not its id"},
	{[]string{"7000222"}, "the client secret has expired: make a new one"},
	{[]string{"700016", "7000229"}, "check the client id, and that the tenant is the application's"},
	{[]string{"7000112"}, "the application is disabled: ask an administrator of the tenant"},
	{[]string{"700024"}, "the credential's assertion or certificate is not valid at this time: renew it, and check this machine's clock"},
	{[]string{"700027"}, "the application does not know this certificate: upload it there, or give the key of one that it has"},
	{[]string{"70021", "700211", "700212", "700213"}, "no federated credential of the application matches: compare issuer, subject and audience"},
	{[]string{"90002", "900023"}, "check the tenant id, and ClientOptions.Cloud"},
	{[]string{"50020", "50034", "90072"}, "the account is not in this tenant: sign in to the tenant of the subscription (az login --tenant TENANT)"},
	{[]string{"500011"}, "this cloud has no such service in the tenant: check ClientOptions.Cloud and the tenant"},
	{[]string{"50049"}, "check AZURE_AUTHORITY_HOST and ClientOptions.Cloud"},
	{[]string{"50126"}, "check the user name and the password"},
	{[]string{"50057"}, "the account is disabled: ask an administrator of the tenant"},
	{[]string{"50076", "50078", "50079", "50158"}, "the tenant asks for a second factor: sign in interactively with az login, or use a service principal or a managed identity"},
	{[]string{"50173", "700082", "70043", "70044", "70008"}, "the sign-in has expired or was revoked: run az login again"},
	{[]string{"53000", "53001", "53002", "53003", "530034", "530035"}, "Conditional Access refuses this sign-in: ask an administrator which policy it is, and use an allowed device, network or identity"},
	{[]string{"65001"}, "the application lacks a consent: an administrator of the tenant must give it"},
	{[]string{"50105"}, "the application is open to assigned users only: ask its owner"},
}

func signInRemedy(err error) string {
	code, text := entraCode(err), entraText(err)
	for _, r := range signInRemedies {
		if slices.Contains(r.codes, code) {
			return r.remedy
		}
	}
	var auth *azidentity.AuthenticationFailedError
	busy := errors.As(err, &auth) && auth.RawResponse != nil && auth.RawResponse.StatusCode >= http.StatusInternalServerError
	switch {
	case code != "":
		return "https://login.microsoftonline.com/error explains the code"
	case strings.Contains(text, pageText):
		return pageRemedy
	case busy || strings.HasPrefix(text, "429 "):
		return "the token service is busy: try again later"
	case strings.Contains(strings.ToLower(text), "identity not found"):
		return "assign a managed identity to this machine, or name one of its identities with AZURE_CLIENT_ID"
	case toolMissing.MatchString(err.Error()) && !strings.Contains(err.Error(), "Attempted credentials:"):
		return "install the tool of this credential and sign in with it, or use azidentity.NewDefaultAzureCredential, which looks at other places too"
	case signInMissing(err):
		return "sign in with az login, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"
	}
	return "the credential got no token: check tenant, client and secret"
}
