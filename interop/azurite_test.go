package interop

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// Azurite is Microsoft's emulator of Blob storage. The SDK's uploads and downloads run against it here, with the management
// plane played by ours: what one emulator of the same hands takes must also be what another takes.
//
// AZMLBATCH_AZURITE is the program azurite-blob of the npm package azurite; without it these tests are skipped.

const (
	azuriteAccount   = "azurite1"
	azuriteContainer = "pots"
)

// azurite is a running server and the way to it: requests for its account go there, all others to the emulator.
type azurite struct {
	azure  *emulator.Emulator
	key    string
	to     string // host:port
	client *http.Client

	mu   sync.Mutex
	puts int
	cut  int // PUTs that still get through; below zero for all
}

func newAzurite(t *testing.T) *azurite {
	t.Helper()
	program := os.Getenv("AZMLBATCH_AZURITE")
	if program == "" {
		t.Skip("AZMLBATCH_AZURITE names no program azurite-blob; .ci/run installs one")
	}
	azure, err := emulator.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { azure.Close() })
	key := make([]byte, 64)
	_, _ = rand.Read(key)
	a := &azurite{azure: azure, key: base64.StdEncoding.EncodeToString(key), cut: -1}
	a.start(t, program)
	a.createContainer(t)
	return a
}

// start runs the server on a free port of loopback, with a certificate of its own: Azurite takes tokens over TLS only.
func (a *azurite) start(t *testing.T, program string) {
	t.Helper()
	cert, certFile, keyFile := certificate(t)
	cmd := exec.CommandContext(t.Context(), program, "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--oauth", "basic",
		"--cert", certFile, "--key", keyFile, "--blobHost", "127.0.0.1", "--blobPort", "0")
	cmd.Env = append(os.Environ(), "AZURITE_ACCOUNTS="+azuriteAccount+":"+a.key)
	cmd.Dir = t.TempDir()
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // the context, which has ended by now, has killed it
	listening := regexp.MustCompile(`listens on https://(127\.0\.0\.1:\d+)`)
	lines := bufio.NewScanner(out)
	for a.to == "" && lines.Scan() {
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			a.to = m[1]
		}
	}
	if a.to == "" {
		t.Fatal("azurite-blob ended without listening")
	}
	go func() {
		for lines.Scan() {
		}
	}()
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	// Azurite closes an idle connection after some seconds, perhaps just when the next request goes out. These clients do not
	// try again, so each request has its own.
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}, DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	a.client = &http.Client{Transport: transport}
}

// certificate makes one for 127.0.0.1 that signs itself, and its files.
func certificate(t *testing.T) (cert *x509.Certificate, certFile, keyFile string) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}, &x509.Certificate{SerialNumber: big.NewInt(1)}, &key.PublicKey, key)
	must(err)
	cert, err = x509.ParseCertificate(der)
	must(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(err)
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	must(os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	return cert, certFile, keyFile
}

var errCut = errors.New("the connection was cut")

// Do implements policy.Transporter.
func (a *azurite) Do(req *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(req.URL.Host, azuriteAccount+".") {
		return a.azure.Do(req)
	}
	if req.Method == http.MethodPut {
		a.mu.Lock()
		refuse := a.cut == 0
		if a.cut > 0 {
			a.cut--
		}
		if !refuse {
			a.puts++
		}
		a.mu.Unlock()
		if refuse {
			return nil, errCut
		}
	}
	aimed := req.Clone(req.Context())
	aimed.URL.Host = a.to // Host stays: Azurite reads the account from it
	aimed.Host = req.URL.Host
	return a.client.Do(aimed)
}

// sent returns the PUTs since it was asked last.
func (a *azurite) sent() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := a.puts
	a.puts = 0
	return n
}

func (a *azurite) createContainer(t *testing.T) {
	t.Helper()
	cred, err := container.NewSharedKeyCredential(azuriteAccount, a.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := container.NewClientWithSharedKeyCredential("https://"+azuriteAccount+".blob.core.windows.net/"+azuriteContainer, cred,
		&container.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: a}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Create(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	a.sent()
}

// open makes a client, and the datastore azurite with the credentials.
func (a *azurite) open(t *testing.T, credentials azmlbatch.DatastoreCredentials) *azmlbatch.Client {
	t.Helper()
	w := a.azure.Workspaces()[0]
	o := &azmlbatch.ClientOptions{}
	o.Transport = a
	o.Retry.MaxRetries = -1
	client, err := azmlbatch.NewClient(azmlbatch.Workspace{SubscriptionID: w.SubscriptionID, ResourceGroup: w.ResourceGroup, Name: w.Name}, a.azure.Credential(), o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Datastores().CreateOrUpdate(t.Context(), "azurite", azmlbatch.Datastore{Type: azmlbatch.DatastoreTypeAzureBlob,
		AccountName: azuriteAccount, ContainerName: azuriteContainer, Credentials: credentials}, nil)
	if err != nil {
		t.Fatal(err)
	}
	// Azurite refuses the CRC64 that storage takes; from then on the client sends the MD5.
	if _, err := client.UploadReader(t.Context(), strings.NewReader(t.Name()), "first", &azmlbatch.UploadOptions{Datastore: "azurite"}); err != nil {
		t.Fatal(err)
	}
	a.sent()
	return client
}

// pots writes a folder with files of odd names and one of several blocks.
func pots(t *testing.T, seed byte) (dir string, content map[string]string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "pots")
	content = map[string]string{"glaze.txt": "celadon", "empty": "", "a b/ü+#%.txt": "odd", "deep/er/ash.bin": string(bytes.Repeat([]byte{seed, 1, 2, 3}, 700<<10))}
	for i := range 40 {
		content[fmt.Sprintf("shards/%02d.txt", i)] = fmt.Sprint(seed, i)
	}
	for name, text := range content {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, content
}

// TestAzurite uploads a folder with the caller's token and with an account key, finds it again, and downloads it.
func TestAzurite(t *testing.T) {
	a := newAzurite(t)
	for i, tt := range []struct {
		name        string
		credentials azmlbatch.DatastoreCredentials
	}{
		{"token", azmlbatch.NoCredentials{}},
		{"account key", azmlbatch.AccountKeyCredentials{Key: azmlbatch.Secret(a.key)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client := a.open(t, tt.credentials)
			dir, content := pots(t, byte(i))
			options := &azmlbatch.UploadModelOptions{Upload: &azmlbatch.UploadOptions{Datastore: "azurite", BlockSize: 1 << 20, Credential: preferred(tt.credentials)}}
			model, err := client.Models().Upload(t.Context(), "pots", dir, options)
			if err != nil {
				t.Fatal(err)
			}
			if want, got := len(content)+3+1, a.sent(); got != want { // three blocks, and the marker
				t.Errorf("%d PUTs, want %d", got, want)
			}
			again, err := client.Models().Upload(t.Context(), "pots", dir, options)
			if err != nil || again.Version != model.Version || a.sent() != 0 {
				t.Errorf("the second upload gave version %s, %v, want %s and nothing sent", again.Version, err, model.Version)
			}
			mustDownload(t, client, model, content)
		})
	}
}

func preferred(c azmlbatch.DatastoreCredentials) azmlbatch.StorageCredential {
	if _, none := c.(azmlbatch.NoCredentials); none {
		return azmlbatch.StorageCredentialAuto
	}
	return azmlbatch.StorageCredentialSecrets
}

func mustDownload(t *testing.T, client *azmlbatch.Client, model azmlbatch.Model, want map[string]string) {
	t.Helper()
	dir := t.TempDir()
	if _, err := client.Models().Download(t.Context(), model.Name, model.Version, dir, nil); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for name := range want {
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			t.Error(err)
		}
		got[name] = string(text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("downloaded (-want +got):\n%s", diff)
	}
}

// TestAzuriteUploadGoesOn breaks an upload off in the middle of a large file, and sends what is missing the next time.
func TestAzuriteUploadGoesOn(t *testing.T) {
	a := newAzurite(t)
	client := a.open(t, azmlbatch.NoCredentials{})
	file := filepath.Join(t.TempDir(), "ash.bin")
	content := bytes.Repeat([]byte("0123456789abcdef"), 640<<10) // ten blocks
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	options := &azmlbatch.UploadModelOptions{Upload: &azmlbatch.UploadOptions{Datastore: "azurite", BlockSize: 1 << 20, Concurrency: 1}}
	a.cut = 6
	if _, err := client.Models().Upload(t.Context(), "ash", file, options); !errors.Is(err, errCut) {
		t.Fatalf("Upload = %v, want the cut connection", err)
	}
	a.cut = -1
	if got := a.sent(); got != 6 {
		t.Errorf("%d blocks were sent before the cut, want 6", got)
	}
	model, err := client.Models().Upload(t.Context(), "ash", file, options)
	if err != nil {
		t.Fatal(err)
	}
	if got := a.sent(); got != 4+1+1 { // the other blocks, their list, the marker
		t.Errorf("%d PUTs after the cut, want 6", got)
	}
	mustDownload(t, client, model, map[string]string{"ash.bin": string(content)})
}
