package arm

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/azmlbatch/azmlbatch/emulator/internal/jobs"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

const cluster = `{"location": "westus", "properties": {"computeType": "amlcompute", "description": "kiln", "properties": {
	"vmSize": "Standard_D2_v2", "scaleSettings": {"maxNodeCount": "5", "minNodeCount": "0"},
	"userAccountCredentials": {"adminUserName": "potter", "adminUserPassword": "sesame", "adminUserSshPublicKey": "ssh-rsa A"},
	"remoteLoginPortPublicAccess": "NotSpecified",
},},}`

func TestComputeLife(t *testing.T) {
	h := newHost(t, func(o *Options) { o.Pace = Real })
	created := h.put("computes/cluster", cluster).wants(http.StatusCreated).has(map[string]any{
		"location": "westus", "tags": nil, "systemData": "absent", "properties/computeType": "AmlCompute",
		"properties/provisioningState": "Creating", "properties/resourceId": nil, "properties/computeLocation": "absent",
		"properties/provisioningWarnings": nil, "properties/isAttachedCompute": false, "properties/disableLocalAuth": false,
		"properties/properties/vmSize": "STANDARD_D2_V2", "properties/properties/vmPriority": "Dedicated",
		"properties/properties/scaleSettings/maxNodeCount": json.Number("5"), "properties/properties/currentNodeCount": nil,
		"properties/properties/userAccountCredentials": "absent", "properties/properties/propertyBag": "absent",
	})
	status := created.header.Get("Azure-AsyncOperation")
	if !strings.Contains(status, "/locations/eastus/computeOperationsStatus/") || !strings.Contains(status, "&service=new&t=") {
		t.Errorf("Azure-AsyncOperation = %.200s", status)
	}
	if got := created.header.Get("Location"); got != "" {
		t.Errorf("Location = %q, want none", got)
	}
	h.get(status).wants(http.StatusOK).has(map[string]any{"status": "InProgress", "percentComplete": "absent", "id": "absent"})
	h.time = h.time.Add(computeDuration)
	h.get(status).wants(http.StatusOK).has(map[string]any{"status": "Succeeded", "percentComplete": json.Number("100.0")})
	ready := h.get("computes/cluster").wants(http.StatusOK).has(map[string]any{
		"properties/provisioningState": "Succeeded", "properties/computeLocation": "westus",
		"properties/properties/vmSize": "Standard_D2_v2", "properties/properties/allocationState": "Steady",
		"properties/properties/nodeStateCounts/idleNodeCount":                json.Number("0"),
		"properties/properties/userAccountCredentials/adminUserSshPublicKey": "ssh-rsa A",
		"properties/properties/userAccountCredentials/adminUserPassword":     nil,
	})
	if diff := ready.at("tags"); diff == nil {
		t.Error("tags of a ready compute are null")
	}
	for _, doc := range h.store.List(operationPrefix) {
		if strings.Contains(string(encodeJSON(doc)), "sesame") {
			t.Error("the store keeps the password")
		}
	}
	updated := h.put("computes/cluster", strings.Replace(cluster, `"5"`, `"7"`, 1)).wants(http.StatusCreated).has(map[string]any{
		"properties/provisioningState": "Creating", "properties/computeLocation": "westus",
		"properties/resourceId": groupID(testSubscription, "pottery") + "/providers/Microsoft.BatchAI/workspaces/kilns/clusters/cluster",
	})
	h.poll(updated)
	h.get("computes/cluster").has(map[string]any{
		"properties/resourceId": nil, "properties/properties/scaleSettings/maxNodeCount": json.Number("7"),
		"properties/properties/allocationStateTransitionTime": ready.at("properties/properties/allocationStateTransitionTime"),
	})
	h.poll(h.put("computes/cluster", strings.Replace(cluster, "Standard_D2_v2", "Standard_NC6", 1)).wants(http.StatusCreated).has(map[string]any{
		"properties/properties/vmSize": "STANDARD_NC6",
	}))
	h.get("computes/cluster").has(map[string]any{"properties/properties/vmSize": "Standard_D2_v2"})
	h.poll(h.put("computes/cluster", strings.Replace(cluster, `"5"`, `"7"`, 1)).wants(http.StatusCreated))
	h.get("computes").hasNames("cluster")
	h.do(http.MethodPost, "computes/cluster/listNodes", "").wants(http.StatusOK).has(map[string]any{"computeType": "AmlCompute", "nodes": []any{}})
	h.do(http.MethodPatch, "computes/cluster", `{"properties": {"properties": {"ScaleSettings": {"minNodeCount": "1"}}}}`).wants(http.StatusOK).
		has(map[string]any{
			"properties/properties/scaleSettings/minNodeCount": json.Number("1"),
			"properties/properties/scaleSettings/maxNodeCount": json.Number("7"),
		})
	h.do(http.MethodDelete, "computes/cluster", "").wants(http.StatusBadRequest)
	deleted := h.do(http.MethodDelete, "computes/cluster?underlyingResourceAction=delete", "").wants(http.StatusAccepted)
	if deleted.text != "" {
		t.Errorf("body of a deletion = %q, want none", deleted.text)
	}
	h.poll(deleted).has(map[string]any{"status": "Succeeded"})
	missing := h.get("computes/cluster").wants(http.StatusNotFound)
	if missing.text != "" || missing.header.Get("x-ms-response-type") != "standard" {
		t.Errorf("404 has body %q and response type %q", missing.text, missing.header.Get("x-ms-response-type"))
	}
	h.do(http.MethodDelete, "computes/cluster?underlyingResourceAction=Detach", "").wants(http.StatusNoContent)
}

func TestOtherComputeTypesAreLeftAlone(t *testing.T) {
	h := newHost(t)
	h.poll(h.put("computes/station", `{"location": "eastus", "identity": {"type": "SystemAssigned"}, "properties": {
		"computeType": "ComputeInstance", "properties": {"vmSize": "small", "Odd": {"deep": [1, "2"]}}}}`).wants(http.StatusCreated))
	h.get("computes/station").has(map[string]any{
		"properties/properties/Odd/deep/1": "2", "properties/properties/vmSize": "small", "properties/properties/nodeStateCounts": "absent",
		"properties/provisioningState": "Succeeded", "identity/type": "SystemAssigned",
	})
}

func TestComputeRefusals(t *testing.T) {
	h := newHost(t)
	for name, body := range map[string]string{
		"no type":     `{"location": "eastus", "properties": {}}`,
		"no vmSize":   `{"location": "eastus", "properties": {"computeType": "AmlCompute", "properties": {}}}`,
		"not a count": `{"location": "eastus", "properties": {"computeType": "AmlCompute", "properties": {"vmSize": "s", "scaleSettings": {"maxNodeCount": "few"}}}}`,
	} {
		t.Run(name, func(t *testing.T) { h.put("computes/cluster", body).wants(http.StatusBadRequest) })
	}
	h.get("computes").hasNames()
}

// TestNodesOfAClusterThatCannotBe: in a new cluster, and in a change of one.
func TestNodesOfAClusterThatCannotBe(t *testing.T) {
	h := newHost(t)
	cluster := func(scale string) string {
		return `{"location": "eastus", "properties": {"computeType": "AmlCompute", "properties": {"vmSize": "s", "scaleSettings": ` + scale + `}}}`
	}
	says := func(r response, want string) {
		t.Helper()
		if message, _ := r.wants(http.StatusBadRequest).at("error/message").(string); !strings.Contains(message, want) {
			t.Errorf("%s, want %s in it", message, want)
		}
	}
	const below, above = "The value must be greater than or equal to '0'.", "The value must be less than or equal to that of maxNodeCount."
	says(h.put("computes/cluster", cluster(`{"maxNodeCount": -1}`)), below)
	says(h.put("computes/cluster", cluster(`{"maxNodeCount": 2, "minNodeCount": -1}`)), below)
	says(h.put("computes/cluster", cluster(`{"maxNodeCount": 2, "minNodeCount": 3}`)), above)
	h.get("computes").hasNames()
	h.poll(h.put("computes/cluster", cluster(`{"maxNodeCount": 2, "minNodeCount": 2}`)).wants(http.StatusCreated))
	says(h.do(http.MethodPatch, "computes/cluster", `{"properties": {"properties": {"scaleSettings": {"maxNodeCount": 1}}}}`), above)
	says(h.do(http.MethodPatch, "computes/cluster", `{"properties": {"properties": {"scaleSettings": {"minNodeCount": -1}}}}`), below)
	h.get("computes/cluster").has(map[string]any{"properties/properties/scaleSettings/maxNodeCount": json.Number("2")})
}

func TestComputeMembersByVersion(t *testing.T) {
	h := newHost(t)
	h.poll(h.put("computes/cluster", cluster))
	for version, want := range map[string]bool{"2022-10-01-preview": false, "2023-08-01-preview": true, "2024-04-01": true} {
		if got := h.get("computes/cluster?api-version="+version).at("properties/provisioningWarnings") != "absent"; got != want {
			t.Errorf("%s: has provisioningWarnings: %v, want %v", version, got, want)
		}
	}
}

// countedJobs counts how often it hears of computes.
type countedJobs struct{ changes int }

func (*countedJobs) Start(store.Document, jobs.Caller) error { return nil }
func (*countedJobs) Runs(string) bool                        { return false }
func (*countedJobs) Cancel(string) error                     { return errors.New("no such job is running") }
func (j *countedJobs) ComputesChanged()                      { j.changes++ }

func TestJobsHearOfChangedComputes(t *testing.T) {
	runner := &countedJobs{}
	h := newHost(t, func(o *Options) { o.Jobs = runner })
	const path, body = "computes/cluster", `{"location": "eastus", "properties": {"computeType": "AmlCompute", "properties": {"vmSize": "Standard_DS3_v2"}}}`
	for i, change := range []func(){
		func() { h.poll(h.put(path, body)) },
		func() { h.poll(h.put(path, body)) },
		func() {
			h.do(http.MethodPatch, path, `{"properties": {"properties": {"scaleSettings": {"maxNodeCount": 4}}}}`).wants(http.StatusOK)
		},
		func() {
			h.poll(h.do(http.MethodDelete, path+"?underlyingResourceAction=Delete", "").wants(http.StatusAccepted))
		},
	} {
		if change(); runner.changes != i+1 {
			t.Errorf("after %d changes jobs heard of %d", i+1, runner.changes)
		}
	}
}
