package ui

import (
	"bytes"
	"context"
	"encoding/json"
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

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azmlbatch/azmlbatch"
)

// recorded is a workspace of the real service as the recordings in AZMLBATCH_WITNESS_DIR show it: it answers
// each reading that was recorded, by its path. A list that was not recorded has what was recorded one by
// one. All else does not exist.
type recorded struct {
	t         *testing.T
	workspace string                     // path of the workspace
	answers   map[string]json.RawMessage // by path, in lower case
}

// A recording is one request to the real service, with its answer.
type recording struct {
	Method       string          `json:"method"`
	URL          string          `json:"url"`
	Status       int             `json:"status"`
	ResponseBody json.RawMessage `json:"responseBody"`
}

var workspacePath = regexp.MustCompile(`(?i)^/subscriptions/([^/]+)/resourceGroups/([^/]+)/providers/Microsoft\.MachineLearningServices/workspaces/([^/]+)`)

// readRecorded reads the recordings of all workspaces.
func readRecorded(t *testing.T) map[string]*recorded {
	t.Helper()
	dir := os.Getenv("AZMLBATCH_WITNESS_DIR")
	if dir == "" {
		t.Skip("AZMLBATCH_WITNESS_DIR names no folder of recordings")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings in AZMLBATCH_WITNESS_DIR (%v)", err)
	}
	workspaces := map[string]*recorded{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var some []recording
		if err := json.Unmarshal(content, &some); err != nil {
			t.Fatalf("%s: %v", filepath.Base(file), err)
		}
		for _, x := range some {
			u, err := url.Parse(x.URL)
			if err != nil {
				t.Fatal(err)
			}
			root := workspacePath.FindString(u.Path)
			if x.Method != http.MethodGet || x.Status != http.StatusOK || root == "" {
				continue
			}
			if workspaces[root] == nil {
				workspaces[root] = &recorded{t: t, workspace: root, answers: map[string]json.RawMessage{}}
			}
			workspaces[root].answers[strings.ToLower(u.Path)] = x.ResponseBody
		}
	}
	return workspaces
}

// Do answers a request of the client.
func (r *recorded) Do(q *http.Request) (*http.Response, error) {
	body, known := r.answers[strings.ToLower(q.URL.Path)]
	if !known {
		body, known = r.list(q.URL.Path)
	}
	status := http.StatusOK
	if !known || q.Method != http.MethodGet {
		status, body = http.StatusNotFound, json.RawMessage(`{"error":{"code":"NotFound","message":"not recorded"}}`)
	}
	header := http.Header{"Content-Type": {"application/json"}}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: q}, nil
}

// list has the things of a kind that were recorded one by one.
func (r *recorded) list(path string) (json.RawMessage, bool) {
	kind := path[strings.LastIndex(path, "/")+1:]
	if !slices.Contains([]string{"jobs", "batchEndpoints", "deployments", "computes"}, kind) {
		return nil, false
	}
	items := r.below(path)
	body, err := json.Marshal(map[string]any{"value": items})
	if err != nil {
		r.t.Fatal(err)
	}
	return body, true
}

// below are the things directly below a path.
func (r *recorded) below(path string) []json.RawMessage {
	items := []json.RawMessage{}
	for at, body := range r.answers {
		name, ok := strings.CutPrefix(at, strings.ToLower(path)+"/")
		if ok && !strings.Contains(name, "/") {
			items = append(items, body)
		}
	}
	return items
}

// names are the names of the things directly below a path.
func (r *recorded) names(path string) (names []string) {
	for _, body := range r.below(r.workspace + path) {
		var thing struct{ Name string }
		if err := json.Unmarshal(body, &thing); err != nil {
			r.t.Fatal(err)
		}
		names = append(names, thing.Name)
	}
	return names
}

type noToken struct{}

func (noToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "none", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// client is a client of the recorded workspace.
func (r *recorded) client() *azmlbatch.Client {
	m := workspacePath.FindStringSubmatch(r.workspace)
	o := &azmlbatch.ClientOptions{ReadOnly: true}
	o.Transport = r
	o.Retry.MaxRetries = -1
	client, err := azmlbatch.NewClient(azmlbatch.Workspace{SubscriptionID: m[1], ResourceGroup: m[2], Name: m[3]}, noToken{}, o)
	if err != nil {
		r.t.Fatal(err)
	}
	return client
}

// TestPagesOfRecordedWorkspaces opens every page of what the real service has answered.
func TestPagesOfRecordedWorkspaces(t *testing.T) {
	opened := map[string]int{}
	for root, r := range readRecorded(t) {
		t.Run(root[strings.LastIndex(root, "/")+1:], func(t *testing.T) {
			r.t = t
			p := newTestPage(t, r.client(), nil)
			open := func(kind, path string, texts ...string) {
				opened[kind]++
				if body := p.shows(path, texts...); strings.Contains(body, "sig=") {
					t.Errorf("%s shows a signature", path)
				}
			}
			open("lists", "/jobs")
			open("lists", "/endpoints")
			open("lists", "/workspace")
			for _, job := range r.names("/jobs") {
				open("jobs", "/jobs/"+job)
				open("predictions", "/jobs/"+job+"/predictions", "Predictions")
				p.do(http.MethodGet, "/jobs/"+job+"/logs", nil)
			}
			for _, endpoint := range r.names("/batchEndpoints") {
				open("endpoints", "/endpoints/"+endpoint, endpoint)
				for _, d := range r.names("/batchEndpoints/" + endpoint + "/deployments") {
					open("deployments", "/endpoints/"+endpoint+"/deployments/"+d, d, "As YAML")
				}
			}
			for _, c := range r.names("/computes") {
				p.shows("/workspace", c)
			}
		})
	}
	for _, kind := range []string{"lists", "jobs", "predictions", "endpoints", "deployments"} {
		if opened[kind] == 0 {
			t.Errorf("no pages of %s were opened", kind)
		}
	}
	t.Log(opened)
}
