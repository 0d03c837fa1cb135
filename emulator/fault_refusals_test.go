package emulator

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
)

// rawAsk sends one request with a token for an audience, or none, and returns the answer.
func rawAsk(t *testing.T, e *Emulator, method, url, audience, body string, header map[string]string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if audience != "" {
		token, err := e.Credential().GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{audience + "/.default"}})
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token.Token)
	}
	r.Header.Set("X-Ms-Version", "2024-08-04")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	resp, err := e.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

// workspacePath is the ARM id of the first workspace.
func workspacePath(e *Emulator) string {
	w := e.Workspaces()[0]
	return "/subscriptions/" + w.SubscriptionID + "/resourceGroups/" + w.ResourceGroup + "/providers/Microsoft.MachineLearningServices/workspaces/" + w.Name
}

func TestDenied(t *testing.T) {
	const management, ml, storage = "https://management.azure.com", "https://ml.azure.com", "https://storage.azure.com"
	const prefix = "Microsoft.MachineLearningServices/workspaces/"
	e := NewTest(t, nil)
	ws := workspacePath(e)
	arm := func(path string) string { return management + ws + path + "?api-version=2024-04-01" }
	blob := "https://" + e.Workspaces()[0].StorageAccount + ".blob.core.windows.net/none/a"
	for _, test := range []struct {
		deny, method, url, audience string
		status                      int // 0 for a request that the denial does not touch
		want                        string
	}{
		{"batchEndpoints/write", "PUT", arm("/batchEndpoints/e"), management, 403, "to perform action '" + prefix + "batchEndpoints/write' over scope '" + ws + "/batchEndpoints/e'"},
		{prefix + "batchEndpoints/write", "PATCH", arm("/batchEndpoints/e"), management, 403, "batchEndpoints/write'"},
		{"batchEndpoints/write", "GET", arm("/batchEndpoints/e"), management, 0, ""},
		{"batchEndpoints/write", "PUT", arm("/batchEndpoints/e/deployments/d"), management, 0, ""},
		{"BATCHENDPOINTS/*", "DELETE", arm("/batchEndpoints/e/deployments/d"), management, 403, prefix + "batchEndpoints/deployments/delete'"},
		{"datastores/listsecrets/action", "POST", arm("/datastores/workspaceblobstore/listSecrets"), management, 403, "over scope '" + ws + "/datastores/workspaceblobstore'"},
		{"*/read", "GET", management + "/subscriptions?api-version=2022-12-01", management, 403, "Microsoft.Resources/subscriptions/read"},
		{"batchEndpoints/jobs/write", "POST", "https://e.eastus.inference.ml.azure.com/jobs", ml, 401, "Microsoft Entra Token denied by policy"},
		{"batchEndpoints/jobs/write", "GET", "https://e.eastus.inference.ml.azure.com/jobs/j", ml, 0, ""},
		{"experiments/runs/read", "GET", "https://eastus.api.azureml.ms/history/v1.0" + ws + "/runs/j", ml, 403, "does not have permissions for " + prefix + "experiments/runs/read actions"},
		{"experiments/runs/write", "PATCH", "https://eastus.api.azureml.ms/history/v1.0" + ws + "/runs/j", ml, 403, "experiments/runs/write"},
		{"batchEndpoints/jobs/read", "GET", "https://eastus.api.azureml.ms/mferp/managementfrontend" + ws + "/batchEndpoints/e/jobs", ml, 403, "batchEndpoints/jobs/read"},
		{"Microsoft.Storage/*/blobs/write", "PUT", blob, storage, 403, "AuthorizationPermissionMismatch"},
		{"Microsoft.Storage/*/blobs/write", "GET", blob, storage, 0, ""},
		{"Microsoft.Storage/*/blobs/read", "GET", blob, "", 0, ""},
	} {
		fault, err := ParseDeny(test.deny)
		if err != nil {
			t.Fatal(err)
		}
		e.ClearFaults()
		if err := e.Inject(fault); err != nil {
			t.Fatal(err)
		}
		resp, body := rawAsk(t, e, test.method, test.url, test.audience, "{}", nil)
		denied := strings.Contains(body, "AuthorizationFailed") || strings.Contains(body, "denied by policy") || strings.Contains(body, "does not have permissions") ||
			strings.Contains(body, "AuthorizationPermissionMismatch")
		if denied != (test.status != 0) || denied && (resp.StatusCode != test.status || !strings.Contains(body, test.want)) {
			t.Errorf("%s denied: %s %s answers %s %s; want %d %s", test.deny, test.method, test.url, resp.Status, body, test.status, test.want)
		}
		kinds := map[int]string{401: "text/plain", 403: "application/json; charset=utf-8"}
		if strings.Contains(test.url, ".blob.") {
			kinds[403] = "application/xml"
		}
		if kind := resp.Header.Get("Content-Type"); denied && kind != kinds[test.status] {
			t.Errorf("%s denied: %s %s answers with the type %s, want %s", test.deny, test.method, test.url, kind, kinds[test.status])
		}
	}
	for _, spec := range []string{"", "batchEndpoints", " a/b"} {
		if _, err := ParseDeny(spec); err == nil {
			t.Errorf("ParseDeny(%q) succeeds", spec)
		}
	}
}

// TestRefusalsOfAzure: the SDK and other clients read policy, quota and conflict by their codes.
func TestRefusalsOfAzure(t *testing.T) {
	e := NewTest(t, nil)
	client, err := e.Client(nil)
	if err != nil {
		t.Fatal(err)
	}
	for spec, want := range map[string]struct {
		status int
		code   string
	}{
		"disallow": {403, "RequestDisallowedByPolicy"}, "quota": {400, "QuotaExceeded"}, "quota=403": {403, "QuotaExceeded"}, "conflict": {409, "AnotherOperationInProgress"},
	} {
		fault, err := ParseFault("management PUT ** " + spec)
		if err != nil {
			t.Fatal(err)
		}
		e.ClearFaults()
		if err := e.Inject(fault); err != nil {
			t.Fatal(err)
		}
		_, err = client.Endpoints().BeginCreateOrUpdate(t.Context(), "kiln", azmlbatch.Endpoint{})
		var failed *azcore.ResponseError
		if !errors.As(err, &failed) || failed.StatusCode != want.status || !azmlbatch.HasCode(err, want.code) {
			t.Errorf("%s: %v, want %d %s", spec, err, want.status, want.code)
		}
		if spec == "disallow" && !strings.Contains(err.Error(), "Only small kilns") {
			t.Errorf("the error does not name the policy: %v", err)
		}
	}
}

func TestThrottledManagementShowsItsQuota(t *testing.T) {
	e := NewTest(t, &Options{Faults: []Fault{{Host: "management", Action: ActionThrottle, RetryAfter: 7 * time.Second}}})
	resp, _ := rawAsk(t, e, "DELETE", "https://management.azure.com"+workspacePath(e)+"/models/m?api-version=2024-04-01", "https://management.azure.com", "", nil)
	got := []string{resp.Status, resp.Header.Get("Retry-After"), resp.Header.Get("X-Ms-Ratelimit-Remaining-Subscription-Deletes")}
	if diff := cmp.Diff([]string{"429 Too Many Requests", "7", "0"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLateLists(t *testing.T) {
	var mu sync.Mutex
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	e := NewTest(t, &Options{Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now }})
	client, err := e.Client(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Endpoints().CreateOrUpdate(t.Context(), "kiln", azmlbatch.Endpoint{}, nil); err != nil {
		t.Fatal(err)
	}
	fault, err := ParseFault("management GET **/batchEndpoints late-list=5s")
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Inject(fault); err != nil {
		t.Fatal(err)
	}
	count := func() (n int) {
		for _, err := range client.Endpoints().List(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		return n
	}
	early := count()
	mu.Lock()
	now = now.Add(5 * time.Second)
	mu.Unlock()
	if late := count(); early != 0 || late != 1 {
		t.Errorf("the list shows %d endpoints at once and %d after 5 s, want 0 and 1", early, late)
	}
	if _, err := ParseFault("* * * late-list"); err == nil {
		t.Error("late-list without an age was taken")
	}
}

func TestLostLeaseAndExpiredSignature(t *testing.T) {
	const storage = "https://storage.azure.com"
	e := NewTest(t, nil)
	account := e.Workspaces()[0].StorageAccount
	if err := e.services.blobs.CreateContainer(account, "kiln"); err != nil {
		t.Fatal(err)
	}
	blob := "https://" + account + ".blob.core.windows.net/kiln/a"
	block := map[string]string{"X-Ms-Blob-Type": "BlockBlob"}
	if resp, body := rawAsk(t, e, "PUT", blob, storage, "clay", block); resp.StatusCode != http.StatusCreated {
		t.Fatalf("%s %s", resp.Status, body)
	}
	resp, _ := rawAsk(t, e, "PUT", blob+"?comp=lease", storage, "", map[string]string{"X-Ms-Lease-Action": "acquire", "X-Ms-Lease-Duration": "60"})
	block["X-Ms-Lease-Id"] = resp.Header.Get("X-Ms-Lease-Id")
	if resp, body := rawAsk(t, e, "PUT", blob, storage, "slip", block); resp.StatusCode != http.StatusCreated {
		t.Fatalf("%s %s", resp.Status, body)
	}
	if err := e.Inject(Fault{Action: ActionLoseLease, Method: "PUT", Times: 1}, Fault{Action: ActionExpireSAS, Method: "GET"}); err != nil {
		t.Fatal(err)
	}
	if resp, body := rawAsk(t, e, "PUT", blob, storage, "ash", block); resp.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("a write with a lost lease: %s %s, want 412", resp.Status, body)
	}
	if resp, body := rawAsk(t, e, "PUT", blob+"?comp=lease", storage, "", map[string]string{"X-Ms-Lease-Action": "acquire", "X-Ms-Lease-Duration": "60"}); resp.StatusCode != http.StatusCreated {
		t.Errorf("another holder: %s %s, want 201", resp.Status, body)
	}
	sas, err := e.services.blobs.AccountSAS(account, "rl", time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if resp, body := rawAsk(t, e, "GET", blob+"?"+strings.TrimPrefix(sas, "?"), "", "", nil); resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "Signature not valid in the specified time frame") {
		t.Errorf("an expired signature: %s %s", resp.Status, body)
	}
	if resp, _ := rawAsk(t, e, "GET", blob, storage, "", nil); resp.StatusCode != http.StatusOK {
		t.Errorf("a token is refused too: %s", resp.Status)
	}
}

// TestFaultsThatDeny: the permissions of the caller lack what is refused now wherever it is asked.
func TestFaultsThatDeny(t *testing.T) {
	deny := func(action string, edit func(*Fault)) Fault {
		f := Fault{RoleAction: action, Action: ActionDeny}
		if edit != nil {
			edit(&f)
		}
		return f
	}
	f := &faults{}
	if err := f.add([]Fault{
		deny("batchEndpoints/write", nil),
		deny("batchEndpoints/read", func(f *Fault) { f.Host, f.Method, f.Path = "*", "*", "**" }),
		deny("jobs/read", func(f *Fault) { f.Path = "**/jobs/one" }),
		deny("jobs/write", func(f *Fault) { f.Host = "management" }),
		deny("jobs/delete", func(f *Fault) { f.Method = "DELETE" }),
		deny("models/read", func(f *Fault) { f.Times = 1 }),
		deny("codes/read", func(f *Fault) { f.Skip = 1 }),
		{RoleAction: "data/read", Action: ActionThrottle},
	}); err != nil {
		t.Fatal(err)
	}
	ask := func(collection string) {
		t.Helper()
		const workspace = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/"
		f.match(cloud.KindManagement, httptest.NewRequest(http.MethodGet, "https://management.azure.com"+workspace+collection, nil))
	}
	wants := func(want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, f.denied()); diff != "" {
			t.Errorf("denied (-want +got):\n%s", diff)
		}
	}
	wants("batchEndpoints/write", "batchEndpoints/read", "models/read")
	ask("models/a")
	ask("codes/a")
	wants("batchEndpoints/write", "batchEndpoints/read", "codes/read")
}
