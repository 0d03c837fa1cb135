package azmlbatch

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/azmlbatch/azmlbatch/internal/wire"
	"github.com/azmlbatch/azmlbatch/internal/wire/wiretest"
	"github.com/google/go-cmp/cmp"
	"gopkg.in/dnaeon/go-vcr.v3/cassette"
)

// cassetteBodies are the bodies of all cassettes, requests and answers, as seeds.
func cassetteBodies(f *testing.F) (bodies []string) {
	f.Helper()
	files, err := filepath.Glob("testdata/cassettes/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no cassettes (%v)", err)
	}
	for _, file := range files {
		c, err := cassette.Load(strings.TrimSuffix(file, ".yaml"))
		if err != nil {
			f.Fatal(err)
		}
		for _, i := range c.Interactions {
			for _, body := range []string{i.Request.Body, i.Response.Body} {
				if strings.HasPrefix(body, "{") {
					bodies = append(bodies, body)
				}
			}
		}
	}
	return bodies
}

// fuzzedModels are the resources that callers get, change and send back.
var fuzzedModels = map[string]func() json.Unmarshaler{
	"Endpoint":       func() json.Unmarshaler { return new(Endpoint) },
	"Deployment":     func() json.Unmarshaler { return new(Deployment) },
	"Job":            func() json.Unmarshaler { return new(Job) },
	"BatchJob":       func() json.Unmarshaler { return new(BatchJob) },
	"Compute":        func() json.Unmarshaler { return new(Compute) },
	"Datastore":      func() json.Unmarshaler { return new(Datastore) },
	"Model":          func() json.Unmarshaler { return new(Model) },
	"Data":           func() json.Unmarshaler { return new(Data) },
	"Environment":    func() json.Unmarshaler { return new(Environment) },
	"Code":           func() json.Unmarshaler { return new(Code) },
	"Component":      func() json.Unmarshaler { return new(Component) },
	"AssetContainer": func() json.Unmarshaler { return new(AssetContainer) },
}

// FuzzModels holds every model to the promise that nothing is lost: an object is never refused, and what is written means
// what was read. Text that is not JSON is always refused.
func FuzzModels(f *testing.F) {
	for _, body := range cassetteBodies(f) {
		f.Add([]byte(body))
	}
	for _, seed := range []string{
		`{"properties":{"inputs":{"a":{"jobInputType":"literal","value":"1"},"b":{"jobInputType":"uri_folder","uri":"x","new":[1]}},"outputs":{"o":{"jobOutputType":"newer","x":1}}}}`,
		`{"properties":{"model":{"referenceType":"Id","assetId":"a","extra":1},"deploymentConfiguration":{"deploymentConfigurationType":"Model"},"retrySettings":{"timeout":"PT1M40S"}}}`,
		`{"properties":{"computeType":"AmlCompute","properties":{"vmSize":"s","scaleSettings":{"maxNodeCount":"3","nodeIdleTimeBeforeScaleDown":"PT2M"}}}}`,
		`{"properties":{"credentials":{"credentialsType":"Sas","secrets":{"secretsType":"Sas"}}}}`, `{"a/b~c":{"":null},"":1}`, `null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		want, unique := wiretest.Gist(data)
		for name, fresh := range fuzzedModels {
			v := fresh()
			err := v.UnmarshalJSON(data)
			switch {
			case !json.Valid(data) && err == nil:
				t.Fatalf("%s takes %q, which is not JSON", name, data)
			case json.Valid(data) && bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) && err != nil:
				t.Fatalf("%s does not take %q: %v", name, data, err)
			case err != nil:
				continue
			}
			out, err := json.Marshal(v)
			if err != nil {
				t.Fatalf("%s of %q cannot be written: %v", name, data, err)
			}
			if got, _ := wiretest.Gist(out); unique && !cmp.Equal(want, got) {
				t.Errorf("%s: %s is written as %s (-read +written):\n%s", name, data, out, cmp.Diff(want, got))
			}
		}
	})
}

// FuzzTime holds every text in the place of a time to one of two ends: the same instant, or kept as it is.
func FuzzTime(f *testing.F) {
	for _, seed := range []string{"2026-02-27T17:05:24.3638539+00:00", "0001-01-01T00:00:00", "0001-01-01T00:00:00Z", "2026-02-30T00:00:00Z",
		"2026-02-27T24:00:00Z", "9999-12-31T23:59:59.9999999-12:34", "2026-02-27t17:05:24z", "", "yesterday"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var s SystemData
		if err := wire.Decode([]byte(`{"createdAt":`+string(quoted)+`}`), &s); err != nil {
			t.Fatal(err)
		}
		out, err := wire.Encode(s, wire.ForCaller)
		if err != nil {
			t.Fatalf("%q is read as %v and cannot be written: %v", text, s.CreatedAt, err)
		}
		if kept, ok := s.Extra["/createdAt"]; ok {
			if !bytes.Equal(kept, quoted) || !s.CreatedAt.IsZero() {
				t.Errorf("%s is kept as %s beside the time %v", quoted, kept, s.CreatedAt)
			}
			return
		}
		want, err := time.Parse(time.RFC3339Nano, text)
		if err != nil || !s.CreatedAt.Equal(want) {
			t.Errorf("%q is read as %v, want %v (%v)", text, s.CreatedAt, want, err)
		}
		var again SystemData
		if err := wire.Decode(out, &again); err != nil || !again.CreatedAt.Equal(s.CreatedAt) {
			t.Errorf("%q is written as %s and read again as %v, %v", text, out, again.CreatedAt, err)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "3", "0.5", "-1", "1e300", "Inf", "NaN", "Sun, 01 Mar 2026 12:00:07 GMT", "Sun, 01 Mar 1926 12:00:07 GMT", "soon"} {
		f.Add("Retry-After", seed)
		f.Add("Retry-After-Ms", seed)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, name, value string) {
		after, told := retryAfter(http.Header{http.CanonicalHeaderKey(name): {value}}, now)
		if after < 0 || !told && after != 0 {
			t.Errorf("%s: %q asks for %v, %v", name, value, after, told)
		}
	})
}

// FuzzResumeToken offers every text as a token: one that is taken leads nowhere but to the management host, and gives
// itself back.
func FuzzResumeToken(f *testing.F) {
	f.Add(`{"version":2,"result":"Endpoint","verb":"create","kind":"endpoint","name":"e","poll":"https://management.azure.com/x?t=1","final":"https://management.azure.com/y"}`)
	f.Add(`{"version":2,"result":"Nothing","kind":"endpoint","poll":"https://management.azure.com@evil.example/x"}`)
	f.Add(`{"version":2,"result":"Nothing","kind":"endpoint","poll":"//evil.example/x","byStatus":true}`)
	f.Add(`{"version":2,"result":"Endpoint","poll":"https://managemeNt.azure.com/x","final":"https://managemeNt.azure.com/y"}`)
	f.Add(`{"version":2,"result":"Job","kind":"job","name":"batchjob-1"}`)
	f.Add(`{"version":2,"result":"Job","name":"../../x?y"}`)
	f.Fuzz(func(t *testing.T, token string) {
		c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
			if !strings.EqualFold(r.URL.Host, "management.azure.com") || r.URL.Scheme != "https" {
				t.Errorf("token %q leads to %s://%s", token, r.URL.Scheme, r.URL.Host)
			}
			writeJSON(w, 200, `{"status":"Running"}`)
		})
		followToken[Endpoint](t, c, token)
		followToken[Nothing](t, c, token)
		followToken[Job](t, c, token)
	})
}

func followToken[T Endpoint | Nothing | Job](t *testing.T, c *Client, text string) {
	t.Helper()
	p, err := Resume[T](c, text)
	if err != nil {
		return
	}
	token, err := p.ResumeToken()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Resume[T](c, token)
	if err != nil {
		t.Fatalf("the token %q of a resumed poller is refused: %v", token, err)
	}
	if second, _ := again.ResumeToken(); second != token {
		t.Errorf("token %q gives %q when resumed", token, second)
	}
	_, _ = p.Poll(t.Context())
}

// FuzzBlobList holds the reader of storage's lists to two promises: no text makes it panic or go on for
// ever, and whatever names, sizes and metadata a list carries, they are read as they were written.
func FuzzBlobList(f *testing.F) {
	f.Add("a b/ü+#%.txt", int64(12), "hdi_isfolder", "true", []byte(blobPageStart))
	f.Add("a", int64(0), "Hdi_IsFolder", "True", []byte(blobPageStart))
	f.Add("</Name>&amp;<Blob>", int64(0), "Name", "<NextMarker>", []byte("<EnumerationResults><Blobs><Blob><Name>a</Name><Properties><Content-Length>x"))
	f.Add("folder/", int64(1)<<62, "Metadata", "]]>", []byte("<EnumerationResults><Metadata></Metadata></Metadata><Etag</EnumerationResults>"))
	f.Fuzz(func(t *testing.T, name string, size int64, key, value string, raw []byte) {
		_, _ = parseBlobList(raw)
		_, _ = parseBlobList(slices.Concat([]byte("<EnumerationResults>"), raw, []byte("</EnumerationResults>")))
		var text [2]bytes.Buffer
		for i, s := range []string{name, value} {
			if err := xml.EscapeText(&text[i], []byte(s)); err != nil {
				t.Fatal(err)
			}
		}
		if size < 0 || !utf8.ValidString(name) || strings.ContainsFunc(name, notInXML) || !metadataName.MatchString(key) {
			return // no list has it
		}
		page, err := parseBlobList(fmt.Appendf(nil, `<?xml version="1.0"?><EnumerationResults ContainerName="c"><Blobs><Blob><Name>%s</Name><Properties>`+
			`<Content-Length>%d</Content-Length></Properties><Metadata><%[3]s>%[4]s</%[3]s></Metadata></Blob></Blobs><NextMarker>%[1]s</NextMarker></EnumerationResults>`,
			text[0].Bytes(), size, key, text[1].Bytes()))
		folder := strings.HasSuffix(name, "/") || strings.EqualFold(key, "hdi_isfolder") && strings.EqualFold(value, "true")
		want := blobList{blobs: []blobItem{{Name: name, Size: size, IsFolder: folder}}, next: name}
		if diff := cmp.Diff(want, page, cmp.AllowUnexported(blobList{})); err != nil || diff != "" {
			t.Errorf("page (-want +got), %v:\n%s", err, diff)
		}
	})
}

// metadataName is what storage takes as the name of metadata: that of a variable in C#.
var metadataName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// notInXML reports whether a character cannot stand in XML 1.0; storage escapes names that have one.
func notInXML(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == '\ufffe' || r == '\uffff'
}
