package azmlbatch

import (
	"bytes"
	stdcmp "cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/azmlbatch/azmlbatch/internal/wire"
	"github.com/google/go-cmp/cmp"
)

// exchange is one recorded request to the real service, with its answer.
type exchange struct {
	Name            string            `json:"name"`
	Method          string            `json:"method"`
	URL             string            `json:"url"`
	RequestHeaders  map[string]string `json:"requestHeaders"`
	RequestBody     json.RawMessage   `json:"requestBody"`
	Status          int               `json:"status"`
	ResponseHeaders map[string]string `json:"responseHeaders"`
	ResponseBody    json.RawMessage   `json:"responseBody"`

	url  *url.URL
	file string
}

// bodyBytes is a recorded body as it was on the wire: JSON, or text, in Base64 for blobs.
func bodyBytes(raw json.RawMessage, binary bool) []byte {
	var text string
	if json.Unmarshal(raw, &text) != nil || len(raw) == 0 || raw[0] != '"' {
		if wire.IsNull(raw) {
			return nil
		}
		return raw
	}
	if b, err := base64.StdEncoding.DecodeString(text); binary && err == nil {
		return b
	}
	return []byte(text)
}

func (x exchange) response(r *http.Request) *http.Response {
	h := http.Header{}
	for k, v := range x.ResponseHeaders {
		if !slices.Contains([]string{"content-length", "content-encoding", "transfer-encoding"}, strings.ToLower(k)) {
			h.Set(k, v)
		}
	}
	b := bodyBytes(x.ResponseBody, x.Method == http.MethodGet && x.Status == http.StatusPartialContent)
	return &http.Response{StatusCode: x.Status, Header: h, Body: io.NopCloser(bytes.NewReader(b)), Request: r, ContentLength: int64(len(b))}
}

// readExchanges reads every recording of the folder. An empty folder is a failure: nothing would be witnessed.
func readExchanges(t *testing.T) []exchange {
	t.Helper()
	dir := os.Getenv("AZMLBATCH_WITNESS_DIR")
	if dir == "" {
		t.Skip("AZMLBATCH_WITNESS_DIR names no folder of recordings")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings in AZMLBATCH_WITNESS_DIR (%v)", err)
	}
	var all []exchange
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var some []exchange
		if err := json.Unmarshal(b, &some); err != nil {
			t.Fatalf("%s: %v", filepath.Base(file), err)
		}
		for _, x := range some {
			if x.url, err = url.Parse(x.URL); err != nil {
				t.Fatalf("%s: %v", x.Name, err)
			}
			x.file = strings.TrimSuffix(filepath.Base(file), ".json")
			all = append(all, x)
		}
	}
	return all
}

// TestWitnessSDK holds the SDK against every recording: the request that it builds for the same values, and the answer,
// which decodes and encodes without loss. A recording is placed by its operation, never by its file.
func TestWitnessSDK(t *testing.T) {
	placed, open := 0, map[string]int{}
	for _, x := range readExchanges(t) {
		op, match := findOperation(x)
		switch {
		case op == nil:
			t.Errorf("not placed: %s: %s %s (%s)", x.file, x.Method, x.url.Path, x.Name)
		case op.open != "":
			open[op.name+": "+op.open]++
		default:
			placed++
			t.Run(op.name+"/"+x.file, func(t *testing.T) { op.witness(t, x, match) })
		}
	}
	t.Logf("%d recordings placed", placed)
	for _, name := range sortedKeys(open) {
		t.Logf("%d open: %s", open[name], name)
	}
}

// errWitnessed ends a call of the SDK after the request that a recording answers.
var errWitnessed = errors.New("nothing more was recorded")

// stage is where one recording is played: it answers the first request, and refuses any further.
type stage struct {
	t    *testing.T
	x    exchange
	m    []string // what the operation's pattern found in the path
	c    *Client
	sent *http.Request
	body []byte
}

func newStage(t *testing.T, x exchange, m []string) *stage {
	s := &stage{t: t, x: x, m: m}
	ws := Workspace{SubscriptionID: stdcmp.Or(segmentAfter(x.url.Path, "subscriptions"), "s"),
		ResourceGroup: stdcmp.Or(segmentAfter(x.url.Path, "resourceGroups"), "g"), Name: stdcmp.Or(segmentAfter(x.url.Path, "workspaces"), "w")}
	o := &ClientOptions{APIVersion: x.url.Query().Get("api-version")}
	o.Retry.MaxRetries = -1
	o.Transport = transporter(s.answer)
	c, err := newClient(ws, &fakeCredential{}, o, newFakeClock().clock())
	if err != nil {
		t.Fatal(err)
	}
	c.api.value = new("https://" + x.url.Host)
	c.details.value = &WorkspaceDetails{Location: "westus", DiscoveryURL: "https://" + x.url.Host + "/discovery"}
	s.c = c
	return s
}

func (s *stage) answer(r *http.Request) (*http.Response, error) {
	if s.sent != nil {
		return nil, errWitnessed
	}
	s.sent = r
	if r.Body != nil {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		s.body = b
	}
	return s.x.response(r), nil
}

// witness plays one recording and compares both of its sides.
func (op *witnessOperation) witness(t *testing.T, x exchange, match []string) {
	s := newStage(t, x, match)
	err := op.play(t.Context(), s)
	if s.sent == nil {
		t.Fatalf("%s: nothing was sent: %v", x.Name, err)
	}
	op.compareRequest(s)
	if x.Status >= http.StatusBadRequest {
		s.compareError(err)
		return
	}
	if err != nil && !errors.Is(err, errWitnessed) {
		t.Errorf("%s: the recorded answer gave %v", x.Name, err)
	}
	if op.answer != nil && len(bytes.TrimSpace(bodyBytes(x.ResponseBody, false))) > 0 {
		s.compareAnswer(op.answer())
	}
}

func (op *witnessOperation) compareRequest(s *stage) {
	s.t.Helper()
	if s.sent.Method != s.x.Method || !strings.EqualFold(s.sent.URL.Path, s.x.url.Path) {
		s.t.Errorf("%s: sent %s %s, recorded %s %s", s.x.Name, s.sent.Method, s.sent.URL.Path, s.x.Method, s.x.url.Path)
	}
	want, got := s.x.url.Query(), s.sent.URL.Query()
	for _, rule := range append(op.rules, rulesForAll...) {
		rule.apply(want, got)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("%s: query (-recorded +sent):\n%s", s.x.Name, diff)
	}
	for _, name := range []string{"If-None-Match", "X-Ms-Blob-Type", "Azureml-Model-Deployment", "X-Ms-Meta-Upload_status"} {
		recorded := ""
		for k, v := range s.x.RequestHeaders {
			if strings.EqualFold(k, name) {
				recorded = v
			}
		}
		if got := headerOf(s.sent, name); got != recorded {
			s.t.Errorf("%s: header %s: sent %q, recorded %q", s.x.Name, name, got, recorded)
		}
	}
	if op.noBody {
		return
	}
	wantBody, gotBody := bodyBytes(s.x.RequestBody, op.binary), s.body
	if op.binary {
		if !bytes.Equal(wantBody, gotBody) {
			s.t.Errorf("%s: body: sent %d bytes, recorded %d", s.x.Name, len(gotBody), len(wantBody))
		}
		return
	}
	recorded := meaning(s.t, wantBody)
	if m, ok := recorded.(map[string]any); ok && op.drops != "" {
		delete(m["properties"].(map[string]any), op.drops)
	}
	if diff := cmp.Diff(recorded, meaning(s.t, gotBody)); diff != "" {
		s.t.Errorf("%s: body (-recorded +sent):\n%s", s.x.Name, diff)
	}
}

// headerOf reads a header in any case: azblob writes its own in lower case.
func headerOf(r *http.Request, name string) string {
	for k, v := range r.Header {
		if strings.EqualFold(k, name) {
			return v[0]
		}
	}
	return ""
}

// compareAnswer decodes the recorded answer and encodes it again.
func (s *stage) compareAnswer(v any) {
	s.t.Helper()
	recorded := bodyBytes(s.x.ResponseBody, false)
	if err := json.Unmarshal(recorded, v); err != nil {
		s.t.Errorf("%s: decoding the answer: %v", s.x.Name, err)
		return
	}
	again, err := json.Marshal(v)
	if err != nil {
		s.t.Errorf("%s: encoding the answer: %v", s.x.Name, err)
		return
	}
	if diff := cmp.Diff(meaning(s.t, recorded), meaning(s.t, again)); diff != "" {
		s.t.Errorf("%s: the answer loses something (-recorded +encoded again):\n%s", s.x.Name, diff)
	}
}

func (s *stage) compareError(err error) {
	s.t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.StatusCode != s.x.Status {
		s.t.Errorf("%s: recorded status %d, got %v", s.x.Name, s.x.Status, err)
		return
	}
	var envelope struct {
		Error struct{ Code, Message string }
	}
	if json.Unmarshal(bodyBytes(s.x.ResponseBody, false), &envelope) != nil {
		return
	}
	if m := oneLine(redact(envelope.Error.Message)); !strings.HasPrefix(e.Message, strings.TrimSuffix(m, ".")) || !HasCode(err, stdcmp.Or(envelope.Error.Code, e.Code())) {
		s.t.Errorf("%s: error %v, recorded code %q and message %q", s.x.Name, err, envelope.Error.Code, m)
	}
}

// meaning is a JSON body as far as it means something to the service. Absent, null, false, zero and empty are the same;
// enum values are read in any case; numbers may be text; a time is an instant.
func meaning(t *testing.T, b []byte) any {
	t.Helper()
	if len(bytes.TrimSpace(b)) == 0 {
		return nil
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Errorf("not JSON: %v: %.80s", err, b)
	}
	return meaningOf("", v)
}

// enums are members whose values the service reads in any case.
var enums = []string{"authMode", "loggingLevel", "outputAction", "jobInputType", "jobOutputType"}

func meaningOf(name string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := map[string]any{}
		for k, e := range v {
			if e = meaningOf(k, e); e != nil {
				m[k] = e
			}
		}
		if len(m) == 0 {
			return nil
		}
		return m
	case []any:
		if len(v) == 0 {
			return nil
		}
		var out []any
		for _, e := range v {
			out = append(out, meaningOf(name, e))
		}
		return out
	case bool:
		if !v {
			return nil
		}
	case json.Number:
		if f, err := v.Float64(); err == nil && f == 0 {
			return nil
		}
		return v.String()
	case string:
		return meaningOfText(name, v)
	}
	return v
}

func meaningOfText(name, s string) any {
	if s == "" {
		return nil
	}
	if at, err := time.Parse(time.RFC3339Nano, s); err == nil {
		if at.IsZero() {
			return nil // the service's way to say that there is no time
		}
		return at.UTC().Format(time.RFC3339Nano)
	}
	if slices.ContainsFunc(enums, func(e string) bool { return strings.EqualFold(e, name) }) {
		return strings.ReplaceAll(strings.ToLower(s), "_", "")
	}
	if d, err := wire.ParseDuration(s); err == nil && strings.HasPrefix(s, "PT") {
		return fmt.Sprint(d)
	}
	return s
}

// queryRule is one deliberate difference between the recorded client's query and ours, with its reason.
type queryRule struct {
	name   string // what differs
	reason string
	apply  func(recorded, sent url.Values)
}

func ignoring(reason string, names ...string) queryRule {
	return queryRule{name: strings.Join(names, ", "), reason: reason, apply: func(recorded, sent url.Values) {
		for _, n := range names {
			recorded.Del(n)
			sent.Del(n)
		}
	}}
}

var rulesForAll = []queryRule{
	ignoring("a signature is used as it is given; the recorder blanked it", "sig", "skoid", "sktid", "skt", "ske", "sks", "skv", "sv", "st", "se", "sr", "sp", "srt", "ss"),
}

func ignoreResult[T any](_ T, err error) error { return err }
