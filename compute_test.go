package azmlbatch

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const clusterJSON = `{"id":"` + testWorkspaceID + `/computes/raku","name":"raku","type":"t","location":"westeurope","tags":{},
	"properties":{"computeType":"AmlCompute","provisioningState":"Succeeded","createdOn":"2026-03-01T10:00:00.1234567+00:00",
	"provisioningErrors":null,"provisioningWarnings":{},"isAttachedCompute":false,"disableLocalAuth":false,"description":"small","resourceId":null,
	"properties":{"vmSize":"STANDARD_DS2_V2","vmPriority":"Dedicated","scaleSettings":{"maxNodeCount":2,"minNodeCount":0,"nodeIdleTimeBeforeScaleDown":"PT1M40S"},
	"userAccountCredentials":{"adminUserName":"potter","adminUserPassword":null,"adminUserSshPublicKey":"ssh-ed25519 AAAA"},
	"subnet":null,"currentNodeCount":1,"targetNodeCount":2,"nodeStateCounts":{"idleNodeCount":1},"allocationState":"Steady","errors":null,
	"remoteLoginPortPublicAccess":"Enabled","osType":"Linux","enableNodePublicIp":false,"propertyBag":{"x":1}}}}`

const instanceJSON = `{"name":"desk","location":"westeurope","properties":{"computeType":"ComputeInstance","provisioningState":"Succeeded",
	"properties":{"vmSize":"STANDARD_DS3_V2","state":"Running","applications":[{"displayName":"Jupyter"}]},"newer":true}}`

func newComputeService() *fakeService {
	return &fakeService{answers: map[string]http.HandlerFunc{
		"GET ":                          answer(200, `{"location":"westeurope"}`),
		"GET " + operationPath():        inTurn(answer(200, `{"status":"InProgress"}`), answer(200, `{"status":"Succeeded","percentComplete":100.0}`)),
		"GET /computes/raku":            answer(200, clusterJSON),
		"GET /computes/desk":            answer(200, instanceJSON),
		"GET /computes":                 answer(200, `{"value":[`+clusterJSON+`,`+instanceJSON+`]}`),
		"PUT /computes/raku":            asynchronous(201, `{"name":"raku","properties":{"computeType":"AmlCompute","provisioningState":"Creating","properties":{}}}`),
		"DELETE /computes/raku":         asynchronous(202, ``),
		"POST /computes/raku/listNodes": answer(200, `{"computeType":"AmlCompute","nodes":[{"nodeId":"n1","nodeState":"idle","port":50000}]}`),
	}}
}

func TestCreateCluster(t *testing.T) {
	service := newComputeService()
	p, err := service.client(t).Computes().BeginCreateOrUpdate(t.Context(), "raku", Compute{
		Description: "small",
		Tags:        map[string]string{"clay": "red"},
		Identity:    Identity{Type: IdentityTypeSystemAssigned},
		Properties: &AmlCompute{VMSize: "Standard_DS2_v2", VMPriority: VMPriorityLowPriority, MaxNodes: 2, IdleTimeBeforeScaleDown: 100 * time.Second,
			Administrator: NodeAdministrator{UserName: "potter", SSHPublicKey: "ssh-ed25519 AAAA"}, SubnetID: "/subnets/1", EnableNodePublicIP: new(false)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if c, err := p.PollUntilDone(t.Context(), nil); err != nil || c.ProvisioningState != ProvisioningStateSucceeded {
		t.Errorf("result = %+v, %v", c, err)
	}
	want := recordedRequest{Method: "PUT", Path: testWorkspaceID + "/computes/raku", Query: "api-version=2024-04-01", Body: compactJSON(`{
		"location":"westeurope","tags":{"clay":"red"},"identity":{"type":"SystemAssigned"},"properties":{"computeType":"AmlCompute","description":"small","properties":{
		"vmSize":"Standard_DS2_v2","vmPriority":"LowPriority","scaleSettings":{"maxNodeCount":2,"minNodeCount":0,"nodeIdleTimeBeforeScaleDown":"PT1M40S"},
		"userAccountCredentials":{"adminUserName":"potter","adminUserSshPublicKey":"ssh-ed25519 AAAA"},"subnet":{"id":"/subnets/1"},"enableNodePublicIp":false}}}`)}
	if diff := cmp.Diff(want, service.requests[1]); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestScaleChangesOneThing(t *testing.T) {
	service := newComputeService()
	if _, err := service.client(t).Computes().Scale(t.Context(), "raku", 1, 4, nil); err != nil {
		t.Fatal(err)
	}
	want := compactJSON(`{"location":"westeurope","tags":{},"properties":{"computeType":"AmlCompute","description":"small","properties":{
		"vmSize":"STANDARD_DS2_V2","vmPriority":"Dedicated","scaleSettings":{"maxNodeCount":4,"minNodeCount":1,"nodeIdleTimeBeforeScaleDown":"PT1M40S"},
		"userAccountCredentials":{"adminUserName":"potter","adminUserSshPublicKey":"ssh-ed25519 AAAA"},
		"remoteLoginPortPublicAccess":"Enabled","osType":"Linux","enableNodePublicIp":false,"propertyBag":{"x":1}}}}`)
	if diff := cmp.Diff(want, withoutNulls(t, service.requests[1].Body)); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	service = newComputeService()
	if _, err := service.client(t).Computes().Scale(t.Context(), "raku", 0, 2, nil); err != nil || len(service.requests) != 1 {
		t.Errorf("Scale to what it is: %v after %d requests, want one GET", err, len(service.requests))
	}
	var bad *ArgumentError
	_, err := newComputeService().client(t).Computes().Scale(t.Context(), "desk", 0, 2, nil)
	newTexts(t).add("an instance", err)
	if !asError(err, &bad) {
		t.Errorf("Scale of an instance = %v, want an ArgumentError", err)
	}
	if _, err := newComputeService().client(t).Computes().Scale(t.Context(), "raku", 3, 2, nil); !asError(err, &bad) {
		t.Errorf("Scale to fewer than the least = %v, want an ArgumentError", err)
	}
}

// withoutNulls drops members that are null: the service takes them as absent.
func withoutNulls(t *testing.T, body string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(dropNulls(v))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func dropNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			if value == nil {
				delete(v, name)
			} else {
				v[name] = dropNulls(value)
			}
		}
	case []any:
		for i := range v {
			v[i] = dropNulls(v[i])
		}
	}
	return v
}

func TestComputeMistakesAreFoundBeforeSending(t *testing.T) {
	good := AmlCompute{VMSize: "STANDARD_DS2_V2", MaxNodes: 1}
	change := func(f func(*AmlCompute)) Compute {
		cluster := good
		f(&cluster)
		return Compute{Properties: cluster, Location: "westeurope"}
	}
	tests := []struct {
		name, compute string
		value         Compute
		argument      string
	}{
		{"empty name", "", Compute{Properties: good}, "name"},
		{"name ends in digits", "raku-1", Compute{Properties: good}, "name"},
		{"short name", "ra", Compute{Properties: good}, "name"},
		{"nothing", "raku", Compute{}, "Compute.Properties"},
		{"a nil pointer", "raku", Compute{Properties: (*AmlCompute)(nil)}, "Compute.Properties"},
		{"no size", "raku", change(func(a *AmlCompute) { a.VMSize = "" }), "Compute.Properties.VMSize"},
		{"no nodes", "raku", change(func(a *AmlCompute) { a.MaxNodes = 0 }), "Compute.Properties.MaxNodes"},
		{"fewer than the least", "raku", change(func(a *AmlCompute) { a.MinNodes = 2 }), "Compute.Properties.MaxNodes"},
		{"negative", "raku", change(func(a *AmlCompute) { a.MinNodes = -1 }), "Compute.Properties.MinNodes"},
		{"idle time", "raku", change(func(a *AmlCompute) { a.IdleTimeBeforeScaleDown = -1 }), "Compute.Properties.IdleTimeBeforeScaleDown"},
		{"contradiction", "raku", Compute{Type: ComputeTypeKubernetes, Properties: good}, "Compute.Type"},
		{"tag", "raku", Compute{Properties: good, Tags: map[string]string{"a": ""}}, "Tags"},
	}
	said := newTexts(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			service := newComputeService()
			_, err := service.client(t).Computes().BeginCreateOrUpdate(t.Context(), tt.compute, tt.value)
			said.add(tt.name, err)
			var bad *ArgumentError
			if !asError(err, &bad) || bad.Argument != tt.argument || len(service.requests) != 0 {
				t.Errorf("err = %v after %d requests, want an ArgumentError about %s before any", err, len(service.requests), tt.argument)
			}
		})
	}
}

func TestComputeCalls(t *testing.T) {
	service := newComputeService()
	computes := service.client(t).Computes()
	var got []Compute
	for c, err := range computes.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, c)
	}
	cluster, ok := got[0].Properties.(AmlCompute)
	if !ok || !cluster.SameVMSize("Standard_DS2_v2") || cluster.NodeStates.Idle != 1 || cluster.CurrentNodeCount != 1 {
		t.Errorf("cluster = %+v", got[0].Properties)
	}
	if _, ok := got[1].Properties.(UnknownCompute); !ok || got[1].Type != ComputeTypeComputeInstance {
		t.Errorf("instance = %+v, want it kept as UnknownCompute", got[1])
	}
	again, err := json.Marshal(got[1])
	if diff := cmp.Diff(compactJSON(instanceJSON), compactJSON(string(again))); err != nil || diff != "" {
		t.Errorf("instance written again, %v (-want +got):\n%s", err, diff)
	}
	nodes, err := collect(computes.ListNodes(t.Context(), "raku"))
	if diff := cmp.Diff([]ComputeNode{{NodeID: "n1", State: "idle", Port: 50000}}, nodes); err != nil || diff != "" {
		t.Errorf("ListNodes, %v (-want +got):\n%s", err, diff)
	}
	for _, options := range []*DeleteComputeOptions{nil, {Detach: true}} {
		if err := computes.Delete(t.Context(), "raku", options); err != nil {
			t.Error(err)
		}
	}
	want := []string{"GET /computes", "POST /computes/raku/listNodes", "DELETE /computes/raku?underlyingResourceAction=Delete",
		"DELETE /computes/raku?underlyingResourceAction=Detach"}
	var routes []string
	for _, r := range service.routes() {
		if r != "GET "+operationPath()+"?"+operationQuery() && r[:6] != "GET /s" {
			routes = append(routes, r)
		}
	}
	if diff := cmp.Diff(want, routes); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if _, err := computes.Get(t.Context(), "none"); !isError(err, ErrNotFound) {
		t.Errorf("Get of a missing one = %v, want ErrNotFound", err)
	}
}

// TestNodeCountsAtTheirBounds: a cluster may keep as many nodes as it may have.
func TestNodeCountsAtTheirBounds(t *testing.T) {
	tests := []struct {
		minNodes, maxNodes int
		argument           string // "" for none
	}{{0, 1, ""}, {1, 1, ""}, {4, 4, ""}, {-1, 1, "MinNodes"}, {0, 0, "MaxNodes"}, {2, 1, "MaxNodes"}}
	for _, tt := range tests {
		err := checkNodes(operation{"scale", "compute", "kilns"}, "", tt.minNodes, tt.maxNodes)
		var bad *ArgumentError
		if tt.argument == "" && err != nil || tt.argument != "" && (!errors.As(err, &bad) || bad.Argument != tt.argument) {
			t.Errorf("%d to %d nodes: %v, want a mistake in %q", tt.minNodes, tt.maxNodes, err, tt.argument)
		}
	}
}

// TestClusterKeepsItsSize: the service takes another size without a word, and leaves the old one.
func TestClusterKeepsItsSize(t *testing.T) {
	for _, tt := range []struct {
		size, want string
	}{
		{"standard_ds2_v2", ""},
		{"STANDARD_NC6", `azmlbatch: create compute "raku": the cluster keeps its VM size STANDARD_DS2_V2, and did not take the new one; ` +
			`delete it first, or give the new one another name`},
	} {
		service := newComputeService()
		c, err := service.client(t).Computes().CreateOrUpdate(t.Context(), "raku", Compute{Properties: &AmlCompute{VMSize: tt.size, MaxNodes: 2}}, nil)
		message := ""
		if err != nil {
			message = err.Error()
		}
		if diff := cmp.Diff(tt.want, message); diff != "" || errors.Is(err, ErrConflict) != (tt.want != "") || c.Name != "raku" {
			t.Errorf("%s: %+v, %v (-want +got):\n%s", tt.size, c, err, diff)
		}
	}
}
