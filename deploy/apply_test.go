package deploy_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
	"github.com/azmlbatch/azmlbatch/emulator"
)

func apply(t *testing.T, client *azmlbatch.Client, spec deploy.Spec, options *deploy.PlanOptions) deploy.Result {
	t.Helper()
	result, err := plan(t, client, spec, options).Apply(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// writes are the requests since the nth that change something.
func writes(azure *emulator.Emulator, n int) (sent []string) {
	for _, r := range azure.Requests()[n:] {
		if r.Method != http.MethodGet && r.Method != http.MethodHead && !strings.Contains(r.Host, "login") {
			sent = append(sent, r.Method+" "+r.Host+r.Path)
		}
	}
	return sent
}

// TestApplyTwice does everything once, and nothing the second time.
func TestApplyTwice(t *testing.T) {
	spec := studio(t)
	client, azure := newClient(t)
	options := &deploy.PlanOptions{SetDefault: true, SmokeInput: azmlbatch.LocalPath{Path: "smoke"}}
	result := apply(t, client, spec, options)
	if len(result.Tests) != 1 || result.Tests[0].Rows != 1 || result.Tests[0].Files != 1 {
		t.Errorf("tests = %+v, want one with a file and a row", result.Tests)
	}
	endpoint, err := client.Endpoints().Get(t.Context(), "digits")
	if err != nil || endpoint.DefaultDeployment != "blue" {
		t.Errorf("default deployment = %q, %v, want blue", endpoint.DefaultDeployment, err)
	}
	n := len(azure.Requests())
	again := plan(t, client, spec, options)
	if !again.Empty() {
		t.Errorf("second plan:\n%s", again)
	}
	if _, err := again.Apply(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string(nil), writes(azure, n)); diff != "" {
		t.Errorf("writes of the second Apply (-want +got):\n%s", diff)
	}
}
