package azmlbatch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// storeFiles makes a folder called src with these files and returns its path.
func storeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "src")
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const blobstore = `{"name":"workspaceblobstore","properties":{"isDefault":true,"credentials":{"credentialsType":"None"},"datastoreType":"AzureBlob",
	"accountName":"shelf","containerName":"blobs","endpoint":"core.windows.net","protocol":"https"}}`

// uploadClient is a client of the service and of a storage account that takes every blob and has none.
func uploadClient(t *testing.T, service *fakeService) *Client {
	t.Helper()
	for route, reply := range map[string]http.HandlerFunc{
		"GET /datastores":                                 answer(200, `{"value":[`+blobstore+`]}`),
		"GET /datastores/workspaceblobstore":              answer(200, blobstore),
		"POST /datastores/workspaceblobstore/listSecrets": answer(400, `{"error":{"code":"UserError","message":"No secrets for credentials of type None."}}`),
		"GET /models/clay":                                answer(404, ``),
	} {
		service.answers[route] = reply
	}
	return newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !strings.HasSuffix(r.Host, ".blob.core.windows.net"):
			service.ServeHTTP(w, r)
		case r.URL.Query().Get("comp") == "metadata":
			w.WriteHeader(http.StatusOK)
		case r.Method == http.MethodPut:
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusCreated)
		default:
			w.Header().Set("x-ms-error-code", "BlobNotFound")
			w.WriteHeader(http.StatusNotFound)
		}
	})
}

var uploadHash = regexp.MustCompile(`LocalUpload/[0-9a-zA-Z]+/`)

// writes are the management requests that register something, with the hash of the content left out.
func (f *fakeService) writes() (writes []recordedRequest) {
	for _, r := range f.requests {
		if r.Method == http.MethodPut {
			r.Path = strings.TrimPrefix(r.Path, testWorkspaceID)
			r.Body, r.Query = uploadHash.ReplaceAllString(r.Body, "LocalUpload/HASH/"), ""
			writes = append(writes, r)
		}
	}
	return writes
}

// scoreHash is the hash of a folder with score.py = "x"; computed apart from this package:
// printf '1#score.py#1x' | sha256sum
const scoreHash = "61f43093f399d1c34ce0f6ed333a384d1606525f087d7ab0ab14d3e0b96471f3"

func codeVersion(name, version string) string {
	return `{"id":"` + testWorkspaceID + `/codes/` + name + `/versions/` + version + `","name":"` + version + `","properties":{"codeUri":"https://shelf.blob.core.windows.net:443/c9/src"}}`
}

func TestUploadCode(t *testing.T) {
	const pending = `{"blobReferenceForConsumption":{"blobUri":"https://shelf.blob.core.windows.net:443/c1","credential":{"credentialType":"SAS",
		"sasUri":"https://shelf.blob.core.windows.net/c1?sv=1&sr=c&sp=rcwl&se=2099-01-01T00%3A00%3A00Z&sig=s"}},"pendingUploadType":"None"}`
	put := func(name, version, uri string) recordedRequest {
		return recordedRequest{Method: "PUT", Path: "/codes/" + name + "/versions/" + version, Body: compactJSON(`{"properties":{"codeUri":"` + uri +
			`","isArchived":false,"properties":{"hash_sha256":"` + scoreHash + `","hash_version":"202208"}}}`)}
	}
	tests := []struct {
		name    string
		options *UploadCodeOptions
		found   string // what the search by hash answers
		want    []recordedRequest
		got     string
	}{
		{name: "new", found: ``, got: "score:1", want: []recordedRequest{put("score", "1", "https://shelf.blob.core.windows.net:443/c1/src")}},
		{name: "equal under the name", found: codeVersion("other", "1") + "," + codeVersion("score", "4"), got: "score:4"},
		{name: "equal under another name", found: codeVersion("other", "1"), got: "other:1"},
		{name: "equal, and a version of its own", options: &UploadCodeOptions{AlwaysNew: true}, found: codeVersion("other", "1"), got: "score:1",
			want: []recordedRequest{put("score", "1", "https://shelf.blob.core.windows.net:443/c9/src")}},
		{name: "equal, and a given version", options: &UploadCodeOptions{Code: Code{Version: "7"}}, found: codeVersion("score", "4"), got: "score:7",
			want: []recordedRequest{put("score", "7", "https://shelf.blob.core.windows.net:443/c9/src")}},
		{name: "equal, and just this version", options: &UploadCodeOptions{Code: Code{Version: "4"}}, found: codeVersion("score", "4"), got: "score:4"},
		{name: "script", options: &UploadCodeOptions{Script: "./score.py"}, found: codeVersion("score", "4"), got: "score:4"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			service := &fakeService{answers: map[string]http.HandlerFunc{
				"GET /codes/score/versions":                       answer(200, `{"value":[`+tt.found+`]}`),
				"POST /codes/score/versions/1/startPendingUpload": answer(200, pending),
				"PUT /codes/score/versions/1":                     answer(201, codeVersion("score", "1")),
				"PUT /codes/score/versions/7":                     answer(201, codeVersion("score", "7")),
			}}
			got, err := uploadClient(t, service).Codes().Upload(t.Context(), "score", storeFiles(t, map[string]string{"score.py": "x"}), tt.options)
			if err != nil || got.Name+":"+got.Version != tt.got {
				t.Errorf("Upload = %s:%s, %v, want %s", got.Name, got.Version, err, tt.got)
			}
			if diff := cmp.Diff(tt.want, service.writes()); diff != "" {
				t.Errorf("registered (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff("GET /codes/score/versions?hash="+scoreHash+"&hashVersion=202208", service.routes()[0]); diff != "" {
				t.Errorf("search (-want +got):\n%s", diff)
			}
		})
	}
}

func TestScriptMustBeInTheCodeFolder(t *testing.T) {
	dir := storeFiles(t, map[string]string{"Score.py": "x", "sub/run.py": "y", "hidden.py": "z", ".amlignore": "hidden.py\n"})
	tests := []struct{ script, hint string }{
		{"score.py", `did you mean "Score.py"? Case matters`},
		{"run.py", `did you mean "sub/run.py"?`},
		{"hidden.py", "excludes"},
		{"other.py", "name a file of the folder"},
		{"../src/Score.py", "within the code folder"},
		{`sub\run.py`, "forward slashes"},
	}
	said := newTexts(t)
	for _, tt := range tests {
		service := &fakeService{answers: map[string]http.HandlerFunc{}}
		_, err := uploadClient(t, service).Codes().Upload(t.Context(), "score", dir, &UploadCodeOptions{Script: tt.script})
		said.add(tt.script, err)
		var bad *ArgumentError
		if !asError(err, &bad) || !strings.Contains(err.Error(), tt.hint) || len(service.requests) != 0 {
			t.Errorf("%s: %v after %d requests, want an ArgumentError with %q before any", tt.script, err, len(service.requests), tt.hint)
		}
	}
}

func TestUploadToADatastoreReusesTheLatestVersion(t *testing.T) {
	const long = "azureml://subscriptions/sub-1/resourcegroups/pottery/workspaces/kiln/datastores/workspaceblobstore/paths/LocalUpload/HASH/src"
	tests := []struct {
		name, kind string
		upload     func(c *Client, dir, description string) (string, error)
		want       string // properties of the first registration
	}{
		{"model", "models", func(c *Client, dir, description string) (string, error) {
			m, err := c.Models().Upload(t.Context(), "clay", dir, &UploadModelOptions{Model: Model{Description: description}})
			return m.Version, err
		}, `{"isArchived":false,"modelType":"custom_model","modelUri":"` + long + `"}`},
		{"data", "data", func(c *Client, dir, description string) (string, error) {
			d, err := c.Data().Upload(t.Context(), "clay", dir, &UploadDataOptions{Data: Data{Description: description}})
			return d.Version, err
		}, `{"isArchived":false,"dataType":"uri_folder","dataUri":"azureml://datastores/workspaceblobstore/paths/LocalUpload/HASH/src/"}`},
		{"environment", "environments", func(c *Client, dir, description string) (string, error) {
			e, err := c.Environments().Upload(t.Context(), "clay", dir, &UploadEnvironmentOptions{Environment: Environment{Description: description}})
			return e.Version, err
		}, `{"isArchived":false,"build":{"contextUri":"https://shelf.blob.core.windows.net/blobs/LocalUpload/HASH/src/","dockerfilePath":"Dockerfile"}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := storeFiles(t, map[string]string{"Dockerfile": "FROM scratch\n", "sub/a": "b"})
			service := &fakeService{answers: map[string]http.HandlerFunc{}}
			var registered []string
			echo := func(version string) http.HandlerFunc {
				return func(w http.ResponseWriter, _ *http.Request) {
					body := service.requests[len(service.requests)-1].Body
					registered = append([]string{fmt.Sprintf(`{"id":"/%s/clay/versions/%s","name":"%s",%s`, tt.kind, version, version, body[1:])}, registered...)
					writeJSON(w, 201, registered[0])
				}
			}
			client := uploadClient(t, service)
			path := "/" + tt.kind + "/clay"
			service.answers["PUT "+path+"/versions/1"] = echo("1")
			service.answers["PUT "+path+"/versions/2"] = echo("2")
			service.answers["GET "+path] = inTurn(answer(404, ``), answer(200, `{"properties":{"nextVersion":"2"}}`))
			service.answers["GET "+path+"/versions"] = func(w http.ResponseWriter, _ *http.Request) {
				writeJSON(w, 200, `{"value":[`+strings.Join(registered, ",")+`]}`)
			}
			for i, step := range []struct{ description, version string }{{"", "1"}, {"", "1"}, {"new words", "2"}, {"", "2"}} {
				if version, err := tt.upload(client, dir, step.description); err != nil || version != step.version {
					t.Fatalf("upload %d = version %q, %v, want %s", i+1, version, err, step.version)
				}
			}
			writes := service.writes()
			if len(writes) != 2 {
				t.Fatalf("%d registrations, want 2", len(writes))
			}
			want := recordedRequest{Method: "PUT", Path: path + "/versions/1", Body: compactJSON(`{"properties":` + tt.want + `}`)}
			if diff := cmp.Diff(want, writes[0]); diff != "" {
				t.Errorf("registered (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUploadChecksThePathAgainstTheType(t *testing.T) {
	dir := storeFiles(t, map[string]string{"a.csv": "1"})
	file := filepath.Join(dir, "a.csv")
	tests := []struct {
		name string
		call func(c *Client) error
	}{
		{"mlflow without MLmodel", func(c *Client) error {
			_, err := c.Models().Upload(t.Context(), "clay", dir, &UploadModelOptions{Model: Model{ModelType: ModelTypeMLFlow}})
			return err
		}},
		{"mltable without MLTable", func(c *Client) error {
			_, err := c.Data().Upload(t.Context(), "clay", dir, &UploadDataOptions{Data: Data{DataType: DataTypeMLTable}})
			return err
		}},
		{"folder for a file", func(c *Client) error {
			_, err := c.Data().Upload(t.Context(), "clay", dir, &UploadDataOptions{Data: Data{DataType: DataTypeURIFile}})
			return err
		}},
		{"file for a folder", func(c *Client) error {
			_, err := c.Data().Upload(t.Context(), "clay", file, &UploadDataOptions{Data: Data{DataType: DataTypeURIFolder}})
			return err
		}},
		{"no Dockerfile", func(c *Client) error {
			_, err := c.Environments().Upload(t.Context(), "clay", dir, nil)
			return err
		}},
		{"missing", func(c *Client) error { _, err := c.Models().Upload(t.Context(), "clay", file+".none", nil); return err }},
		{"missing data", func(c *Client) error { _, err := c.Data().Upload(t.Context(), "clay", file+".none", nil); return err }},
		{"no name", func(c *Client) error { _, err := c.Codes().Upload(t.Context(), "", dir, nil); return err }},
	}
	said := newTexts(t)
	for _, tt := range tests {
		service := &fakeService{answers: map[string]http.HandlerFunc{}}
		var bad *ArgumentError
		err := tt.call(uploadClient(t, service))
		said.add(tt.name, err)
		if !asError(err, &bad) || len(service.requests) != 0 {
			t.Errorf("%s: %v after %d requests, want an ArgumentError before any", tt.name, err, len(service.requests))
		}
	}
}

// What the options say and the latest version does not is not dropped: a new version says it.
func TestUploadRegistersWhatTheLatestVersionDoesNotSay(t *testing.T) {
	tests := []struct {
		name   string
		latest string // further properties of the latest version
		model  Model
		reused bool
	}{
		{"the same", `,"properties":{"azureml.own":"1"},"tags":{"a":"b"}`, Model{Tags: map[string]string{"a": "b"}}, true},
		{"other flavors", `,"flavors":{"f":{"data":{"k":"v"}}}`, Model{Flavors: map[string]ModelFlavor{"f": {Data: map[string]string{"k": "w"}}}}, false},
		{"a job", ``, Model{JobName: "j"}, false},
		{"a job, the same", `,"jobName":"j"`, Model{JobName: "j"}, true},
		{"a tag", `,"tags":{"a":"b"}`, Model{Tags: map[string]string{"a": "c"}}, false},
		{"a newer member", ``, Model{Extra: map[string]json.RawMessage{"/properties/autoDeleteSetting": json.RawMessage(`{"value":"30d"}`)}}, false},
		{"a newer member, the same", `,"autoDeleteSetting":{"value":"30d"}`, Model{Extra: map[string]json.RawMessage{"/properties/autoDeleteSetting": json.RawMessage(`{"value":"30d"}`)}}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := storeFiles(t, map[string]string{"m": "1"})
			files, err := scanLocal(operation{}, dir)
			if err != nil {
				t.Fatal(err)
			}
			hash, err := files.UploadHash(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			// The service writes resourceGroups and adds a slash to the place that was sent.
			place := "azureml://subscriptions/sub-1/resourceGroups/pottery/workspaces/kiln/datastores/workspaceblobstore/paths/LocalUpload/" + hash + "/src/"
			service := &fakeService{answers: map[string]http.HandlerFunc{
				"GET /models/clay/versions":   answer(200, `{"value":[{"id":"/models/clay/versions/1","name":"1","properties":{"modelType":"custom_model","isArchived":false,"modelUri":"`+place+`"`+tt.latest+`}}]}`),
				"PUT /models/clay/versions/2": answer(201, `{"id":"/models/clay/versions/2","name":"2"}`),
			}}
			client := uploadClient(t, service)
			service.answers["GET /models/clay"] = answer(200, `{"properties":{"nextVersion":"2"}}`)
			m, err := client.Models().Upload(t.Context(), "clay", dir, &UploadModelOptions{Model: tt.model})
			if err != nil || (m.Version == "1") != tt.reused {
				t.Errorf("Upload = version %q, %v, want the latest reused: %v", m.Version, err, tt.reused)
			}
		})
	}
}

// A file that a kind needs must be among what is uploaded, not only in the folder.
func TestUploadChecksTheFilesThatAreSent(t *testing.T) {
	files := map[string]string{"MLmodel": "", "MLTable": "", "Dockerfile": "", "dir/Other": "", "keep": "", ".amlignore": "MLmodel\nMLTable\nDockerfile\n"}
	dir := storeFiles(t, files)
	build := func(path string) *UploadEnvironmentOptions {
		return &UploadEnvironmentOptions{Environment: Environment{Build: BuildContext{DockerfilePath: path}}}
	}
	tests := []struct {
		want string
		call func(c *Client) error
	}{
		{`"MLmodel" is not among the files`, func(c *Client) error {
			_, err := c.Models().Upload(t.Context(), "clay", dir, &UploadModelOptions{Model: Model{ModelType: ModelTypeMLFlow}})
			return err
		}},
		{`"MLTable" is not among the files`, func(c *Client) error {
			_, err := c.Data().Upload(t.Context(), "clay", dir, &UploadDataOptions{Data: Data{DataType: DataTypeMLTable}})
			return err
		}},
		{`"Dockerfile" is not among the files`, func(c *Client) error {
			_, err := c.Environments().Upload(t.Context(), "clay", dir, nil)
			return err
		}},
		{`did you mean "dir/Other"? Case matters`, func(c *Client) error {
			_, err := c.Environments().Upload(t.Context(), "clay", dir, build("dir/other"))
			return err
		}},
	}
	said := newTexts(t)
	for _, tt := range tests {
		service := &fakeService{answers: map[string]http.HandlerFunc{}}
		var bad *ArgumentError
		err := tt.call(uploadClient(t, service))
		said.add(tt.want, err)
		if !asError(err, &bad) || !strings.Contains(err.Error(), tt.want) || len(service.requests) != 0 {
			t.Errorf("%v after %d requests, want an ArgumentError with %s before any", err, len(service.requests), tt.want)
		}
	}
}

// The options may come from an older version, whose hash is that of other content.
func TestUploadedCodeIsFoundByItsOwnHash(t *testing.T) {
	storage := &fakeStorage{}
	service := storeService(blobstore)
	service.answers["GET /codes/score/versions"] = answer(200, `{"value":[]}`)
	service.answers["GET /codes/score"] = answer(200, `{"properties":{"nextVersion":"2"}}`)
	service.answers["POST /codes/score/versions/2/startPendingUpload"] = answer(200, signedCode)
	service.answers["PUT /codes/score/versions/2"] = answer(201, codeVersion("score", "2"))
	old := Code{Properties: map[string]string{"hash_sha256": "old", "hash_version": "1", "own": "p"}}
	_, err := storageClient(t, service, storage).Codes().Upload(t.Context(), "score", storeFiles(t, map[string]string{"score.py": "x"}), &UploadCodeOptions{Code: old})
	if err != nil {
		t.Fatal(err)
	}
	want := compactJSON(`{"properties":{"codeUri":"https://shelf.blob.core.windows.net:443/c1/src","isArchived":false,
		"properties":{"hash_sha256":"` + scoreHash + `","hash_version":"202208","own":"p"}}}`)
	if diff := cmp.Diff(want, service.requests[len(service.requests)-1].Body); diff != "" {
		t.Errorf("registered (-want +got):\n%s", diff)
	}
	if old.Properties["hash_sha256"] != "old" {
		t.Error("the caller's options were changed")
	}
}

// rewrite gives a file another content of the same size, and the time of a later change.
func rewrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
}

func TestWhatCannotBeUploadedIsRefusedBeforeSending(t *testing.T) {
	said := newTexts(t)
	for path, want := range map[string]string{filepath.Join(t.TempDir(), "none"): "does not exist", t.TempDir(): "has no files"} {
		storage, service := &fakeStorage{}, storeService(blobstore)
		_, err := storageClient(t, service, storage).Upload(t.Context(), path, nil)
		said.add(want, err)
		var bad *ArgumentError
		if !asError(err, &bad) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "upload path") {
			t.Errorf("Upload = %v, want an ArgumentError of the call that says %q", err, want)
		}
		if len(service.requests)+len(storage.requests) != 0 {
			t.Error("something was sent")
		}
	}
}

func TestUploadTellsAnMLflowModelByItsFiles(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		path  string // within the folder
		asked ModelType
		want  ModelType
	}{
		{"MLmodel at the top", map[string]string{"MLmodel": "flavors: {}", "model.pkl": "1"}, "", "", ModelTypeMLFlow},
		{"MLmodel at the top, custom asked for", map[string]string{"MLmodel": "flavors: {}"}, "", ModelTypeCustom, ModelTypeCustom},
		{"MLmodel at the top, Triton asked for", map[string]string{"MLmodel": "flavors: {}"}, "", ModelTypeTriton, ModelTypeTriton},
		{"MLmodel further down", map[string]string{"inner/MLmodel": "flavors: {}"}, "", "", ModelTypeCustom},
		{"in another case", map[string]string{"mlmodel": "flavors: {}"}, "", "", ModelTypeCustom},
		{"ignored", map[string]string{"MLmodel": "", "keep": "", ".amlignore": "MLmodel\n"}, "", "", ModelTypeCustom},
		{"the file alone", map[string]string{"MLmodel": "flavors: {}"}, "MLmodel", "", ModelTypeCustom},
		{"none", map[string]string{"weights.bin": "1"}, "", "", ModelTypeCustom},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			service := &fakeService{}
			service.answers = map[string]http.HandlerFunc{
				"PUT /models/clay/versions/1": func(w http.ResponseWriter, _ *http.Request) { // the service shows what it was sent
					writeJSON(w, 201, service.requests[len(service.requests)-1].Body)
				},
			}
			path := filepath.Join(storeFiles(t, tt.files), tt.path)
			m, err := uploadClient(t, service).Models().Upload(t.Context(), "clay", path,
				&UploadModelOptions{Model: Model{Version: "1", ModelType: tt.asked}})
			if err != nil || m.ModelType != tt.want {
				t.Errorf("Upload = model type %q, %v, want %q", m.ModelType, err, tt.want)
			}
		})
	}
}

// TestUploadsCheckFirst: mistakes in names, versions and members show before anything is sent.
func TestUploadsCheckFirst(t *testing.T) {
	dir := storeFiles(t, map[string]string{"Dockerfile": "FROM x", "MLmodel": "flavors: {}", "score.py": ""})
	uploads := map[string]func(c *Client, name, version string) error{
		"code": func(c *Client, name, version string) error {
			_, err := c.Codes().Upload(t.Context(), name, dir, &UploadCodeOptions{Code: Code{Version: version}})
			return err
		},
		"data": func(c *Client, name, version string) error {
			_, err := c.Data().Upload(t.Context(), name, dir, &UploadDataOptions{Data: Data{Version: version}})
			return err
		},
		"environment": func(c *Client, name, version string) error {
			_, err := c.Environments().Upload(t.Context(), name, dir, &UploadEnvironmentOptions{Environment: Environment{Version: version}})
			return err
		},
		"model": func(c *Client, name, version string) error {
			_, err := c.Models().Upload(t.Context(), name, dir, &UploadModelOptions{Model: Model{Version: version}})
			return err
		},
		"environment with a conda file's path": func(c *Client, name, _ string) error {
			_, err := c.Environments().Upload(t.Context(), name, dir, &UploadEnvironmentOptions{Environment: Environment{CondaFile: "conda.yml"}})
			return err
		},
	}
	tests := []struct{ name, version, argument string }{
		{"", "", "Name"}, {"a b", "", "Name"}, {"clay", "@latest", "Version"}, {"clay", "", "Environment.CondaFile"},
	}
	said := newTexts(t)
	for kind, upload := range uploads {
		for _, tt := range tests {
			if strings.Contains(kind, "conda") != (tt.argument == "Environment.CondaFile") {
				continue
			}
			c := newTestClient(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s sends %s %s", kind, r.Method, r.URL) })
			var bad *ArgumentError
			err := upload(c, tt.name, tt.version)
			said.add(fmt.Sprintf("%s %q version %q", kind, tt.name, tt.version), err)
			if !errors.As(err, &bad) || bad.Argument != tt.argument {
				t.Errorf("upload of %s %q, version %q: %v, want a mistake in %s", kind, tt.name, tt.version, err, tt.argument)
			}
		}
	}
}

func TestUploadOutcomeReads(t *testing.T) {
	for o, want := range map[UploadOutcome]string{{}: "", {Reused: true}: "reused", {Registered: true}: "registered", {true, true}: "reused and registered"} {
		if got := o.String(); got != want {
			t.Errorf("%#v = %q, want %q", o, got, want)
		}
	}
}

// TestUploadCodeBesideOthers: what else can happen between the search and the registration.
func TestUploadCodeBesideOthers(t *testing.T) {
	taken := answer(409, `{"error":{"code":"Conflict","message":"Asset paths cannot be updated."}}`)
	refused := answer(403, `{"error":{"code":"AuthorizationFailed","message":"no"}}`)
	const found, next, pend, put1, put2 = "GET /codes/score/versions", "GET /codes/score", "POST /codes/score/versions/1/startPendingUpload",
		"PUT /codes/score/versions/1", "PUT /codes/score/versions/2"
	none, first := answer(200, `{"value":[]}`), answer(200, `{"properties":{"nextVersion":"1"}}`)
	tests := []struct {
		name    string
		answers map[string]http.HandlerFunc
		version string // of the options
		want    string // name and version, or the error
	}{
		{"a neighbour takes the version", map[string]http.HandlerFunc{put1: taken, put2: answer(201, codeVersion("score", "2")),
			next: inTurn(first, answer(200, `{"properties":{"nextVersion":"2"}}`))}, "", "score:2"},
		{"a given version is taken", map[string]http.HandlerFunc{put1: taken}, "1", "Asset paths cannot be updated"},
		{"the search is refused", map[string]http.HandlerFunc{found: refused}, "", "403 AuthorizationFailed"},
		{"the next version is refused", map[string]http.HandlerFunc{next: refused}, "", "403 AuthorizationFailed"},
		{"the container is refused", map[string]http.HandlerFunc{pend: refused}, "", "403 AuthorizationFailed"},
		{"the registration is refused", map[string]http.HandlerFunc{put1: refused}, "", "403 AuthorizationFailed"},
		{"an answer without a container", map[string]http.HandlerFunc{pend: answer(200, `{"blobReferenceForConsumption":{"credential":{"sasUri":"https://x/?sig=s"}}}`)}, "", "names no container"},
		{"a container that is none", map[string]http.HandlerFunc{pend: answer(200, `{"blobReferenceForConsumption":{"blobUri":"https://x/c","credential":{"sasUri":"ftp://x/c?sig=s"}}}`)}, "", "not an encrypted URL"},
		{"an answer without a signature", map[string]http.HandlerFunc{pend: answer(200, `{"blobReferenceForConsumption":{"blobUri":"https://x/c"}}`)}, "", "names no container"},
	}
	said := newTexts(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			service := &fakeService{answers: map[string]http.HandlerFunc{found: none, next: first, pend: answer(200, signedCode)}}
			maps.Copy(service.answers, tt.answers)
			got, err := uploadClient(t, service).Codes().Upload(t.Context(), "score", storeFiles(t, map[string]string{"score.py": "x"}), &UploadCodeOptions{Code: Code{Version: tt.version}})
			if err != nil {
				said.add(tt.name, err)
			}
			if err == nil && got.Name+":"+got.Version != tt.want || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Upload = %s:%s, %v; want %s", got.Name, got.Version, err, tt.want)
			}
		})
	}
}

// TestDownloadOfAVersionWithoutFiles is a mistake of the caller.
func TestDownloadOfAVersionWithoutFiles(t *testing.T) {
	service := &fakeService{answers: map[string]http.HandlerFunc{"GET /environments/glaze/versions/1": answer(200, `{"name":"1","properties":{"image":"i"}}`)}}
	_, err := service.client(t).Environments().Download(t.Context(), "glaze", "1", t.TempDir(), nil)
	newTexts(t).add("an image", err)
	var bad *ArgumentError
	if !errors.As(err, &bad) || bad.Argument != "version" || !strings.Contains(bad.Problem, "no files") {
		t.Errorf("Download = %v, want a mistake in version", err)
	}
	if _, err := service.client(t).Environments().Download(t.Context(), "glaze", "2", t.TempDir(), nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("Download of a missing version = %v, want ErrNotFound", err)
	}
}
