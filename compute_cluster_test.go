package azmlbatch

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/azmlbatch/azmlbatch/internal/wire"
	"github.com/google/go-cmp/cmp"
)

func TestScaleChecksTheNumbersBeforeAnythingIsSent(t *testing.T) {
	said := newTexts(t)
	for _, tt := range []struct {
		minNodes, maxNodes int
		want               string
	}{{-1, 2, "MinNodes: is -1"}, {0, 0, "MaxNodes: is 0"}, {3, 2, "MaxNodes: is 2, below MinNodes 3"}} {
		service := &fakeService{answers: map[string]http.HandlerFunc{}}
		var bad *ArgumentError
		_, err := service.client(t).Computes().Scale(t.Context(), "batch-cluster", tt.minNodes, tt.maxNodes, nil)
		said.add(tt.want, err)
		if !asError(err, &bad) || !strings.Contains(err.Error(), `scale compute "batch-cluster": `+tt.want) || len(service.requests) != 0 {
			t.Errorf("Scale to %d and %d = %v after %d requests, want an ArgumentError before any", tt.minNodes, tt.maxNodes, err, len(service.requests))
		}
	}
}

func TestNodesOfSeveralPages(t *testing.T) {
	service := &fakeService{}
	const more = "https://management.azure.com" + testWorkspaceID + "/computes/raku/listNodes?$skip=1"
	service.answers = map[string]http.HandlerFunc{
		"POST /computes/raku/listNodes": answer(200, `{"computeType":"AmlCompute","nodes":[{"nodeId":"n1","nodeState":"idle","port":50000,"newer":1}],"nextLink":"`+more+`"}`),
		"GET /computes/raku/listNodes":  answer(200, `{"nodes":[{"nodeId":"n2","runId":"r"}]}`),
	}
	nodes, err := collect(service.client(t).Computes().ListNodes(t.Context(), "raku"))
	want := []ComputeNode{{NodeID: "n1", State: "idle", Port: 50000, Extra: map[string]json.RawMessage{"/newer": json.RawMessage("1")}}, {NodeID: "n2", RunID: "r"}}
	if diff := cmp.Diff(want, nodes); err != nil || diff != "" {
		t.Errorf("ListNodes, %v (-want +got):\n%s", err, diff)
	}
	if len(service.requests) != 2 || !strings.Contains(service.requests[1].Query, "$skip=1") {
		t.Errorf("requests %q", service.routes())
	}
	service.answers["GET /computes/raku/listNodes"] = answer(200, `{"nodes":[],"nextLink":"`+more+`"}`)
	if _, err := collect(service.client(t).Computes().ListNodes(t.Context(), "raku")); !isError(err, errRepeatedLink) {
		t.Errorf("ListNodes with a link that repeats = %v, want an error", err)
	}
}

// TestClusterKeepsADurationOfZero sends back what the service said, though the field is zero for the service's default.
func TestClusterKeepsADurationOfZero(t *testing.T) {
	const sent = `{"scaleSettings":{"maxNodeCount":1,"minNodeCount":0,"nodeIdleTimeBeforeScaleDown":"PT0S"}}`
	var c AmlCompute
	if err := wire.Unmarshal([]byte(sent), &c); err != nil {
		t.Fatal(err)
	}
	got, err := wire.Encode(c, wire.ForCaller)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(got), `"nodeIdleTimeBeforeScaleDown":"PT0S"`) {
		t.Errorf("%s came back as %s", sent, got)
	}
	c.IdleTimeBeforeScaleDown = time.Minute
	if got, err = wire.Encode(c, wire.ForCaller); err != nil || !strings.Contains(string(got), `"nodeIdleTimeBeforeScaleDown":"PT1M"`) {
		t.Errorf("a minute is %s, %v", got, err)
	}
}
