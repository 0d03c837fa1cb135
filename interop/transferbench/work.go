package main

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // what a client of azblob would name content by
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"golang.org/x/sync/errgroup"

	"github.com/azmlbatch/azmlbatch"
)

// work is one transfer by one client. It runs in a process of its own, so that its CPU and memory are its own.
type work struct {
	Client    string // "azblob", "bare" or "azmlbatch"
	Download  bool
	Dir       string // local folder
	Server    string // host:port
	Container string
	Files     int  // azblob: files in flight
	Blocks    int  // azblob: blocks of a file in flight, 0 for its default
	Hash      bool // azblob: hash the content by MD5 before sending
}

// measured is what a transfer took.
type measured struct {
	Wall, CPU time.Duration
	Peak      int64 // bytes of memory, at most
	Counts    counts
	Error     string `json:",omitempty"`
}

const (
	account = "shelf"
	prefix  = "LocalUpload/0/data" // where azblob uploads to, and both download from
)

func (w work) run() measured {
	transport := w.transport()
	defer profile(w.Client)()
	cpu, began := processCPU(), time.Now()
	var err error
	switch w.Client {
	case "azblob":
		err = w.azblob(transport)
	case "bare":
		err = w.bare(transport)
	default:
		err = w.azmlbatch(transport)
	}
	m := measured{Wall: time.Since(began), CPU: processCPU() - cpu, Peak: peakMemory()}
	if err != nil {
		m.Error = err.Error()
	}
	return m
}

// profile writes a CPU profile of the transfer into the folder TRANSFERBENCH_PROFILE, if there is one.
func profile(client string) (stop func()) {
	dir := os.Getenv("TRANSFERBENCH_PROFILE")
	if dir == "" {
		return func() {}
	}
	f, err := os.CreateTemp(dir, client+"-*.pprof")
	if err != nil {
		log.Fatal(err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		log.Fatal(err)
	}
	return pprof.StopCPUProfile
}

// transport takes every connection to the server, without TLS although the URLs say https: both clients insist on it, and
// encryption would cost both the same.
func (w work) transport() http.RoundTripper {
	return &http.Transport{
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", w.Server)
		},
		MaxIdleConnsPerHost: 1024,
		DisableCompression:  true,
	}
}

type token struct{}

func (token) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: strings.Repeat("token", 300), ExpiresOn: time.Now().Add(24 * time.Hour)}, nil
}

// workspace answers as the management plane, in memory, and passes the rest on.
type workspace struct {
	container string
	storage   http.RoundTripper
}

func (s workspace) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != "management.azure.com" {
		return s.storage.RoundTrip(r)
	}
	store := fmt.Sprintf(`{"name":"store","properties":{"isDefault":true,"credentials":{"credentialsType":"None"},"datastoreType":"AzureBlob",`+
		`"accountName":%q,"containerName":%q,"endpoint":"core.windows.net","protocol":"https"}}`, account, s.container)
	body := store
	switch {
	case strings.HasSuffix(r.URL.Path, "/datastores"):
		body = `{"value":[` + store + `]}`
	case strings.Contains(r.URL.Path, "/models/"):
		body = `{"name":"1","properties":{"modelType":"custom_model","modelUri":"azureml://datastores/store/paths/` + prefix + `"}}`
	}
	return &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
}

// azmlbatch does the work as the documentation shows, with default options.
func (w work) azmlbatch(transport http.RoundTripper) error {
	o := &azmlbatch.ClientOptions{}
	o.Transport = &http.Client{Transport: workspace{w.Container, transport}}
	c, err := azmlbatch.NewClient(azmlbatch.Workspace{SubscriptionID: "5a6cf0b2-34a8-4bb7-94f7-3a1e7a7e5c11", ResourceGroup: "pottery", Name: "kiln"}, token{}, o)
	if err != nil {
		return err
	}
	if w.Download {
		_, err = c.Models().Download(context.Background(), "clay", "1", w.Dir, nil)
		return err
	}
	_, err = c.Upload(context.Background(), w.Dir, nil)
	return err
}

func (w work) azblobClient(transport http.RoundTripper) (*azblob.Client, error) {
	return azblob.NewClient("https://"+account+".blob.core.windows.net", token{},
		&azblob.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: &http.Client{Transport: transport}}})
}

// azblob does the work with azblob's own functions for files, and so many files at once as suit it best.
func (w work) azblob(transport http.RoundTripper) error {
	c, err := w.azblobClient(transport)
	if err != nil {
		return err
	}
	if w.Download {
		return w.azblobDownload(c)
	}
	files, err := localFiles(w.Dir)
	if err != nil {
		return err
	}
	if w.Hash {
		if err := w.each(files, hashFile); err != nil {
			return err
		}
	}
	return w.each(files, func(name string) error {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		within, err := filepath.Rel(w.Dir, name)
		if err != nil {
			return err
		}
		_, err = c.UploadFile(context.Background(), w.Container, prefix+"/"+filepath.ToSlash(within), f, &azblob.UploadFileOptions{Concurrency: uint16(w.Blocks)}) //nolint:gosec // small
		return err
	})
}

func (w work) azblobDownload(c *azblob.Client) error {
	blobs, err := w.list(c)
	if err != nil {
		return err
	}
	return w.each(slices.Collect(maps.Keys(blobs)), func(name string) error {
		f, err := w.create(name)
		if err != nil {
			return err
		}
		_, err = c.DownloadFile(context.Background(), w.Container, name, f, &azblob.DownloadFileOptions{Concurrency: uint16(w.Blocks)}) //nolint:gosec // small
		if closed := f.Close(); err == nil {
			err = closed
		}
		return err
	})
}

// list returns the sizes of the blobs by their names.
func (w work) list(c *azblob.Client) (map[string]int64, error) {
	blobs := map[string]int64{}
	for pages := c.NewListBlobsFlatPager(w.Container, &azblob.ListBlobsFlatOptions{Prefix: new(prefix + "/")}); pages.More(); {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			return nil, err
		}
		for _, b := range page.Segment.BlobItems {
			blobs[*b.Name] = *b.Properties.ContentLength
		}
	}
	return blobs, nil
}

// create makes the file of a blob.
func (w work) create(name string) (*os.File, error) {
	local := filepath.Join(w.Dir, filepath.FromSlash(strings.TrimPrefix(name, prefix+"/")))
	if err := os.MkdirAll(filepath.Dir(local), 0o750); err != nil {
		return nil, err
	}
	return os.Create(local)
}

// each does something to so many files at once.
func (w work) each(names []string, do func(name string) error) error {
	var pool errgroup.Group
	pool.SetLimit(max(1, w.Files))
	for _, name := range names {
		pool.Go(func() error { return do(name) })
	}
	return pool.Wait()
}

func localFiles(dir string) (names []string, err error) {
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	return names, err
}

func hashFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	h := md5.New() //nolint:gosec // see the import
	_, err = io.Copy(h, f)
	return err
}

// peakMemory is the most memory that this process has had resident.
func peakMemory() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0 // not Linux
	}
	for line := range bytes.Lines(status) {
		if value, ok := bytes.CutPrefix(line, []byte("VmHWM:")); ok {
			kib, _ := strconv.ParseInt(strings.Fields(string(value))[0], 10, 64)
			return kib << 10
		}
	}
	return 0
}

// ask calls a function of the server that is for the benchmark.
func ask(server, function string, query string, into any) error {
	resp, err := http.Get("http://" + server + "/!" + function + "?" + query)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if into == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(into)
}
