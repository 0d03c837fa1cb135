package azmlbatch

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const deploymentPath = testWorkspaceID + "/batchEndpoints/digits/deployments/blue"

// fakeService answers by method and path, one request after the other, and records what it was asked.
type fakeService struct {
	mu       sync.Mutex
	answers  map[string]http.HandlerFunc // "GET /path"; paths relative to the workspace are completed
	requests []recordedRequest
}

func (f *fakeService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, record(r))
	for route, reply := range f.answers {
		method, path, _ := strings.Cut(route, " ")
		if !strings.HasPrefix(path, "/subscriptions/") {
			path = testWorkspaceID + path
		}
		if r.Method == method && r.URL.Path == path {
			reply(w, r)
			return
		}
	}
	writeJSON(w, 404, `{"error":{"code":"UserError","message":"The specified resource was not found."}}`)
}

func (f *fakeService) client(t *testing.T) *Client { t.Helper(); return newTestClient(t, f.ServeHTTP) }

func (f *fakeService) routes() (routes []string) {
	for _, r := range f.requests {
		route := r.Method + " " + strings.TrimPrefix(r.Path, testWorkspaceID)
		if query := strings.TrimPrefix(strings.ReplaceAll(r.Query, "api-version=2024-04-01", ""), "&"); query != "" {
			route += "?" + query
		}
		routes = append(routes, route)
	}
	return routes
}

// inTurn gives each answer once and the last one for ever.
func inTurn(answers ...http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answers[0](w, r)
		if len(answers) > 1 {
			answers = answers[1:]
		}
	}
}

func asynchronous(status int, body string) http.HandlerFunc {
	return answer(status, body, "Azure-AsyncOperation", operationURL)
}

// operationPath is the path of operationURL, operationQuery its query.
func operationPath() string {
	path, _, _ := strings.Cut(strings.TrimPrefix(operationURL, "https://management.azure.com"), "?")
	return path
}

func operationQuery() string {
	_, query, _ := strings.Cut(operationURL, "?")
	return query
}

func newDeploymentService() *fakeService {
	return &fakeService{answers: map[string]http.HandlerFunc{
		"GET ":                                   answer(200, `{"location":"westeurope"}`),
		"PUT " + deploymentPath:                  asynchronous(201, `{"name":"blue","properties":{"provisioningState":"Updating"}}`),
		"GET " + operationPath():                 inTurn(answer(200, `{"status":"Updating"}`), answer(200, `{"status":"Succeeded"}`)),
		"GET " + deploymentPath:                  answer(200, `{"name":"blue","properties":{"provisioningState":"Succeeded","model":{"referenceType":"Id","assetId":"x"}}}`),
		"DELETE " + deploymentPath:               asynchronous(202, `null`),
		"GET /models/glaze/versions":             answer(200, `{"value":[{"id":"/models/glaze/versions/7"},{"id":"/models/glaze/versions/6"}],"nextLink":"https://management.azure.com/never"}`),
		"PATCH " + deploymentPath:                answer(200, `{"name":"blue","properties":{"description":"new"}}`),
		"GET /batchEndpoints/digits/deployments": answer(200, `{"value":[{"name":"blue"},{"name":"green"}]}`),
	}}
}

func TestCreateDeploymentSendsEveryProperty(t *testing.T) {
	service := newDeploymentService()
	p, err := service.client(t).Deployments("digits").BeginCreateOrUpdate(t.Context(), "blue", Deployment{
		Tags:                      map[string]string{"clay": "red"},
		Description:               "first firing",
		Properties:                map[string]string{"p": "v"},
		Model:                     ModelByID{AssetID: "azureml:glaze:3"},
		CodeConfiguration:         CodeConfiguration{CodeID: "azureml:score:1", ScoringScript: "src/score.py"},
		EnvironmentID:             "azureml:kiln-env:2",
		EnvironmentVariables:      map[string]string{"HEAT": "1100"},
		Compute:                   "raku",
		ErrorThreshold:            new(0),
		RetrySettings:             RetrySettings{MaxRetries: new(0), Timeout: 100 * time.Second},
		MiniBatchSize:             5,
		LoggingLevel:              LoggingLevelDebug,
		MaxConcurrencyPerInstance: 2,
		OutputAction:              OutputActionSummaryOnly,
		OutputFileName:            "out.csv",
		Resources:                 DeploymentResources{InstanceCount: 3, InstanceType: "big", Properties: map[string]json.RawMessage{"x": json.RawMessage("1")}},
		Extra:                     map[string]json.RawMessage{"/properties/newer": json.RawMessage(`{"a":1}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	d, err := p.PollUntilDone(t.Context(), nil)
	if err != nil || d.ProvisioningState != ProvisioningStateSucceeded {
		t.Errorf("result = %+v, %v", d, err)
	}
	want := recordedRequest{Method: "PUT", Path: deploymentPath, Query: "api-version=2024-04-01", Body: compactJSON(`{
		"location": "westeurope", "tags": {"clay": "red"}, "properties": {
			"description": "first firing", "properties": {"p": "v"},
			"model": {"referenceType": "Id", "assetId": "` + testWorkspaceID + `/models/glaze/versions/3"},
			"codeConfiguration": {"codeId": "` + testWorkspaceID + `/codes/score/versions/1", "scoringScript": "src/score.py"},
			"environmentId": "` + testWorkspaceID + `/environments/kiln-env/versions/2",
			"environmentVariables": {"HEAT": "1100"}, "compute": "` + testWorkspaceID + `/computes/raku",
			"errorThreshold": 0, "retrySettings": {"maxRetries": 0, "timeout": "PT1M40S"}, "miniBatchSize": 5,
			"loggingLevel": "Debug", "maxConcurrencyPerInstance": 2, "outputAction": "SummaryOnly", "outputFileName": "out.csv",
			"resources": {"instanceCount": 3, "instanceType": "big", "properties": {"x": 1}}, "newer": {"a": 1}}}`)}
	if diff := cmp.Diff(want, service.requests[1]); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if got := service.requests[2].Query; got != operationQuery() {
		t.Errorf("poll query = %q, want it exactly as the service gave it", got)
	}
}

func TestDeploymentReferencesInEveryForm(t *testing.T) {
	id := func(rest string) string { return testWorkspaceID + rest }
	good := Deployment{Compute: "raku", Location: "westeurope"}
	tests := []struct {
		name   string
		change func(*Deployment)
		want   string // a part of the body
	}{
		{"label", func(d *Deployment) { d.Model = ModelByID{AssetID: "azureml:glaze@latest"} }, `"assetId":"/models/glaze/versions/7"`},
		{"pointer", func(d *Deployment) { d.Model = &ModelByID{AssetID: "azureml:glaze:1"} }, id("/models/glaze/versions/1")},
		{"registry", func(d *Deployment) { d.Model = ModelByID{AssetID: "azureml://registries/r/models/m/versions/1"} }, `"azureml://registries/r/models/m/versions/1"`},
		{"curated", func(d *Deployment) {
			d.Model = ModelByID{AssetID: "glaze:1"}
			d.EnvironmentID = "azureml:AzureML-sklearn:33"
		}, `"environmentId":"azureml:AzureML-sklearn:33"`},
		{"datastore path", func(d *Deployment) { d.Model = ModelByDataPath{DatastoreID: "shelf", Path: "m/"} },
			`"model":{"datastoreId":"` + id("/datastores/shelf") + `","path":"m/","referenceType":"DataPath"}`},
		{"job output", func(d *Deployment) { d.Model = ModelByOutput{JobID: "azureml:j1", Path: "m"} },
			`"model":{"jobId":"` + id("/jobs/j1") + `","path":"m","referenceType":"OutputPath"}`},
		{"unknown model", func(d *Deployment) {
			d.Model = UnknownModelReference{Raw: json.RawMessage(`{"referenceType":"New","a":1}`)}
		},
			`"model":{"a":1,"referenceType":"New"}`},
		{"component", func(d *Deployment) {
			d.Configuration = PipelineComponentDeployment{ComponentID: "azureml:bake:1", Settings: map[string]string{"default_compute": "raku"}}
		}, `"deploymentConfiguration":{"componentId":{"assetId":"` + id("/components/bake/versions/1") +
			`","referenceType":"Id"},"deploymentConfigurationType":"PipelineComponent","settings":{"default_compute":"raku"}}`},
		{"compute id", func(d *Deployment) { d.Model = ModelByID{AssetID: "glaze:1"}; d.Compute = armPrefix + "/computes/c" }, `"compute":"` + armPrefix + `/computes/c"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			service := newDeploymentService()
			d := good
			tt.change(&d)
			if _, err := service.client(t).Deployments("digits").BeginCreateOrUpdate(t.Context(), "blue", d); err != nil {
				t.Fatal(err)
			}
			if got := service.requests[len(service.requests)-1].Body; !strings.Contains(got, tt.want) {
				t.Errorf("body = %s\nwant in it %s", got, tt.want)
			}
		})
	}
}

// TestScriptsThatCanBeImported has names that look odd and are fine.
func TestScriptsThatCanBeImported(t *testing.T) {
	for script, want := range map[string]string{"batch-score.py": "batch-score.py", "src/my score.py": "src/my score.py", "./score.py": "score.py", "a//score.py": "a/score.py", "src/__init__.py": "src/__init__.py"} {
		service := newDeploymentService()
		d := Deployment{Compute: "raku", Model: ModelByID{AssetID: "glaze:1"}, Location: "westeurope", EnvironmentID: "plain:1",
			CodeConfiguration: CodeConfiguration{CodeID: "score:1", ScoringScript: script}}
		if _, err := service.client(t).Deployments("digits").BeginCreateOrUpdate(t.Context(), "blue", d); err != nil {
			t.Errorf("%s: %v", script, err)
			continue
		}
		if got := sent(t, service.requests[0].Body, "properties", "codeConfiguration", "scoringScript"); got != want {
			t.Errorf("%s was sent as %v, want %s", script, got, want)
		}
	}
}

func TestDeploymentMistakesAreFoundBeforeSending(t *testing.T) {
	tests := []struct {
		name     string
		change   func(*Deployment)
		argument string
	}{
		{"no compute", func(d *Deployment) { d.Compute = " " }, "Deployment.Compute"},
		{"compute is a place", func(d *Deployment) { d.Compute = "azureml://datastores/d/paths/p" }, "Deployment.Compute"},
		{"compute is a model", func(d *Deployment) { d.Compute = armPrefix + "/models/m/versions/1" }, "Deployment.Compute"},
		{"no model", func(d *Deployment) { d.Model = nil }, "Deployment.Model"},
		{"a nil pointer as model", func(d *Deployment) { d.Model = (*ModelByID)(nil) }, "Deployment.Model"},
		{"a nil pointer as configuration", func(d *Deployment) { d.Model, d.Configuration = nil, (*PipelineComponentDeployment)(nil) }, "Deployment.Model"},
		{"empty model", func(d *Deployment) { d.Model = ModelByID{} }, "Deployment.Model"},
		{"local model", func(d *Deployment) { d.Model = ModelByID{AssetID: "./model"} }, "Deployment.Model"},
		{"model without version", func(d *Deployment) { d.Model = ModelByID{AssetID: "azureml:glaze"} }, "Deployment.Model"},
		{"model and component", func(d *Deployment) { d.Configuration = PipelineComponentDeployment{} }, "Deployment.Model"},
		{"default compute with a version", func(d *Deployment) {
			d.Model, d.Configuration = nil, PipelineComponentDeployment{ComponentID: "azureml:c:1", Settings: map[string]string{"default_compute": "azureml:raku:1"}}
		}, `Deployment.Configuration.Settings["default_compute"]`},
		{"no script", func(d *Deployment) { d.CodeConfiguration.ScoringScript = "" }, "Deployment.CodeConfiguration.ScoringScript"},
		{"script above", func(d *Deployment) { d.CodeConfiguration.ScoringScript = "a/../../score.py" }, "Deployment.CodeConfiguration.ScoringScript"},
		{"absolute script", func(d *Deployment) { d.CodeConfiguration.ScoringScript = "/score.py" }, "Deployment.CodeConfiguration.ScoringScript"},
		{"script on a drive", func(d *Deployment) { d.CodeConfiguration.ScoringScript = "c:score.py" }, "Deployment.CodeConfiguration.ScoringScript"},
		{"backslash", func(d *Deployment) { d.CodeConfiguration.ScoringScript = `src\score.py` }, "Deployment.CodeConfiguration.ScoringScript"},
		{"dot in the script's name", func(d *Deployment) { d.CodeConfiguration.ScoringScript = "batch-score.v2.py" }, "Deployment.CodeConfiguration.ScoringScript"},
		{"dot in the script's folder", func(d *Deployment) { d.CodeConfiguration.ScoringScript = "src.v2/score.py" }, "Deployment.CodeConfiguration.ScoringScript"},
		{"script that is no Python", func(d *Deployment) { d.CodeConfiguration.ScoringScript = "score.ipynb" }, "Deployment.CodeConfiguration.ScoringScript"},
		{"script without code", func(d *Deployment) { d.CodeConfiguration.CodeID = "" }, "Deployment.CodeConfiguration.CodeID"},
		{"script without extension", func(d *Deployment) { d.CodeConfiguration.ScoringScript = "score" }, "Deployment.CodeConfiguration.ScoringScript"},
		{"script with an extension in capitals", func(d *Deployment) { d.CodeConfiguration.ScoringScript = "score.PY" }, "Deployment.CodeConfiguration.ScoringScript"},
		{"script that is only an extension", func(d *Deployment) { d.CodeConfiguration.ScoringScript = ".py" }, "Deployment.CodeConfiguration.ScoringScript"},
		{"script without environment", func(d *Deployment) { d.EnvironmentID = "" }, "Deployment.EnvironmentID"},
		{"file name with a folder", func(d *Deployment) { d.OutputFileName = "a/b.csv" }, "Deployment.OutputFileName"},
		{"file name with a backslash", func(d *Deployment) { d.OutputFileName = `a\b.csv` }, "Deployment.OutputFileName"},
		{"file name with a wildcard", func(d *Deployment) { d.OutputFileName = "b*.csv" }, "Deployment.OutputFileName"},
		{"file name that ends with a dot", func(d *Deployment) { d.OutputFileName = "b." }, "Deployment.OutputFileName"},
		{"script is the folder", func(d *Deployment) { d.CodeConfiguration.ScoringScript = "./" }, "Deployment.CodeConfiguration.ScoringScript"},
		{"mini-batch", func(d *Deployment) { d.MiniBatchSize = -1 }, "Deployment.MiniBatchSize"},
		{"concurrency", func(d *Deployment) { d.MaxConcurrencyPerInstance = -1 }, "Deployment.MaxConcurrencyPerInstance"},
		{"instances", func(d *Deployment) { d.Resources.InstanceCount = -1 }, "Deployment.Resources.InstanceCount"},
		{"timeout", func(d *Deployment) { d.RetrySettings.Timeout = -1 }, "Deployment.RetrySettings.Timeout"},
		{"threshold", func(d *Deployment) { d.ErrorThreshold = new(-2) }, "Deployment.ErrorThreshold"},
		{"retries", func(d *Deployment) { d.RetrySettings.MaxRetries = new(-1) }, "Deployment.RetrySettings.MaxRetries"},
		{"tag", func(d *Deployment) { d.Tags = map[string]string{"clay": ""} }, "Tags"},
		{"variable without a name", func(d *Deployment) { d.EnvironmentVariables = map[string]string{"": "1"} }, "Deployment.EnvironmentVariables"},
		{"variable that holds its value", func(d *Deployment) { d.EnvironmentVariables = map[string]string{"GLAZE=blue": ""} }, "Deployment.EnvironmentVariables"},
		{"variable with a NUL", func(d *Deployment) { d.EnvironmentVariables = map[string]string{"GLAZE": "blue\x00"} }, "Deployment.EnvironmentVariables"},
		{"unknown label", func(d *Deployment) { d.EnvironmentID = "azureml:e@newest" }, "Deployment.EnvironmentID"},
	}
	said := newTexts(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := Deployment{Compute: "raku", Model: ModelByID{AssetID: "glaze:1"}, Location: "westeurope", EnvironmentID: "plain:1",
				CodeConfiguration: CodeConfiguration{CodeID: "score:1", ScoringScript: "score.py"}}
			tt.change(&d)
			service := newDeploymentService()
			_, err := service.client(t).Deployments("digits").BeginCreateOrUpdate(t.Context(), "blue", d)
			said.add(tt.name, err)
			var bad *ArgumentError
			if !asError(err, &bad) || bad.Argument != tt.argument {
				t.Errorf("err = %v, want an ArgumentError about %s", err, tt.argument)
			}
			if len(service.requests) != 0 {
				t.Errorf("%d requests were sent, want none", len(service.requests))
			}
		})
	}
}

func TestDeploymentNames(t *testing.T) {
	d := Deployment{Compute: "raku", Model: ModelByID{AssetID: "glaze:1"}, Location: "westeurope"}
	said := newTexts(t)
	for _, tt := range []struct{ endpoint, name string }{{"digits", ""}, {"digits", "b"}, {"digits", "9blue"}, {"digits", "a b"}, {"", "blue"}} {
		service := newDeploymentService()
		var bad *ArgumentError
		_, err := service.client(t).Deployments(tt.endpoint).BeginCreateOrUpdate(t.Context(), tt.name, d)
		said.add(fmt.Sprintf("%q in %q", tt.name, tt.endpoint), err)
		if !asError(err, &bad) || len(service.requests) != 0 {
			t.Errorf("%q in %q: %v after %d requests, want an ArgumentError before any", tt.name, tt.endpoint, err, len(service.requests))
		}
	}
	d.ID = armPrefix // it exists, so its name is the service's business
	c := newTestClient(t, answer(200, `{}`))
	if _, err := c.Deployments("digits").BeginCreateOrUpdate(t.Context(), "9_old_name", d); err != nil {
		t.Errorf("an old name: %v", err)
	}
}

func TestDeploymentCalls(t *testing.T) {
	service := newDeploymentService()
	deployments := service.client(t).Deployments("digits")
	d, err := deployments.Get(t.Context(), "blue")
	if diff := cmp.Diff(ModelReference(ModelByID{AssetID: "x"}), d.Model); err != nil || diff != "" {
		t.Errorf("Get, %v: model (-want +got):\n%s", err, diff)
	}
	if _, err := deployments.Get(t.Context(), "none"); !isError(err, ErrNotFound) {
		t.Errorf("Get of a missing one = %v, want ErrNotFound", err)
	}
	var names []string
	for d, err := range deployments.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, d.Name)
	}
	if d, err := deployments.Update(t.Context(), "blue", DeploymentPatch{Description: new(""), Tags: map[string]string{}}, nil); err != nil || d.Description != "new" {
		t.Errorf("Update = %+v, %v", d, err)
	}
	var bad *ArgumentError
	_, err = deployments.Update(t.Context(), "blue", DeploymentPatch{}, nil)
	newTexts(t).add("an empty patch", err)
	if !asError(err, &bad) {
		t.Errorf("an empty Update = %v, want an ArgumentError", err)
	}
	if err := deployments.Delete(t.Context(), "blue", nil); err != nil {
		t.Errorf("delete: %v", err)
	}
	if diff := cmp.Diff([]string{"blue", "green"}, names); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(recordedRequest{Method: "PATCH", Path: deploymentPath, Query: "api-version=2024-04-01", Body: `{"properties":{"description":""},"tags":{}}`},
		service.requests[3]); diff != "" {
		t.Errorf("patch (-want +got):\n%s", diff)
	}
}

// What Get returns can be changed and sent back: read-only members stay behind, unknown ones go along.
func TestDeploymentGetChangePut(t *testing.T) {
	const got = `{"id":"` + deploymentPath + `","name":"blue","type":"t","location":"westeurope","systemData":{"createdBy":"A Potter"},
		"properties":{"provisioningState":"Succeeded","compute":"` + testWorkspaceID + `/computes/raku","deploymentConfiguration":null,
		"model":{"referenceType":"id","assetId":"` + testWorkspaceID + `/models/glaze/versions/1","shine":2},"errorThreshold":-1,"miniBatchSize":"7","future":[1]}}`
	var d Deployment
	if err := json.Unmarshal([]byte(got), &d); err != nil {
		t.Fatal(err)
	}
	service := newDeploymentService()
	d.MaxConcurrencyPerInstance = 4
	if _, err := service.client(t).Deployments("digits").BeginCreateOrUpdate(t.Context(), "blue", d); err != nil {
		t.Fatal(err)
	}
	want := compactJSON(`{"location":"westeurope","properties":{"compute":"` + testWorkspaceID + `/computes/raku","deploymentConfiguration":null,
		"model":{"referenceType":"Id","assetId":"` + testWorkspaceID + `/models/glaze/versions/1","shine":2},
		"errorThreshold":-1,"miniBatchSize":7,"maxConcurrencyPerInstance":4,"future":[1]}}`)
	body := strings.ReplaceAll(service.requests[0].Body, `"deploymentConfiguration":null,`, "")
	if diff := cmp.Diff(strings.ReplaceAll(want, `"deploymentConfiguration":null,`, ""), body); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func TestDeploymentResumes(t *testing.T) {
	service := newDeploymentService()
	deployments := service.client(t).Deployments("digits")
	d := Deployment{Compute: "raku", Model: ModelByID{AssetID: "glaze:1"}, Location: "westeurope"}
	p, err := deployments.BeginCreateOrUpdate(t.Context(), "blue", d)
	if err != nil {
		t.Fatal(err)
	}
	token, err := p.ResumeToken()
	if err != nil {
		t.Fatal(err)
	}
	p, err = Resume[Deployment](deployments.c, token)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.PollUntilDone(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range service.requests {
		got = append(got, r.Method+" "+r.Path)
	}
	want := []string{"PUT " + deploymentPath, "GET " + operationPath(), "GET " + operationPath(), "GET " + deploymentPath}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestDeploymentServes(t *testing.T) {
	const id = testWorkspaceID + "/models/glaze/versions/3"
	glaze := Model{Meta: Meta{ID: id}, Name: "glaze", Version: "3"}
	for _, tt := range []struct {
		name  string
		model ModelReference
		want  bool
	}{
		{"the id", ModelByID{AssetID: id}, true},
		{"a pointer to the id", &ModelByID{AssetID: id}, true},
		{"the service's other spelling", ModelByID{AssetID: strings.Replace(id, "resourceGroups", "resourcegroups", 1)}, true},
		{"name and version", ModelByID{AssetID: "azureml:glaze:3"}, true},
		{"another version", ModelByID{AssetID: "azureml:glaze:4"}, false},
		{"another workspace", ModelByID{AssetID: strings.Replace(id, "/workspaces/", "/workspaces/x", 1)}, false},
		{"a registry", ModelByID{AssetID: "azureml://registries/r/models/glaze/versions/3"}, false},
		{"an output of a job", ModelByOutput{JobID: "j", Path: "glaze"}, false},
		{"none", nil, false},
	} {
		if got := (Deployment{Model: tt.model}).Serves(glaze); got != tt.want {
			t.Errorf("%s: Serves = %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestDeploymentErrorsNameTheEndpoint: many endpoints have a deployment of the same name.
func TestDeploymentErrorsNameTheEndpoint(t *testing.T) {
	for _, e := range exportedCalls(newTestClient(t, answer(403, "")), newCallPaths(t)) {
		if !strings.HasPrefix(e.name, "DeploymentsClient.") || strings.HasSuffix(e.name, ".List") { // which names the endpoint alone
			continue
		}
		if err := e.run(t.Context()); err == nil || !strings.Contains(err.Error(), ` deployment "digits/blue": `) {
			t.Errorf("%s = %v, want an error that names endpoint and deployment", e.name, err)
		}
	}
}
