package emulator

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/azmlbatch/azmlbatch"
)

// Names of what TestLoad writes.
const (
	loadContainer = "azureml"
	loadPrefix    = "many"
	bigBlob       = "big"
)

// loadedEnv names the data folder of an emulator that TestMain serves instead of running tests.
const loadedEnv = "AZMLBATCH_TEST_LOADED"

// loaded is an emulator in another process.
type loaded struct {
	Address, CAFile, Secret string
	Account, Endpoint       string
	Input                   string // of its jobs

	process *exec.Cmd
	input   io.Closer
	errors  *bytes.Buffer
	began   time.Time // of the present part of the test
}

// serveLoaded is the other process. It ends when its standard input does.
func serveLoaded(data string) error {
	s, err := Start(context.Background(), &Options{DataDir: data})
	if err != nil {
		return err
	}
	e := s.Emulator()
	endpoint, err := e.Deploy(context.Background(), Func(func(_ context.Context, files []string) ([]string, error) { return files, nil }), nil)
	if err != nil {
		return err
	}
	client, err := e.Client(nil)
	if err != nil {
		return err
	}
	input, err := client.Upload(context.Background(), "testdata/vases/bowl.csv", nil)
	if err != nil {
		return err
	}
	err = json.NewEncoder(os.Stdout).Encode(loaded{
		Address: s.Address(), CAFile: s.CAFile(), Secret: e.ClientSecret(), Account: e.Workspaces()[0].StorageAccount, Endpoint: endpoint, Input: input.URI,
	})
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return s.Close()
}

func startLoaded(t *testing.T, data string, env ...string) *loaded {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &loaded{process: exec.CommandContext(t.Context(), self), errors: &bytes.Buffer{}, began: time.Now()}
	s.process.Env = append(append(os.Environ(), loadedEnv+"="+data), env...)
	s.process.Stderr = s.errors
	out, err := s.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if s.input, err = s.process.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(out).Decode(s); err != nil {
		t.Fatalf("the emulator does not start: %v\n%s", err, s.errors)
	}
	return s
}

// kill ends the emulator as a power cut would.
func (s *loaded) kill(t *testing.T) {
	t.Helper()
	if err := s.process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.process.Wait() // says that it was killed
	if s.errors.Len() > 0 {
		t.Errorf("the emulator said:\n%s", s.errors)
	}
}

func (s *loaded) end(t *testing.T) {
	t.Helper()
	if err := s.input.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.process.Wait(); err != nil {
		t.Errorf("the emulator ended with %v\n%s", err, s.errors)
	}
}

var peakMemory = regexp.MustCompile(`VmHWM:\s*(\d+) kB`)

// figures logs how long a part of the test took, and the most memory that the emulator had meanwhile.
func (s *loaded) figures(t *testing.T, part string) {
	t.Helper()
	memory := "unknown"
	proc := fmt.Sprintf("/proc/%d/", s.process.Process.Pid)
	if status, err := os.ReadFile(proc + "status"); err == nil {
		memory = string(peakMemory.FindSubmatch(status)[1]) + " kB"
		_ = os.WriteFile(proc+"clear_refs", []byte("5"), 0) // counts anew from now on
	}
	t.Logf("%6.1fs, %s of memory at most: %s", time.Since(s.began).Seconds(), memory, part)
	s.began = time.Now()
}

// loadClient is one client with connections and a token of its own.
type loadClient struct {
	*http.Client
	sdk       *azmlbatch.Client
	container *container.Client
}

func (s *loaded) client(t *testing.T) *loadClient {
	t.Helper()
	c, err := s.connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func (s *loaded) connect() (*loadClient, error) {
	httpClient, err := through(s.Address, s.CAFile, true)
	if err != nil {
		return nil, err
	}
	c := &loadClient{Client: httpClient}
	options := azcore.ClientOptions{Transport: httpClient, Retry: policy.RetryOptions{MaxRetries: -1}}
	credential, err := azidentity.NewClientSecretCredential(DefaultTenantID, DefaultClientID, s.Secret, &azidentity.ClientSecretCredentialOptions{ClientOptions: options})
	if err != nil {
		return nil, err
	}
	workspace := azmlbatch.Workspace{SubscriptionID: DefaultSubscriptionID, ResourceGroup: "azmlbatch", Name: "laptop"}
	if c.sdk, err = azmlbatch.NewClient(workspace, credential, &azmlbatch.ClientOptions{ClientOptions: options}); err != nil {
		return nil, err
	}
	c.container, err = container.NewClient("https://"+s.Account+".blob.core.windows.net/"+loadContainer, credential, &container.ClientOptions{ClientOptions: options})
	return c, err
}

func (c *loadClient) put(ctx context.Context, name, content string) error {
	_, err := c.container.NewBlockBlobClient(name).UploadBuffer(ctx, []byte(content), nil)
	return err
}

func (c *loadClient) putStream(ctx context.Context, name string, content io.Reader) error {
	_, err := c.container.NewBlockBlobClient(name).UploadStream(ctx, content, &blockblob.UploadStreamOptions{BlockSize: 8 << 20, Concurrency: 4})
	return err
}

func (c *loadClient) count(t *testing.T, prefix string) (n int) {
	t.Helper()
	pages := c.container.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: &prefix})
	for pages.More() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n += len(page.Segment.BlobItems)
	}
	return n
}

func (c *loadClient) sum(t *testing.T, name string) [sha256.Size]byte {
	t.Helper()
	answer, err := c.container.NewBlobClient(name).DownloadStream(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, answer.Body); err != nil {
		t.Fatal(err)
	}
	return [sha256.Size]byte(hash.Sum(nil))
}
