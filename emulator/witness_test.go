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
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azmlbatch/azmlbatch/emulator/internal/arm"
	"github.com/azmlbatch/azmlbatch/emulator/internal/blob"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
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

// TestWitnessEmulator asks the emulator every recorded request, in the order of its story, and compares the answers:
// status, headers that carry meaning, and members, kinds and enum values of the JSON. What existed before a story is put
// into the store first, read off the recorded answers. Differences that are meant are named rules.
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
	if strings.Contains(x.URL, "/registries/") || strings.Contains(x.url.Host, "azureml-test") {
		return "registries"
	}
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
	// renamed leads from recorded parts of URLs, such as ids of operations and jobs, to the emulator's own.
	renamed map[string]string
	story   []recording
	old     bool // told by the older generation of the service
}

var (
	workspacePattern = regexp.MustCompile(`(?i)/subscriptions/([^/]+)/resourceGroups/([^/]+)/providers/Microsoft.MachineLearningServices/workspaces/([^/?]+)`)
	locationPattern  = regexp.MustCompile(`/locations/([^/]+)/`)
	accountPattern   = regexp.MustCompile(`"accountName":"([^"]+)"`)
)

func newWorld(t *testing.T, story []recording) *world {
	t.Helper()
	e, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	w := &world{e: e, story: story, renamed: map[string]string{}}
	text := fmt.Sprint(story)
	// The newer generation is told by its operations and jobs; recordings without either are judged by the newer one.
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
		if err := e.rooms.arm.CreateWorkspace(arm.Workspace{SubscriptionID: m[1], ResourceGroup: m[2], Name: m[3], Location: location, StorageAccount: name,
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

// witness asks one request and compares the answer. An operation that the recording shows at its end is asked until it
// ends: the polls in between were left out of the transcription.
func (w *world) witness(t *testing.T, x recording) {
	w.prepare(t, x)
	var resp *http.Response
	var body []byte
	for range 4 {
		resp, body = w.ask(t, x)
		status, _ := x.ResponseBody.(map[string]any)
		got := map[string]any{}
		_ = json.Unmarshal(body, &got)
		if resp.StatusCode == x.Status && (!strings.Contains(x.url.Path, "OperationsStatus") || got["status"] == status["status"]) {
			break
		}
		if !strings.Contains(x.url.Path, "Operation") {
			break
		}
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
	return resp, body
}

// askByKey asks an account that takes no keys, with a signature made by its key as in the recording.
func (w *world) askByKey(t *testing.T, x recording, raw string) (*http.Response, []byte) {
	t.Helper()
	const account = "takesnokeys"
	if err := w.e.rooms.blobs.AddAccount(blob.Account{Name: account}); err != nil {
		t.Fatal(err)
	}
	sas, err := w.e.rooms.blobs.AccountSAS(account, "rl", w.e.options.Now().Add(time.Hour))
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

// prepare puts into the store what a recorded answer shows and no earlier request of the story made.
func (w *world) prepare(t *testing.T, x recording) {
	t.Helper()
	if strings.HasSuffix(x.url.Host, ".blob.core.windows.net") {
		w.prepareBlobs(t, x)
		return
	}
	if strings.HasSuffix(x.url.Host, ".api.azureml.ms") {
		w.prepareRuns(t, x)
		return
	}
	m := workspacePattern.FindString(x.url.Path)
	body, _ := x.ResponseBody.(map[string]any)
	if m == "" || x.url.Host != "management.azure.com" {
		return
	}
	if x.Method == http.MethodGet && x.Status == http.StatusOK || x.Method == http.MethodPut && x.Status == http.StatusOK {
		w.put(t, body, x.Method == http.MethodGet)
		items, _ := body["value"].([]any)
		if !strings.HasSuffix(x.url.Path, "/models") { // the one list that is oldest first
			items = slices.Clone(items)
			slices.Reverse(items)
		}
		w.fill(t, m, x, body)
		for _, item := range items {
			d, _ := item.(map[string]any)
			w.put(t, d, false)
		}
	}
	w.prepareNeighbours(t, m, x)
}

// put stores a document that the story has not made; a job moves on to the status that is recorded next.
func (w *world) put(t *testing.T, d map[string]any, moveOn bool) {
	t.Helper()
	id, _ := d["id"].(string)
	if !strings.Contains(id, "/workspaces/") || strings.Contains(id, "mfeOperation") {
		return
	}
	for from, to := range w.renamed {
		id = strings.ReplaceAll(id, from, to)
	}
	if _, found := w.e.rooms.store.Get(id); found && (!moveOn || !strings.Contains(id, "/jobs/")) {
		return
	}
	if _, err := w.e.rooms.store.Put(id, clone(d)); err != nil {
		t.Fatal(err)
	}
}

func clone(d map[string]any) store.Document {
	var out store.Document
	decoder := json.NewDecoder(strings.NewReader(asJSON(d)))
	decoder.UseNumber()
	_ = decoder.Decode(&out)
	return out
}

// fill adds as many items as make the emulator page where the recording, an excerpt, has a next link.
func (w *world) fill(t *testing.T, ws string, x recording, body map[string]any) {
	t.Helper()
	if _, more := body["nextLink"]; !more || x.url.Query().Has("$top") {
		return
	}
	kind := strings.TrimPrefix(x.url.Path, ws)
	for i := range 60 {
		id := fmt.Sprintf("%s%s/filler%02d", ws, kind, i)
		w.put(t, map[string]any{"id": id, "name": fmt.Sprintf("filler%02d", i), "properties": map[string]any{"isArchived": false}}, false)
	}
}

// prepareNeighbours makes what a request refers to and no recorded answer shows.
func (w *world) prepareNeighbours(t *testing.T, ws string, x recording) {
	t.Helper()
	request := asJSON(x.RequestBody)
	for _, m := range regexp.MustCompile(`/(components|codes)/[^/"]+/versions/[^/"]+`).FindAllString(request, -1) {
		if !strings.Contains(m, "non_existent") && x.Status < http.StatusBadRequest {
			w.put(t, map[string]any{"id": ws + m, "name": m[strings.LastIndex(m, "/")+1:], "properties": map[string]any{}}, false)
		}
	}
	if m := regexp.MustCompile(`(/batchEndpoints/[^/]+)/deployments`).FindStringSubmatch(x.url.Path); m != nil {
		w.prepareEndpoint(t, ws+m[1])
	}
	target := strings.TrimSuffix(x.url.Path, "/cancel")
	if x.Method == http.MethodDelete || strings.HasSuffix(x.url.Path, "/cancel") {
		w.put(t, map[string]any{"id": target, "name": target[strings.LastIndex(target, "/")+1:], "properties": map[string]any{"status": "Running"}}, false)
	}
	if strings.HasSuffix(x.url.Path, "/listSecrets") && x.Status == http.StatusBadRequest {
		_, err := w.e.rooms.store.Update(strings.TrimSuffix(x.url.Path, "/listSecrets"), func(d store.Document) error {
			d["properties"].(map[string]any)["credentials"] = map[string]any{"credentialsType": "None"}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(asJSON(x.ResponseBody), "is immutable") {
		w.put(t, map[string]any{"id": x.url.Path, "name": "1", "properties": map[string]any{"componentSpec": map[string]any{"code": "azureml:other"}}}, false)
	}
}

// prepareEndpoint makes the endpoint of a deployment, as a later answer of the story shows it.
func (w *world) prepareEndpoint(t *testing.T, id string) {
	t.Helper()
	name := id[strings.LastIndex(id, "/")+1:]
	endpoint := map[string]any{"id": id, "name": name, "properties": map[string]any{}}
	for _, x := range w.story {
		if x.url.Path == id && x.Method == http.MethodGet && x.Status == http.StatusOK {
			endpoint = x.ResponseBody.(map[string]any)
		}
	}
	if _, found := w.e.rooms.store.Get(id); found {
		return
	}
	w.put(t, endpoint, false)
	region, _ := endpoint["location"].(string)
	if _, err := w.e.rooms.store.Put("endpointname:"+region+"/"+name, store.Document{"id": id}); err != nil {
		t.Fatal(err)
	}
}

// prepareBlobs makes the container, and the blobs that a recorded answer shows.
func (w *world) prepareBlobs(t *testing.T, x recording) {
	t.Helper()
	account, _, _ := strings.Cut(x.url.Host, ".")
	container, name, _ := strings.Cut(strings.TrimPrefix(x.url.Path, "/"), "/")
	blobs := w.e.rooms.blobs
	_ = blobs.AddAccount(blob.Account{Name: account, AllowSharedKey: true}) // there already, or made now
	_ = blobs.CreateContainer(account, container)
	put := func(name, content string, metadata map[string]string) {
		if err := blobs.Put(t.Context(), account, container, name, strings.NewReader(content), &blob.PutOptions{Metadata: metadata}); err != nil {
			t.Fatal(err)
		}
	}
	metadata := map[string]string{}
	for k, v := range x.ResponseHeaders {
		if m, ok := strings.CutPrefix(strings.ToLower(k), "x-ms-meta-"); ok {
			metadata[m] = v
		}
	}
	text, _ := x.ResponseBody.(string)
	switch {
	case x.Method == http.MethodHead && x.Status == http.StatusOK:
		put(name, strings.Repeat("x", 11), metadata)
	case x.Method == http.MethodGet && x.Status == http.StatusPartialContent:
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			b = []byte(text)
		}
		put(name, string(b), metadata)
	case x.url.Query().Get("comp") == "list":
		for _, m := range regexp.MustCompile(`<Name>([^<]+)</Name>`).FindAllStringSubmatch(text, -1) {
			put(m[1], "x", nil)
		}
	}
}

// prepareRuns puts recorded runs into run history.
func (w *world) prepareRuns(t *testing.T, x recording) {
	t.Helper()
	ws := workspacePattern.FindString(x.url.Path)
	body, _ := x.ResponseBody.(map[string]any)
	put := func(id string, v any) {
		d, _ := v.(map[string]any)
		if _, err := w.e.rooms.store.Put(id, clone(d)); err != nil {
			t.Fatal(err)
		}
	}
	run := func(v any) string {
		d, _ := v.(map[string]any)
		id, _ := d["runId"].(string)
		put("run:"+ws+"/"+id, v)
		return id
	}
	switch {
	case strings.HasSuffix(x.url.Path, "/children"):
		parent := regexp.MustCompile(`/runs/([^/]+)/children`).FindStringSubmatch(x.url.Path)[1]
		items, _ := body["value"].([]any)
		put("run:"+ws+"/"+parent, map[string]any{"runId": parent})
		for _, item := range items {
			id := run(item)
			put("runchildren:"+ws+"/"+parent+"/"+id, map[string]any{"runId": id})
		}
	case strings.Contains(x.url.Path, "/runs/"):
		run(body)
	case strings.HasSuffix(x.url.Path, "/rundata"):
		meta, _ := body["runMetadata"].(map[string]any)
		id := run(meta)
		put("runoutputs:"+ws+"/"+id, meta["outputs"])
		definition, _ := body["runDefinition"].(map[string]any)
		put("rundefinition:"+ws+"/"+id, definition)
	case strings.HasSuffix(x.url.Path, "/batchGetResolvedUris"):
		values, _ := body["values"].(map[string]any)
		for asset, v := range values {
			name := regexp.MustCompile(`/data/([^/]+)`).FindStringSubmatch(asset)
			if name != nil {
				put("outputasset:"+ws+"/"+name[1], v)
			}
		}
	}
}
