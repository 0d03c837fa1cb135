package arm

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
	"github.com/azmlbatch/azmlbatch/emulator/internal/golden"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// TestChangesThatCannotBeStored: every change says so, and changes nothing.
func TestChangesThatCannotBeStored(t *testing.T) {
	state, err := store.Open("")
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t, func(o *Options) { o.Store = state })
	h.put("batchEndpoints/glaze", glaze).wants(http.StatusCreated)
	h.put("batchEndpoints/glaze/deployments/blue", blue).wants(http.StatusCreated)
	const cluster = `{"location": "eastus", "properties": {"computeType": "AmlCompute", "properties": {"vmSize": "Standard_DS3_v2"}}}`
	h.put("computes/cluster", cluster).wants(http.StatusCreated)
	h.put("models/mugs/versions/1", `{"properties": {"modelUri": "https://h/c/a"}}`).wants(http.StatusCreated)
	h.put("environments/clay/versions/1", `{"properties": {"image": "kiln:1"}}`).wants(http.StatusCreated)
	h.put("datastores/clay", `{"properties": {"datastoreType": "AzureBlob"}}`).wants(http.StatusCreated)
	h.put("jobs/fire", `{"properties": {"jobType": "Pipeline"}}`).wants(http.StatusCreated)
	for _, path := range []string{"batchEndpoints/glaze", "batchEndpoints/glaze/deployments/blue", "computes/cluster"} {
		h.get(path).wants(http.StatusOK) // ends its operation
	}
	if err := state.Close(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ method, path, body string }{
		{"PUT", "batchEndpoints/new", glaze},
		{"PUT", "batchEndpoints/glaze", strings.Replace(glaze, `"authMode"`, `"description": "x", "authMode"`, 1)},
		{"PATCH", "batchEndpoints/glaze", `{"tags": {"a": "b"}}`},
		{"DELETE", "batchEndpoints/glaze", ""},
		{"POST", "batchEndpoints/glaze/listkeys", ""},
		{"PUT", "batchEndpoints/glaze/deployments/blue", blue},
		{"PATCH", "batchEndpoints/glaze/deployments/blue", `{"tags": {"a": "b"}}`},
		{"DELETE", "batchEndpoints/glaze/deployments/blue", ""},
		{"PUT", "computes/cluster", cluster},
		{"PATCH", "computes/cluster", `{"properties": {"properties": {"scaleSettings": {"maxNodeCount": 4}}}}`},
		{"DELETE", "computes/cluster?underlyingResourceAction=Delete", ""},
		{"PUT", "models/new/versions/1", `{"properties": {"modelUri": "https://h/c/a"}}`},
		{"PUT", "models/mugs/versions/1", `{"properties": {"modelUri": "https://h/c/a", "tags": {"a": "b"}}}`},
		{"PUT", "environments/clay/versions/2", `{"properties": {"image": "kiln:1"}}`},
		{"DELETE", "models/mugs/versions/1", ""},
		{"PUT", "models/new", `{"properties": {}}`},
		{"PUT", "models/mugs", `{"properties": {"tags": {"a": "b"}}}`},
		{"DELETE", "models/mugs", ""},
		{"PUT", "datasets/clay/versions/1", `{"properties": {"paths": [{"folder": "https://h/c/a"}]}}`},
		{"PUT", "datastores/clay", `{"properties": {"datastoreType": "AzureBlob"}}`},
		{"PUT", "datastores/clay", `{"properties": {"datastoreType": "AzureBlob", "isDefault": true}}`},
		{"PUT", "datastores/new", `{"properties": {"datastoreType": "AzureBlob", "credentials": {"credentialsType": "Sas", "secrets": {"sasToken": "s"}}}}`},
		{"PUT", "datastores/clay", `{"properties": {"datastoreType": "AzureBlob", "credentials": {"credentialsType": "Sas"}}}`},
		{"DELETE", "datastores/clay", ""},
		{"PUT", "jobs/new", `{"properties": {"jobType": "Pipeline"}}`},
		{"PUT", "jobs/fire", `{"properties": {"jobType": "Pipeline", "displayName": "x"}}`},
		{"DELETE", "jobs/fire", ""},
		{"POST", "jobs/fire/cancel", ""},
	} {
		h.do(test.method, test.path, test.body).wants(http.StatusInternalServerError).has(map[string]any{"error/code": "SystemError"})
	}
	h.get("batchEndpoints").hasNames("glaze")
	h.get("models").hasNames("mugs")
	h.get("jobs").hasNames("fire")
	if err := h.CreateWorkspace(Workspace{SubscriptionID: testSubscription, ResourceGroup: "new", Name: "new", Location: "eastus", StorageAccount: "new"}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("CreateWorkspace = %v, want ErrClosed", err)
	}
}

// TestEndsThatCannotBeStored: the operation goes on, and says nothing that is not so.
func TestEndsThatCannotBeStored(t *testing.T) {
	for _, path := range []string{"batchEndpoints/glaze", "batchEndpoints/glaze/deployments/blue", "computes/cluster?underlyingResourceAction=Delete"} {
		state, err := store.Open("")
		if err != nil {
			t.Fatal(err)
		}
		h := newHost(t, func(o *Options) { o.Store = state })
		h.poll(h.put("batchEndpoints/glaze", glaze))
		h.poll(h.put("batchEndpoints/glaze/deployments/blue", blue))
		h.poll(h.put("computes/cluster", `{"location": "eastus", "properties": {"computeType": "AmlCompute", "properties": {"vmSize": "s"}}}`))
		status := h.do(http.MethodDelete, path, "").wants(http.StatusAccepted).header.Get("Azure-AsyncOperation")
		if err := state.Close(); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if r := h.get(status).wants(http.StatusOK); r.at("status") == "Succeeded" {
				t.Errorf("deleting %s succeeded although nothing can be stored", path)
			}
		}
		path, _, _ = strings.Cut(path, "?")
		h.get(path).wants(http.StatusOK)
	}
}

// TestStorageThatCannotBeReached fails the calls that ask for signatures or containers.
func TestStorageThatCannotBeReached(t *testing.T) {
	h := newHost(t)
	h.accounts.err = errors.New("no storage")
	h.do(http.MethodPost, "codes/a/versions/1/startPendingUpload", "").wants(http.StatusInternalServerError).has(map[string]any{"error/message": "no storage"})
	secrets := func(h *host) {
		t.Helper()
		h.do(http.MethodPost, "datastores/workspaceblobstore/listSecrets", `{"expirableSecret": true}`).wants(http.StatusBadRequest).has(map[string]any{
			"error/message": "The storage account 'kilnstore' is not reachable.",
		})
	}
	secrets(h)
	for _, call := range []string{"AddAccount", "CreateContainer"} {
		h.accounts.only = call
		workspace := Workspace{SubscriptionID: testSubscription, ResourceGroup: "new", Name: "new", Location: "eastus", StorageAccount: "new"}
		if err := h.CreateWorkspace(workspace); !errors.Is(err, h.accounts.err) {
			t.Errorf("CreateWorkspace where %s fails = %v", call, err)
		}
	}
	alone := newHost(t)
	alone.Handler.accounts = nil
	alone.do(http.MethodPost, "codes/a/versions/1/startPendingUpload", "").wants(http.StatusBadRequest)
	secrets(alone)
}

func TestBodiesThatCannotBeRead(t *testing.T) {
	h := newHost(t)
	url := workspaceID(testSubscription, "pottery", "kilns") + "/models/m/versions/1?api-version=" + testVersion
	cut := httptest.NewRequestWithContext(t.Context(), http.MethodPut, url, iotest.ErrReader(errors.New("cut")))
	h.send(cut).wants(http.StatusBadRequest).has(map[string]any{"error/code": "InvalidRequestContent"})
	large := httptest.NewRequestWithContext(t.Context(), http.MethodPut, url, strings.NewReader(`"`+strings.Repeat("x", maxBodyBytes)))
	h.send(large).wants(http.StatusRequestEntityTooLarge).has(map[string]any{"error/code": "RequestContentTooLarge"})
	for _, body := range []string{"[]", "{} {}", `{"properties": {"tags": []}}`} {
		h.put("models/m/versions/1", body).wants(http.StatusBadRequest)
	}
	h.put("models/m/versions/1", "\ufeff"+`{"Properties": {"ModelURI": "https://h/c/a",},}`).wants(http.StatusCreated)
}

func TestTagsWithoutAValue(t *testing.T) {
	h := newHost(t)
	body := `{"location": "eastus", "properties": {"authMode": "aadToken"}, "tags": {"a0": "", "a1": "x", "a2": null, "a3": "x", "a4": "x", "a5": "x",
		"a6": "x", "a7": "x", "a8": "x", "a9": "x", "a10": "x", "a11": ""}}`
	message, _ := h.put("batchEndpoints/glaze", body).wants(http.StatusBadRequest).at("error/message").(string)
	var at []int
	for _, tag := range []string{"Tags.Values[0]", "Tags.Values[2]", "Tags.Values[11]"} {
		at = append(at, strings.Index(message, `"PropertyName": "`+tag+`"`))
	}
	if at[0] < 0 || at[0] > at[1] || at[1] > at[2] || strings.Count(message, "PropertyName") != 3 {
		t.Errorf("message = %s", message)
	}
}

// TestAuthors: systemData names the person, else the application of the token.
func TestAuthors(t *testing.T) {
	h := newHost(t, func(o *Options) { o.User = "" })
	h.put("models/m/versions/1", `{"properties": {"modelUri": "https://h/c/a"}}`).has(map[string]any{
		"systemData/createdBy": zeroGUID, "systemData/createdByType": "Application",
	})
	newHost(t).put("models/m/versions/1", `{"properties": {"modelUri": "https://h/c/a"}}`).has(map[string]any{
		"systemData/createdBy": "A User", "systemData/createdByType": "User",
	})
}

// TestWorkspaceThatLacksSomething: each member but the settings is needed.
func TestWorkspaceThatLacksSomething(t *testing.T) {
	h := newHost(t)
	whole := Workspace{SubscriptionID: testSubscription, ResourceGroup: "glazes", Name: "blue", Location: "westus", StorageAccount: "bluestore"}
	for name, lack := range map[string]func(*Workspace){
		"subscription": func(w *Workspace) { w.SubscriptionID = "" }, "group": func(w *Workspace) { w.ResourceGroup = "" },
		"name": func(w *Workspace) { w.Name = "" }, "location": func(w *Workspace) { w.Location = "" }, "account": func(w *Workspace) { w.StorageAccount = "" },
	} {
		w := whole
		lack(&w)
		if err := h.CreateWorkspace(w); err == nil {
			t.Errorf("a workspace without %s was created", name)
		}
	}
	if err := h.CreateWorkspace(whole); err != nil {
		t.Error(err)
	}
}

// TestChangesOfWhatIsBeingDeleted: they are refused until it is gone.
func TestChangesOfWhatIsBeingDeleted(t *testing.T) {
	h := newHost(t, func(o *Options) { o.Pace = Real })
	h.poll(h.put("computes/cluster", cluster))
	for _, endpoint := range []string{"glaze", "slip"} {
		h.poll(h.put("batchEndpoints/"+endpoint, glaze))
		h.poll(h.put("batchEndpoints/"+endpoint+"/deployments/blue", blue))
	}
	h.poll(h.put("schedules/fire", `{"properties": {`+fireDaily+`}}`))
	for _, path := range []string{"batchEndpoints/glaze", "batchEndpoints/slip/deployments/blue", "computes/cluster?underlyingResourceAction=Delete", "schedules/fire"} {
		h.do(http.MethodDelete, path, "").wants(http.StatusAccepted)
	}
	const scale = `{"properties": {"properties": {"scaleSettings": {"maxNodeCount": 4}}}}`
	for _, test := range []struct{ method, path, body, want string }{
		{"PUT", "batchEndpoints/glaze", glaze, "Endpoint 'glaze' is being deleted."},
		{"PATCH", "batchEndpoints/glaze", `{"tags": {"a": "b"}}`, "Endpoint 'glaze' is being deleted."},
		{"PUT", "batchEndpoints/glaze/deployments/blue", blue, "Endpoint 'glaze' is being deleted."},
		{"PUT", "batchEndpoints/slip/deployments/blue", blue, "Deployment 'blue' is being deleted."},
		{"PATCH", "batchEndpoints/slip/deployments/blue", `{"tags": {"a": "b"}}`, "Deployment 'blue' is being deleted."},
		{"PUT", "computes/cluster", cluster, "Compute 'cluster' is being deleted."},
		{"PATCH", "computes/cluster", scale, "Compute 'cluster' is being deleted."},
		{"PUT", "schedules/fire", `{"properties": {` + fireDaily + `}}`, "Schedule 'fire' is being deleted."},
	} {
		h.do(test.method, test.path, test.body).wants(http.StatusConflict).has(map[string]any{"error/code": "UserError", "error/message": test.want})
	}
	h.time = h.time.Add(time.Hour)
	for _, path := range []string{"batchEndpoints/glaze", "batchEndpoints/slip/deployments/blue", "computes/cluster", "schedules/fire"} {
		h.get(path).wants(http.StatusNotFound)
	}
	h.put("computes/cluster", cluster).wants(http.StatusCreated)
}

// TestChangesOfWhatIsNotThere: every call that needs a resource.
func TestChangesOfWhatIsNotThere(t *testing.T) {
	h := newHost(t)
	h.put("batchEndpoints/glaze", glaze).wants(http.StatusCreated)
	answers := map[string]any{}
	for _, ask := range []struct{ method, path, body string }{
		{"PATCH", "computes/none", `{"properties": {"properties": {"scaleSettings": {"maxNodeCount": 4}}}}`},
		{"POST", "computes/none/listNodes", ""},
		{"PATCH", "batchEndpoints/none", `{"tags": {"a": "b"}}`},
		{"PATCH", "batchEndpoints/glaze/deployments/none", `{"tags": {"a": "b"}}`},
		{"PUT", "batchEndpoints/none/deployments/blue", blue},
		{"POST", "batchEndpoints/none/listkeys", ""},
		{"GET", "datasets/none/versions/1", ""},
		{"POST", "datastores/none/listSecrets", ""},
		{"POST", "jobs/none/cancel", ""},
	} {
		r := h.do(ask.method, ask.path, ask.body)
		answers[ask.method+" "+ask.path] = map[string]any{"status": r.status, "body": decoded(t, masked(r.text))}
	}
	golden.Check(t, "changes_of_what_is_not_there", answers)
}

// TestBodiesOfTheWrongKind: every call that reads a body refuses one whose members have the wrong
// kinds, and one that is no JSON.
func TestBodiesOfTheWrongKind(t *testing.T) {
	h := newHost(t)
	h.put("batchEndpoints/glaze", glaze).wants(http.StatusCreated)
	h.put("batchEndpoints/glaze/deployments/blue", blue).wants(http.StatusCreated)
	h.put("computes/cluster", cluster).wants(http.StatusCreated)
	h.put("jobs/fire", `{"properties": {"jobType": "Pipeline"}}`).wants(http.StatusCreated)
	for _, ask := range []struct{ method, path string }{
		{"PUT", "batchEndpoints/glaze"}, {"PATCH", "batchEndpoints/glaze"}, {"PUT", "batchEndpoints/glaze/deployments/blue"}, {"PATCH", "batchEndpoints/glaze/deployments/blue"},
		{"PUT", "computes/cluster"}, {"PATCH", "computes/cluster"}, {"PUT", "datastores/clay"}, {"PUT", "jobs/fire"}, {"PUT", "jobs/new"}, {"PUT", "schedules/fire"},
		{"PUT", "models/mugs/versions/1"}, {"PUT", "models/mugs"}, {"PUT", "datasets/clay/versions/1"}, {"PUT", "environments/clay/versions/1"}, {"PUT", "components/turn/versions/1"},
	} {
		for _, body := range []string{"{", "[]", `{"properties": []}`, `{"properties": 7}`} {
			if r := h.do(ask.method, ask.path, body); r.status != http.StatusBadRequest {
				t.Errorf("%s %s with %q: status %d, %s", ask.method, ask.path, body, r.status, r.text)
			}
		}
	}
}

// TestPollsWithAWrongSignature: no kind of poll is answered, and the operation goes on.
func TestPollsWithAWrongSignature(t *testing.T) {
	h := newHost(t, func(o *Options) { o.Pace = Real })
	computed := h.put("computes/cluster", cluster).wants(http.StatusCreated).header.Get("Azure-AsyncOperation")
	h.poll(h.put("batchEndpoints/glaze", glaze))
	deleted := h.do(http.MethodDelete, "batchEndpoints/glaze", "").wants(http.StatusAccepted)
	for _, link := range []string{computed, deleted.header.Get("Location"), deleted.header.Get("Azure-AsyncOperation")} {
		before, signature, _ := strings.Cut(link, "&s=")
		if r := h.get(before + "&s=x" + signature); r.status < 400 || r.at("error") == "absent" {
			t.Errorf("%.90s: status %d: %s", link, r.status, r.text)
		}
		if r := h.get(link); r.status >= 300 {
			t.Errorf("%.90s: status %d: %s", link, r.status, r.text)
		}
	}
}

// TestWorkspacesInStatesThatFail: what each step of creating a workspace needs.
func TestWorkspacesInStatesThatFail(t *testing.T) {
	secret := secretKey(storageAccountID(testSubscription, "pottery", "kilnstore"))
	other := testWorkspace
	other.Name = "other"
	for name, test := range map[string]struct {
		prepare func(*store.Store) error
		want    string
	}{
		"no place for the workspace": {func(s *store.Store) error { return s.Close() }, store.ErrClosed.Error()},
		"no place for the keys": {func(s *store.Store) error {
			_, err := s.Delete(secret)
			return errors.Join(err, s.Close())
		}, "arm: workspace other: " + store.ErrClosed.Error()},
		"keys that are none": {func(s *store.Store) error {
			_, err := s.Put(secret, store.Document{"primaryKey": "AAAA", "secondaryKey": "!"})
			return err
		}, "arm: workspace other: storage account kilnstore: secondaryKey: illegal base64 data at input byte 0"},
	} {
		state, err := store.Open("")
		if err != nil {
			t.Fatal(err)
		}
		h := newHost(t, func(o *Options) { o.Store = state })
		if err := test.prepare(state); err != nil {
			t.Fatal(err)
		}
		if err := h.CreateWorkspace(other); err == nil || err.Error() != test.want {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
		if _, found := state.Get(workspaceID(testSubscription, "pottery", "other")); found {
			t.Errorf("%s: the workspace is there", name)
		}
	}
	alone := newHost(t, func(o *Options) { o.Accounts = nil }) // without a Blob service
	if err := alone.CreateWorkspace(other); err != nil {
		t.Error(err)
	}
	state, err := store.Open("")
	if err != nil {
		t.Fatal(err)
	}
	if err := state.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Store: state, Cloud: cloud.Public()}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("New without a place for the key that signs = %v, want ErrClosed", err)
	}
}

// TestLinksOfARequestWithoutAHost lead to the cloud's own.
func TestLinksOfARequestWithoutAHost(t *testing.T) {
	h := newHost(t)
	request := h.request(http.MethodPut, "models/m/versions/1", `{"properties": {"modelUri": "https://h/c/a"}}`)
	request.Host = ""
	if got := h.send(request).wants(http.StatusCreated).header.Get("Location"); !strings.HasPrefix(got, "https://management.azure.com/subscriptions/") {
		t.Errorf("Location %s", got)
	}
	h.get("/subscriptions/" + testSubscription + "/resourceGroups//providers").wants(http.StatusNotFound)
}
