package arm

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

const glaze = `{"location": "eastus", "properties": {"authMode": "aadToken"}}`

func TestInstantOperationsEndAtTheFirstPoll(t *testing.T) {
	h := newHost(t)
	created := h.put("batchEndpoints/glaze", glaze).wants(http.StatusCreated)
	status := created.header.Get("Azure-AsyncOperation")
	first := h.get(status).wants(http.StatusOK)
	first.has(map[string]any{"status": "Succeeded", "error": "absent", "startTime": "absent", "percentComplete": "absent"})
	if id, _ := first.at("id").(string); !strings.Contains(id, "/locations/eastus/mfeOperationsStatus/bebes:"+testWorkspaceID+":") {
		t.Errorf("id = %q", id)
	}
	h.get(status).wants(http.StatusOK).has(map[string]any{"status": "Succeeded", "error": "absent"}) // and stays so
}

func TestInstantOperationsEndForReaders(t *testing.T) {
	h := newHost(t)
	h.put("batchEndpoints/glaze", glaze).wants(http.StatusCreated)
	h.get("batchEndpoints/glaze").wants(http.StatusOK).has(map[string]any{"properties/provisioningState": "Succeeded"})
	h.do(http.MethodDelete, "batchEndpoints/glaze", "").wants(http.StatusAccepted)
	h.get("batchEndpoints/glaze").wants(http.StatusNotFound)
}

func TestRealOperationsTakeTheirTime(t *testing.T) {
	h := newHost(t, func(o *Options) { o.Pace = Real })
	status := h.put("batchEndpoints/glaze", glaze).wants(http.StatusCreated).header.Get("Azure-AsyncOperation")
	for range 5 {
		h.get(status).has(map[string]any{"status": "Updating"})
		h.get("batchEndpoints/glaze").has(map[string]any{"properties/provisioningState": "Creating", "properties/scoringUri": nil})
	}
	h.time = h.time.Add(endpointDuration - time.Nanosecond)
	h.get(status).has(map[string]any{"status": "Updating"})
	h.time = h.time.Add(time.Nanosecond)
	h.get("batchEndpoints/glaze").has(map[string]any{"properties/provisioningState": "Succeeded"})
	h.get(status).has(map[string]any{"status": "Succeeded"})

	h.do(http.MethodDelete, "batchEndpoints/glaze", "").wants(http.StatusAccepted)
	h.get("batchEndpoints/glaze").wants(http.StatusOK).has(map[string]any{"properties/provisioningState": "Deleting"})
	h.put("batchEndpoints/glaze", glaze).wants(http.StatusConflict)
	h.time = h.time.Add(deleteDuration)
	h.get("batchEndpoints/glaze").wants(http.StatusNotFound)
}

// TestEndedOperationsArePruned: a script that polls one later is told that there is none.
func TestEndedOperationsArePruned(t *testing.T) {
	h := newHost(t, func(o *Options) { o.Keep, o.Pace = time.Hour, Real })
	created := h.put("batchEndpoints/glaze", glaze).wants(http.StatusCreated)
	old := created.header.Get("Azure-AsyncOperation")
	h.time = h.time.Add(30 * time.Minute)
	young := h.put("computes/cluster", cluster).wants(http.StatusCreated).header.Get("Azure-AsyncOperation")
	h.get(old).wants(http.StatusOK)
	h.time = h.time.Add(31 * time.Minute)
	h.get(old).wants(http.StatusNotFound)
	h.get(young).wants(http.StatusOK)
	h.put("batchEndpoints/glaze", glaze).wants(http.StatusOK).has(map[string]any{"properties/properties/" + asyncURIProperty: "absent"})
	h.time = h.time.Add(30 * time.Minute)
	h.get("batchEndpoints/glaze").wants(http.StatusOK)
	if left := h.store.List(operationPrefix); len(left) > 0 {
		t.Errorf("the operations %v are left", left)
	}
}

func TestSettleEndsOperationsWithoutARequest(t *testing.T) {
	h := newHost(t, func(o *Options) { o.Pace = Real })
	h.put("batchEndpoints/glaze", glaze).wants(http.StatusCreated)
	h.time = h.time.Add(time.Hour)
	h.Settle()
	doc, _ := h.store.Get(workspaceID(testSubscription, "pottery", "kilns") + "/batchEndpoints/glaze")
	if got := at(doc, "properties/provisioningState"); got != "Succeeded" {
		t.Errorf("provisioningState = %v, want Succeeded", got)
	}
}

func TestOperationsOutliveTheHandler(t *testing.T) {
	dir := t.TempDir()
	state, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t, func(o *Options) { o.Store, o.Pace = state, Real })
	status := h.put("batchEndpoints/glaze", glaze).wants(http.StatusCreated).header.Get("Azure-AsyncOperation")
	if err := state.Close(); err != nil {
		t.Fatal(err)
	}

	if state, err = store.Open(dir); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = state.Close() }()
	restarted, err := New(Options{Store: state, Cloud: cloud.Public(), Pace: Real, Now: func() time.Time { return h.time }})
	if err != nil {
		t.Fatal(err)
	}
	h.Handler = restarted
	h.get(status).wants(http.StatusOK).has(map[string]any{"status": "Updating"})
	h.time = h.time.Add(endpointDuration)
	h.get(status).wants(http.StatusOK).has(map[string]any{"status": "Succeeded"})
}

func TestOperationURLsAreSigned(t *testing.T) {
	h := newHost(t)
	status := h.put("batchEndpoints/glaze", glaze).header.Get("Azure-AsyncOperation")
	parsed, err := url.Parse(status)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(status); n < 3000 {
		t.Errorf("the URL has %d characters, want some 3,000", n)
	}
	values := parsed.Query()
	if got := values.Get("t"); got != "639079572301234567" {
		t.Errorf("t = %s, want the time in 100 ns since year 1", got)
	}
	sorted := *parsed
	sorted.RawQuery = values.Encode()
	changed := *parsed
	changed.RawQuery = strings.Replace(parsed.RawQuery, "&t=", "&t=1", 1)
	cut := *parsed
	cut.RawQuery, _, _ = strings.Cut(parsed.RawQuery, "&h=")
	appendTo := func(u url.URL, more string) url.URL { u.RawQuery += more; return u }
	appended := func(more string) url.URL { return appendTo(*parsed, more) }
	bare := *parsed
	bare.RawQuery = "api-version=" + testVersion
	for _, test := range []struct {
		name   string
		url    url.URL
		status int
	}{
		{"as given", *parsed, http.StatusOK},
		{"encoded anew", sorted, http.StatusForbidden},
		{"changed", changed, http.StatusForbidden},
		{"with the query of the first request behind, as JavaScript's client polls", appended("&underlyingResourceAction=Delete"), http.StatusOK},
		{"with two more values", appended("&a=1&b"), http.StatusOK},
		{"with a second signature behind", appended("&h=x"), http.StatusForbidden},
		{"with a second time behind", appended("&t=1"), http.StatusForbidden},
		{"changed, and one more value", appendTo(changed, "&a=1"), http.StatusForbidden},
		{"cut", cut, http.StatusForbidden},
		{"without any signature, as in 2023", bare, http.StatusOK},
		{"with a time alone", appendTo(bare, "&t=1"), http.StatusForbidden},
		{"with a certificate alone", appendTo(bare, "&c=1"), http.StatusForbidden},
		{"with a signature alone", appendTo(bare, "&s=1"), http.StatusForbidden},
		{"with a hash alone", appendTo(bare, "&h=1"), http.StatusForbidden},
		{"malformed", appendTo(bare, "&%zz"), http.StatusForbidden},
	} {
		t.Run(test.name, func(t *testing.T) { h.get(test.url.String()).wants(test.status) })
	}
}

func TestResultOfADeletionIsGone(t *testing.T) {
	h := newHost(t)
	h.put("batchEndpoints/glaze", glaze)
	deletion := h.do(http.MethodDelete, "batchEndpoints/glaze", "").wants(http.StatusAccepted)
	if deletion.text != "null" || deletion.header.Get("Content-Type") == "" || deletion.header.Get("x-ms-async-operation-timeout") != "PT30M" {
		t.Errorf("body %q, headers %v", deletion.text, deletion.header)
	}
	if deletion.header.Get("Location") == deletion.header.Get("Azure-AsyncOperation") {
		t.Error("Location and Azure-AsyncOperation are the same")
	}
	h.poll(deletion).has(map[string]any{"status": "Succeeded"})
	gone := h.get(deletion.header.Get("Location")).wants(http.StatusNotFound)
	id := gone.at("error/message").(string)
	if !strings.HasPrefix(id, "Resource bebes:") || !strings.HasSuffix(id, " not found") {
		t.Errorf("message = %q", id)
	}
	gone.has(map[string]any{
		"error/code":                        "UserError",
		"error/additionalInfo/5/type":       "InnerError",
		"error/additionalInfo/6/type":       "MessageFormat",
		"error/additionalInfo/6/info/value": "Resource {dataName} not found",
		"error/additionalInfo/7/type":       "MessageParameters",
		"error/additionalInfo/0/info/value": "managementfrontend",
		"error/additionalInfo/3/info/value": "eastus",
	})
	h.get("/subscriptions/" + testSubscription + "/providers/Microsoft.MachineLearningServices/locations/eastus/mfeOperationsStatus/bebes:x:y").
		wants(http.StatusNotFound)
}

// TestFailingOperations: each kind ends as Failed at every URL that it is polled at, and changes
// nothing.
func TestFailingOperations(t *testing.T) {
	const cluster = `{"location": "eastus", "properties": {"computeType": "AmlCompute", "properties": {"vmSize": "Standard_DS3_v2"}}}`
	for _, test := range []struct{ name, method, path, body string }{
		{"an endpoint", http.MethodPut, "batchEndpoints/new", glaze},
		{"a deployment", http.MethodPut, "batchEndpoints/glaze/deployments/blue", blue},
		{"a compute", http.MethodPut, "computes/cluster", cluster},
		{"deleting an endpoint", http.MethodDelete, "batchEndpoints/glaze", ""},
		{"deleting a deployment", http.MethodDelete, "batchEndpoints/glaze/deployments/blue", ""},
		{"deleting a compute", http.MethodDelete, "computes/cluster?underlyingResourceAction=Delete", ""},
		{"canceling a job", http.MethodPost, "jobs/fire/cancel", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			runner := &runningJobs{running: []string{workspaceID(testSubscription, "pottery", "kilns") + "/jobs/fire"}}
			h := hostRunning(t, runner)
			h.poll(h.put("batchEndpoints/glaze", glaze))
			h.poll(h.put("batchEndpoints/glaze/deployments/blue", blue))
			h.poll(h.put("computes/cluster", cluster))
			h.put("jobs/fire", `{"properties": {"jobType": "Pipeline"}}`).wants(http.StatusCreated)

			request := h.request(test.method, test.path, test.body)
			first := h.send(request.WithContext(WithFailingOperation(request.Context())))
			status, location := first.header.Get("Azure-AsyncOperation"), first.header.Get("Location")
			onlyLocation := strings.Contains(location, "/mfeOperationResults/")
			if (status == "") != onlyLocation {
				t.Fatalf("status %d, Azure-AsyncOperation %.90s, Location %.90s", first.status, status, location)
			}
			if onlyLocation {
				h.get(location).wants(http.StatusOK).has(map[string]any{"status": "Failed", "properties/provisioningState": "Failed", "error/code": "UserError"})
			} else {
				h.poll(first).has(map[string]any{"status": "Failed", "error/code": "UserError"})
			}
			path, _, _ := strings.Cut(strings.TrimSuffix(test.path, "/cancel"), "?")
			left := h.get(path).wants(http.StatusOK)
			if strings.HasPrefix(path, "jobs/") {
				left.has(map[string]any{"properties/status": "NotStarted"})
			} else {
				left.has(map[string]any{"properties/provisioningState": "Failed"})
			}
			if len(runner.canceled) != 0 {
				t.Errorf("canceled %v", runner.canceled)
			}
		})
	}
}

func TestStateThatCannotBeRead(t *testing.T) {
	for id, doc := range map[string]store.Document{
		signerKey: {"key": "!"}, operationKey("bebes:x"): {"started": "yesterday"},
	} {
		state, err := store.Open("")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := state.Put(id, doc); err != nil {
			t.Fatal(err)
		}
		if _, err := New(Options{Store: state, Cloud: cloud.Public()}); err == nil {
			t.Errorf("New with a broken %s made a handler", id)
		}
	}
	if _, err := New(Options{}); err == nil {
		t.Error("New without a store made a handler")
	}
}
