package azmlbatch

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func modelJSON(version, more string) string {
	return `{"id":"` + testWorkspaceID + `/models/glaze/versions/` + version + `","name":"` + version + `","type":"t",
		"properties":{"modelType":"custom_model","modelUri":"azureml://datastores/shelf/paths/glaze","isArchived":false` + more + `}}`
}

const container = `{"name":"glaze","properties":{"description":"","properties":{},"tags":{},"isArchived":false,"latestVersion":"3","nextVersion":"4"}}`

func TestCreateVersions(t *testing.T) {
	conflict := answer(409, `{"error":{"code":"UserError","message":"exists"}}`)
	taken := answer(400, `{"error":{"code":"UserError","message":"Asset paths cannot be updated."}}`)
	glaze := Model{Name: "glaze", ModelURI: "azureml://datastores/shelf/paths/glaze"}
	tests := []struct {
		name    string
		model   Model
		options *CreateAssetOptions
		answers map[string]http.HandlerFunc
		want    []string
		version string
		err     error
	}{
		{name: "given version", model: Model{Name: "glaze", Version: "7", ModelURI: glaze.ModelURI},
			answers: map[string]http.HandlerFunc{"PUT /models/glaze/versions/7": answer(201, modelJSON("7", ""))},
			want:    []string{"PUT /models/glaze/versions/7"}, version: "7"},
		{name: "new name", model: glaze,
			answers: map[string]http.HandlerFunc{"PUT /models/glaze/versions/1": answer(201, modelJSON("1", ""))},
			want:    []string{"GET /models/glaze", "PUT /models/glaze/versions/1"}, version: "1"},
		{name: "next version", model: glaze,
			answers: map[string]http.HandlerFunc{"GET /models/glaze": answer(200, container), "PUT /models/glaze/versions/4": answer(201, modelJSON("4", ""))},
			want:    []string{"GET /models/glaze", "PUT /models/glaze/versions/4"}, version: "4"},
		{name: "a neighbour is faster", model: glaze,
			answers: map[string]http.HandlerFunc{
				"GET /models/glaze":            inTurn(answer(200, container), answer(200, strings.ReplaceAll(container, `"4"`, `"5"`))),
				"PUT /models/glaze/versions/4": conflict, "PUT /models/glaze/versions/5": answer(201, modelJSON("5", ""))},
			want: []string{"GET /models/glaze", "PUT /models/glaze/versions/4", "GET /models/glaze", "PUT /models/glaze/versions/5"}, version: "5"},
		{name: "always too late", model: glaze,
			answers: map[string]http.HandlerFunc{"GET /models/glaze": answer(200, container), "PUT /models/glaze/versions/4": conflict},
			want: []string{"GET /models/glaze", "PUT /models/glaze/versions/4", "GET /models/glaze", "PUT /models/glaze/versions/4",
				"GET /models/glaze", "PUT /models/glaze/versions/4"}, err: ErrConflict},
		{name: "taken in other words", model: glaze,
			answers: map[string]http.HandlerFunc{"GET /models/glaze": inTurn(answer(200, container), answer(404, ``)),
				"PUT /models/glaze/versions/4": taken, "PUT /models/glaze/versions/1": answer(201, modelJSON("1", ""))},
			want: []string{"GET /models/glaze", "PUT /models/glaze/versions/4", "GET /models/glaze", "PUT /models/glaze/versions/1"}, version: "1"},
		{name: "container proposes nothing", model: glaze,
			answers: map[string]http.HandlerFunc{"GET /models/glaze": answer(200, `{"name":"glaze"}`),
				"GET /models/glaze/versions":    answer(200, `{"value":[{"name":"foo"},{"name":"9"},{"name":"10"}]}`),
				"PUT /models/glaze/versions/11": answer(201, modelJSON("11", ""))},
			want: []string{"GET /models/glaze", "GET /models/glaze/versions?listViewType=All", "PUT /models/glaze/versions/11"}, version: "11"},
		{name: "must be new", model: Model{Name: "glaze", Version: "7", ModelURI: glaze.ModelURI}, options: &CreateAssetOptions{MustBeNew: true},
			answers: map[string]http.HandlerFunc{"GET /models/glaze/versions/7": answer(200, modelJSON("7", ""))},
			want:    []string{"GET /models/glaze/versions/7"}, err: ErrConflict},
		{name: "is new", model: Model{Name: "glaze", Version: "7", ModelURI: glaze.ModelURI}, options: &CreateAssetOptions{MustBeNew: true},
			answers: map[string]http.HandlerFunc{"PUT /models/glaze/versions/7": answer(201, modelJSON("7", ""))},
			want:    []string{"GET /models/glaze/versions/7", "PUT /models/glaze/versions/7"}, version: "7"},
		{name: "refused", model: glaze,
			answers: map[string]http.HandlerFunc{"GET /models/glaze": answer(403, ``)}, want: []string{"GET /models/glaze"}, err: ErrForbidden},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			service := &fakeService{answers: tt.answers}
			got, err := service.client(t).Models().CreateOrUpdate(t.Context(), tt.model.Name, tt.model, tt.options)
			if tt.err != nil && !isError(err, tt.err) || tt.err == nil && err != nil {
				t.Errorf("err = %v, want %v", err, tt.err)
			}
			if err == nil && (got.Name != "glaze" || got.Version != tt.version) {
				t.Errorf("got %s:%s, want glaze:%s", got.Name, got.Version, tt.version)
			}
			if diff := cmp.Diff(tt.want, service.routes()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

// each kind with every member that a caller can set
func TestCreateBodies(t *testing.T) {
	common := `"description":"d","tags":{"a":""},"properties":{"p":"v"},"isArchived":false,"isAnonymous":true`
	tags, properties := map[string]string{"a": ""}, map[string]string{"p": "v"}
	tests := []struct {
		name   string
		create func(c *Client) error
		want   recordedRequest
	}{
		{"code", func(c *Client) error {
			_, err := c.Codes().CreateOrUpdate(t.Context(), "a", Code{Version: "1", Description: "d", Tags: tags, Properties: properties, IsAnonymous: true,
				CodeURI: "https://shelf.blob.core.windows.net/c/src"}, nil)
			return err
		}, recordedRequest{Path: "/codes/a/versions/1", Body: `"codeUri":"https://shelf.blob.core.windows.net/c/src"`}},
		{"model", func(c *Client) error {
			_, err := c.Models().CreateOrUpdate(t.Context(), "a", Model{Version: "1", Description: "d", Tags: tags, Properties: properties, IsAnonymous: true,
				ModelURI: "azureml://datastores/shelf/paths/m", JobName: "j", Stage: "Production",
				Flavors: map[string]ModelFlavor{"sklearn": {Data: map[string]string{"v": "1"}}}}, nil)
			return err
		}, recordedRequest{Path: "/models/a/versions/1", Body: `"modelType":"custom_model","modelUri":"azureml://datastores/shelf/paths/m","jobName":"j",
			"stage":"Production","flavors":{"sklearn":{"data":{"v":"1"}}}`}},
		{"data", func(c *Client) error {
			_, err := c.Data().CreateOrUpdate(t.Context(), "a", Data{Version: "1", Description: "d", Tags: tags, Properties: properties, IsAnonymous: true,
				DataURI: "https://shelf.example/x", ReferencedURIs: []string{"https://shelf.example/y"}}, nil)
			return err
		}, recordedRequest{Path: "/data/a/versions/1", Body: `"dataType":"uri_folder","dataUri":"https://shelf.example/x","referencedUris":["https://shelf.example/y"]`}},
		{"environment", func(c *Client) error {
			_, err := c.Environments().CreateOrUpdate(t.Context(), "a", Environment{Version: "1", Description: "d", Tags: tags, Properties: properties, IsAnonymous: true,
				Image: "img", CondaFile: "name: x\n", OSType: "Linux", AutoRebuild: "Disabled", InferenceConfig: InferenceConfig{ScoringRoute: InferenceRoute{Path: "/s", Port: 80}}}, nil)
			return err
		}, recordedRequest{Path: "/environments/a/versions/1", Body: `"image":"img","condaFile":"name: x\n","osType":"Linux","autoRebuild":"Disabled",
			"inferenceConfig":{"scoringRoute":{"path":"/s","port":80}}`}},
		{"component", func(c *Client) error {
			_, err := c.Components().CreateOrUpdate(t.Context(), "a", Component{Version: "1", Description: "d", Tags: tags, Properties: properties, IsAnonymous: true,
				Spec: json.RawMessage(`{"type":"pipeline","is_deterministic":true}`)}, nil)
			return err
		}, recordedRequest{Path: "/components/a/versions/1", Body: `"componentSpec":{"type":"pipeline","is_deterministic":true}`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			service := &fakeService{answers: map[string]http.HandlerFunc{"PUT " + tt.want.Path: answer(201, `{}`)}}
			if err := tt.create(service.client(t)); err != nil {
				t.Fatal(err)
			}
			tt.want.Method, tt.want.Query = "PUT", "api-version=2024-04-01"
			tt.want.Path = testWorkspaceID + tt.want.Path
			tt.want.Body = compactJSON(`{"properties":{` + common + `,` + tt.want.Body + `}}`)
			if diff := cmp.Diff([]recordedRequest{tt.want}, service.requests); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAssetMistakesAreFoundBeforeSending(t *testing.T) {
	place := "azureml://datastores/shelf/paths/x"
	tests := []struct {
		name, argument string
		call           func(c *Client) error
	}{
		{"no name", "Name", func(c *Client) error {
			_, err := c.Models().CreateOrUpdate(t.Context(), "", Model{ModelURI: place}, nil)
			return err
		}},
		{"bad name", "Name", func(c *Client) error {
			_, err := c.Models().CreateOrUpdate(t.Context(), "a/b", Model{ModelURI: place}, nil)
			return err
		}},
		{"label for version", "Version", func(c *Client) error {
			_, err := c.Models().CreateOrUpdate(t.Context(), "a", Model{Version: "@latest", ModelURI: place}, nil)
			return err
		}},
		{"no place", "Model.ModelURI", func(c *Client) error {
			_, err := c.Models().CreateOrUpdate(t.Context(), "a", Model{}, nil)
			return err
		}},
		{"local code", "Code.CodeURI", func(c *Client) error {
			_, err := c.Codes().CreateOrUpdate(t.Context(), "a", Code{CodeURI: "./code"}, nil)
			return err
		}},
		{"a short name for a place", "Data.DataURI", func(c *Client) error {
			_, err := c.Data().CreateOrUpdate(t.Context(), "a", Data{DataURI: "azureml:b:1"}, nil)
			return err
		}},
		{"a short name of a model for a place", "Model.ModelURI", func(c *Client) error {
			_, err := c.Models().CreateOrUpdate(t.Context(), "a", Model{ModelURI: "b:1"}, nil)
			return err
		}},
		{"no data", "Data.DataURI", func(c *Client) error {
			_, err := c.Data().CreateOrUpdate(t.Context(), "a", Data{}, nil)
			return err
		}},
		{"no image", "Environment.Image", func(c *Client) error {
			_, err := c.Environments().CreateOrUpdate(t.Context(), "a", Environment{CondaFile: "name: x\n"}, nil)
			return err
		}},
		{"conda path", "Environment.CondaFile", func(c *Client) error {
			_, err := c.Environments().CreateOrUpdate(t.Context(), "a", Environment{Image: "img", CondaFile: "./conda.yml"}, nil)
			return err
		}},
		{"two images", "Environment.Build", func(c *Client) error {
			_, err := c.Environments().CreateOrUpdate(t.Context(), "a", Environment{Image: "img", Build: BuildContext{ContextURI: "https://x/"}}, nil)
			return err
		}},
		{"no specification", "Component.Spec", func(c *Client) error {
			_, err := c.Components().CreateOrUpdate(t.Context(), "a", Component{}, nil)
			return err
		}},
		{"get without version", "version", func(c *Client) error { _, err := c.Data().Get(t.Context(), "a", ""); return err }},
		{"delete without version", "version", func(c *Client) error { return c.Data().Delete(t.Context(), "a", "") }},
		{"latest of nothing", "Name", func(c *Client) error { _, err := c.Codes().Latest(t.Context(), ""); return err }},
		{"delete of nothing", "Name", func(c *Client) error { return c.Codes().DeleteContainer(t.Context(), " ") }},
	}
	said := newTexts(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			service := &fakeService{}
			var bad *ArgumentError
			err := tt.call(service.client(t))
			said.add(tt.name, err)
			if !asError(err, &bad) || bad.Argument != tt.argument || len(service.requests) != 0 {
				t.Errorf("err = %v after %d requests, want an ArgumentError about %s before any", err, len(service.requests), tt.argument)
			}
		})
	}
}

func TestLatestReadsOneItemOfOnePage(t *testing.T) {
	service := &fakeService{answers: map[string]http.HandlerFunc{
		"GET /models/glaze/versions": answer(200, `{"value":[`+modelJSON("bar", "")+`],"nextLink":"https://management.azure.com/never"}`),
		"GET /codes/glaze/versions":  answer(200, `{"value":[]}`),
	}}
	c := service.client(t)
	m, err := c.Models().Latest(t.Context(), "glaze")
	if err != nil || m.Name != "glaze" || m.Version != "bar" {
		t.Errorf("Latest = %+v, %v", m, err)
	}
	if m.Ref() != m.ID {
		t.Errorf("Ref = %q, want the id %q", m.Ref(), m.ID)
	}
	if _, err := c.Codes().Latest(t.Context(), "glaze"); !isError(err, ErrNotFound) {
		t.Errorf("Latest of no versions = %v, want ErrNotFound", err)
	}
	if _, err := c.Data().Latest(t.Context(), "none"); !isError(err, ErrNotFound) {
		t.Errorf("Latest of a missing name = %v, want ErrNotFound", err)
	}
	want := []string{"GET /models/glaze/versions?%24orderBy=createdtime+desc&%24top=1&listViewType=ActiveOnly",
		"GET /codes/glaze/versions?%24orderBy=createdtime+desc&%24top=1",
		"GET /data/none/versions?%24orderBy=createdtime+desc&%24top=1&listViewType=ActiveOnly"}
	if diff := cmp.Diff(want, service.routes()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestListsOfVersionsAndNames(t *testing.T) {
	service := &fakeService{answers: map[string]http.HandlerFunc{
		"GET /models/glaze/versions": answer(200, `{"value":[`+modelJSON("2", "")+`,`+modelJSON("1", "")+`]}`),
		"GET /environments":          answer(200, `{"value":[`+container+`]}`),
		"GET /codes":                 answer(200, `{"value":[]}`),
	}}
	c := service.client(t)
	options := &ListAssetsOptions{View: ListViewAll, Filter: map[string][]string{"stage": {"Production"}}}
	var versions []string
	for m, err := range c.Models().ListVersions(t.Context(), "glaze", options) {
		if err != nil {
			t.Fatal(err)
		}
		versions = append(versions, m.Name+":"+m.Version)
	}
	for e, err := range c.Environments().ListContainers(t.Context(), nil) {
		if err != nil || e.Name != "glaze" || e.LatestVersion != "3" || e.NextVersion != "4" {
			t.Errorf("container = %+v, %v", e, err)
		}
	}
	for container, err := range c.Codes().ListContainers(t.Context(), nil) {
		t.Errorf("an empty list gave %+v, %v", container, err)
	}
	if diff := cmp.Diff([]string{"glaze:2", "glaze:1"}, versions); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	want := []string{"GET /models/glaze/versions?listViewType=All&stage=Production", "GET /environments?listViewType=ActiveOnly", "GET /codes"}
	if diff := cmp.Diff(want, service.routes()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if len(options.Filter) != 1 {
		t.Errorf("the caller's filter was changed to %v", options.Filter)
	}
}

func TestArchiveAndRestore(t *testing.T) {
	service := &fakeService{answers: map[string]http.HandlerFunc{
		"GET /models/glaze/versions/1":   answer(200, modelJSON("1", `,"stage":"Development","provisioningState":"Succeeded","newer":1`)),
		"PUT /models/glaze/versions/1":   answer(200, strings.ReplaceAll(modelJSON("1", `,"stage":"Archived"`), `"isArchived":false`, `"isArchived":true`)),
		"GET /environments/e/versions/1": answer(200, `{"id":"/environments/e/versions/1","name":"1","properties":{"image":"i","isArchived":false}}`),
		"PUT /environments/e/versions/1": answer(201, `{"name":"1","properties":{"image":"i","isArchived":false}}`),
		"GET /environments/e":            answer(200, strings.ReplaceAll(container, "glaze", "e")),
		"PUT /environments/e": inTurn(answer(201, `{"properties":{"isArchived":true}}`),
			answer(201, `{"properties":{"isArchived":false}}`)),
		"DELETE /models/glaze/versions/1": answer(204, ``),
		"DELETE /models/glaze":            answer(200, ``),
	}}
	c := service.client(t)
	m, err := c.Models().Archive(t.Context(), "glaze", "1")
	if err != nil || !m.IsArchived || m.Stage != "Archived" {
		t.Errorf("Archive = %+v, %v", m, err)
	}
	want := recordedRequest{Method: "PUT", Path: testWorkspaceID + "/models/glaze/versions/1", Query: "api-version=2024-04-01",
		Body: compactJSON(`{"properties":{"modelType":"custom_model","modelUri":"azureml://datastores/shelf/paths/glaze","isArchived":true,"newer":1}}`)}
	if diff := cmp.Diff(want, service.requests[1]); diff != "" {
		t.Errorf("archive (-want +got):\n%s", diff)
	}
	if _, err := c.Models().Restore(t.Context(), "glaze", "1"); err != nil || len(service.requests) != 3 {
		t.Errorf("Restore of an active version: %v after %d requests, want nothing written", err, len(service.requests)-2)
	}
	var own *Error
	if _, err := c.Environments().Archive(t.Context(), "e", "1"); !asError(err, &own) || !strings.Contains(err.Error(), "ArchiveContainer") {
		t.Errorf("Archive of an environment's version = %v, want an Error that names ArchiveContainer", err)
	}
	if a, err := c.Environments().ArchiveContainer(t.Context(), "e"); err != nil || !a.IsArchived {
		t.Errorf("ArchiveContainer = %+v, %v", a, err)
	}
	if a, err := c.Environments().RestoreContainer(t.Context(), "e"); err != nil || a.IsArchived {
		t.Errorf("RestoreContainer = %+v, %v", a, err)
	}
	last := service.requests[len(service.requests)-1]
	if diff := cmp.Diff(`{"properties":{"isArchived":false,"properties":{},"tags":{}}}`, last.Body); diff != "" {
		t.Errorf("restore (-want +got):\n%s", diff)
	}
	if err := c.Models().Delete(t.Context(), "glaze", "1"); err != nil {
		t.Error(err)
	}
	if err := c.Models().DeleteContainer(t.Context(), "glaze"); err != nil {
		t.Error(err)
	}
}

// Every kind keeps what this version does not know, finds its name in the id and gives a reference to itself.
func TestAssetsLoseNothing(t *testing.T) {
	base := `"description":"d","tags":{"a":"b"},"properties":{"p":"v"},"isArchived":true,"isAnonymous":true,"autoDeleteSetting":{"value":"3d"},"provisioningState":"Succeeded"`
	tests := []struct {
		kind, more string
		value      interface {
			json.Unmarshaler
			view() assetView
		}
	}{
		{"codes", `"codeUri":"https://x/c:443"`, new(Code)},
		{"models", `"modelUri":"azureml://a","modelType":"new_type","flavors":{"f":{"data":{"k":"v"},"newer":1}},"jobName":"j","stage":"S"`, new(Model)},
		{"environments", `"image":"i","condaFile":"c","build":{"contextUri":"u","dockerfilePath":"D","newer":[]},"osType":"Linux","environmentType":"Curated","stage":"S",
			"inferenceConfig":{"livenessRoute":{"path":"/l","port":1,"newer":2}}`, new(Environment)},
		{"data", `"dataType":"new_type","dataUri":"u","referencedUris":["a"],"stage":"S","dataMember":{"x":[1,2]}`, new(Data)},
		{"components", `"componentSpec":{"is_deterministic":"True","n":1,"inputs":{}},"stage":"S"`, new(Component)},
	}
	for _, tt := range tests {
		t.Run(tt.kind, func(t *testing.T) {
			id := "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/" + tt.kind + "/" + tt.kind + "/clay/versions/7"
			in := `{"id":"` + id + `","name":"7","type":"t","systemData":{"createdBy":"A Potter","createdByType":"User"},"top":{},"properties":{` + base + `,` + tt.more + `}}`
			if err := json.Unmarshal([]byte(in), tt.value); err != nil {
				t.Fatal(err)
			}
			out, err := json.Marshal(tt.value)
			if diff := cmp.Diff(compactJSON(in), compactJSON(string(out))); err != nil || diff != "" {
				t.Errorf("written again, %v (-want +got):\n%s", err, diff)
			}
			v := tt.value.view()
			if *v.name != "clay" || *v.version != "7" || assetRef(v) != id {
				t.Errorf("name %q, version %q, reference %q", *v.name, *v.version, assetRef(v))
			}
		})
	}
	if got := (Environment{Name: "kiln-env", Version: "2"}).Ref(); got != "azureml:kiln-env:2" {
		t.Errorf("reference without an id = %q", got)
	}
}

// TestNextVersionThatCannotBeFound: a container that proposes none is no new name when its versions cannot be listed.
func TestNextVersionThatCannotBeFound(t *testing.T) {
	service := &fakeService{answers: map[string]http.HandlerFunc{
		"GET /models/clay":          answer(200, `{"name":"clay","properties":{}}`),
		"GET /models/clay/versions": answer(403, `{"error":{"code":"AuthorizationFailed","message":"no"}}`),
	}}
	_, err := service.client(t).Models().CreateOrUpdate(t.Context(), "clay", Model{ModelURI: callPlace}, nil)
	if !errors.Is(err, ErrForbidden) {
		t.Errorf("CreateOrUpdate = %v, want ErrForbidden", err)
	}
	for _, r := range service.requests {
		if r.Method == http.MethodPut {
			t.Errorf("%s %s was sent", r.Method, r.Path)
		}
	}
}

// TestNextVersionWhereNoneIsProposed is the highest number plus one, and 1 where no version is a number.
func TestNextVersionWhereNoneIsProposed(t *testing.T) {
	for versions, want := range map[string]string{"": "1", "blue": "1", "0": "1", "-3": "1", "1": "2", "9 10 2": "11", "3 blue": "4"} {
		var list []string
		for _, v := range strings.Fields(versions) {
			list = append(list, `{"name":"`+v+`"}`)
		}
		service := &fakeService{answers: map[string]http.HandlerFunc{
			"GET /models/clay":                  answer(200, `{"name":"clay","properties":{}}`),
			"GET /models/clay/versions":         answer(200, `{"value":[`+strings.Join(list, ",")+`]}`),
			"PUT /models/clay/versions/" + want: answer(201, `{"name":"`+want+`"}`),
		}}
		got, err := service.client(t).Models().CreateOrUpdate(t.Context(), "clay", Model{ModelURI: callPlace}, nil)
		if err != nil || got.Version != want {
			t.Errorf("after versions %q: version %q, %v, want %q", versions, got.Version, err, want)
		}
	}
}
