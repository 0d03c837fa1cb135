package azmlbatch

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
)

// secondPages is the whole service, whose lists all have a second page that meets a fault.
type secondPages struct {
	fault func(*http.Request, *http.Response) (*http.Response, error)
	mu    sync.Mutex // a call may send two requests at once
	asked int        // for second pages
}

func (s *secondPages) Do(r *http.Request) (*http.Response, error) {
	query := r.URL.Query()
	resp, err := handlerTransport{http.HandlerFunc(wholeService)}.Do(r)
	if err != nil {
		return nil, err
	}
	if query.Has("page") || query.Has("marker") {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked++
		return s.fault(r, resp)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	next := *r.URL
	next.RawQuery += "&page=2"
	body = bytes.Replace(body, []byte(`{"value":[`), []byte(`{"nextLink":"`+next.String()+`","value":[`), 1)
	body = bytes.Replace(body, []byte("</Blobs></Enum"), []byte("</Blobs><NextMarker>2</NextMarker></Enum"), 1)
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return resp, nil
}

// TestListsThatFailMidway breaks the second page of every list that a call makes. What has been read
// until then must never pass for all there is.
func TestListsThatFailMidway(t *testing.T) {
	asked := 0
	for fault, breaks := range callFaults {
		for i, e := range exportedCalls(newTestClient(t, http.NotFound), callPaths{}) {
			s := &secondPages{fault: breaks}
			c := newClientOver(t, s, newFakeClock(), func(o *ClientOptions) { o.Retry.MaxRetries = -1 })
			paths := newCallPaths(t)
			err := exportedCalls(c, paths)[i].run(t.Context())
			asked += s.asked
			sendsAll := strings.Contains(e.name, "Upload") || strings.Contains(e.name, "Invoke") // where the container cannot be listed
			waits := fault == "not there" && e.name == "JobsClient.FollowLogs"                   // for a step that is not there yet
			if s.asked > 0 && err == nil && !sendsAll && !waits {
				t.Errorf("%s, %s: a list was not read to its end, and no error says so", e.name, fault)
			}
			if strings.Contains(e.name, "Download") {
				if files, _ := os.ReadDir(paths.results); len(files) > 0 {
					t.Errorf("%s, %s: left %v", e.name, fault, files)
				}
			}
		}
	}
	if asked < 100 {
		t.Errorf("%d second pages were asked for: the walk does not reach the lists", asked)
	}
}

// TestBodiesOfEveryExportedCall: whatever a call asks for, and however that ends, it leaves no body open.
func TestBodiesOfEveryExportedCall(t *testing.T) {
	faults := map[string]http.HandlerFunc{
		"whole": wholeService,
		"refused at storage": func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.Host, ".blob.") {
				w.Header().Set("x-ms-error-code", "AuthorizationFailure")
				writeJSON(w, 403, "{}")
				return
			}
			wholeService(w, r)
		},
		"short bodies at storage": func(w http.ResponseWriter, r *http.Request) {
			for name, value := range r.Header { // azblob writes it in lower case, and no wire has put it into canonical form
				if strings.EqualFold(name, "x-ms-range") && !strings.HasPrefix(value[0], "bytes=0-") { // the rest is asked for again
					answer(416, "", "x-ms-error-code", "InvalidRange")(w, r)
					return
				}
			}
			if strings.Contains(r.Host, ".blob.") && r.Method == http.MethodGet && !r.URL.Query().Has("comp") {
				w.Header().Set("Content-Length", "99")
				_, _ = io.WriteString(w, "a\n")
				return
			}
			wholeService(w, r)
		},
	}
	for name, handler := range faults {
		for i, e := range exportedCalls(newTestClient(t, http.NotFound), callPaths{}) {
			o := &openBodies{next: handler}
			c := newClientOver(t, o, newFakeClock(), func(o *ClientOptions) { o.Retry.MaxRetries = -1 })
			_ = exportedCalls(c, newCallPaths(t))[i].run(t.Context()) // only the bodies count here
			if open := o.left(); len(open) > 0 {
				t.Errorf("%s, %s: left open: %v", e.name, name, open)
			}
		}
	}
}
