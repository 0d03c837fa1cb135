package azmlbatch

import (
	"crypto/md5" //nolint:gosec // see encodedMD5
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeStorage is a storage account that keeps blobs in memory, as far as this package's calls need it.
type fakeStorage struct {
	mu       sync.Mutex
	blobs    map[string]string                   // "/container/name"
	metadata map[string]map[string]string        // of a blob
	staged   map[string]map[string]string        // blocks of a blob that are not committed
	blocks   map[string]string                   // those that are, as Get Block List tells them
	requests []recordedRequest                   // without bodies
	headers  []http.Header                       // of the same requests
	refuse   func(r *http.Request) (int, string) // status and code, 0 to let the request in
}

func (f *fakeStorage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	f.requests = append(f.requests, recordedRequest{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery})
	headers := http.Header{}
	for k, values := range r.Header { // azblob does not write all names in their usual case
		headers.Set(k, values[0])
	}
	f.headers = append(f.headers, headers)
	if f.refuse != nil {
		if status, code := f.refuse(r); status != 0 {
			f.fail(w, status, code)
			return
		}
	}
	comp, name := r.URL.Query().Get("comp"), r.URL.Path
	_, exists := f.blobs[name]
	switch {
	case comp == "list":
		f.list(w, r)
	case comp == "blocklist" && r.Method == http.MethodGet:
		if len(f.staged[name]) == 0 && !exists {
			f.fail(w, 404, "BlobNotFound")
			return
		}
		_, _ = io.WriteString(w, `<?xml version="1.0"?><BlockList><CommittedBlocks>`+f.blocks[name]+`</CommittedBlocks><UncommittedBlocks>`)
		for _, id := range slices.Sorted(maps.Keys(f.staged[name])) {
			_, _ = io.WriteString(w, blockXML(id, f.staged[name][id]))
		}
		_, _ = io.WriteString(w, `</UncommittedBlocks></BlockList>`)
	case comp == "block":
		for id := range f.staged[name] {
			if len(id) != len(r.URL.Query().Get("blockid")) {
				f.fail(w, 400, "InvalidBlobOrBlock")
				return
			}
		}
		if f.staged[name] == nil {
			put(&f.staged, name, map[string]string{})
		}
		f.staged[name][r.URL.Query().Get("blockid")] = string(body)
		w.WriteHeader(http.StatusCreated)
	case comp == "metadata":
		put(&f.metadata, name, metadataOf(r))
		w.WriteHeader(http.StatusOK)
	case r.Method == http.MethodPut && exists && r.Header.Get("If-None-Match") == "*":
		f.fail(w, 409, "BlobAlreadyExists")
	case comp == "blocklist":
		f.commit(w, name, body)
	case r.Method == http.MethodPut:
		put(&f.blobs, name, string(body))
		delete(f.staged, name)
		w.WriteHeader(http.StatusCreated)
	case !exists:
		f.fail(w, 404, "BlobNotFound")
	default:
		for k, v := range f.metadata[name] {
			w.Header().Set("x-ms-meta-"+k, v)
		}
		w.Header().Set("ETag", `"1"`)
		r.Header.Set("Range", r.Header.Get("X-Ms-Range"))
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(f.blobs[name]))
	}
}

func (f *fakeStorage) fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("x-ms-error-code", code)
	w.WriteHeader(status)
}

func (f *fakeStorage) commit(w http.ResponseWriter, name string, body []byte) {
	var list struct {
		Latest []string `xml:"Latest"`
	}
	if err := xml.Unmarshal(body, &list); err != nil {
		f.fail(w, 400, "InvalidXmlDocument")
		return
	}
	var content, blocks strings.Builder
	for _, id := range list.Latest {
		part, ok := f.staged[name][id]
		if !ok {
			f.fail(w, 400, "InvalidBlockList")
			return
		}
		content.WriteString(part)
		blocks.WriteString(blockXML(id, part))
	}
	put(&f.blobs, name, content.String())
	put(&f.blocks, name, blocks.String())
	delete(f.staged, name)
	w.WriteHeader(http.StatusCreated)
}

func blockXML(id, content string) string {
	return fmt.Sprintf("<Block><Name>%s</Name><Size>%d</Size></Block>", id, len(content))
}

func (f *fakeStorage) list(w http.ResponseWriter, r *http.Request) {
	prefix := r.URL.Path + "/" + r.URL.Query().Get("prefix")
	_, _ = io.WriteString(w, "\ufeff"+`<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>`)
	for _, name := range slices.Sorted(maps.Keys(f.blobs)) {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		_, _ = io.WriteString(w, "<Blob><Name>")
		_ = xml.EscapeText(w, []byte(strings.TrimPrefix(name, r.URL.Path+"/")))
		_, _ = fmt.Fprintf(w, "</Name><Properties><Etag>1</Etag><Content-Length>%d</Content-Length><Content-MD5>%s</Content-MD5></Properties><Metadata>",
			len(f.blobs[name]), encodedMD5(f.blobs[name]))
		for k, v := range f.metadata[name] {
			_, _ = fmt.Fprintf(w, "<%s>%s</%s>", k, v, k)
		}
		_, _ = io.WriteString(w, "</Metadata></Blob>")
	}
	_, _ = io.WriteString(w, "</Blobs><NextMarker/></EnumerationResults>")
}

func encodedMD5(content string) string {
	sum := md5.Sum([]byte(content)) //nolint:gosec // what storage tells of a blob
	return base64.StdEncoding.EncodeToString(sum[:])
}

func metadataOf(r *http.Request) map[string]string {
	m := map[string]string{}
	for k, values := range r.Header {
		if name, ok := strings.CutPrefix(strings.ToLower(k), "x-ms-meta-"); ok {
			m[name] = values[0]
		}
	}
	return m
}

// sent are the requests of one method that the account got.
func (f *fakeStorage) sent(method string) (n int) {
	for _, r := range f.requests {
		if r.Method == method {
			n++
		}
	}
	return n
}

// storageClient is a client of the service and of a storage account for all blob hosts.
func storageClient(t *testing.T, service http.Handler, storage http.Handler, change ...func(*ClientOptions)) *Client {
	t.Helper()
	return newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Host, ".blob.") {
			storage.ServeHTTP(w, r)
			return
		}
		service.ServeHTTP(w, r)
	}, change...)
}

// storeService is the service with the datastore workspaceblobstore, the default.
func storeService(store string) *fakeService {
	return &fakeService{answers: map[string]http.HandlerFunc{
		"GET /datastores":                    answer(200, `{"value":[`+store+`]}`),
		"GET /datastores/workspaceblobstore": answer(200, store),
	}}
}
