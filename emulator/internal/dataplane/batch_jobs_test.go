package dataplane

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

const batchBase = host + "/mferp/managementfrontend" + workspace + "/batchEndpoints/tiles-ep"

// addJob stores a batch job of an endpoint.
func addJob(t *testing.T, s *store.Store, name, deployment string) {
	t.Helper()
	put(t, s, map[string]store.Document{
		workspace + "/jobs/" + name:                        {"properties": store.Document{"status": "Running"}},
		"batchjob:" + workspace + "/tiles-ep/" + name:      {"name": name, "properties": store.Document{"status": "Preparing"}},
		"batchjobindex:" + workspace + "/tiles-ep/" + name: {"name": name, "deployment": deployment},
	})
}

func withJobs(t *testing.T) (*Handler, *store.Store) {
	h, s := newHandler(t)
	put(t, s, map[string]store.Document{
		workspace + "/batchEndpoints/tiles-ep":                  {"name": "tiles-ep"},
		workspace + "/batchEndpoints/tiles-ep/deployments/blue": {"name": "blue"},
	})
	for i := range 5 {
		addJob(t, s, fmt.Sprintf("batchjob-%d", i), []string{"blue", "green"}[i%2])
	}
	return h, s
}

// names follows a list from page to page.
func names(t *testing.T, h http.Handler, url string, between func()) (pages [][]string) {
	t.Helper()
	for url != "" {
		page := do(t, h, http.MethodGet, url, "", http.StatusOK)
		names := []string{}
		for _, job := range page["value"].([]any) {
			names = append(names, job.(store.Document)["name"].(string))
		}
		pages = append(pages, names)
		url, _ = page["nextLink"].(string)
		if url != "" && (!strings.HasPrefix(url, host+"/") || strings.Count(url, "$skiptoken=") != 1) {
			t.Fatalf("nextLink = %s", url)
		}
		between()
	}
	return pages
}

func TestListJobs(t *testing.T) {
	tests := map[string]struct {
		url  string
		want [][]string
	}{
		"endpoint":            {batchBase + "/jobs?api-version=2020-09-01-dataplanepreview", [][]string{{"batchjob-4", "batchjob-3"}, {"batchjob-2", "batchjob-1"}, {"batchjob-0"}}},
		"deployment by path":  {batchBase + "/deployments/green/jobs", [][]string{{"batchjob-3", "batchjob-1"}}},
		"deployment by query": {batchBase + "/jobs?deployment=Green", [][]string{{"batchjob-3", "batchjob-1"}}},
		"other case":          {strings.Replace(batchBase, "resourceGroups", "resourcegroups", 1) + "/jobs?deployment=green", [][]string{{"batchjob-3", "batchjob-1"}}},
		"none of it":          {batchBase + "/deployments/red/jobs", [][]string{{}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h, _ := withJobs(t)
			if diff := cmp.Diff(test.want, names(t, h, test.url, func() {})); diff != "" {
				t.Errorf("pages (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPageWithoutASizeOfItsOwn(t *testing.T) {
	h, s := newHandler(t, func(o *Options) { o.PageSize = 0 })
	put(t, s, map[string]store.Document{workspace + "/batchEndpoints/tiles-ep": {"name": "tiles-ep"}})
	for i := range DefaultPageSize + 1 {
		addJob(t, s, fmt.Sprintf("batchjob-%d", i), "blue")
	}
	pages := names(t, h, batchBase+"/jobs", func() {})
	if len(pages) != 2 || len(pages[0]) != DefaultPageSize || len(pages[1]) != 1 {
		t.Errorf("%d pages, want one of %d jobs and one of 1", len(pages), DefaultPageSize)
	}
}

func TestListJobsWhileJobsCome(t *testing.T) {
	h, s := withJobs(t)
	next := 5
	got := names(t, h, batchBase+"/jobs", func() {
		addJob(t, s, fmt.Sprintf("batchjob-%d", next), "blue")
		next++
	})
	want := [][]string{{"batchjob-4", "batchjob-3"}, {"batchjob-2", "batchjob-1"}, {"batchjob-0"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
}

func TestListJobsRefusesForeignTokens(t *testing.T) {
	h, _ := withJobs(t)
	do(t, h, http.MethodGet, batchBase+"/jobs?$skiptoken=bm9uZQ", "", http.StatusBadRequest)
	do(t, h, http.MethodGet, batchBase+"/jobs?%24skiptoken=!", "", http.StatusBadRequest)
}

func TestGetBatchResources(t *testing.T) {
	h, _ := withJobs(t)
	for url, want := range map[string]string{
		batchBase:                                        "tiles-ep",
		batchBase + "/deployments/blue":                  "blue",
		batchBase + "/jobs/batchjob-1":                   "batchjob-1",
		batchBase + "/deployments/green/jobs/batchjob-1": "batchjob-1",
	} {
		if got := do(t, h, http.MethodGet, url+"?api-version=2020-09-01-dataplanepreview", "", http.StatusOK); got["name"] != want {
			t.Errorf("GET %s = %v", url, got)
		}
	}
	got := do(t, h, http.MethodGet, batchBase+"/jobs/batchjob-1", "", http.StatusOK)
	if status := got["properties"].(store.Document)["status"]; status != "Running" {
		t.Errorf("status = %v, want that of the job in ARM's form", status)
	}
	do(t, h, http.MethodGet, batchBase+"/deployments/blue/jobs/batchjob-1", "", http.StatusNotFound)
}
