package emulator

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azmlbatch/azmlbatch/emulator/internal/arm"
	"github.com/azmlbatch/azmlbatch/emulator/internal/blob"
)

// recording is one recorded request to the real service, with its answer.
type recording struct {
	Name            string
	Method          string
	URL             string
	RequestHeaders  map[string]string
	RequestBody     any
	Status          int
	ResponseHeaders map[string]string
	ResponseBody    any

	url *url.URL
}

// TestWitnessEmulator asks the emulator every recorded request, in the order of its story, and
// compares the answers: status, headers that carry meaning, and members, kinds and enum values of
// the JSON. What existed before a story is put into the store first, read off the recorded answers.
// Differences that are meant are named rules.
func TestWitnessEmulator(t *testing.T) {
	dir := os.Getenv("AZMLBATCH_WITNESS_DIR")
	if dir == "" {
		t.Skip("AZMLBATCH_WITNESS_DIR names no folder of recordings")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings in AZMLBATCH_WITNESS_DIR (%v)", err)
	}
	placed, open := 0, map[string]int{}
	for _, file := range files {
		story := readStory(t, file)
		w := newWorld(t, story)
		for _, x := range story {
			if why := openOperation(x); why != "" {
				open[why]++
				continue
			}
			placed++
			t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) { w.witness(t, x) })
		}
	}
	t.Logf("%d recordings placed", placed)
	for why, n := range open {
		t.Logf("%d open: %s", n, why)
	}
}

// openOperation names what the emulator does not play. The list only shrinks.
func openOperation(x recording) string {
	if strings.Contains(asJSON(x.ResponseBody), "YamlFileInvalid") && strings.Contains(asJSON(x.RequestBody), `"azureml:AzureML-`) {
		return "curated environments that do not exist: the emulator takes every name that begins with AzureML- for one that does"
	}
	return ""
}

func readStory(t *testing.T, file string) []recording {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var story []recording
	if err := json.Unmarshal(b, &story); err != nil {
		t.Fatalf("%s: %v", filepath.Base(file), err)
	}
	for i := range story {
		if story[i].url, err = url.Parse(story[i].URL); err != nil {
			t.Fatal(err)
		}
		if story[i].ResponseBody == "null" {
			story[i].ResponseBody = nil // one transcription spells the literal out
		}
	}
	return story
}

// world is an emulator in the state that a story begins with.
type world struct {
	e *Emulator
	// renamed leads from recorded parts of URLs, such as ids of operations and jobs, to the
	// emulator's own.
	renamed map[string]string
	story   []recording
	old     bool         // told by the older generation of the service
	passed  atomic.Int64 // how far its clock is ahead, in nanoseconds; jobs ask it too
}

var (
	workspacePattern = regexp.MustCompile(`(?i)/subscriptions/([^/]+)/resourceGroups/([^/]+)/providers/Microsoft.MachineLearningServices/workspaces/([^/?]+)`)
	locationPattern  = regexp.MustCompile(`/locations/([^/]+)/`)
	accountPattern   = regexp.MustCompile(`"accountName":"([^"]+)"`)
)

func newWorld(t *testing.T, story []recording) *world {
	t.Helper()
	w := &world{story: story, renamed: map[string]string{}}
	e, err := New(&Options{Pace: PaceReal, Now: func() time.Time { return time.Now().Add(time.Duration(w.passed.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	w.e = e
	text := fmt.Sprint(story)
	// The newer generation is told by its operations and jobs; recordings without either are judged
	// by the newer one.
	w.old = regexp.MustCompile(`[/ ]b[ed]:[0-9a-f]{8}`).MatchString(text) || strings.Contains(text, `NoSuchEndpoint`)
	location, account := "westus", "account0"
	for _, x := range story {
		if m := locationPattern.FindStringSubmatch(x.url.Path); m != nil {
			location = m[1]
		}
		if m := accountPattern.FindStringSubmatch(asJSON(x.ResponseBody)); m != nil {
			account = m[1]
		}
		if strings.HasSuffix(x.url.Host, ".blob.core.windows.net") {
			account, _, _ = strings.Cut(x.url.Host, ".")
		}
	}
	w.makeRegistries(t, story)
	made := map[string]bool{}
	for _, x := range story {
		m := workspacePattern.FindStringSubmatch(x.url.Path)
		if m == nil || made[strings.ToLower(m[0])] || x.Status == http.StatusNotFound && strings.HasSuffix(x.url.Path, m[0]) {
			continue
		}
		name := account
		if len(made) > 0 {
			name = fmt.Sprintf("witness%d", len(made))
		}
		made[strings.ToLower(m[0])] = true
		if err := e.services.arm.CreateWorkspace(arm.Workspace{SubscriptionID: m[1], ResourceGroup: m[2], Name: m[3], Location: location, StorageAccount: name,
			Keyless: strings.Contains(text, "No secrets for credentials")}); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func asJSON(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// witness asks one request and compares the answer. An operation that the recording shows at its
// end is asked until it ends: the polls in between were left out of the transcription.
func (w *world) witness(t *testing.T, x recording) {
	w.prepare(t, x)
	var resp *http.Response
	var body []byte
	for _, wait := range []time.Duration{30 * time.Second, 10 * time.Minute, 0} {
		resp, body = w.ask(t, x)
		if !behind(x, resp, body) {
			break
		}
		w.passed.Add(int64(wait))
	}
	c := &comparison{world: w, x: x}
	if resp.StatusCode != x.Status {
		c.differ("", "status %d, recorded %d: %.300s", resp.StatusCode, x.Status, body)
	}
	c.headers(resp.Header)
	if !strings.HasSuffix(x.url.Host, ".blob.core.windows.net") {
		var got any
		if len(bytes.TrimSpace(body)) > 0 {
			if err := json.Unmarshal(body, &got); err != nil {
				c.differ("", "not JSON: %v", err)
			}
		}
		c.values("", x.ResponseBody, got)
		w.learn(x, got)
	}
	for _, d := range c.found {
		t.Errorf("%s: %s", x.Name, d)
	}
}

// behind reports whether an operation has not got as far as the recording shows it.
func behind(x recording, resp *http.Response, body []byte) bool {
	if strings.Contains(x.url.Path, "mfeOperationResults") || strings.Contains(x.url.Path, "/operations/") {
		return resp.StatusCode != x.Status
	}
	recorded, _ := x.ResponseBody.(map[string]any)
	got := map[string]any{}
	_ = json.Unmarshal(body, &got)
	if strings.Contains(x.url.Path, "OperationsStatus") {
		return got["status"] != recorded["status"]
	}
	state := func(doc map[string]any) any {
		properties, _ := doc["properties"].(map[string]any)
		return properties["provisioningState"]
	}
	return x.Method == http.MethodGet && state(got) != state(recorded)
}

// ask sends the recorded request, with a token in place of what the recorder took out.
func (w *world) ask(t *testing.T, x recording) (*http.Response, []byte) {
	t.Helper()
	raw, scope := x.URL, "https://management.azure.com/.default"
	switch {
	case strings.HasSuffix(x.url.Host, ".blob.core.windows.net"):
		raw, scope = unsigned(x.url), "https://storage.azure.com/.default"
		if x.ResponseHeaders["x-ms-error-code"] == "KeyBasedAuthenticationNotPermitted" {
			return w.askByKey(t, x, raw)
		}
	case strings.HasSuffix(x.url.Host, ".inference.ml.azure.com"):
		scope = "https://ml.azure.com/.default"
	}
	raw = w.ours(raw)
	r, err := http.NewRequestWithContext(t.Context(), x.Method, strings.ReplaceAll(raw, " ", "%20"), bytes.NewReader(requestBytes(x)))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range x.RequestHeaders {
		if !strings.EqualFold(k, "Content-Length") {
			r.Header.Set(k, v)
		}
	}
	token, err := w.e.credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{scope}})
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token.Token)
	if r.Header.Get("X-Ms-Version") == "" && strings.Contains(scope, "storage") {
		r.Header.Set("X-Ms-Version", "2024-08-04")
	}
	return w.send(t, x, r)
}

func (w *world) send(t *testing.T, x recording, r *http.Request) (*http.Response, []byte) {
	t.Helper()
	resp, err := w.e.RoundTrip(r)
	if err != nil {
		t.Fatalf("%s: %v", x.Name, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %v", x.Name, err)
	}
	if job, cancelled := strings.CutSuffix(x.url.Path, "/cancel"); cancelled {
		// A job of a recorded story runs here, and takes real time to end.
		if err := w.e.services.jobs.Wait(t.Context(), job); err != nil {
			t.Fatal(err)
		}
	}
	return resp, body
}

// askByKey asks an account that takes no keys, with a signature made by its key as in the
// recording.
func (w *world) askByKey(t *testing.T, x recording, raw string) (*http.Response, []byte) {
	t.Helper()
	const account = "takesnokeys"
	if err := w.e.services.blobs.AddAccount(blob.Account{Name: account}); err != nil {
		t.Fatal(err)
	}
	sas, err := w.e.services.blobs.AccountSAS(account, "rl", w.e.options.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	_, path, _ := strings.Cut(strings.TrimPrefix(raw, "https://"), "/")
	r, err := http.NewRequestWithContext(t.Context(), x.Method, "https://"+account+".blob.core.windows.net/"+path+"&"+strings.TrimPrefix(sas, "?"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.send(t, x, r)
}

// ours is a recorded URL as the emulator would have given it.
func (w *world) ours(raw string) string {
	for from, to := range w.renamed {
		if operationID.MatchString(from) && strings.HasPrefix(raw, from) {
			return to
		}
	}
	for from, to := range w.renamed {
		raw = strings.ReplaceAll(raw, from, to)
	}
	return raw
}

// unsigned is a blob URL without its signature, which the recorder blanked.
func unsigned(u *url.URL) string {
	kept := url.Values{}
	for name, values := range u.Query() {
		if slices.Contains([]string{"comp", "restype", "prefix", "include", "marker", "maxresults", "delimiter"}, name) {
			kept[name] = values
		}
	}
	out := *u
	out.RawQuery = kept.Encode()
	return out.String()
}

func requestBytes(x recording) []byte {
	switch b := x.RequestBody.(type) {
	case nil:
		return nil
	case string:
		if raw, err := base64.StdEncoding.DecodeString(b); err == nil && strings.Contains(x.url.Host, ".blob.") {
			return raw
		}
		return []byte(b)
	default:
		return []byte(asJSON(b))
	}
}

// learn remembers what the emulator calls differently: operations, jobs and scoring hosts.
func (w *world) learn(x recording, got any) {
	recorded, ok := x.ResponseBody.(map[string]any)
	ours, ok2 := got.(map[string]any)
	if !ok || !ok2 {
		return
	}
	if strings.HasSuffix(x.url.Host, ".inference.ml.azure.com") {
		w.rename(recorded["name"], ours["name"])
	}
	rp, _ := recorded["properties"].(map[string]any)
	op, _ := ours["properties"].(map[string]any)
	w.rename(rp["scoringUri"], op["scoringUri"])
}

func (w *world) rename(from, to any) {
	f, _ := from.(string)
	o, _ := to.(string)
	if f != "" && o != "" && f != o {
		w.renamed[f] = o
	}
}
