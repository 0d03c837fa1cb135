package jobs

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/azmlbatch/azmlbatch/emulator/internal/blob"
	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
	"github.com/azmlbatch/azmlbatch/emulator/internal/golden"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a workspace with storage, and a runner for its jobs.
type world struct {
	t       *testing.T
	store   *store.Store
	blobs   *watchedBlobs
	events  *events
	runner  *Runner
	options Options
}

const (
	account   = "kilnstore"
	dataStore = "azureml-blobstore-0f0f"
	endpoint  = "tiles-ep"
)

// newWorld makes a world; edit, if not nil, changes the runner's options.
func newWorld(t *testing.T, edit func(*Options)) *world {
	t.Helper()
	w := &world{t: t, events: newEvents()}
	var err error
	if w.store, err = store.Open(""); err != nil {
		t.Fatal(err)
	}
	service, err := blob.New(blob.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = service.Close() })
	if err := service.AddAccount(blob.Account{Name: account}); err != nil {
		t.Fatal(err)
	}
	w.blobs = &watchedBlobs{Service: service, events: w.events}
	w.put(testWorkspace, store.Document{"location": "eastus", "properties": store.Document{"workspaceId": "0f0f"}})
	for name, container := range map[string]string{defaultStore: dataStore, artifactStore: "azureml"} {
		if err := service.CreateContainer(account, container); err != nil {
			t.Fatal(err)
		}
		w.put(testWorkspace+"/datastores/"+name, store.Document{"properties": store.Document{
			"datastoreType": "AzureBlob", "accountName": account, "containerName": container,
		}})
	}
	w.put(testWorkspace+"/computes/cluster", store.Document{})
	w.put(testWorkspace+"/environments/clay/versions/2", store.Document{"properties": store.Document{"image": "kiln:1"}})
	w.options = Options{
		Store: w.store, Blobs: w.blobs, Cloud: cloud.Public(), TempDir: t.TempDir(), Logger: slog.New(w.events),
	}
	if edit != nil {
		edit(&w.options)
	}
	if w.runner, err = New(w.options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.runner.Close() })
	return w
}

// put stores a document with its id and name filled in.
func (w *world) put(id string, doc store.Document) {
	w.t.Helper()
	doc["id"], doc["name"] = id, store.LastSegment(id)
	if _, err := w.store.Put(id, doc); err != nil {
		w.t.Fatal(err)
	}
}

// batchJobs returns the names of the jobs of an endpoint, the newest first.
func (w *world) batchJobs(endpoint, deployment string) (names []string) {
	for _, name := range BatchJobNames(w.store, testWorkspace, endpoint, deployment, 0) {
		names = append(names, name)
	}
	return names
}

// upload writes files below a prefix of the default container and returns the https URL of the
// prefix.
func (w *world) upload(prefix string, files map[string]string) string {
	w.t.Helper()
	for name, content := range files {
		if err := w.blobs.Service.Put(w.t.Context(), account, dataStore, prefix+"/"+name, strings.NewReader(content), nil); err != nil {
			w.t.Fatal(err)
		}
	}
	return "https://" + account + ".blob.core.windows.net/" + dataStore + "/" + prefix
}

// deployment registers a script and a model and returns a deployment of them.
func (w *world) deployment(script string, settings store.Document) store.Document {
	w.t.Helper()
	w.put(testWorkspace+"/codes/score/versions/1", store.Document{"properties": store.Document{
		"codeUri": w.upload("code", map[string]string{"score.py": script}),
	}})
	w.upload("models/glaze", map[string]string{"weights.txt": "42"})
	w.put(testWorkspace+"/models/glaze/versions/1", store.Document{"properties": store.Document{
		"modelUri": "azureml://subscriptions/s1/resourceGroups/g1/workspaces/w1/datastores/workspaceblobstore/paths/models/glaze",
	}})
	id := testWorkspace + "/batchEndpoints/" + endpoint + "/deployments/blue"
	properties := store.Document{
		"codeConfiguration": store.Document{"codeId": testWorkspace + "/codes/score/versions/1", "scoringScript": "score.py"},
		"model":             store.Document{"referenceType": "Id", "assetId": testWorkspace + "/models/glaze/versions/1"},
		"compute":           testWorkspace + "/computes/cluster", "environmentId": testWorkspace + "/environments/clay/versions/2",
	}
	for name, value := range settings {
		properties[name] = value
	}
	w.put(id, store.Document{"properties": properties})
	doc, _ := w.store.Get(id)
	return doc
}

// invocation runs the deployment over a folder.
func (w *world) invocation(deployment store.Document, uri string) Invocation {
	return Invocation{
		Workspace: testWorkspace, Endpoint: endpoint, Deployment: deployment, Directed: true,
		Inputs: map[string]Input{"tiles": {Kind: UriFolder, URI: uri}},
		Caller: Caller{Name: "potter", ObjectID: "o1", TenantID: "t1"},
	}
}

func (w *world) submit(inv Invocation) string {
	w.t.Helper()
	doc, err := w.runner.Submit(w.t.Context(), inv)
	if err != nil {
		w.t.Fatalf("Submit: %v", err)
	}
	return store.Text(doc, "name")
}

// run submits an invocation, waits for the end of its job and checks how it ended.
func (w *world) run(inv Invocation, want string) string {
	w.t.Helper()
	job := w.submit(inv)
	if err := w.runner.Wait(w.t.Context(), job); err != nil {
		w.t.Fatalf("Wait: %v", err)
	}
	if got := w.status(job); got != want {
		w.t.Fatalf("job ended %s, want %s; error of the step: %s; log:\n%s", got, want, w.failure(job), w.childLog(job, "user_logs/std_log_0.txt"))
	}
	return job
}

func (w *world) status(job string) string {
	doc, _ := w.store.Get(jobID(testWorkspace, job))
	return store.Text(doc, "properties", "status")
}

func (w *world) child(job string) store.Document {
	w.t.Helper()
	children := RunChildren(w.store, testWorkspace, job)
	if len(children) != 1 {
		w.t.Fatalf("job %s has %d children, want 1", job, len(children))
	}
	return children[0]
}

// failure is the error text of the step.
func (w *world) failure(job string) string {
	return store.Text(w.child(job), "error", "error", "message")
}

func (w *world) childLog(job, name string) string {
	return w.read("azureml", artifactPath(store.Text(w.child(job), "runId"))+name)
}

// read returns the content of a blob, "" when it is not there.
func (w *world) read(container, name string) string {
	r, _, err := w.blobs.Open(context.Background(), account, container, name)
	if err != nil {
		return ""
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(content)
}

// events collects what happens, so that tests can wait for it: "job STATUS" for the statuses of
// jobs, and "put NAME" for blobs.
type events struct {
	mu   sync.Mutex
	seen map[string]int
	news chan struct{} // closed and replaced at each event
}

func newEvents() *events { return &events{seen: map[string]int{}, news: make(chan struct{})} }

func (e *events) add(event string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seen[event]++
	close(e.news)
	e.news = make(chan struct{})
}

// await returns when an event has happened.
func (e *events) await(t *testing.T, event string) {
	t.Helper()
	e.awaitUntil(t, event, func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.seen[event] > 0
	})
}

// awaitUntil asks holds again after each event.
func (e *events) awaitUntil(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for {
		e.mu.Lock()
		news := e.news
		e.mu.Unlock()
		if holds() {
			return
		}
		select {
		case <-news:
		case <-t.Context().Done():
			t.Fatalf("%s never happened", what)
		}
	}
}

func (e *events) Enabled(context.Context, slog.Level) bool { return true }
func (e *events) WithAttrs([]slog.Attr) slog.Handler       { return e }
func (e *events) WithGroup(string) slog.Handler            { return e }
func (e *events) Handle(_ context.Context, record slog.Record) error {
	attrs := map[string]string{}
	record.Attrs(func(a slog.Attr) bool { attrs[a.Key] = a.Value.String(); return true })
	e.add(fmt.Sprintf("%s %s", attrs["job"], attrs["status"]))
	e.add(fmt.Sprintf("%s step %s", attrs["job"], attrs["step"]))
	return nil
}

// watchedBlobs tells of every write.
type watchedBlobs struct {
	*blob.Service
	events *events
}

func (b *watchedBlobs) Put(ctx context.Context, account, container, name string, r io.Reader, o *blob.PutOptions) error {
	err := b.Service.Put(ctx, account, container, name, r, o)
	b.events.add("put " + name)
	return err
}

// foldersIn are the names in a folder.
func foldersIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

var (
	jobName = regexp.MustCompile(`\b[a-z]+_[a-z]+_[a-z0-9]{8}\b`)
	aGUID   = regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
)

// checkTexts compares whole texts by name with testdata/golden, so that a word that comes, goes or
// changes is seen. Names of jobs and runs are masked. AZMLBATCH_RECORD=1 writes the texts anew.
func checkTexts(t *testing.T, name string, got map[string]string) {
	t.Helper()
	for key, text := range got {
		got[key] = aGUID.ReplaceAllString(jobName.ReplaceAllString(text, "NAME"), "GUID")
	}
	golden.Check(t, name, got)
}
