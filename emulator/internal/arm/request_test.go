package arm

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/azmlbatch/azmlbatch/emulator/internal/golden"
	"github.com/azmlbatch/azmlbatch/emulator/internal/login"
	"github.com/azmlbatch/azmlbatch/emulator/internal/loosejson"
	"github.com/azmlbatch/azmlbatch/emulator/internal/validation"
	"github.com/google/go-cmp/cmp"
)

func TestShapesReadAnySpelling(t *testing.T) {
	of := object{
		"maxCount": integer{}, "enabled": boolean{}, "mode": enum{"ReadOnly", "Off"}, "label": text{},
		"inner": object{"timeOut": text{}}, "byName": dictionary{object{"size": integer{}}}, "all": list{integer{}},
	}
	for _, test := range []struct {
		name, text, want string
		complaints       []string
	}{
		{name: "names in any case", text: `{"MAXCOUNT": 1, "Inner": {"timeout": "PT1S"}}`, want: `{"maxCount": 1, "inner": {"timeOut": "PT1S"}}`},
		{name: "numbers as text", text: `{"maxCount": "4", "all": ["1", 2.0, "-3"]}`, want: `{"maxCount": 4, "all": [1, 2, -3]}`},
		{name: "text as other things", text: `{"label": 1.5, "enabled": "TRUE"}`, want: `{"label": "1.5", "enabled": true}`},
		{name: "enum values in any case", text: `{"mode": "readonly"}`, want: `{"mode": "ReadOnly"}`},
		{name: "unknown members stay", text: `{"Strange": {"Case": [true]}, "byName": {"Kept": {"SIZE": "7", "x": 1}}}`,
			want: `{"Strange": {"Case": [true]}, "byName": {"Kept": {"size": 7, "x": 1}}}`},
		{name: "null stays", text: `{"maxCount": null, "inner": null, "mode": null}`, want: `{"maxCount": null, "inner": null, "mode": null}`},
		{name: "the properly spelled one wins", text: `{"maxCount": 1, "MaxCount": 2}`, want: `{"maxCount": 1}`},
		{name: "wrong kinds", text: `{"maxCount": "many", "enabled": 3, "mode": "On", "inner": [], "all": {}, "byName": {"a": {"size": 1.5}}}`,
			want:       `{"maxCount": "many", "enabled": 3, "mode": "On", "inner": [], "all": {}, "byName": {"a": {"size": 1.5}}}`,
			complaints: []string{"all", "byName.a.size", "enabled", "inner", "maxCount", "mode"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			sent, err := loosejson.Object([]byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			want, err := loosejson.Object([]byte(test.want))
			if err != nil {
				t.Fatal(err)
			}
			var complaints []validation.Violation
			got := of.read(sent, "", &complaints)
			if test.complaints == nil {
				if diff := cmp.Diff(any(want), got); diff != "" {
					t.Errorf("read (-want +got):\n%s", diff)
				}
			}
			var paths []string
			for _, complaint := range complaints {
				paths = append(paths, complaint.PropertyName)
			}
			if diff := cmp.Diff(test.complaints, paths, cmp.Transformer("set", func(list []string) map[string]bool {
				set := map[string]bool{}
				for _, item := range list {
					set[item] = true
				}
				return set
			})); diff != "" {
				t.Errorf("complaints (-want +got):\n%s", diff)
			}
		})
	}
}

func TestGatewayRefusals(t *testing.T) {
	h := newHost(t)
	texts := map[string]any{}
	for _, test := range []struct {
		name, method, url, body string
		status                  int
		code                    string
	}{
		{"no api-version", "GET", "/subscriptions", "", 400, "MissingApiVersionParameter"},
		{"malformed api-version", "GET", "/subscriptions?api-version=latest", "", 400, "InvalidApiVersionParameter"},
		{"unknown subscription", "GET", "/subscriptions/none?api-version=2024-04-01", "", 404, "SubscriptionNotFound"},
		{"unknown group", "GET", "/subscriptions/" + testSubscription + "/resourcegroups/none?api-version=2024-04-01", "", 404, "ResourceGroupNotFound"},
		{"unknown workspace", "GET", workspaceID(testSubscription, "pottery", "none") + "/models?api-version=2024-04-01", "", 404, "ResourceNotFound"},
		{"unknown kind of resource", "GET", workspaceID(testSubscription, "pottery", "kilns") + "/onlineEndpoints?api-version=2024-04-01", "", 404, "InvalidResourceType"},
		{"wrong method", "DELETE", workspaceID(testSubscription, "pottery", "kilns") + "/models?api-version=2024-04-01", "", 405, "HttpMethodNotAllowed"},
		{"malformed body", "PUT", workspaceID(testSubscription, "pottery", "kilns") + "/models/m/versions/1?api-version=2024-04-01", "{", 400, "InvalidRequestContent"},
		{"no location", "PUT", workspaceID(testSubscription, "pottery", "kilns") + "/batchEndpoints/glaze?api-version=2024-04-01", `{"properties":{}}`, 400, "LocationRequired"},
	} {
		t.Run(test.name, func(t *testing.T) {
			request := httptest.NewRequestWithContext(t.Context(), test.method, test.url, strings.NewReader(test.body))
			r := h.send(request).wants(test.status).has(map[string]any{"error/code": test.code, "error/details": "absent"})
			if got := r.header.Get("x-ms-failure-cause"); got != "gateway" {
				t.Errorf("x-ms-failure-cause = %q, want gateway", got)
			}
			if got := r.header.Get("x-ms-response-type"); got != "" {
				t.Errorf("x-ms-response-type = %q, want none", got)
			}
			texts[test.name] = r.at("error/message")
		})
	}
	golden.Check(t, "gateway_refusals", texts)
}

func TestTokensAreChecked(t *testing.T) {
	texts := map[string]any{}
	var refusal *login.Refusal
	h := newHost(t, func(o *Options) {
		o.Verify = func(_ string, audiences ...string) (login.Claims, *login.Refusal) {
			if len(audiences) < 4 {
				t.Errorf("audiences = %q, want the four of ARM", audiences)
			}
			return login.Claims{AppID: "app", ObjectID: "object", TenantID: "tenant"}, refusal
		}
	})
	for _, test := range []struct {
		refusal login.Refusal
		code    string
	}{
		{login.Refusal{Reason: login.Missing}, "AuthenticationFailed"},
		{login.Refusal{Reason: login.Malformed}, "InvalidAuthenticationToken"},
		{login.Refusal{Reason: login.Signature}, "InvalidAuthenticationToken"},
		{login.Refusal{Reason: login.Expired}, "ExpiredAuthenticationToken"},
		{login.Refusal{Reason: login.Audience, Claims: login.Claims{Audience: "https://ml.azure.com"}}, "InvalidAuthenticationTokenAudience"},
	} {
		refusal = &test.refusal
		r := h.get("/subscriptions").wants(http.StatusUnauthorized).has(map[string]any{"error/code": test.code})
		if got := r.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, `Bearer authorization_uri="https://`) {
			t.Errorf("%s: WWW-Authenticate = %q", test.code, got)
		}
		if test.refusal.Reason == login.Audience && !strings.Contains(r.text, "wrong audience or resource 'https://ml.azure.com'") {
			t.Errorf("the refusal does not name the audience: %s", r.text)
		}
		texts[string(test.refusal.Reason)] = []any{r.header.Get("WWW-Authenticate"), r.at("error/message")}
	}
	golden.Check(t, "token_refusals", texts)
	refusal = nil
	r := h.get("models").wants(http.StatusOK)
	if got := r.header.Get("x-ms-operation-identifier"); !strings.HasPrefix(got, "tenantId=tenant,objectId=object/eastus/") {
		t.Errorf("x-ms-operation-identifier = %q", got)
	}
	if got := h.get("/metadata/endpoints").wants(http.StatusOK).text; !strings.Contains(got, "core.windows.net") {
		t.Errorf("metadata = %s", got)
	}
}

func TestPathsAndQueriesInAnyCase(t *testing.T) {
	h := newHost(t)
	h.put("Models/Mugs/Versions/1", `{"properties": {"modelUri": "azureml://datastores/d/paths/p"}}`).wants(http.StatusCreated).has(map[string]any{
		"id": workspaceID(testSubscription, "pottery", "kilns") + "/models/Mugs/versions/1",
	})
	upper := strings.ToUpper(workspaceID(testSubscription, "pottery", "kilns")) + "/MODELS/mugs/VERSIONS?API-VERSION=2024-04-01&%24TOP=1&LISTVIEWTYPE=activeonly&api-version=2024-04-01"
	h.get(upper).wants(http.StatusOK).hasNames("1")
}

func TestCommonHeaders(t *testing.T) {
	h := newHost(t)
	endpoint := h.put("batchEndpoints/glaze", `{"location": "eastus", "properties": {"authMode": "aadToken"}}`)
	for _, test := range []struct {
		name string
		r    response
		want map[string]string
	}{
		{"read", h.get("models"), map[string]string{
			"Cache-Control": "no-cache", "Pragma": "no-cache", "Expires": "-1", "X-Cache": "CONFIG_NOCACHE", "x-ms-response-type": "standard",
			"Content-Type": "application/json; charset=utf-8", "azureml-served-by-cluster": "vienna-eastus-01",
			"x-ms-ratelimit-remaining-subscription-reads": "1099", "x-ms-ratelimit-remaining-subscription-global-reads": "16499",
		}},
		{"write", endpoint, map[string]string{
			"x-ms-ratelimit-remaining-subscription-writes": "799", "x-ms-ratelimit-remaining-subscription-global-writes": "11999",
		}},
		{"refusal", h.get("models/none"), map[string]string{"x-ms-response-type": "error", "Retry-After": "", "ETag": ""}},
		{"endpoint", h.get("batchEndpoints/glaze"), map[string]string{"x-ms-operation-identifier": ""}},
		{"no body", h.get("computes/none"), map[string]string{"x-ms-response-type": "standard", "Content-Type": "", "Content-Length": "0"}},
	} {
		got := map[string]string{}
		for name := range test.want {
			got[name] = test.r.header.Get(name)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestVersionsOfTheAPI(t *testing.T) {
	h := newHost(t) // in March 2026
	for version, known := range map[string]bool{
		"2021-10-01": true, "2022-05-01": true, "2023-02-01-preview": true, "2024-04-01": true, "2025-10-01-preview": true,
		"2026-02-01": true, "2026-02-01-preview": true, // perhaps: the list may be older than they are
		"2024-04-02": false, "2023-10-01-preview": false, "2016-01-01": false, "2027-01-01": false,
	} {
		r := h.get("batchEndpoints?api-version=" + version)
		if known {
			r.wants(http.StatusOK)
			continue
		}
		r.wants(http.StatusBadRequest).has(map[string]any{"error/code": "NoRegisteredProviderFound"})
		message, _ := r.at("error/message").(string)
		want := "No registered resource provider found for location 'eastus' and API version '" + version +
			"' for type 'workspaces/batchEndpoints'. The supported api-versions are '2018-03-01-preview, "
		if !strings.HasPrefix(message, want) {
			t.Errorf("message = %q, want it to begin with %q", message, want)
		}
	}
	// Other providers have other versions.
	const subscription = "/subscriptions/" + testSubscription
	for _, path := range []string{
		"/subscriptions", subscription + "/providers/Microsoft.MachineLearningServices", subscription + "/resourceGroups/pottery/resources",
		subscription + "/resourceGroups/pottery/providers/Microsoft.Storage/storageAccounts",
		workspaceID(testSubscription, "pottery", "kilns") + "/providers/Microsoft.Authorization/roleAssignments",
	} {
		h.get(path + "?api-version=2022-12-01").wants(http.StatusOK)
	}
}

// TestHeadersOfAnswers: those that ARM's gateway adds to every answer.
func TestHeadersOfAnswers(t *testing.T) {
	h := newHost(t)
	for _, path := range []string{"batchEndpoints", "batchEndpoints/none"} {
		header := h.get(path).header
		id := header.Get("X-Ms-Request-Id")
		for name, want := range map[string]string{
			"Cache-Control": "no-cache", "Pragma": "no-cache", "Expires": "-1", "X-Cache": "CONFIG_NOCACHE", "X-Ms-Correlation-Request-Id": id,
			"X-Ms-Routing-Request-Id": "EASTUS:20260301T102030Z:" + id, "Date": "Sun, 01 Mar 2026 10:20:30 GMT",
		} {
			if got := header.Get(name); got != want || len(id) != 36 {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
	}
}
