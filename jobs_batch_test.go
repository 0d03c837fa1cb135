package azmlbatch

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// armJobs is a page of ARM's list: a job that the data plane lists too, one of another deployment, one with an experiment
// of its own, one of another endpoint, and one that no endpoint started.
const armJobs = `{"value":[
	{"name":"job-1","properties":{"jobType":"Pipeline","experimentName":"digits","tags":{"azureml.batchrun":"true","azureml.deploymentname":"blue"}}},
	{"name":"job-2","properties":{"jobType":"Pipeline","experimentName":"Digits","status":"Failed","displayName":"green vase","tags":{"azureml.batchrun":"true","azureml.deploymentname":"green"},
		"services":{"Studio":{"jobServiceType":"Studio","endpoint":"https://ml.azure.com/runs/job-2"}},
		"properties":{"azureml.parameters":"{\"output_uri\":\"azureml://datastores/workspaceblobstore/paths/azmlbatch/digits/k/predictions.csv\"}"}}},
	{"name":"job-3","properties":{"jobType":"Pipeline","experimentName":"mine","description":"Pipeline submission for endpoint: digits, deployment: blue.","tags":{"azureml.batchrun":"true","azureml.deploymentname":"blue"}}},
	{"name":"job-4","properties":{"jobType":"Pipeline","experimentName":"digits2","description":"Pipeline submission for endpoint: digits2, deployment: blue.","tags":{"azureml.batchrun":"true"}}},
	{"name":"job-5","properties":{"jobType":"Pipeline","experimentName":"digits"}}]}`

// listService answers lists of jobs: the data plane as told, the management plane with armJobs.
func listService(requests *[]string, data http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/mferp/managementfrontend"), testWorkspaceID)
		switch {
		case strings.HasSuffix(path, "/discovery"):
			writeJSON(w, 200, `{"api":"https://r.api.azureml.ms"}`)
		case path == "":
			writeJSON(w, 200, `{"properties":{"discoveryUrl":"https://r.api.azureml.ms/discovery"}}`)
		case path == "/jobs":
			*requests = append(*requests, "ARM "+r.URL.RawQuery)
			writeJSON(w, 200, armJobs)
		default:
			*requests = append(*requests, "data "+path+" "+r.URL.RawQuery)
			data(w, r)
		}
	}
}

func jobNames(t *testing.T, c *Client, o *ListBatchJobsOptions) (names []string, err error) {
	t.Helper()
	for job, e := range c.Endpoints().ListJobs(t.Context(), "digits", o) {
		if e != nil {
			if err != nil {
				t.Errorf("two errors: %v and %v", err, e)
			}
			err = e
			continue
		}
		names = append(names, job.Name)
	}
	return names, err
}

func TestListJobsGoesOnThroughTheManagementPlane(t *testing.T) {
	invalid := answer(400, `{"error":{"code":"UserError","message":"The request is invalid."}}`)
	const (
		data = "data /batchEndpoints/digits/jobs api-version=2020-09-01-dataplanepreview"
		arm  = "ARM api-version=2024-04-01&jobType=Pipeline&listViewType=All"
	)
	tests := []struct {
		name     string
		data     http.HandlerFunc
		options  *ListBatchJobsOptions
		want     []string
		requests []string
	}{
		{"the data plane answers", answer(200, `{"value":[{"name":"job-1"},{"name":"job-9"}]}`), nil, []string{"job-1", "job-9"}, []string{data}},
		{"the data plane refuses", invalid, nil, []string{"job-1", "job-2", "job-3"}, []string{data, arm}},
		{"one deployment", invalid, &ListBatchJobsOptions{Deployment: "blue"}, []string{"job-1", "job-3"},
			[]string{"data /batchEndpoints/digits/deployments/blue/jobs api-version=2020-09-01-dataplanepreview", arm}},
		{"it refuses the second page", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("$skiptoken") {
				invalid(w, r)
				return
			}
			writeJSON(w, 200, `{"value":[{"name":"job-1"}],"nextLink":"https://r.api.azureml.ms/mferp/managementfrontend`+testWorkspaceID+`/batchEndpoints/digits/jobs?$skiptoken=2"}`)
		}, nil, []string{"job-1", "job-2", "job-3"}, []string{data, "data /batchEndpoints/digits/jobs $skiptoken=2", arm}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var requests []string
			got, err := jobNames(t, newTestClient(t, listService(&requests, tt.data)), tt.options)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("jobs (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.requests, requests); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

func TestListJobsRefusals(t *testing.T) {
	var requests []string
	missing := answer(404, `{"error":{"code":"UserError","message":"There is no such endpoint."}}`)
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/workspaces/kiln/jobs") {
			writeJSON(w, 200, `{"value":[]}`)
			return
		}
		listService(&requests, missing)(w, r)
	})
	if names, err := jobNames(t, c, nil); !errors.Is(err, ErrNotFound) || names != nil {
		t.Errorf("an endpoint that neither plane knows = %v, %v; want ErrNotFound", names, err)
	}

	c = newTestClient(t, listService(&requests, answer(200, `{"value":[],"nextLink":"https://evil.example/x"}`)))
	if _, err := jobNames(t, c, nil); !errors.Is(err, errForeignHost) {
		t.Errorf("a link to another host = %v, want it refused and not worked around", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range c.Endpoints().ListJobs(ctx, "digits", nil) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled list = %v", err)
		}
	}
}

func TestJobOfTheManagementPlaneAsBatchJob(t *testing.T) {
	var requests []string
	c := newTestClient(t, listService(&requests, answer(403, ``)))
	for job, err := range c.Endpoints().ListJobs(t.Context(), "digits", &ListBatchJobsOptions{Deployment: "green"}) {
		if err != nil {
			t.Fatal(err)
		}
		want := BatchJob{Name: "job-2", Status: JobStatusFailed, DisplayName: "green vase", Tags: job.Tags, Properties: job.Properties,
			Outputs:  Outputs{"score": URIFile{URI: "azureml://datastores/workspaceblobstore/paths/azmlbatch/digits/k/predictions.csv"}},
			Services: map[string]JobService{"Studio": {Endpoint: "https://ml.azure.com/runs/job-2"}}}
		if diff := cmp.Diff(want, job); diff != "" {
			t.Errorf("job (-want +got):\n%s", diff)
		}
		if job.Deployment() != "green" || job.StudioURL() == "" {
			t.Errorf("Deployment = %q, StudioURL = %q", job.Deployment(), job.StudioURL())
		}
	}
}

func TestListOptionsOfJobs(t *testing.T) {
	var query string
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		query = r.URL.RawQuery
		writeJSON(w, 200, `{"value":[{"name":"a","properties":{"experimentName":"digits"}},{"name":"b","properties":{"experimentName":"vases"}}]}`)
	})
	var names []string
	for job, err := range c.Jobs().List(t.Context(), &ListJobsOptions{ExperimentName: "Digits", JobType: "Pipeline", Tag: "team", Properties: map[string]string{"b": "1", "a": ""}, View: ListViewArchivedOnly}) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, job.Name)
	}
	if diff := cmp.Diff("api-version=2024-04-01&jobType=Pipeline&listViewType=ArchivedOnly&properties=a%2Cb%3D1&tag=team", query); diff != "" {
		t.Errorf("query (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a"}, names); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
}

// One parameter of another kind must not hide where the output is: a key is looked up by it.
func TestParametersOfOtherKinds(t *testing.T) {
	for text, want := range map[string]map[string]string{
		`{"output_uri":"azureml://x","mini_batch_size":10,"none":null}`: {"output_uri": "azureml://x", "mini_batch_size": "10", "none": ""},
		`{"output_uri":`: nil,
		``:               nil,
	} {
		job := Job{Properties: map[string]string{"azureml.parameters": text}}
		if diff := cmp.Diff(want, job.Parameters()); diff != "" {
			t.Errorf("Parameters of %s (-want +got):\n%s", text, diff)
		}
	}
}
