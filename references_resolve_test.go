package azmlbatch

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// referenceService takes deployments and invocations, and has version 7 of every asset as the newest one.
type referenceService struct {
	batchService
	deployments []string // bodies
	asked       int      // lists of versions
}

func newReferenceService(t *testing.T) (*referenceService, *Client) {
	clk := newFakeClock()
	s := &referenceService{batchService: batchService{t: t, store: fakeStore{now: clk.clock().now}}}
	return s, newClientOver(t, handlerTransport{s}, clk)
}

func (s *referenceService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, name := r.URL.Path, strings.TrimSuffix(lastSegment(r.URL.Path), "?")
	switch {
	case r.Method == http.MethodPut:
		s.deployments = append(s.deployments, record(r).Body)
		writeJSON(w, 200, `{"properties":{"provisioningState":"Succeeded"}}`)
	case name == "versions":
		s.asked++
		writeJSON(w, 200, `{"value":[{"id":"`+path+`/7","name":"7"}]}`)
	case strings.HasSuffix(path, "/workspaces/kiln"):
		writeJSON(w, 200, `{"location":"r","properties":{"discoveryUrl":"https://r.api.azureml.ms/discovery","workspaceId":"our-guid"}}`)
	default:
		s.batchService.ServeHTTP(w, r)
	}
}

// sent finds a member of a request's body.
func sent(t *testing.T, body string, path ...string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("body %s: %v", body, err)
	}
	for _, member := range path {
		m, _ := v.(map[string]any)
		v = m[member]
	}
	return v
}

// holders are all places of a request that take a reference, with how a reference is put there and sent.
var holders = []struct {
	name, argument string
	kind           ReferenceKind
	deploy         func(text string) Deployment // nil for an invocation
	invoke         func(text string) Invocation
	path           []string // in the body
}{
	{name: "model", argument: "Deployment.Model", kind: ReferenceKindModel, path: []string{"properties", "model", "assetId"},
		deploy: func(text string) Deployment { return deploymentOf(ModelByID{AssetID: text}) }},
	{name: "pointer to a model", argument: "Deployment.Model", kind: ReferenceKindModel, path: []string{"properties", "model", "assetId"},
		deploy: func(text string) Deployment { return deploymentOf(&ModelByID{AssetID: text}) }},
	{name: "datastore of a model", argument: "Deployment.Model.DatastoreID", kind: ReferenceKindDatastore, path: []string{"properties", "model", "datastoreId"},
		deploy: func(text string) Deployment { return deploymentOf(ModelByDataPath{DatastoreID: text, Path: "p"}) }},
	{name: "job of a model", argument: "Deployment.Model.JobID", kind: ReferenceKindJob, path: []string{"properties", "model", "jobId"},
		deploy: func(text string) Deployment { return deploymentOf(ModelByOutput{JobID: text, Path: "p"}) }},
	{name: "environment", argument: "Deployment.EnvironmentID", kind: ReferenceKindEnvironment, path: []string{"properties", "environmentId"},
		deploy: func(text string) Deployment { d := deploymentOf(oneModel); d.EnvironmentID = text; return d }},
	{name: "code", argument: "Deployment.CodeConfiguration.CodeID", kind: ReferenceKindCode, path: []string{"properties", "codeConfiguration", "codeId"},
		deploy: func(text string) Deployment {
			d := deploymentOf(oneModel)
			d.EnvironmentID = "azureml:e:1"
			d.CodeConfiguration = CodeConfiguration{CodeID: text, ScoringScript: "score.py"}
			return d
		}},
	{name: "compute", argument: "Deployment.Compute", kind: ReferenceKindCompute, path: []string{"properties", "compute"},
		deploy: func(text string) Deployment { d := deploymentOf(oneModel); d.Compute = text; return d }},
	{name: "component", argument: "Deployment.Configuration.ComponentID", kind: ReferenceKindComponent, path: []string{"properties", "deploymentConfiguration", "componentId", "assetId"},
		deploy: func(text string) Deployment {
			return Deployment{Configuration: PipelineComponentDeployment{ComponentID: text}}
		}},
	{name: "compute of an invocation", argument: "Invocation.Compute", kind: ReferenceKindCompute, path: []string{"properties", "compute", "target"},
		invoke: func(text string) Invocation { return Invocation{Inputs: sampleInputs, Compute: text} }},
	{name: "folder", argument: "Invocation.Input.URI", kind: ReferenceKindData, path: inputPath("UriFolder"),
		invoke: func(text string) Invocation { return Invocation{Input: URIFolder{URI: text}} }},
	{name: "file", argument: "Invocation.Input.URI", kind: ReferenceKindData, path: inputPath("UriFile"),
		invoke: func(text string) Invocation { return Invocation{Input: URIFile{URI: text}} }},
	{name: "pointer to a file", argument: "Invocation.Input.URI", kind: ReferenceKindData, path: inputPath("UriFile"),
		invoke: func(text string) Invocation { return Invocation{Input: &URIFile{URI: text}} }},
	{name: "table", argument: "Invocation.Input.URI", kind: ReferenceKindData, path: inputPath("MLTable"),
		invoke: func(text string) Invocation { return Invocation{Deployment: "pipe", Input: MLTable{URI: text}} }},
	{name: "named input", argument: `Invocation.Inputs["in"].URI`, kind: ReferenceKindData, path: inputPath("in"),
		invoke: func(text string) Invocation { return Invocation{Inputs: Inputs{"in": URIFolder{URI: text}}} }},
	{name: "custom model as input", argument: "Invocation.Input.URI", kind: ReferenceKindModel, path: inputPath("CustomModel"),
		invoke: func(text string) Invocation { return Invocation{Deployment: "pipe", Input: CustomModel{URI: text}} }},
	{name: "MLflow model as input", argument: "Invocation.Input.URI", kind: ReferenceKindModel, path: inputPath("MLFlowModel"),
		invoke: func(text string) Invocation { return Invocation{Deployment: "pipe", Input: MLFlowModel{URI: text}} }},
	{name: "Triton model as input", argument: "Invocation.Input.URI", kind: ReferenceKindModel, path: inputPath("TritonModel"),
		invoke: func(text string) Invocation { return Invocation{Deployment: "pipe", Input: TritonModel{URI: text}} }},
	{name: "older dataset", argument: "Invocation.Dataset.ID", kind: ReferenceKindData, path: []string{"properties", "dataset", "datasetId"},
		invoke: func(text string) Invocation { return Invocation{Dataset: DatasetID{ID: text}} }},
	{name: "datastore of the older output", argument: "Invocation.OutputDataset.DatastoreID", kind: ReferenceKindDatastore, path: []string{"properties", "outputDataset", "datastoreId"},
		invoke: func(text string) Invocation {
			return Invocation{Dataset: DataURL{Path: "https://acc.blob.core.windows.net/con/x"}, OutputDataset: OutputDataset{DatastoreID: text, Path: "p"}}
		}},
}

var oneModel = ModelByID{AssetID: "azureml:m:1"}

func deploymentOf(m ModelReference) Deployment { return Deployment{Model: m, Compute: "raku"} }

func inputPath(name string) []string { return []string{"properties", "inputData", name, "uri"} }

// send puts a reference into its place and returns what went out there.
func (s *referenceService) send(t *testing.T, c *Client, i int, text string) (any, error) {
	t.Helper()
	h := holders[i]
	if h.deploy != nil {
		s.deployments = nil
		_, err := c.Deployments("digits").BeginCreateOrUpdate(t.Context(), "blue", h.deploy(text))
		if err != nil {
			return nil, err
		}
		return sent(t, s.deployments[0], h.path...), nil
	}
	s.posts = nil
	_, err := c.Endpoints().Invoke(t.Context(), "digits", h.invoke(text))
	if err != nil {
		return nil, err
	}
	return sent(t, s.posts[0].Body, h.path...), nil
}

// TestReferencesGoOutAsIDs puts every form of a reference into every place that takes one.
func TestReferencesGoOutAsIDs(t *testing.T) {
	for i, h := range holders {
		k := string(h.kind)
		own := testWorkspaceID + "/" + k + "/clay"
		other := armPrefix + "/" + k + "/clay"
		forms := map[string]string{"azureml:clay": own, "azureml:" + own: own, own: own, other: other, "azureml:" + other: other,
			"azureml://subscriptions/s/resourcegroups/g/workspaces/w/" + k + "/clay": other}
		if h.kind.versioned() {
			forms = map[string]string{}
			for text, id := range map[string]string{
				"azureml:clay:3": own + "/versions/3", "clay:3": own + "/versions/3", "AzureML:clay:3": own + "/versions/3",
				"azureml:clay@latest": own + "/versions/7", "clay@latest": own + "/versions/7", "azureml:/clay@latest": own + "/versions/7",
				own + "/versions/3": own + "/versions/3", "azureml:" + own + "/versions/3": own + "/versions/3",
				other + "/versions/3":             other + "/versions/3",
				other + "/labels/latest":          other + "/versions/7",
				other + "/versions/labels/latest": other + "/versions/7",
				"azureml://subscriptions/s/resourcegroups/g/workspaces/w/" + k + "/clay/versions/3": other + "/versions/3",
				"azureml://locations/r/workspaces/our-guid/" + k + "/clay/versions/3":               own + "/versions/3",
				"azureml://locations/r/workspaces/kiln/" + k + "/clay/versions/labels/latest":       own + "/versions/7",
				"azureml://locations/r/workspaces/their-guid/" + k + "/clay/versions/3":             "azureml://locations/r/workspaces/their-guid/" + k + "/clay/versions/3",
				"azureml://registries/r/" + k + "/clay/versions/3":                                  "azureml://registries/r/" + k + "/clay/versions/3",
				"azureml://registries/r/" + k + "/clay/labels/latest":                               "azureml://registries/r/" + k + "/clay/labels/latest",
			} {
				forms[text] = id
			}
		}
		t.Run(h.name, func(t *testing.T) {
			s, c := newReferenceService(t)
			for _, text := range sortedKeys(forms) {
				got, err := s.send(t, c, i, text)
				if err != nil {
					t.Errorf("%s: %v", text, err)
				} else if diff := cmp.Diff(any(forms[text]), got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", text, diff)
				}
			}
		})
	}
}

// TestReferencesThatSayTooLittleOrTooMuch wants the mistake named, and the form that is meant, before anything is sent.
func TestReferencesThatSayTooLittleOrTooMuch(t *testing.T) {
	said := newTexts(t)
	for i, h := range holders {
		t.Run(h.name, func(t *testing.T) {
			wrong := map[string]string{ // reference and what the error says
				"azureml:a b":              "is not a reference",
				"azureml:clay:3:4":         "is not a reference",
				armPrefix + "/x/y/pages/3": "is not a reference",
			}
			if h.kind.versioned() {
				wrong["azureml:clay"] = "names no version; write azureml:clay:VERSION or azureml:clay@latest"
				wrong[testWorkspaceID+"/"+string(h.kind)+"/clay"] = "names no version; end it with /versions/VERSION or /labels/latest"
				wrong["azureml://registries/r/"+string(h.kind)+"/clay"] = "names no version; end it with /versions/VERSION or /labels/latest"
				wrong["azureml:clay:latest"] = "names a version called latest; write azureml:clay@latest for the newest version"
				wrong["azureml:clay@stable"] = "has the label stable; the only label of a workspace's assets is latest"
				wrong["azureml://locations/r/workspaces/their-guid/"+string(h.kind)+"/clay/labels/latest"] = "is in another workspace; write its ARM id with a version"
				wrong[armPrefix+"/computes/raku"] = "names a compute; pass a reference to " + h.kind.withArticle()
			} else {
				noun := h.kind.noun()
				wrong["azureml:clay:3"] = noun + "s have no version; write azureml:clay"
				wrong["clay:3"] = noun + "s have no version; write azureml:clay"
				wrong["azureml:clay@latest"] = noun + "s have no version; write azureml:clay"
				if h.kind != ReferenceKindDatastore { // there it is a place
					wrong[testWorkspaceID+"/"+string(h.kind)+"/clay/versions/3"] = noun + "s have no version; write azureml:clay"
				}
				wrong[armPrefix+"/models/clay/versions/3"] = "names a model; pass a reference to " + h.kind.withArticle()
			}
			s, c := newReferenceService(t)
			for _, text := range sortedKeys(wrong) {
				_, err := s.send(t, c, i, text)
				said.add(string(h.kind)+": "+text, err)
				var bad *ArgumentError
				if !errors.As(err, &bad) || bad.Argument != h.argument || !strings.Contains(err.Error(), wrong[text]) {
					t.Errorf("%s: %v\nwant an ArgumentError about %s that says %q", text, err, h.argument, wrong[text])
				}
			}
			if len(s.posts)+len(s.deployments)+s.asked > 0 {
				t.Errorf("%d invocations and %d deployments were sent, %d lists asked for", len(s.posts), len(s.deployments), s.asked)
			}
		})
	}
}

// TestBareNames are a version's name without a version where there are versions, and else the whole reference.
func TestBareNames(t *testing.T) {
	for i, h := range holders {
		s, c := newReferenceService(t)
		got, err := s.send(t, c, i, "clay")
		switch {
		case h.argument == "Invocation.Dataset.ID":
			if got != "clay" || err != nil {
				t.Errorf("%s: an id that only the service knows was sent as %v, %v", h.name, got, err)
			}
		case !h.kind.versioned():
			if want := testWorkspaceID + "/" + string(h.kind) + "/clay"; got != want || err != nil {
				t.Errorf("%s: sent as %v, %v, want %s", h.name, got, err, want)
			}
		case err == nil || !strings.Contains(err.Error(), "write azureml:clay:VERSION or azureml:clay@latest"):
			t.Errorf("%s: %v", h.name, err)
		}
	}
}

// TestInputsThatAreNoAssets go out as they are.
func TestInputsThatAreNoAssets(t *testing.T) {
	for _, uri := range []string{"https://acc.blob.core.windows.net/con/x?sig=s", "azureml://datastores/d/paths/x/",
		"azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/d/paths/x", "azureml://jobs/j/outputs/score/paths/x",
		"wasbs://con@acc.blob.core.windows.net/x", "abfss://con@acc.dfs.core.windows.net/x"} {
		s, c := newReferenceService(t)
		if _, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Input: URIFolder{URI: uri}}); err != nil {
			t.Errorf("%s: %v", uri, err)
			continue
		}
		if got := sent(t, s.posts[0].Body, inputPath("UriFolder")...); got != uri || s.asked != 0 {
			t.Errorf("%s was sent as %v after %d lists", uri, got, s.asked)
		}
	}
}

// TestInputsThatAzureCannotRead names what is wrong with a text that is no URI, or none for data.
func TestInputsThatAzureCannotRead(t *testing.T) {
	said := newTexts(t)
	for uri, want := range map[string]string{
		"./tiles":                         "is not a URI; use an https URL",
		"file:///srv/tiles":               "is a local path; leave out file://",
		"s3://tiles/raw":                  "has the scheme s3, which Azure ML does not read; copy the data to Azure storage",
		"gs://tiles/raw":                  "has the scheme gs, which",
		"folder:https://acc/con/x":        "has the scheme folder:https, which",
		" azureml://datastores/d/paths/x": "begins with a blank; remove it",
		"azureml://datastores/d":          "names a datastore and no path in it; end it with /paths/ and the path",
		testWorkspaceID + "/datastores/d": "names a datastore and no path in it; end it with /paths/ and the path",
	} {
		c := newTestClient(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
		_, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Input: URIFolder{URI: uri}})
		said.add(uri, err)
		var bad *ArgumentError
		if !errors.As(err, &bad) || bad.Argument != "Invocation.Input.URI" || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v\nwant an ArgumentError that says %q", uri, err, want)
		}
	}
}

// TestAVersionCalledLatest can be named by its id, in case there is one.
func TestAVersionCalledLatest(t *testing.T) {
	s, c := newReferenceService(t)
	id := testWorkspaceID + "/data/clay/versions/latest"
	if _, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Input: URIFolder{URI: id}}); err != nil {
		t.Fatal(err)
	}
	if got := sent(t, s.posts[0].Body, inputPath("UriFolder")...); got != id {
		t.Errorf("sent as %v, want %s", got, id)
	}
}

// TestReferenceOfAMissingAsset is the service's own 404, before anything is started.
func TestReferenceOfAMissingAsset(t *testing.T) {
	s, _ := newReferenceService(t)
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/versions") {
			writeJSON(w, 404, `{"error":{"code":"UserError","message":"no such asset"}}`)
			return
		}
		s.ServeHTTP(w, r)
	})
	_, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Input: URIFolder{URI: "azureml:clay@latest"}})
	if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "clay") || len(s.posts) != 0 {
		t.Errorf("Invoke = %v after %d posts, want ErrNotFound that names the asset", err, len(s.posts))
	}
}

// TestResolvingLeavesTheCallersInvocation as it was: a map is shared with the caller.
func TestResolvingLeavesTheCallersInvocation(t *testing.T) {
	_, c := newReferenceService(t)
	folder := &URIFolder{URI: "azureml:clay:3"}
	inv := Invocation{Inputs: Inputs{"in": folder}}
	if _, err := c.Endpoints().Invoke(t.Context(), "digits", inv); err != nil {
		t.Fatal(err)
	}
	if inv.Inputs["in"] != Input(folder) || folder.URI != "azureml:clay:3" {
		t.Errorf("the caller's input is %+v now", inv.Inputs["in"])
	}
}

func TestOlderDatasetsNeedWhatNamesThem(t *testing.T) {
	said := newTexts(t)
	for argument, d := range map[string]Dataset{
		"Invocation.Dataset.Name":    DatasetVersion{Version: "1"},
		"Invocation.Dataset.Version": DatasetVersion{Name: "clay"},
		"Invocation.Dataset.ID":      DatasetID{},
		"Invocation.Dataset.Path":    DataURL{},
	} {
		c := newTestClient(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
		_, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Dataset: d})
		said.add(argument, err)
		var bad *ArgumentError
		if !errors.As(err, &bad) || bad.Argument != argument {
			t.Errorf("%+v: %v, want an ArgumentError about %s", d, err, argument)
		}
	}
	c := newTestClient(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	if _, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Dataset: DataURL{Path: "./local"}}); !errors.As(err, new(*ArgumentError)) {
		t.Errorf("a local path = %v", err)
	}
}

// TestReferenceToAWorkspaceThatCannotBeRead: whose GUID it names is not known then, and nothing is started.
func TestReferenceToAWorkspaceThatCannotBeRead(t *testing.T) {
	s, _ := newReferenceService(t)
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == testWorkspaceID {
			writeJSON(w, 403, `{"error":{"code":"AuthorizationFailed","message":"no"}}`)
			return
		}
		s.ServeHTTP(w, r)
	})
	_, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Input: URIFolder{URI: "azureml://locations/r/workspaces/our-guid/data/clay/versions/3"}})
	if !errors.Is(err, ErrForbidden) || len(s.posts) != 0 {
		t.Errorf("Invoke = %v after %d posts, want ErrForbidden and none", err, len(s.posts))
	}
}
