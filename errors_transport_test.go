package azmlbatch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

var noRetry = policy.RetryOptions{MaxRetries: -1}

func lastError[T any](list iter.Seq2[T, error]) (last error) {
	for _, err := range list {
		last = err
	}
	return last
}

// signInError is what a call says when its credential fails.
func signInError(ctx context.Context, t *testing.T, cred azcore.TokenCredential) error {
	t.Helper()
	c, err := newClient(testWorkspace, cred, &ClientOptions{}, newFakeClock().clock())
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Endpoints().Get(ctx, "digits")
	return err
}

// TestAnswersOfTheTokenService has each code with its own remedy, in the form of azidentity and in
// that of the Azure CLI.
func TestAnswersOfTheTokenService(t *testing.T) {
	tests := map[string]string{ // code to what the remedy says
		"AADSTS7000215": "the client secret's value", "AADSTS7000222": "the client secret has expired", "AADSTS700016": "check the client id",
		"AADSTS7000229": "check the client id", "AADSTS7000112": "the application is disabled", "AADSTS700024": "this machine's clock",
		"AADSTS700027": "this certificate", "AADSTS70021": "no federated credential", "AADSTS700213": "no federated credential",
		"AADSTS90002": "check the tenant id", "AADSTS900023": "check the tenant id", "AADSTS50020": "az login --tenant", "AADSTS50034": "az login --tenant",
		"AADSTS500011": "this cloud has no such service", "AADSTS50049": "AZURE_AUTHORITY_HOST", "AADSTS50126": "the password", "AADSTS50057": "the account is disabled",
		"AADSTS50076": "a second factor", "AADSTS50079": "a second factor", "AADSTS700082": "run az login again", "AADSTS70043": "run az login again",
		"AADSTS50173": "run az login again", "AADSTS53003": "Conditional Access", "AADSTS53000": "Conditional Access", "AADSTS65001": "a consent",
		"AADSTS700211": "no federated credential", "AADSTS700212": "no federated credential", "AADSTS90072": "az login --tenant", "AADSTS50078": "a second factor",
		"AADSTS50158": "a second factor", "AADSTS70044": "run az login again", "AADSTS70008": "run az login again", "AADSTS53001": "Conditional Access refuses",
		"AADSTS53002": "Conditional Access refuses", "AADSTS530034": "Conditional Access refuses", "AADSTS530035": "Conditional Access refuses",
		"AADSTS50105": "assigned users", "AADSTS1234567": "https://login.microsoftonline.com/error explains the code",
	}
	said := newTexts(t)
	for code, want := range tests {
		sentence := code + ": Something is wrong."
		answer := &azidentity.AuthenticationFailedError{RawResponse: response(t, 401, nil,
			`{"error":"invalid_client","error_description":"`+sentence+`\r\nTrace ID: 1\r\nTimestamp: x"}`)}
		cli := errors.New("AzureCLICredential: ERROR: " + sentence + " Trace ID: 1 Timestamp: x\nTo re-authenticate, please run:\naz login")
		chain := azidentity.NewCredentialUnavailableError("DefaultAzureCredential: failed to acquire a token.\nAttempted credentials:\n\tEnvironmentCredential: no\n\tAzureCLICredential: ERROR: " + sentence + "\n")
		for form, failure := range map[string]error{"azidentity": answer, "Azure CLI": cli, "chain": chain} {
			err := signInError(t.Context(), t, credentialThat(func() error { return failure }))
			said.add(code, err)
			if err == nil || !strings.HasPrefix(err.Error(), `azmlbatch: get endpoint "digits": no token: `+sentence+"; ") || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "Trace ID") {
				t.Errorf("%s, %s: %v, want %q", code, form, err, want)
			}
			if strings.Contains(err.Error(), "\n") || !errors.Is(err, failure) {
				t.Errorf("%s, %s: %v, want one line and the cause", code, form, err)
			}
		}
	}
}

// TestSignInWithoutAnAnswerOfTheTokenService: something else answers in its place, or nothing does.
// The credential is azidentity's own, which hides its cause in text.
func TestSignInWithoutAnAnswerOfTheTokenService(t *testing.T) {
	answers := func(status int, kind, body string) transporter {
		return func(r *http.Request) (*http.Response, error) {
			resp := response(t, status, map[string]string{"Content-Type": kind}, body)
			resp.Request = r
			return resp, nil
		}
	}
	fails := func(err error) transporter { return func(*http.Request) (*http.Response, error) { return nil, err } }
	tests := map[string]struct {
		transport transporter
		want      []string
		not       string
	}{
		"a proxy's page":       {answers(403, "text/html", "<html><title>Blocked</title></html>"), []string{"no token: 403 Forbidden: an HTML page, not the service's answer: Blocked; a proxy or gateway answered"}, "secret"},
		"a gateway without it": {answers(502, "text/html", "<html></html>"), []string{"502 Bad Gateway", "a proxy or gateway answered"}, "secret"},
		"an unknown host":      {fails(&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "login.microsoftonline.com"}}), []string{"the host name is unknown"}, "check tenant"},
		"a closed port":        {fails(errRefused), []string{"nothing listens there"}, "check tenant"},
		"a dead proxy":         {fails(&net.OpError{Op: "proxyconnect", Net: "tcp", Err: errRefused}), []string{"the proxy cannot be reached"}, "check tenant"},
		"a proxy with a password": {fails(&url.Error{Op: "Post", URL: "https://login.microsoftonline.com/x", Err: errors.New("Proxy Authentication Required")}),
			[]string{"put user and password into HTTPS_PROXY"}, "check tenant"},
		"a certificate of nobody":   {fails(x509.UnknownAuthorityError{}), []string{"certificate is not trusted"}, "check tenant"},
		"half an answer":            {answers(200, "application/json", `{"access_tok`), []string{"no whole answer"}, "check tenant"},
		"a busy service":            {answers(503, "application/json", `{}`), []string{"is busy"}, "check tenant"},
		"too many sign-ins":         {answers(429, "application/json", `{}`), []string{"is busy"}, "check tenant"},
		"an unknown identity":       {answers(400, "application/json", `{"error":"invalid_request","error_description":"Identity not found"}`), []string{"Identity not found", "AZURE_CLIENT_ID"}, "check tenant"},
		"an answer of another form": {answers(400, "application/json", `{"error":"invalid_request"}`), []string{"no token: 400 Bad Request", "check tenant, client and secret"}, ""},
	}
	said := newTexts(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cred, err := azidentity.NewClientSecretCredential("11111111-1111-4111-8111-111111111111", "app", "very-secret", &azidentity.ClientSecretCredentialOptions{
				DisableInstanceDiscovery: true,
				ClientOptions:            azcore.ClientOptions{Transport: tt.transport, Retry: noRetry}})
			if err != nil {
				t.Fatal(err)
			}
			err = signInError(t.Context(), t, cred)
			said.add(name, err)
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error = %v\nwant %q", err, want)
				}
			}
			if err != nil && (strings.Contains(err.Error(), "\n") || tt.not != "" && strings.Contains(err.Error(), tt.not) || strings.Contains(err.Error(), "very-secret")) {
				t.Errorf("error = %v, want one line without %q", err, tt.not)
			}
		})
	}
}

// TestSignInEndsWithTheContext: azidentity hides the end of the context in text.
func TestSignInEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cred, err := azidentity.NewClientSecretCredential("11111111-1111-4111-8111-111111111111", "app", "very-secret", &azidentity.ClientSecretCredentialOptions{
		DisableInstanceDiscovery: true,
		ClientOptions: azcore.ClientOptions{Retry: noRetry, Transport: transporter(func(r *http.Request) (*http.Response, error) {
			cancel()
			return nil, r.Context().Err()
		})}})
	if err != nil {
		t.Fatal(err)
	}
	if err := signInError(ctx, t, cred); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "check tenant") {
		t.Errorf("Get = %v, want context.Canceled", err)
	}
}

// TestProxyThatRefuses has a proxy of its own, because all that net/http tells of a refusal is the
// text of its status line.
func TestProxyThatRefuses(t *testing.T) {
	said := newTexts(t)
	for status, want := range map[int]string{
		407: "put user and password into HTTPS_PROXY", 403: "the proxy refuses to connect to this host", 502: "the proxy refuses to connect to this host",
	} {
		tries := 0
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			tries++
			w.WriteHeader(status)
		}))
		u, err := url.Parse(proxy.URL)
		if err != nil {
			t.Fatal(err)
		}
		transport := &http.Transport{Proxy: http.ProxyURL(u)}
		c := newClientOver(t, &http.Client{Transport: transport}, newFakeClock())
		_, err = c.Endpoints().Get(t.Context(), "digits")
		said.add(strconv.Itoa(status), err)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: Get = %v, want %q", status, err, want)
		}
		if status == 407 && tries != 1 {
			t.Errorf("%d tries of a proxy that wants a password, want 1", tries)
		}
		transport.CloseIdleConnections()
		proxy.Close()
	}
}

// TestNoConnection has what net, crypto/tls and net/http say when no answer comes, on two planes.
func TestNoConnection(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	const (
		unknown     = "the host name is unknown"
		nameServer  = "the name server gave no answer"
		unreachable = "this machine does not reach the host"
		untrusted   = "the server's certificate is not trusted"
		noAnswer    = "no answer came"
	)
	tests := map[string]struct {
		err  error
		want string
	}{
		"a name that nobody knows":        {dial(&net.DNSError{Err: "no such host", Name: "h", IsNotFound: true}), unknown},
		"a name server that is broken":    {dial(&net.DNSError{Err: "server misbehaving", Name: "h", IsTemporary: true}), nameServer},
		"a name server that is silent":    {dial(&net.DNSError{Err: "i/o timeout", Name: "h", IsTimeout: true}), nameServer},
		"a firewall that drops packets":   {dial(os.ErrDeadlineExceeded), unreachable},
		"no network":                      {dial(os.NewSyscallError("connect", syscall.ENETUNREACH)), unreachable},
		"no route":                        {dial(os.NewSyscallError("connect", syscall.EHOSTUNREACH)), unreachable},
		"a proxy's own certificate":       {&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, untrusted},
		"a certificate as macOS tells it": {&tls.CertificateVerificationError{Err: errors.New("x509: “corp” certificate is not trusted")}, untrusted},
		"no certificates in a container":  {x509.SystemRootsError{}, "install ca-certificates"},
		"an old certificate":              {&tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Cert: new(x509.Certificate), Reason: x509.Expired}}, "check this machine's clock"},
		"a certificate of another host":   {&tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: new(x509.Certificate), Host: "h"}}, "something else answers for this host"},
		"a server without TLS":            {tls.RecordHeaderError{Msg: noTLS}, "does not speak TLS: check for a proxy"},
		"a server that answers HTTP":      {errors.New("http: server gave HTTP response to HTTPS client"), "does not speak TLS: check for a proxy"},
		"a proxy without TLS":             {&net.OpError{Op: "proxyconnect", Net: "tcp", Err: tls.RecordHeaderError{Msg: noTLS}}, "begin HTTPS_PROXY with http://"},
		"a proxy of an unknown name":      {&net.OpError{Op: "proxyconnect", Net: "tcp", Err: dial(&net.DNSError{Err: "no such host", Name: "p", IsNotFound: true})}, "the proxy cannot be reached"},
		"a proxy that cannot be read":     {&url.Error{Op: "Get", URL: "https://h", Err: errors.New(`invalid proxy address "http://me:` + hidden + `%ss@p:1": parse "http://me:` + hidden + `%ss@p:1": invalid URL escape "%ss"`)}, "write HTTPS_PROXY as http://HOST:PORT"},
		"a connection that is reset":      {errReset, noAnswer},
		"a connection that ends":          {io.EOF, noAnswer},
		"an answer that takes too long":   {&net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded}, noAnswer},
	}
	for name, tt := range tests {
		c := newClientOver(t, transporter(func(*http.Request) (*http.Response, error) { return nil, tt.err }), newFakeClock(), func(o *ClientOptions) { o.Retry.MaxRetries = -1 })
		_, get := c.Endpoints().Get(t.Context(), "digits")
		for call, err := range map[string]error{"get": get, "list files": lastError(c.ListFiles(t.Context(), "https://shelf.blob.core.windows.net/blobs/a"))} {
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), hidden) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s, %s: %v\nwant %q", name, call, err, tt.want)
			}
		}
	}
}

// TestSignInMissing knows each wording of a credential that has nothing to sign in with.
func TestSignInMissing(t *testing.T) {
	for text, want := range map[string]bool{
		"DefaultAzureCredential: failed to acquire a token.\nAttempted credentials:\n\tEnvironmentCredential: no secret": true,
		"Please run 'az login' to set up an account":                            true,
		"AzurePowerShellCredential: executable not found on path":               true,
		"ClientSecretCredential authentication failed. AADSTS7000215: a secret": false,
		"executable not found on path":                                          false,
	} {
		if got := signInMissing(errors.New(text)); got != want {
			t.Errorf("signInMissing(%q) = %v, want %v", text, got, want)
		}
	}
}

// TestCredentialOfAMissingTool: a credential alone says less than a chain of them.
func TestCredentialOfAMissingTool(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	cli, err := azidentity.NewAzureCLICredential(nil)
	if err != nil {
		t.Fatal(err)
	}
	const want = `azmlbatch: get endpoint "digits": nobody is signed in (AzureCLICredential: executable not found on path); install the tool of this credential`
	if err := signInError(t.Context(), t, cli); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("Get = %v\nwant %s", err, want)
	}
}

// TestPagesAreNoAnswers has the page of a proxy that says 200, on every plane.
func TestPagesAreNoAnswers(t *testing.T) {
	const body = "<html><head><title>Sign in to the guest network &amp; more</title></head></html>"
	at := place{host: "shelf.blob.core.windows.net", container: "blobs", datastore: "d", keyless: true}
	calls := map[string]func(*Client) error{
		"get": func(c *Client) error { _, err := c.Endpoints().Get(t.Context(), "digits"); return err },
		"list": func(c *Client) error {
			for _, err := range c.Endpoints().List(t.Context()) {
				return err
			}
			return nil
		},
		"list blobs": func(c *Client) error { return lastError(c.listBlobs(t.Context(), operation{"list", "blobs", ""}, at)) },
		"read blob": func(c *Client) error {
			_, err := c.openBlobAt(t.Context(), operation{"read", "blob", "b"}, at.at("b"), 0)
			return err
		},
		"read block": func(c *Client) error {
			_, err := c.newContainerClient(operation{"read", "blob", "b"}, at, "").send(t.Context(), blobRequest{method: "GET", name: "b", header: http.Header{}})
			return err
		},
	}
	for name, call := range calls {
		for _, kind := range []string{"text/html", "Text/HTML; charset=utf-8", "application/json"} {
			if kind == "application/json" && strings.Contains(name, "blo") {
				continue // any content can be a blob's
			}
			c := newClientOver(t, handlerTransport{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", kind)
				_, _ = io.WriteString(w, body)
			})}, newFakeClock(), func(o *ClientOptions) { o.Retry.MaxRetries = -1 })
			err := call(c)
			if err == nil || !strings.Contains(err.Error(), "200 OK: an HTML page, not the service's answer: Sign in to the guest network & more") || !strings.Contains(err.Error(), "a proxy or gateway answered") {
				t.Errorf("%s, %s: %v", name, kind, err)
			}
		}
	}
}
