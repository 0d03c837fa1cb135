package emulator

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	pkcs12 "software.sslmate.com/src/go-pkcs12"

	"github.com/azmlbatch/azmlbatch"
)

// TestMain lets net/http's half a second pass that a connection stays after it was closed early.
func TestMain(m *testing.M) {
	if data := os.Getenv(loadedEnv); data != "" {
		if err := serveLoaded(data); err != nil {
			log.Fatal(err)
		}
		return
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

func startServer(t *testing.T, options *Options) *Server {
	t.Helper()
	s, err := Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// proxied is a client as a program in another process is: it knows the proxy and the CA file, and
// nothing else.
func proxied(t *testing.T, s *Server, http2 bool) *http.Client {
	t.Helper()
	client, err := through(s.Address(), s.CAFile(), http2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// through returns a client that knows the address of the proxy and the CA file.
func through(address, ca string, http2 bool) (*http.Client, error) {
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", ca)
	}
	return &http.Client{Transport: &http.Transport{
		Proxy:           http.ProxyURL(&url.URL{Scheme: "http", Host: address}),
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: http2,
	}}, nil
}

func token(t *testing.T, client *http.Client, s *Server, scope string) string {
	t.Helper()
	e := s.Emulator()
	resp, err := client.PostForm("https://login.microsoftonline.com/"+e.TenantID()+"/oauth2/v2.0/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {e.ClientID()}, "client_secret": {e.ClientSecret()}, "scope": {scope}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Token == "" {
		t.Fatalf("no token: %s, %v", resp.Status, err)
	}
	return answer.Token
}

func TestAnyClientThroughTheProxy(t *testing.T) {
	s := startServer(t, nil)
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			client := proxied(t, s, http2)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://management.azure.com/subscriptions?api-version=2022-12-01", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+token(t, client, s, "https://management.azure.com/.default"))
			resp, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(b), DefaultSubscriptionID) {
				t.Errorf("subscriptions = %s %s, %v", resp.Status, b, err)
			}
			if http2 != (resp.ProtoMajor == 2) {
				t.Errorf("protocol %s", resp.Proto)
			}
		})
	}
}

func TestAHostThatIsNotPlayedIsRefused(t *testing.T) {
	s := startServer(t, nil)
	resp, err := proxied(t, s, false).Get("https://example.com/")
	if err == nil {
		resp.Body.Close()
		t.Fatal("example.com was reached")
	}
	if want := (&UnknownHostError{Host: "example.com"}).Error(); !strings.Contains(err.Error(), want) {
		t.Errorf("the refusal reads %v, want %q", err, want)
	}
	e, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://example.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := e.Do(r); err == nil || !strings.Contains(err.Error(), "does not play the host example.com") {
		if err == nil {
			resp.Body.Close()
		}
		t.Errorf("in memory: %v", err)
	}
}

// TestRefusedConnect reads the answer as it is on the wire: a whole response, whose status line no
// host name can break.
func TestRefusedConnect(t *testing.T) {
	s := startServer(t, nil)
	for host, want := range map[string]string{
		"example.com:443":            "the azmlbatch emulator does not play the host example.com; nothing was sent",
		"management.azure.com.:8443": "", // played
		"kiln.example:443":           "the azmlbatch emulator does not play the host kiln.example; nothing was sent",
		"gl%C3%A4ze.example:443":     "the azmlbatch emulator does not play the host gl?ze.example; nothing was sent",
	} {
		conn, err := net.Dial("tcp", s.Address())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "CONNECT "+host+" HTTP/1.1\r\nHost: example.com\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodConnect})
		if err != nil {
			t.Fatalf("%s: %v", host, err)
		}
		if want == "" && resp.StatusCode != http.StatusOK || want != "" && resp.Status != "502 "+want {
			t.Errorf("CONNECT %s = %q, want %q", host, resp.Status, want)
		}
		if want != "" {
			body, err := io.ReadAll(resp.Body)
			if err != nil || string(body) != want+"\n" || resp.ContentLength != int64(len(want))+1 {
				t.Errorf("CONNECT %s: body %q, %v", host, body, err)
			}
		}
		_ = resp.Body.Close()
		_ = conn.Close()
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	s := startServer(t, nil)
	ca, address := s.CAFile(), s.Address()
	host, _, err := net.SplitHostPort(address)
	if err != nil || !net.ParseIP(host).IsLoopback() {
		t.Errorf("it listens on %s, want loopback", address)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(ca)); err == nil {
		t.Errorf("the folder of the CA file is still there")
	}
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatalf("the port is still taken: %v", err)
	}
	_ = l.Close()
}

// TestPortSpeaksTLSAndProxy: clients that know the port alone, and others that take it for
// something else.
func TestPortSpeaksTLSAndProxy(t *testing.T) {
	s := startServer(t, nil)
	file, err := os.ReadFile(s.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(file)
	_, port, err := net.SplitHostPort(s.Address())
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	for _, host := range []string{"localhost", "127.0.0.1"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+net.JoinHostPort(host, port)+"/discovery", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "eastus.api.azureml.ms"
		resp, err := transport.RoundTrip(r)
		if err != nil {
			t.Errorf("TLS to %s: %v", host, err)
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("TLS to %s: %s", host, resp.Status)
		}
	}
	resp, err := http.Get("http://" + s.Address() + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), "use it as an HTTPS proxy, or connect with TLS") {
		t.Errorf("http: %s %s, %v", resp.Status, body, err)
	}
	if conn, err := tls.Dial("tcp", s.Address(), &tls.Config{RootCAs: roots, ServerName: "example.com", MinVersion: tls.VersionTLS12}); err == nil {
		_ = conn.Close()
		t.Error("a client that wants example.com gets a connection")
	}
}

// TestStartErrors: what cannot be is an error, and leaves nothing that runs.
func TestStartErrors(t *testing.T) {
	s := startServer(t, nil)
	t.Setenv("TMPDIR", t.TempDir())
	for name, test := range map[string]struct {
		options Options
		says    string
	}{
		"options":         {Options{Pace: "slow"}, "unknown pace"},
		"a taken port":    {Options{Listen: s.Address()}, "emulator: listen: "},
		"no such address": {Options{Listen: "kiln"}, "emulator: listen: "},
	} {
		started, err := Start(t.Context(), &test.options)
		if err == nil {
			_ = started.Close()
		}
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want an error that says %q", name, err, test.says)
		}
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
	if started, err := Start(t.Context(), nil); err == nil {
		_ = started.Close()
		t.Error("it starts without a folder for temporary files")
	}
}

// TestDefaultListen: loopback, and a port of its own for everyone.
func TestDefaultListen(t *testing.T) {
	a, b := startServer(t, nil), startServer(t, &Options{Listen: DefaultListen})
	if a.Address() == b.Address() || !strings.HasPrefix(a.Address(), "127.0.0.1:") || !strings.HasPrefix(b.Address(), "127.0.0.1:") {
		t.Errorf("they listen on %s and %s", a.Address(), b.Address())
	}
	if a.ProxyURL() != "http://"+a.Address() {
		t.Errorf("proxy %s at %s", a.ProxyURL(), a.Address())
	}
}

// TestListenEverywhere: the proxy's address is one that can be opened.
func TestListenEverywhere(t *testing.T) {
	for _, listen := range []string{"0.0.0.0:0", ":0"} {
		s, err := Start(t.Context(), &Options{Listen: listen})
		if err != nil {
			t.Fatal(err)
		}
		_, port, err := net.SplitHostPort(s.Address())
		if err != nil || s.ProxyURL() != "http://127.0.0.1:"+port || !slices.Contains(s.Env(), "HTTPS_PROXY=http://127.0.0.1:"+port) {
			t.Errorf("%s: proxy %s at %s", listen, s.ProxyURL(), s.Address())
		}
		if java := strings.Join(s.Env(), "\n"); !strings.Contains(java, "-Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort="+port+" ") {
			t.Errorf("%s: %s", listen, java)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestContextEndsTheServer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, err := Start(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestEnvNamesWhatClientsRead(t *testing.T) {
	t.Setenv("JAVA_TOOL_OPTIONS", "-Xmx64m")
	s := startServer(t, nil)
	got := map[string]string{}
	for _, v := range s.Env() {
		name, value, _ := strings.Cut(v, "=")
		got[name] = value
	}
	for _, name := range []string{"HTTPS_PROXY", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "AZURE_AUTHORITY_HOST", "AZURE_TENANT_ID",
		"AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZUREML_ARM_SUBSCRIPTION", "AZUREML_ARM_RESOURCEGROUP", "AZUREML_ARM_WORKSPACE_NAME"} {
		if got[name] == "" {
			t.Errorf("%s is not set", name)
		}
	}
	host, port, err := net.SplitHostPort(s.Address())
	if err != nil {
		t.Fatal(err)
	}
	store := filepath.Join(filepath.Dir(s.CAFile()), "ca.p12")
	want := "-Xmx64m -Dhttps.proxyHost=" + host + " -Dhttps.proxyPort=" + port + ` -Djavax.net.ssl.trustStore="` + store +
		`" -Djavax.net.ssl.trustStoreType=PKCS12 -Djavax.net.ssl.trustStorePassword=changeit`
	if got["JAVA_TOOL_OPTIONS"] != want {
		t.Errorf("JAVA_TOOL_OPTIONS = %s, want %s", got["JAVA_TOOL_OPTIONS"], want)
	}
	if got["NODE_USE_ENV_PROXY"] != "1" {
		t.Errorf("NODE_USE_ENV_PROXY = %q, want 1", got["NODE_USE_ENV_PROXY"])
	}
}

// TestTrustStore reads what Java reads, and finds in it what every other client finds in the CA
// file.
func TestTrustStore(t *testing.T) {
	s := startServer(t, nil)
	data, err := os.ReadFile(s.trustStore)
	if err != nil {
		t.Fatal(err)
	}
	trusted, err := pkcs12.DecodeTrustStore(data, "changeit")
	if err != nil || len(trusted) != 1 {
		t.Fatalf("%d certificates, %v", len(trusted), err)
	}
	file, err := os.ReadFile(s.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(file)
	if block == nil || !bytes.Equal(block.Bytes, trusted[0].Raw) {
		t.Error("the trust store has another certificate than the CA file")
	}
	for _, path := range []string{s.trustStore, s.CAFile()} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
}

func TestStateSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	run := func(use func(*azmlbatch.Client)) {
		t.Helper()
		e, err := New(&Options{DataDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		client, err := e.Client(nil)
		if err != nil {
			t.Fatal(err)
		}
		use(client)
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	file := t.TempDir() + "/weights.txt"
	if err := os.WriteFile(file, []byte("42"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(func(c *azmlbatch.Client) {
		if _, err := c.Models().Upload(t.Context(), "vases", file, nil); err != nil {
			t.Fatal(err)
		}
	})
	run(func(c *azmlbatch.Client) {
		target := t.TempDir()
		if _, err := c.Models().Download(t.Context(), "vases", "1", target, nil); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(target + "/weights.txt"); err != nil || string(b) != "42" {
			t.Errorf("the model after a restart = %q, %v", b, err)
		}
	})
}

func TestRealPaceTakesItsTimeOnTheClock(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	e, err := New(&Options{Pace: PaceReal, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	now = time.Now() // tokens that azidentity keeps go by the wall clock
	client, err := e.Client(nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := client.Endpoints().BeginCreateOrUpdate(t.Context(), "vases", azmlbatch.Endpoint{})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if progress, err := p.Poll(t.Context()); err != nil || p.Done() {
			t.Fatalf("done at once: %+v, %v", progress, err)
		}
	}
	now = now.Add(5 * time.Minute)
	if progress, err := p.Poll(t.Context()); err != nil || !p.Done() {
		t.Errorf("after five minutes: %+v, %v", progress, err)
	}
}

func TestParseFault(t *testing.T) {
	f, err := ParseFault("scoring POST /jobs fail-after=502 times=2 skip=1")
	if err != nil || f.Action != ActionFailAfter || f.Status != http.StatusBadGateway || f.Times != 2 || f.Skip != 1 || f.Host != "scoring" {
		t.Errorf("ParseFault = %+v, %v", f, err)
	}
	for _, bad := range []string{"", "scoring POST /jobs", "scoring POST /jobs explode", "scoring POST /jobs cut-after times=x"} {
		if _, err := ParseFault(bad); err == nil {
			t.Errorf("ParseFault(%q) is taken", bad)
		}
	}
}

func TestParseSeed(t *testing.T) {
	dir := t.TempDir()
	s, err := ParseSeed("shelf/vases/new=" + dir)
	if err != nil || s.Account != "shelf" || s.Container != "vases" || s.Prefix != "new" || s.Dir != dir {
		t.Errorf("ParseSeed = %+v, %v", s, err)
	}
	for _, bad := range []string{"", "shelf", "shelf=" + dir, "shelf/vases"} {
		if _, err := ParseSeed(bad); err == nil {
			t.Errorf("ParseSeed(%q) is taken", bad)
		}
	}
}

// BenchmarkRequests is how many requests a second the emulator answers, through the whole client.
func BenchmarkRequests(b *testing.B) {
	e, err := New(nil)
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	client, err := e.Client(nil)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := client.WorkspaceDetails(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.WorkspaceDetails(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}
