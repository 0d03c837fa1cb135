package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	sdk "github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// refusing is a transport that answers some requests in the place of the emulator.
type refusing struct {
	*emulator.Emulator
	answer func(*http.Request) (status int, body string) // status 0 asks the emulator
}

func (r *refusing) Do(request *http.Request) (*http.Response, error) {
	if status, body := r.answer(request); status != 0 {
		return &http.Response{StatusCode: status, Header: http.Header{}, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)), Request: request}, nil
	}
	return r.Emulator.Do(request)
}

// examined runs doctor over the transport, and returns its findings by check, of which only those are kept that are not ok.
func examined(t *testing.T, p *pottery, answer func(*http.Request) (int, string)) (code int, notOK map[string]finding) {
	t.Helper()
	var out, errs bytes.Buffer
	a := &app{console: console{&bytes.Buffer{}, &out, &errs}, connection: connection{transport: &refusing{p.Emulator, answer}}}
	code = a.run(t.Context(), []string{"doctor", "--json"})
	var findings []finding
	if err := json.Unmarshal(out.Bytes(), &findings); err != nil {
		t.Fatalf("%v\n%s%s", err, &out, &errs)
	}
	notOK = map[string]finding{}
	for _, f := range findings {
		if f.Status != statusOK {
			notOK[f.Check] = f
		}
	}
	return code, notOK
}

func nothing(*http.Request) (int, string) { return 0, "" }

// checkMissing compares what is not ok: by check, its status and a part of what is said.
func checkMissing(t *testing.T, got map[string]finding, want map[string][2]string) {
	t.Helper()
	for check, f := range got {
		w, ok := want[check]
		if text := f.Detail + "; " + f.Remedy; !ok || f.Status != w[0] || !strings.Contains(text, w[1]) {
			t.Errorf("%s: %s: %s\nwant %q", check, f.Status, text, w)
		}
		delete(want, check)
	}
	for check, w := range want {
		t.Errorf("%s is not told as %q", check, w)
	}
}

// smallCluster makes the emulator's cluster as small as its quota.
func (p *pottery) smallCluster(t *testing.T) {
	t.Helper()
	if _, err := p.client.Computes().Scale(t.Context(), emulator.DeployCluster, 0, 2, nil); err != nil {
		t.Fatal(err)
	}
}

func TestDoctorFindsNothing(t *testing.T) {
	p := newPottery(t, nil)
	p.smallCluster(t)
	out := p.ok(t, "doctor")
	for _, want := range []string{
		"ok       workspace: laptop in resource group azmlbatch of subscription " + emulator.DefaultSubscriptionID + "\n",
		"ok       sign-in: application " + emulator.DefaultClientID + " (object id ",
		"ok       read workspace: region eastus, public network access enabled\n",
		"ok       role to deploy: you have it\n",
		"ok       write storage: container azureml-blobstore-",
		"ok       cluster deploy-cluster: STANDARD_D2_V2, at most 2 nodes\n",
		"ok       quota of cluster deploy-cluster: Standard Dv2 Family Cluster Dedicated vCPUs: 0 of 100 cores are used, the cluster may take 4\n",
		"ok       endpoint vases: default deployment blue on cluster deploy-cluster\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if n := strings.Count(out, "\n"); strings.Count(out, "ok       ") != n {
		t.Errorf("not every line is ok:\n%s", out)
	}
}

const roleOf = "az role assignment create --assignee-object-id 26a28145-3265-5311-a874-80868e6fa639 --assignee-principal-type ServicePrincipal --role "

// TestDoctorWithoutRoles: each action that the caller lacks, and the role that has it.
func TestDoctorWithoutRoles(t *testing.T) {
	p := newPottery(t, nil)
	p.smallCluster(t)
	scope := " --scope " + p.client.Workspace().ID()
	for name, test := range map[string]struct {
		permissions string
		code        int
		want        map[string][2]string
	}{
		"none": {`[]`, 1, map[string][2]string{
			"role to deploy":        {statusMissing, "the caller lacks models/versions/write, codes/versions/write, environments/versions/write, batchEndpoints/write, batchEndpoints/deployments/write; " + roleOf + `"AzureML Data Scientist"` + scope},
			"role to invoke":        {statusMissing, "the caller lacks batchEndpoints/read, batchEndpoints/jobs/write, batchEndpoints/deployments/jobs/write; " + roleOf + `"AzureML Data Scientist"` + scope},
			"role to cancel jobs":   {statusMissing, "the caller lacks jobs/cancel/action; " + roleOf},
			"role to make clusters": {statusOptional, roleOf + `"AzureML Compute Operator"` + scope},
		}},
		"Reader": {`[{"actions":["*/read"],"notActions":[]}]`, 1, map[string][2]string{
			"role to deploy":        {statusMissing, "batchEndpoints/write"},
			"role to invoke":        {statusMissing, "the caller lacks batchEndpoints/jobs/write, batchEndpoints/deployments/jobs/write; "},
			"role to cancel jobs":   {statusMissing, "jobs/cancel/action"},
			"role to make clusters": {statusOptional, "AzureML Compute Operator"},
		}},
		"AzureML Data Scientist": {`[{"actions":["Microsoft.MachineLearningServices/workspaces/*/read","Microsoft.MachineLearningServices/workspaces/*/action",
			"Microsoft.MachineLearningServices/workspaces/*/delete","Microsoft.MachineLearningServices/workspaces/*/write"],
			"notActions":["Microsoft.MachineLearningServices/workspaces/delete","Microsoft.MachineLearningServices/workspaces/write","Microsoft.MachineLearningServices/workspaces/computes/*/write"]}]`, 0,
			map[string][2]string{"role to make clusters": {statusOptional, "AzureML Compute Operator"}}},
	} {
		t.Run(name, func(t *testing.T) {
			code, got := examined(t, p, func(r *http.Request) (int, string) {
				if strings.HasSuffix(r.URL.Path, "/permissions") {
					return 200, `{"value":` + test.permissions + `}`
				}
				return 0, ""
			})
			checkMissing(t, got, test.want)
			if code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
		})
	}
}

// TestDoctorOfWhatIsDenied: each action that the emulator denies is missing, and nothing else.
func TestDoctorOfWhatIsDenied(t *testing.T) {
	for _, test := range []struct{ action, check, says string }{
		{"batchEndpoints/write", "role to deploy", "the caller lacks batchEndpoints/write; " + roleOf + `"AzureML Data Scientist"`},
		{"Microsoft.MachineLearningServices/workspaces/models/*", "role to deploy", "the caller lacks models/versions/write; "},
		{"batchEndpoints/jobs/write", "role to invoke", "the caller lacks batchEndpoints/jobs/write; "},
		{"jobs/cancel/action", "role to cancel jobs", "the caller lacks jobs/cancel/action; "},
		{"Microsoft.Storage/*/blobs/write", "write storage", roleOf + `"Storage Blob Data Contributor"`},
	} {
		p := newPottery(t, &emulator.Options{Workspaces: []emulator.Workspace{{Keyless: test.check == "write storage"}}})
		p.smallCluster(t)
		fault, err := emulator.ParseDeny(test.action)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Inject(fault); err != nil {
			t.Fatal(err)
		}
		code, got := examined(t, p, func(r *http.Request) (int, string) {
			if strings.HasSuffix(r.URL.Path, "/startPendingUpload") { // a signature of the datastore would do instead
				return 403, `{"error":{"code":"AuthorizationFailed","message":"no"}}`
			}
			return 0, ""
		})
		want := map[string][2]string{test.check: {statusMissing, test.says}}
		if test.check == "write storage" {
			want["identity of cluster deploy-cluster"] = [2]string{statusMissing, "az ml compute update"}
		}
		checkMissing(t, got, want)
		if code != 1 {
			t.Errorf("%s: exit code %d, want 1", test.action, code)
		}
	}
}

func storageRefusal(code, text string) string {
	return "\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>" + code + "</Code><Message>" + text + "\nRequestId:1\nTime:2026-03-01T00:00:00Z</Message></Error>"
}

// TestDoctorOfAKeylessWorkspace: the roles on the storage, and the identity of the cluster.
func TestDoctorOfAKeylessWorkspace(t *testing.T) {
	p := newPottery(t, &emulator.Options{Workspaces: []emulator.Workspace{{Keyless: true}}})
	p.smallCluster(t)
	details, err := p.client.WorkspaceDetails(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	identity := [2]string{statusMissing, "it has none, and the workspace's storage takes no keys; az ml compute update --identity-type SystemAssigned --name deploy-cluster" +
		" --resource-group azmlbatch --workspace-name laptop --subscription " + emulator.DefaultSubscriptionID}
	_, got := examined(t, p, nothing)
	checkMissing(t, got, map[string][2]string{"identity of cluster deploy-cluster": identity})

	mismatch := storageRefusal("AuthorizationPermissionMismatch", "This request is not authorized to perform this operation using this permission.")
	code, got := examined(t, p, func(r *http.Request) (int, string) {
		if strings.Contains(r.URL.Host, ".blob.") {
			return 403, mismatch
		}
		return 0, ""
	})
	checkMissing(t, got, map[string][2]string{
		"read storage":                       {statusMissing, "; " + roleOf + `"Storage Blob Data Reader" --scope ` + details.StorageAccount},
		"write storage":                      {statusMissing, roleOf + `"Storage Blob Data Contributor" --scope ` + details.StorageAccount},
		"identity of cluster deploy-cluster": identity,
	})
	if code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	_, got = examined(t, p, func(r *http.Request) (int, string) {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Host, ".blob.") {
			return 403, mismatch
		}
		return 0, ""
	})
	checkMissing(t, got, map[string][2]string{"write storage": {statusMissing, `"Storage Blob Data Contributor"`}, "identity of cluster deploy-cluster": identity})
}

// TestDoctorBehindNetworkRules: a role would not help.
func TestDoctorBehindNetworkRules(t *testing.T) {
	p := newPottery(t, nil)
	p.smallCluster(t)
	_, got := examined(t, p, func(r *http.Request) (int, string) {
		if strings.Contains(r.URL.Host, ".blob.") {
			return 403, storageRefusal("AuthorizationFailure", "This request is not authorized to perform this operation.")
		}
		return 0, ""
	})
	const rules = "the storage account's network rules refuse this machine: open them or use a private endpoint"
	checkMissing(t, got, map[string][2]string{"read storage": {statusMissing, rules}, "write storage": {statusMissing, rules}})
}

// TestDoctorStops where nothing more can be found out.
func TestDoctorStops(t *testing.T) {
	p := newPottery(t, nil)
	workspace := p.client.Workspace().ID()
	refuse := func(status int, code, text string) func(*http.Request) (int, string) {
		return func(r *http.Request) (int, string) {
			if strings.EqualFold(r.URL.Path, workspace) {
				return status, `{"error":{"code":"` + code + `","message":"` + text + `"}}`
			}
			return 0, ""
		}
	}
	_, got := examined(t, p, refuse(404, "ResourceNotFound", "The Resource 'kilns' was not found."))
	checkMissing(t, got, map[string][2]string{"read workspace": {statusMissing, "az ml workspace list --resource-group azmlbatch --subscription " + emulator.DefaultSubscriptionID + " shows those that exist"}})
	_, got = examined(t, p, refuse(403, "AuthorizationFailed", "The client does not have authorization to perform action 'Microsoft.MachineLearningServices/workspaces/read' over scope 's'."))
	checkMissing(t, got, map[string][2]string{"read workspace": {statusMissing, roleOf + `"Reader" --scope ` + workspace}})

	t.Setenv("AZURE_CLIENT_SECRET", "wrong")
	_, got = examined(t, p, nothing)
	checkMissing(t, got, map[string][2]string{"sign-in": {statusMissing, "AADSTS7000215"}})
	t.Setenv("AZUREML_ARM_WORKSPACE_NAME", "")
	t.Chdir(t.TempDir())
	_, got = examined(t, p, nothing)
	checkMissing(t, got, map[string][2]string{"workspace": {statusMissing, "or use --subscription, -g and -w"}})
}

// TestDoctorOfAnotherTenant: the sign-in is good, but not for this workspace.
func TestDoctorOfAnotherTenant(t *testing.T) {
	p := newPottery(t, nil)
	_, got := examined(t, p, func(r *http.Request) (int, string) {
		if strings.EqualFold(r.URL.Path, p.client.Workspace().ID()) {
			return 200, `{"name":"laptop","properties":{"tenantId":"99999999-9999-4999-8999-999999999999"}}`
		}
		return 0, ""
	})
	checkMissing(t, got, map[string][2]string{"read workspace": {statusMissing, "az login --tenant 99999999-9999-4999-8999-999999999999"}})
}

// TestDoctorOfEndpointsAndClusters: a cluster that is gone, and an endpoint without a default deployment.
func TestDoctorOfEndpointsAndClusters(t *testing.T) {
	p := newPottery(t, nil)
	if _, err := p.client.Endpoints().CreateOrUpdate(t.Context(), "mugs", sdk.Endpoint{}, nil); err != nil {
		t.Fatal(err)
	}
	if err := p.client.Computes().Delete(t.Context(), emulator.DeployCluster, nil); err != nil {
		t.Fatal(err)
	}
	_, got := examined(t, p, nothing)
	checkMissing(t, got, map[string][2]string{
		"clusters":       {statusMissing, "az ml compute create --type amlcompute --name cpu-cluster --size STANDARD_DS3_V2 --min-instances 0 --max-instances 2 --resource-group azmlbatch"},
		"endpoint vases": {statusMissing, "its default deployment blue runs on deploy-cluster, which is no cluster of the workspace"},
		"endpoint mugs":  {statusMissing, "azmlbatch endpoint set-default mugs DEPLOYMENT"},
	})
}

// TestDoctorOfPipelineDeployments: their cluster is a setting, which may be empty.
func TestDoctorOfPipelineDeployments(t *testing.T) {
	for settings, want := range map[string]map[string][2]string{
		`{}`: {},
		`{"default_compute":"` + emulator.DeployCluster + `"}`: {},
		`{"default_compute":"kiln"}`: {
			"endpoint vases": {statusMissing, "its default deployment blue runs on kiln, which is no cluster of the workspace"}},
	} {
		t.Run(settings, func(t *testing.T) {
			p := newPottery(t, nil)
			p.smallCluster(t)
			_, got := examined(t, p, func(r *http.Request) (int, string) {
				if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/batchEndpoints/vases/deployments/blue") {
					return 200, `{"name":"blue","properties":{"deploymentConfiguration":{"deploymentConfigurationType":"PipelineComponent","settings":` + settings + `}}}`
				}
				return 0, ""
			})
			checkMissing(t, got, want)
		})
	}
}

// TestQuotaFinding: a quota without room for a node is missing, one that keeps a cluster from its maximum is no fault.
func TestQuotaFinding(t *testing.T) {
	small := sdk.Compute{Name: "c", Properties: sdk.AmlCompute{VMSize: "STANDARD_DS3_V2", MaxNodes: 2}}
	quota := func(used, limit, own int64) sdk.ClusterQuota {
		return sdk.ClusterQuota{Usage: sdk.Usage{CurrentValue: used, Limit: limit}, Own: own, VCPUs: 4}
	}
	const ask8, ask16 = "ask for a quota of 8 at https://ml.azure.com/quota, or use fewer or smaller nodes", "ask for a quota of 16 at https://ml.azure.com/quota, or use fewer or smaller nodes"
	for name, test := range map[string]struct {
		quota          sdk.ClusterQuota
		status, remedy string
	}{
		"enough":           {quota(0, 8, 0), statusOK, ""},
		"all in use by it": {quota(8, 8, 8), statusOK, ""},
		"one node only":    {quota(0, 4, 0), statusOptional, ask8},
		"no node at all":   {quota(0, 3, 0), statusMissing, ask8},
		"used by others":   {quota(8, 10, 0), statusMissing, ask16},
		"used by both":     {quota(12, 12, 4), statusOptional, ask16},
		"not known":        {sdk.ClusterQuota{Unknown: "nobody tells"}, statusUnknown, ""},
	} {
		got := quotaFinding(small, test.quota)
		if diff := cmp.Diff([2]string{test.status, test.remedy}, [2]string{got.Status, got.Remedy}); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", name, got.Detail, diff)
		}
	}
}

// TestDoctorOfClusters: what a cluster says about itself.
func TestDoctorOfClusters(t *testing.T) {
	p := newPottery(t, &emulator.Options{Workspaces: []emulator.Workspace{{Keyless: true}}})
	details, err := p.client.WorkspaceDetails(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cluster := func(name, more, properties string) string {
		return `{"id":"/x/computes/` + name + `","name":"` + name + `"` + more + `,"properties":{"computeType":"AmlCompute"` + properties + `}}`
	}
	const large = `,"provisioningState":"Succeeded","properties":{"vmSize":"STANDARD_DS3_V2","scaleSettings":{"maxNodeCount":2}}`
	computes := strings.Join([]string{
		cluster("broken", "", `,"provisioningState":"Failed","provisioningErrors":[{"error":{"code":"QuotaExceeded"}}]`),
		cluster("stuck", "", `,"properties":{"scaleSettings":{"maxNodeCount":2},"errors":[{"code":"ClusterCoreQuotaReached"}]}`),
		cluster("empty", "", `,"properties":{"scaleSettings":{"maxNodeCount":0}}`),
		cluster("own", `,"identity":{"type":"SystemAssigned","principalId":"o-1"}`, large),
		cluster("lent", `,"identity":{"type":"UserAssigned","userAssignedIdentities":{"/x/kiln":{}}}`, large),
		`{"name":"desk","properties":{"computeType":"ComputeInstance"}}`,
	}, ",")
	_, got := examined(t, p, func(r *http.Request) (int, string) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/computes"):
			return 200, `{"value":[` + computes + `]}`
		case strings.HasSuffix(r.URL.Path, "/usages"):
			return 403, `{"error":{"code":"AuthorizationFailed","message":"The client lacks 'Microsoft.MachineLearningServices/locations/usages/read' over scope 's'."}}`
		case strings.HasSuffix(r.URL.Path, "/batchEndpoints"):
			return 200, `{"value":[]}`
		}
		return 0, ""
	})
	checkMissing(t, got, map[string][2]string{
		"cluster broken":           {statusMissing, `its creation failed: {"error":{"code":"QuotaExceeded"}}; az ml compute delete --name broken `},
		"cluster stuck":            {statusMissing, `its nodes do not start: {"code":"ClusterCoreQuotaReached"}; see the quota below`},
		"cluster empty":            {statusMissing, "it may have no nodes; az ml compute update --max-instances 2 --name empty "},
		"identity of cluster own":  {statusUnknown, `if jobs are refused: az role assignment create --assignee-object-id o-1 --assignee-principal-type ServicePrincipal --role "Storage Blob Data Reader" --scope ` + details.StorageAccount},
		"identity of cluster lent": {statusUnknown, `assign the role "Storage Blob Data Reader" on ` + details.StorageAccount + " to /x/kiln"},
		"quota":                    {statusUnknown, roleOf + `"Reader" --scope /subscriptions/` + emulator.DefaultSubscriptionID},
	})
}

func TestDescribeCaller(t *testing.T) {
	user := sdk.Caller{ObjectID: "o", TenantID: "t", Name: "potter@kiln.example", IsUser: true}
	for want, caller := range map[string]sdk.Caller{
		"potter@kiln.example (object id o) of tenant t": user,
		"application a (object id o) of tenant t":       {ObjectID: "o", TenantID: "t", ApplicationID: "a"},
		"the token does not tell who it is of":          {},
	} {
		if got := describeCaller(caller); got != want {
			t.Errorf("%+v is described as %q, want %q", caller, got, want)
		}
	}
	for want, caller := range map[string]sdk.Caller{
		`az role assignment create --assignee-object-id o --assignee-principal-type User --role "Reader" --scope /x`: user,
		`assign the role "Reader" on /x`: {},
	} {
		if got := (&doctor{caller: caller}).assign("Reader", "/x"); got != want {
			t.Errorf("for %+v: %q, want %q", caller, got, want)
		}
	}
}
