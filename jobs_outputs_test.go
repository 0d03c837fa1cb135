package azmlbatch

import (
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWhereAJobWrites reads the place of the predictions out of a job's parameters.
func TestWhereAJobWrites(t *testing.T) {
	const folder = "azureml://datastores/d/paths/results/"
	tests := []struct {
		name       string
		parameters map[string]string
		want       output
	}{
		{"a file of the caller's", map[string]string{"output_uri": folder + "day.csv", "append_row_file_name": "day.csv"}, output{folder, "day.csv"}},
		{"a file and a script with files of its own", map[string]string{"output_uri": folder + "day.csv"}, output{folder, "day.csv"}},
		{"a folder, in the older form", map[string]string{"output_uri": folder, "append_row_file_name": "predictions.csv"}, output{folder, "predictions.csv"}},
		{"a folder without a slash", map[string]string{"output_uri": folder + "day", "append_row_file_name": "p.csv"}, output{folder + "day/", "p.csv"}},
		{"a folder called like the file", map[string]string{"output_uri": folder + "p.csv/", "append_row_file_name": "p.csv"}, output{folder + "p.csv/", "p.csv"}},
		{"a folder and a script with files of its own", map[string]string{"output_uri": folder}, output{folder, "predictions.csv"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			parameters, err := json.Marshal(tt.parameters)
			if err != nil {
				t.Fatal(err)
			}
			body, err := json.Marshal(map[string]any{"name": "j", "properties": map[string]any{"properties": map[string]string{"azureml.parameters": string(parameters)}}})
			if err != nil {
				t.Fatal(err)
			}
			c := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, 200, string(body)) })
			job, err := c.Jobs().Get(t.Context(), "j")
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Jobs().outputOf(t.Context(), operation{"read", "job", "j"}, job)
			if err != nil || got != tt.want {
				t.Errorf("output = %+v, %v; want %+v", got, err, tt.want)
			}
		})
	}
}

// pipelineJob answers for the job j of a pipeline component, whose output scores the service has placed. outputs are those
// that run history tells.
func pipelineJob(t *testing.T, outputs string) *Client {
	return newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case strings.HasSuffix(path, "/workspaces/kiln"):
			writeJSON(w, 200, `{"name":"kiln","properties":{"discoveryUrl":"https://westeurope.api.azureml.ms/discovery"}}`)
		case path == "/discovery":
			writeJSON(w, 200, `{"api":"https://westeurope.api.azureml.ms"}`)
		case strings.HasPrefix(path, "/history/v1.0/") && strings.HasSuffix(path, "/rundata"):
			writeJSON(w, 200, `{"runMetadata":{"outputs":`+outputs+`}}`)
		case strings.HasPrefix(path, "/data/v1.0/") && strings.HasSuffix(path, "/dataversion/batchGetResolvedUris"):
			writeJSON(w, 200, `{"values":{"azureml://locations/l/workspaces/w/data/scores/versions/1":{"uri":"azureml://datastores/kilns/paths/azureml/j/scores/"}}}`)
		case strings.HasSuffix(path, "/batchEndpoints/letters"):
			writeJSON(w, 200, `{"name":"letters","properties":{"scoringUri":"https://letters.westeurope.inference.ml.azure.com/jobs"}}`)
		case path == "/jobs/j":
			writeJSON(w, 200, `{"name":"j","properties":{"outputData":{"scores":{"jobOutputType":"UriFolder","uri":null}}}}`)
		default:
			writeJSON(w, 200, `{"name":"j","properties":{"description":"Pipeline submission for endpoint: letters, deployment: steps.",
				"tags":{"azureml.batchrun":"true","azureml.jobtype":"azureml.pipelinejob"}}}`)
		}
	})
}

// TestOutputsThatTheServicePlaced: run history tells where they are.
func TestOutputsThatTheServicePlaced(t *testing.T) {
	c := pipelineJob(t, `{"scores":{"assetId":"azureml://locations/l/workspaces/w/data/scores/versions/1","type":"UriFolder"},"none":{"assetId":null}}`)
	got, err := c.Jobs().runOutputs(t.Context(), operation{"list outputs of", "job", "j"}, "j")
	if diff := cmp.Diff(map[string]string{"scores": "azureml://datastores/kilns/paths/azureml/j/scores/"}, got); diff != "" || err != nil {
		t.Errorf("outputs (-want +got):\n%s%v", diff, err)
	}
}

// TestOutputsWithoutAPlace: of a pipeline component's job that runs, nothing tells where the service puts its outputs.
func TestOutputsWithoutAPlace(t *testing.T) {
	c := pipelineJob(t, "null")
	const want = `azmlbatch: list outputs of job "j": no output of the job has a place; wait for the end of the job, or invoke with Invocation.Outputs`
	for _, err := range c.Jobs().ListOutputs(t.Context(), "j") {
		if !errors.Is(err, ErrNotFound) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("ListOutputs = %v, want %s", err, want)
		}
	}
	if _, err := c.Jobs().Download(t.Context(), "j", t.TempDir(), nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("Download = %v, want ErrNotFound", err)
	}
}

// componentJob is the job j of a pipeline component, whose outputs are in storage. given are those with a place of the
// invocation, placed those that the service has placed.
func componentJob(t *testing.T, storage http.Handler, given, placed map[string]string) *Client {
	t.Helper()
	outputs, assets, uris := map[string]any{}, map[string]any{}, map[string]any{}
	for name, uri := range given {
		outputs[name] = map[string]string{"jobOutputType": "UriFolder", "uri": uri}
	}
	for name, uri := range placed {
		outputs[name] = map[string]any{"jobOutputType": "UriFolder", "uri": nil}
		assets[name] = map[string]string{"assetId": "asset of " + name}
		uris["asset of "+name] = map[string]string{"uri": uri}
	}
	service := storeService(blobstore)
	return storageClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case strings.HasSuffix(path, "/workspaces/kiln"):
			writeJSON(w, 200, `{"name":"kiln","properties":{"discoveryUrl":"https://westeurope.api.azureml.ms/discovery"}}`)
		case path == "/discovery":
			writeJSON(w, 200, `{"api":"https://westeurope.api.azureml.ms"}`)
		case strings.HasSuffix(path, "/rundata"):
			writeJSON(w, 200, marshal(t, map[string]any{"runMetadata": map[string]any{"outputs": assets}}))
		case strings.HasSuffix(path, "/batchGetResolvedUris"):
			writeJSON(w, 200, marshal(t, map[string]any{"values": uris}))
		case strings.HasSuffix(path, "/batchEndpoints/letters"):
			writeJSON(w, 200, `{"name":"letters","properties":{"scoringUri":"https://letters.westeurope.inference.ml.azure.com/jobs"}}`)
		case path == "/jobs/j":
			writeJSON(w, 200, marshal(t, map[string]any{"name": "j", "properties": map[string]any{"outputData": outputs}}))
		case strings.HasSuffix(path, "/workspaces/kiln/jobs/j"):
			writeJSON(w, 200, `{"name":"j","properties":{"description":"Pipeline submission for endpoint: letters, deployment: steps.",
				"tags":{"azureml.batchrun":"true","azureml.jobtype":"azureml.pipelinejob"}}}`)
		default:
			service.ServeHTTP(w, r)
		}
	}), storage)
}

// TestNamedOutputs lists and downloads the outputs of a pipeline component's job: those that the invocation placed, and
// those that the service did.
func TestNamedOutputs(t *testing.T) {
	const store = "azureml://datastores/workspaceblobstore/paths/"
	storage := &fakeStorage{blobs: map[string]string{
		"/blobs/mine/a.csv": "1", "/blobs/mine/sub/b.csv": "22", "/blobs/mine/sub/": "", "/blobs/mine2/no.csv": "no",
		"/blobs/azureml/j/scores/p.csv": "333",
	}}
	c := componentJob(t, storage, map[string]string{"mine": store + "mine/"}, map[string]string{"scores": store + "azureml/j/scores/"})
	want := []OutputFile{
		{Name: "mine/a.csv", Size: 1, URI: store + "mine/a.csv"},
		{Name: "mine/sub/b.csv", Size: 2, URI: store + "mine/sub/b.csv"},
		{Name: "scores/p.csv", Size: 3, URI: store + "azureml/j/scores/p.csv"},
	}
	got, err := collect(c.Jobs().ListOutputs(t.Context(), "j"))
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("ListOutputs, %v (-want +got):\n%s", err, diff)
	}
	for _, err := range c.Jobs().ListOutputs(t.Context(), "j") {
		if err != nil {
			t.Error(err)
		}
		break // yields no more after it
	}
	dir := t.TempDir()
	result, err := c.Jobs().Download(t.Context(), "j", dir, nil)
	if diff := cmp.Diff(DownloadResult{Files: 3, Bytes: 6}, result); diff != "" || err != nil {
		t.Errorf("Download, %v (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff(map[string]string{"mine/a.csv": "1", "mine/sub/b.csv": "22", "scores/p.csv": "333"}, tree(t, dir)); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	if result, err = c.Jobs().Download(t.Context(), "j", dir, nil); result != (DownloadResult{Skipped: 3}) || err != nil {
		t.Errorf("Download again = %+v, %v, want all skipped", result, err)
	}
}

// TestNamedOutputsThatAreEmpty are no fault, unless all are.
func TestNamedOutputsThatAreEmpty(t *testing.T) {
	const store = "azureml://datastores/workspaceblobstore/paths/"
	outputs := map[string]string{"empty": store + "none/", "mine": store + "mine/"}
	storage := &fakeStorage{blobs: map[string]string{"/blobs/mine/a.csv": "1"}}
	result, err := componentJob(t, storage, outputs, nil).Jobs().Download(t.Context(), "j", t.TempDir(), nil)
	if result != (DownloadResult{Files: 1, Bytes: 1}) || err != nil {
		t.Errorf("Download = %+v, %v, want the one file", result, err)
	}
	result, err = componentJob(t, &fakeStorage{}, outputs, nil).Jobs().Download(t.Context(), "j", t.TempDir(), nil)
	if result != (DownloadResult{}) || !errors.Is(err, ErrNotFound) {
		t.Errorf("Download of nothing = %+v, %v, want ErrNotFound", result, err)
	}
}

// TestNamedOutputsThatFail are told, and nothing is written outside of the folder.
func TestNamedOutputsThatFail(t *testing.T) {
	const store = "azureml://datastores/workspaceblobstore/paths/"
	files := map[string]string{"/blobs/a/x.csv": "1", "/blobs/b/x.csv": "1"}
	tests := []struct {
		name    string
		outputs map[string]string
		refuse  string // the prefix of the list that is refused
		listed  int    // files before the error
	}{
		{"a name that leaves the folder", map[string]string{"..": store + "a/"}, "", 1},
		{"a name with a slash", map[string]string{"a/b": store + "a/"}, "", 1},
		{"a name with a backslash", map[string]string{`a\b`: store + "a/"}, "", 1},
		{"a place that is none", map[string]string{"a": "azureml://nowhere"}, "", 0},
		{"a list that is refused", map[string]string{"a": store + "a/", "b": store + "b/"}, "b", 1},
	}
	said := newTexts(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			storage := &fakeStorage{blobs: files, refuse: func(r *http.Request) (int, string) {
				if prefix := r.URL.Query().Get("prefix"); tt.refuse != "" && strings.HasPrefix(prefix, tt.refuse) {
					return 409, "Refused"
				}
				return 0, ""
			}}
			jobs := componentJob(t, storage, tt.outputs, nil).Jobs()
			parent := t.TempDir()
			_, err := jobs.Download(t.Context(), "j", filepath.Join(parent, "results"), nil)
			said.add(tt.name, err)
			for name := range tree(t, parent) {
				if !strings.HasPrefix(name, "results/") {
					t.Errorf("%s was written outside of the folder", name)
				}
			}
			listed, err := collect(jobs.ListOutputs(t.Context(), "j"))
			said.add(tt.name+", in a list", err)
			if len(listed) != tt.listed {
				t.Errorf("ListOutputs = %v, %v, want %d files", listed, err, tt.listed)
			}
		})
	}
}

// TestRequestsForNamedOutputs breaks each request of the list and of the download in turn: none of them can be done without.
func TestRequestsForNamedOutputs(t *testing.T) {
	const store = "azureml://datastores/workspaceblobstore/paths/"
	calls := map[string]func(c *Client) error{
		"list":     func(c *Client) error { return lastError(c.Jobs().ListOutputs(t.Context(), "j")) },
		"download": func(c *Client) error { _, err := c.Jobs().Download(t.Context(), "j", t.TempDir(), nil); return err },
	}
	said := newTexts(t)
	for name, call := range calls {
		for at := 1; ; at++ {
			asked, request := 0, ""
			storage := &fakeStorage{blobs: map[string]string{"/blobs/mine/a.csv": "1", "/blobs/azureml/j/scores/p.csv": "333"}}
			whole := componentJob(t, storage, map[string]string{"mine": store + "mine/"}, map[string]string{"scores": store + "azureml/j/scores/"})
			c := newClientOver(t, transporter(func(r *http.Request) (*http.Response, error) {
				if asked++; asked == at {
					request = r.Method + " " + r.URL.Path
					return refusal(r, 500), nil
				}
				return whole.options.Transport.Do(r)
			}), newFakeClock(), func(o *ClientOptions) { o.Retry.MaxRetries = -1 })
			err := call(c)
			if asked < at {
				break
			}
			said.add(name+": "+request, err)
			if err == nil {
				t.Errorf("%s: %s failed, and no error says so", name, request)
			}
		}
	}
}

// TestOutputOfAJobWithoutParameters is where the service puts it, on the default datastore. What finding it fails with is
// the error of each call.
func TestOutputOfAJobWithoutParameters(t *testing.T) {
	for _, refused := range []string{"", "/children", "/datastores"} {
		storage := &fakeStorage{blobs: map[string]string{"/blobs/azureml/step-1/score/predictions.csv": "clay\n"}}
		service := storeService(blobstore)
		c := storageClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch path := r.URL.Path; {
			case refused != "" && strings.HasSuffix(path, refused):
				writeJSON(w, 409, `{"error":{"code":"Refused","message":"No."}}`)
			case strings.HasSuffix(path, "/workspaces/kiln"):
				writeJSON(w, 200, `{"name":"kiln","properties":{"discoveryUrl":"https://r.api.azureml.ms/discovery"}}`)
			case path == "/discovery":
				writeJSON(w, 200, `{"api":"https://r.api.azureml.ms"}`)
			case strings.HasSuffix(path, "/runs/j/children"):
				writeJSON(w, 200, `{"value":[{"runId":"step-1","displayName":"batchscoring","status":"Completed"}]}`)
			case strings.HasSuffix(path, "/workspaces/kiln/jobs/j"):
				writeJSON(w, 200, `{"name":"j","properties":{"status":"Completed"}}`)
			default:
				service.ServeHTTP(w, r)
			}
		}), storage)
		rows, rowsErr := collect(Rows[string](t.Context(), c, "j", &RowsOptions{Format: RowFormatLines}))
		files, listErr := collect(c.Jobs().ListOutputs(t.Context(), "j"))
		result, downloadErr := c.Jobs().Download(t.Context(), "j", t.TempDir(), nil)
		for call, err := range map[string]error{"Rows": rowsErr, "ListOutputs": listErr, "Download": downloadErr} {
			if refused == "" && err != nil || refused != "" && !HasCode(err, "Refused") {
				t.Errorf("%s where %q is refused = %v", call, refused, err)
			}
		}
		if refused == "" && (len(rows) != 1 || len(files) != 1 || files[0].Name != "predictions.csv" || result.Files != 1) {
			t.Errorf("rows %q, files %v, download %+v, want the one file", rows, files, result)
		}
	}
}
