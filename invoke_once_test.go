package azmlbatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/azmlbatch/azmlbatch/internal/local"
)

const otherFolder = "https://acc.blob.core.windows.net/con/letters"

// TestKeyOfAJobWithAnotherInput is told, with both inputs, and starts nothing.
func TestKeyOfAJobWithAnotherInput(t *testing.T) {
	s, c := newBatchService(t)
	inv := Invocation{Inputs: sampleInputs, Key: "monday"}
	if _, err := c.Endpoints().Invoke(t.Context(), "digits", inv); err != nil {
		t.Fatal(err)
	}
	inv.Inputs = Inputs{"images": URIFolder{URI: otherFolder}}
	_, err := c.Endpoints().Invoke(t.Context(), "digits", inv)
	var conflict *KeyConflictError
	if !errors.As(err, &conflict) || conflict.Job.Name != "batchjob-1" || conflict.Key != "monday" || conflict.Endpoint != "digits" || !errors.Is(err, ErrConflict) {
		t.Fatalf("Invoke = %v, want a KeyConflictError", err)
	}
	want := `azmlbatch: invoke endpoint "digits": key "monday" belongs to job "batchjob-1": its input is ` +
		`"https://acc.blob.core.windows.net/con/digits", but "https://acc.blob.core.windows.net/con/letters" was asked for; ` +
		`use another key, and another output if you chose it`
	if err.Error() != want {
		t.Errorf("error = %s\nwant    %s", err, want)
	}
	if len(s.posts) != 1 {
		t.Errorf("%d posts, want 1", len(s.posts))
	}
}

func TestSameWork(t *testing.T) {
	folder := func(content string) string {
		dir := filepath.Join(t.TempDir(), "in")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	dir := folder("1")
	files, err := local.Scan(dir)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := files.UploadHash(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	oldHash, err := files.OldUploadHash(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	place := func(path string) Inputs { return Inputs{"x": URIFolder{URI: placeURI("d", path)}} }
	asset := func(version string) Input { return URIFolder{URI: testWorkspaceID + "/data/clay/versions/" + version} }
	pipeline := Deployment{Name: "blue", Configuration: PipelineComponentDeployment{}}
	tests := []struct {
		name       string
		have       Inputs // of the job
		want       Invocation
		deployment Deployment
		problem    string // "" for none
	}{
		{"the same URL", sampleInputs, Invocation{Inputs: sampleInputs}, Deployment{}, ""},
		{"the same URL under another name", sampleInputs, Invocation{Input: sampleInputs["images"]}, Deployment{}, ""},
		{"by pointer", sampleInputs, Invocation{Input: &URIFolder{URI: dataURI(sampleInputs["images"])}}, Deployment{}, ""},
		{"another URL", sampleInputs, Invocation{Input: URIFolder{URI: otherFolder}}, Deployment{}, "con/digits"},
		{"a signature does not matter", sampleInputs, Invocation{Input: URIFolder{URI: dataURI(sampleInputs["images"]) + "?sig=x"}}, Deployment{}, ""},
		{"a place in another spelling", place("p/"), Invocation{Input: URIFolder{URI: "azureml://subscriptions/sub-1/resourcegroups/pottery/workspaces/kiln/datastores/d/paths/p"}}, Deployment{}, ""},
		{"another place", place("p/"), Invocation{Input: URIFolder{URI: placeURI("d", "q/")}}, Deployment{}, "paths/p/"},
		{"a place instead of a URL", sampleInputs, Invocation{Input: URIFolder{URI: placeURI("d", "q/")}}, Deployment{}, "con/digits"},
		{"another version", Inputs{"x": asset("1")}, Invocation{Input: asset("2")}, Deployment{}, "clay/versions/1"},
		{"an asset that the service has resolved", place("p/"), Invocation{Input: asset("2")}, Deployment{}, ""},
		{"a job whose inputs nothing tells", nil, Invocation{Input: asset("2")}, Deployment{}, ""},
		{"the content of a folder", place("LocalUpload/" + hash + "/in"), Invocation{Input: LocalPath{Path: dir}}, Deployment{}, ""},
		{"the content of a folder, uploaded long ago", place("LocalUpload/" + oldHash + "/in"), Invocation{Input: LocalPath{Path: dir}}, Deployment{}, ""},
		{"a folder whose content has changed", place("LocalUpload/" + hash + "/in"), Invocation{Input: LocalPath{Path: folder("2")}}, Deployment{}, "the content of"},
		{"a folder instead of a URL", sampleInputs, Invocation{Input: LocalPath{Path: dir}}, Deployment{}, "the content of"},
		{"a kind that is not known", sampleInputs, Invocation{Input: UnknownData{Type: "New"}}, Deployment{}, ""},
		{"another deployment", sampleInputs, Invocation{Inputs: sampleInputs, Deployment: "green"}, Deployment{Name: "green"}, `deployment "blue" runs it, but "green" was asked for`},
		{"the same deployment", sampleInputs, Invocation{Inputs: sampleInputs, Deployment: "Blue"}, Deployment{Name: "Blue"}, ""},
		{"the default deployment has changed", sampleInputs, Invocation{Inputs: sampleInputs}, Deployment{Name: "green"}, ""},
		{"a pipeline's inputs by name", Inputs{"a": Literal{Value: "1"}, "b": URIFile{URI: otherFolder}},
			Invocation{Inputs: Inputs{"a": Literal{Value: 1}, "b": &URIFile{URI: otherFolder}}}, pipeline, ""},
		{"another value", Inputs{"a": Literal{Value: "1"}}, Invocation{Inputs: Inputs{"a": Literal{Value: 2}}}, pipeline, `its input "a" is 1, but 2 was asked for`},
		{"another of several", Inputs{"a": Literal{Value: "1"}, "b": URIFile{URI: otherFolder}},
			Invocation{Inputs: Inputs{"a": Literal{Value: 1}, "b": URIFile{URI: otherFolder + "/c"}}}, pipeline, `its input "b"`},
		{"an input that the job does not have", Inputs{"a": Literal{Value: "1"}}, Invocation{Inputs: Inputs{"a": Literal{Value: 1}, "c": Literal{Value: 2}}}, pipeline,
			`it has no input "c", but "2" was asked for`},
		{"an input of a job without inputs", nil, Invocation{Inputs: Inputs{"c": URIFile{URI: otherFolder}}}, pipeline, `it has no input "c", but "https://acc.blob`},
		{"an input of a job that cannot be read", nil, Invocation{Inputs: Inputs{"c": URIFile{URI: otherFolder}}}, pipeline, ""},
		{"no inputs, of a job without inputs", nil, Invocation{Inputs: Inputs{}}, pipeline, ""},
		{"an input that the service may have filled in", Inputs{"a": Literal{Value: "1"}, "b": Literal{Value: "2"}}, Invocation{Inputs: Inputs{"a": Literal{Value: 1}}}, pipeline, ""},
		{"the same URL in the older form", sampleInputs, Invocation{Dataset: DataURL{Path: dataURI(sampleInputs["images"])}}, Deployment{}, ""},
		{"another URL in the older form", sampleInputs, Invocation{Dataset: DataURL{Path: otherFolder}}, Deployment{}, "con/digits"},
		{"a version in the older form", Inputs{"x": asset("1")}, Invocation{Dataset: DatasetVersion{Name: "clay", Version: "1"}}, Deployment{}, ""},
		{"a version in its short form", Inputs{"x": URIFolder{URI: "azureml:clay:1"}}, Invocation{Dataset: &DatasetVersion{Name: "clay", Version: "1"}}, Deployment{}, ""},
		{"another version in the older form", Inputs{"x": URIFolder{URI: "azureml:clay:1"}}, Invocation{Dataset: DatasetVersion{Name: "clay", Version: "2"}}, Deployment{}, "azureml:clay:2"},
		{"the same id in the older form", Inputs{"x": asset("1")}, Invocation{Dataset: DatasetID{ID: dataURI(asset("1"))}}, Deployment{}, ""},
		{"another id in the older form", Inputs{"x": asset("1")}, Invocation{Dataset: DatasetID{ID: dataURI(asset("3"))}}, Deployment{}, "clay/versions/1"},
		{"another URL instead of a version", sampleInputs, Invocation{Dataset: DatasetVersion{Name: "clay", Version: "1"}}, Deployment{}, ""},
	}
	said := newTexts(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, c := newBatchService(t)
			job := BatchJob{Name: "batchjob-1", Inputs: tt.have, Tags: map[string]string{"azureml.deploymentname": "blue"}}
			if tt.name != "an input of a job that cannot be read" {
				s.jobs = append(s.jobs, job)
			}
			target := invokeTarget{c: c, op: operation{"invoke", "endpoint", "digits"}, uri: "https://digits.r.inference.ml.azure.com/jobs",
				endpoint: "digits", deployment: tt.deployment, named: tt.want.Deployment != ""}
			err := attempt{invokeTarget: target, inv: tt.want, key: "k"}.sameWork(t.Context(), job)
			if tt.problem != "" {
				said.add(tt.name, err)
			}
			if tt.problem == "" && err != nil || tt.problem != "" && (!errors.As(err, new(*KeyConflictError)) || !strings.Contains(err.Error(), tt.problem)) {
				t.Errorf("sameWork = %v, want %q", err, tt.problem)
			}
			if asked := len(s.reads) > 0; asked != (tt.have == nil) {
				t.Errorf("the job was asked for: %v", s.reads)
			}
		})
	}
}

// TestKeyOfAJobWithFurtherInputs is told when the job was asked for with them. Those that the service has filled in are its
// own matter.
func TestKeyOfAJobWithFurtherInputs(t *testing.T) {
	s, c := newBatchService(t)
	inv := Invocation{Deployment: "pipe", Key: "monday", Outputs: Outputs{"o": URIFolder{URI: placeURI("d", "results/")}},
		Inputs: Inputs{"a": Literal{Value: "1"}, "b": Literal{Value: "2"}}}
	if _, err := c.Endpoints().Invoke(t.Context(), "digits", inv); err != nil {
		t.Fatal(err)
	}
	s.jobs[0].Inputs["default"] = Literal{Value: "3"}
	again := func(inputs Inputs) error {
		inv.Inputs = inputs
		job, err := c.Endpoints().Invoke(t.Context(), "digits", inv)
		if err == nil && job.Name != "batchjob-1" {
			t.Errorf("%v started %q", inputs, job.Name)
		}
		return err
	}
	if err := again(inv.Inputs); err != nil {
		t.Errorf("the same inputs: %v", err)
	}
	const want = `it was given input "b", "2", which was not asked for now`
	if err := again(Inputs{"a": Literal{Value: "1"}}); !errors.As(err, new(*KeyConflictError)) || !strings.Contains(err.Error(), want) {
		t.Errorf("an input less: %v, want a KeyConflictError that says %s", err, want)
	}
	if err := again(Inputs{}); !errors.As(err, new(*KeyConflictError)) {
		t.Errorf("no inputs: %v, want a KeyConflictError", err)
	}
	s.store.fail = func(string) int { return 403 }
	if err := again(Inputs{"a": Literal{Value: "1"}}); err != nil {
		t.Errorf("an input less, where no record can be read: %v", err)
	}
	if len(s.posts) != 1 {
		t.Errorf("%d posts, want 1", len(s.posts))
	}
}

// TestSameWorkOfAFolderThatIsGone cannot be told.
func TestSameWorkOfAFolderThatIsGone(t *testing.T) {
	a := attempt{inv: Invocation{Input: LocalPath{Path: filepath.Join(t.TempDir(), "gone")}}}
	job := BatchJob{Inputs: Inputs{"x": URIFolder{URI: placeURI("d", "p")}}}
	if err := a.sameWork(t.Context(), job); !errors.As(err, new(*ArgumentError)) {
		t.Errorf("sameWork = %v, want an ArgumentError", err)
	}
}

// TestKeyOfAWorkspaceThatIsNotFound: where neither plane lists jobs, a job with the key may exist.
func TestKeyOfAWorkspaceThatIsNotFound(t *testing.T) {
	s, c := newBatchService(t)
	s.list = answer(404, `{"error":{"code":"NotFound","message":"not here"}}`)
	s.arm = answer(404, `{"error":{"code":"ResourceNotFound","message":"nor here"}}`)
	_, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs, Key: "monday"})
	if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "nor here") || len(s.posts) != 0 {
		t.Errorf("%d POSTs, error %v; want none, and the second refusal", len(s.posts), err)
	}
}

// TestSameWorkOfAJobOfTheManagementPlane reads its inputs, which that plane does not show.
func TestSameWorkOfAJobOfTheManagementPlane(t *testing.T) {
	s, c := newBatchService(t)
	inv := Invocation{Inputs: sampleInputs, Key: "monday"}
	if _, err := c.Endpoints().Invoke(t.Context(), "digits", inv); err != nil {
		t.Fatal(err)
	}
	s.list = answer(400, `{"error":{"code":"UserError","message":"not today"}}`)
	s.arm = answer(200, `{"value":[{"name":"batchjob-1","properties":{"experimentName":"digits","status":"Running","tags":{"azureml.batchrun":"true"},"properties":{
			"azureml.parameters":"{\"output_uri\":\"azureml://datastores/workspaceblobstore/paths/azmlbatch/digits/monday/predictions.csv\"}"}}}]}`)
	if job, err := c.Endpoints().Invoke(t.Context(), "digits", inv); err != nil || job.Name != "batchjob-1" {
		t.Errorf("the same input: %q, %v", job.Name, err)
	}
	inv.Inputs = Inputs{"images": URIFolder{URI: otherFolder}}
	if _, err := c.Endpoints().Invoke(t.Context(), "digits", inv); !errors.As(err, new(*KeyConflictError)) {
		t.Errorf("another input: %v, want a KeyConflictError", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.arm = func(w http.ResponseWriter, r *http.Request) { cancel(); answer(200, `{"value":[]}`)(w, r) }
	if _, err := c.Endpoints().Invoke(ctx, "digits", inv); !errors.Is(err, context.Canceled) {
		t.Errorf("Invoke = %v, want context.Canceled", err)
	}
}

// endpointMade is the batchService with an endpoint that has a date.
func endpointMade(t *testing.T, created *string) (*batchService, *Client) {
	s, _ := newBatchService(t)
	return s, newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, testWorkspaceID+"/batchEndpoints/digits") {
			writeJSON(w, 200, `{"name":"digits","properties":{"scoringUri":"https://digits.r.inference.ml.azure.com/jobs","defaults":{"deploymentName":"blue"}},
				"systemData":{"createdAt":"`+*created+`"}}`)
			return
		}
		s.ServeHTTP(w, r)
	})
}

// TestKeyOfAnEndpointMadeAnew is another key.
func TestKeyOfAnEndpointMadeAnew(t *testing.T) {
	created := "2026-03-01T10:00:00.1234567+00:00"
	s, c := endpointMade(t, &created)
	inv := Invocation{Inputs: sampleInputs, Key: "monday"}
	for _, at := range []string{created, "2026-03-01T10:00:00.12+00:00", "2026-03-02T10:00:00+00:00"} {
		created = at
		if _, err := c.Endpoints().Invoke(t.Context(), "digits", inv); err != nil {
			t.Fatal(err)
		}
	}
	var places []string
	for _, p := range s.posts {
		places = append(places, fmt.Sprint(sent(t, p.Body, "properties", "outputData", "score", "uri")))
	}
	const d = "azureml://datastores/workspaceblobstore/paths/azmlbatch/digits/"
	if want := []string{d + "20260301T100000Z/monday/predictions.csv", d + "20260302T100000Z/monday/predictions.csv"}; fmt.Sprint(places) != fmt.Sprint(want) {
		t.Errorf("jobs were started with outputs %v, want %v", places, want)
	}
}

// TestKeyOfAnEndpointMadeAnewAtOnce does not meet the job of the endpoint that was deleted within the second.
func TestKeyOfAnEndpointMadeAnewAtOnce(t *testing.T) {
	created := "2026-03-01T10:00:00.5Z"
	s, c := endpointMade(t, &created)
	at, err := time.Parse(time.RFC3339, "2026-03-01T10:00:00.2Z")
	if err != nil {
		t.Fatal(err)
	}
	const d = "azureml://datastores/workspaceblobstore/paths/azmlbatch/digits/"
	s.jobs = []BatchJob{{Meta: Meta{SystemData: SystemData{CreatedAt: at}}, Name: "earlier", Inputs: sampleInputs,
		Outputs: Outputs{"score": URIFile{URI: d + "20260301T100000Z/monday/predictions.csv"}}}}
	for range 2 {
		job, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs, Key: "monday"})
		if err != nil || job.Name != "batchjob-1" {
			t.Errorf("Invoke = %q, %v", job.Name, err)
		}
	}
	if len(s.posts) != 1 {
		t.Fatalf("%d posts, want 1", len(s.posts))
	}
	if got, want := sent(t, s.posts[0].Body, "properties", "outputData", "score", "uri"), d+"20260301T100000.5000000Z/monday/predictions.csv"; got != want {
		t.Errorf("the output is %v, want %s", got, want)
	}
}

// TestOutputOfAnEarlierEndpoint is not taken for that of the endpoint that has its name now.
func TestOutputOfAnEarlierEndpoint(t *testing.T) {
	created := "2026-03-01T10:00:00Z"
	s, c := endpointMade(t, &created)
	inv := Invocation{Inputs: sampleInputs, Key: "monday", Outputs: Outputs{"score": URIFile{URI: placeURI("d", "results/a.csv")}}}
	said := newTexts(t)
	for _, tt := range []struct {
		made string
		want bool
	}{{"2026-02-28T10:00:00Z", false}, {"2026-03-01T10:00:01Z", true}} {
		at, err := time.Parse(time.RFC3339, tt.made)
		if err != nil {
			t.Fatal(err)
		}
		s.jobs = []BatchJob{{Meta: Meta{SystemData: SystemData{CreatedAt: at}}, Name: "batchjob-1", Inputs: sampleInputs, Outputs: inv.Outputs}}
		job, err := c.Endpoints().Invoke(t.Context(), "digits", inv)
		said.add(tt.made, err)
		if tt.want && (err != nil || job.Name != "batchjob-1") || !tt.want && (!errors.As(err, new(*KeyConflictError)) || !strings.Contains(err.Error(), "an earlier endpoint")) {
			t.Errorf("a job of %s: %q, %v", tt.made, job.Name, err)
		}
	}
	if len(s.posts) != 0 {
		t.Errorf("%d posts, want none", len(s.posts))
	}
}

// TestOutputOfAnotherEndpoint is known by the record: the endpoint's own jobs do not show it.
func TestOutputOfAnotherEndpoint(t *testing.T) {
	s, c := newBatchService(t)
	inv := Invocation{Inputs: sampleInputs, Key: "monday", Outputs: Outputs{"score": URIFile{URI: placeURI("d", "results/a.csv")}}}
	if _, err := c.Endpoints().Invoke(t.Context(), "digits", inv); err != nil {
		t.Fatal(err)
	}
	for _, b := range s.store.blobs {
		b.content = strings.Replace(b.content, `"digits"`, `"letters"`, 1)
	}
	s.jobs = nil
	_, err := c.Endpoints().Invoke(t.Context(), "digits", inv)
	if !errors.As(err, new(*KeyConflictError)) || !strings.Contains(err.Error(), `endpoint "letters" started it`) || len(s.posts) != 1 {
		t.Errorf("Invoke = %v after %d posts", err, len(s.posts))
	}
}

// TestWaitingCallerOfAnotherEndpoint does not get the job of the endpoint that uses the place.
func TestWaitingCallerOfAnotherEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := newBatchService(t)
		place := placeURI("d", "results/a.csv")
		var all sync.WaitGroup
		all.Go(func() {
			_, _, err := c.turns.take(t.Context(), placeKey(place), func(context.Context) (startedJob, error) {
				time.Sleep(time.Second)
				return startedJob{BatchJob: BatchJob{Name: "batchjob-1", Inputs: sampleInputs}, endpoint: "digits"}, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		for endpoint, want := range map[string]string{"Digits": "", "letters": `endpoint "digits" started it`} {
			a := attempt{invokeTarget: invokeTarget{c: c, endpoint: endpoint}, inv: Invocation{Inputs: sampleInputs}, key: "monday", place: place}
			all.Go(func() {
				job, err := a.startOnce(t.Context())
				if want == "" && (err != nil || job.Name != "batchjob-1") || want != "" && (!errors.As(err, new(*KeyConflictError)) || !strings.Contains(err.Error(), want)) {
					t.Errorf("%s: %q, %v, want %q", endpoint, job.Name, err, want)
				}
			})
		}
		all.Wait()
	})
}

// TestWaitingCallersWithAnotherInput are told, and one that leaves is told what to do.
func TestWaitingCallersWithAnotherInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newRaceService(1)
		s.slow, s.onPost = 1, func() { time.Sleep(10 * time.Second) }
		p := s.process(t)
		var all sync.WaitGroup
		var first, other, left error
		all.Go(func() { _, first = p.Endpoints().Invoke(t.Context(), "digits", raceInvocation()) })
		synctest.Wait()
		all.Go(func() {
			inv := raceInvocation()
			inv.Input = URIFolder{URI: otherFolder}
			_, other = p.Endpoints().Invoke(t.Context(), "digits", inv)
		})
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
			defer cancel()
			_, left = p.Endpoints().Invoke(ctx, "digits", raceInvocation())
		})
		all.Wait()
		if first != nil || !errors.As(other, new(*KeyConflictError)) {
			t.Errorf("the first = %v, the other = %v; want a KeyConflictError", first, other)
		}
		if !errors.Is(left, context.DeadlineExceeded) || !strings.Contains(left.Error(), `another call with key "monday"`) || !strings.Contains(left.Error(), "invoke again with the same key") {
			t.Errorf("the one that left = %v", left)
		}
		if s.posts != 1 || len(p.turns.turns) != 0 {
			t.Errorf("%d posts, %d turns left, want 1 and none", s.posts, len(p.turns.turns))
		}
	})
}

// TestLeaseIsRenewed while inputs are uploaded and the POST takes long, and is not followed by another process meanwhile.
func TestLeaseIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newRaceService(1)
		s.slow = 90 * time.Second // longer than a lease without renewal
		processes := []*process{s.process(t), s.process(t)}
		for _, o := range callAll(t.Context(), processes, 1, forever) {
			if o.err != nil || o.job.Name != "batchjob-0" {
				t.Errorf("Invoke = %q, %v", o.job.Name, o.err)
			}
		}
		if s.posts != 1 {
			t.Errorf("%d posts, want 1", s.posts)
		}
	})
}

// TestLeaseThatIsLost to another process before the POST gives way to its job.
func TestLeaseThatIsLost(t *testing.T) {
	s, c := newBatchService(t)
	clk := c.clock
	taken := false
	s.store.after = func(call string) {
		if strings.HasPrefix(call, "PUT acquire") && !taken { // this machine is suspended, and another process goes on
			taken = true
			if err := clk.sleep(t.Context(), 2*time.Minute); err != nil {
				t.Error(err)
			}
			for _, b := range s.store.blobs {
				b.lease, b.until, b.etag = "theirs", s.store.now().Add(time.Minute), `"theirs"`
				b.content = `{"endpoint":"digits","job":"batchjob-7"}`
			}
		}
	}
	job, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs, Key: "monday"})
	if err != nil || job.Name != "batchjob-7" || len(s.posts) != 0 {
		t.Errorf("Invoke = %q, %v after %d posts; want the other's job", job.Name, err, len(s.posts))
	}
}

// TestLeaseOfASuspendedMachine is renewed before the POST when nobody has taken it.
func TestLeaseOfASuspendedMachine(t *testing.T) {
	s, c := newBatchService(t)
	s.store.after = func(call string) {
		if strings.HasPrefix(call, "PUT acquire") {
			if err := c.clock.sleep(t.Context(), 2*time.Minute); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs, Key: "monday"}); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(s.store.calls[2], "PUT renew") || len(s.posts) != 1 {
		t.Errorf("storage was asked %v, want a renewal before the POST", s.store.calls)
	}
	s.store.calls, s.store.fail = nil, func(call string) int {
		if strings.HasPrefix(call, "PUT renew") {
			return 400
		}
		return 0
	}
	if _, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs, Key: "tuesday"}); statusOf(err) != 400 || len(s.posts) != 1 {
		t.Errorf("a renewal that fails: %v after %d posts, want the 400 and no further post", err, len(s.posts))
	}
}
