package emulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
)

// deny answers as a caller without the role is answered, with the action and the scope. The texts
// are those of issue threads and of Microsoft Learn. Not evidenced: the scoring host's status for
// batch endpoints; it is that of online endpoints on the same front door.
func (c *faultedCall) deny(w http.ResponseWriter, r *http.Request) {
	action, scope := roleAction(c.kind, r)
	switch c.kind {
	case cloud.KindBlob:
		c.fail(w, "AuthorizationPermissionMismatch", "This request is not authorized to perform this operation using this permission.")
	case cloud.KindScoring:
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, "Microsoft Entra Token denied by policy, please review https://learn.microsoft.com/en-us/azure/machine-learning/how-to-authenticate-online-endpoint")
	case cloud.KindAPI:
		c.fail(w, "UserError", fmt.Sprintf("Identity(object id: %s) does not have permissions for %s actions. "+
			"Please refer to https://aka.ms/azureml-auth-troubleshooting to fix the permissions issue.", c.caller, action))
	default:
		w.Header().Set("X-Ms-Failure-Cause", "gateway")
		c.fail(w, "AuthorizationFailed", fmt.Sprintf("The client '%s' with object id '%s' does not have authorization to perform action '%s' over scope '%s' "+
			"or the scope is invalid. If access was recently granted, please refresh your credentials.", c.caller, c.caller, action, scope))
	}
}

// faultWorld is what faults know of the emulator.
type faultWorld struct {
	now    func() time.Time
	caller string // id of the application that signs in
}

// roleAction is the action of Azure's roles that a request needs, and the resource that it is about
// (Microsoft Learn: how-to-setup-authorization, how-to-authenticate-batch-endpoint; where those do
// not list a call, its action is read off the names). It is empty for hosts without roles.
func roleAction(kind cloud.Kind, r *http.Request) (action, scope string) {
	const workspaces = "Microsoft.MachineLearningServices/workspaces/"
	switch kind {
	case cloud.KindManagement:
		return managementAction(r)
	case cloud.KindScoring:
		return workspaces + "batchEndpoints/jobs/" + verbOf(r.Method), ""
	case cloud.KindAPI:
		switch path := strings.ToLower(r.URL.Path); {
		case strings.HasPrefix(path, "/mferp/"):
			return workspaces + "batchEndpoints/jobs/" + verbOf(r.Method), ""
		case strings.HasPrefix(path, "/data/"):
			return workspaces + "data/versions/read", ""
		case strings.HasPrefix(path, "/history/") && r.Method == http.MethodPatch:
			return workspaces + "experiments/runs/write", ""
		}
		return workspaces + "experiments/runs/read", ""
	case cloud.KindBlob:
		if !strings.HasPrefix(strings.ToLower(r.Header.Get("Authorization")), "bearer ") {
			return "", "" // keys and signatures need no role
		}
		return "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/" + verbOf(r.Method), ""
	}
	return "", ""
}

func verbOf(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead:
		return "read"
	case http.MethodDelete:
		return "delete"
	}
	return "write"
}

// managementAction reads the types of a resource off its path: a POST is an action of its last
// segment.
func managementAction(r *http.Request) (action, scope string) {
	segments := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	scope, verb := "/"+strings.Join(segments, "/"), verbOf(r.Method)
	if r.Method == http.MethodPost && len(segments) > 1 {
		verb = segments[len(segments)-1] + "/action"
		segments = segments[:len(segments)-1]
		scope = "/" + strings.Join(segments, "/")
	}
	at := -1
	for i, s := range segments {
		if strings.EqualFold(s, "providers") {
			at = i
		}
	}
	if at < 0 || at+1 >= len(segments) {
		return "Microsoft.Resources/subscriptions/" + verb, scope
	}
	types := []string{segments[at+1]}
	for i := at + 2; i < len(segments); i += 2 {
		types = append(types, segments[i])
	}
	return strings.Join(append(types, verb), "/"), scope
}

// disallow answers as Azure Policy does (azure-cli issue 8058).
func (c *faultedCall) disallow(w http.ResponseWriter, r *http.Request) {
	const assignment = "/providers/Microsoft.Management/managementGroups/potters/providers/Microsoft.Authorization/policyAssignments/kiln-rules"
	const definition = "/providers/Microsoft.Management/managementGroups/potters/providers/Microsoft.Authorization/policyDefinitions/only-small-kilns"
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	c.failWith(w, "RequestDisallowedByPolicy", fmt.Sprintf("Resource '%s' was disallowed by policy. Policy identifiers: "+
		`'[{"policyAssignment":{"name":"Kiln rules","id":"%s"},"policyDefinition":{"name":"Only small kilns","id":"%s"}}]'.`, name, assignment, definition),
		map[string]any{"target": name, "additionalInfo": []any{map[string]any{"type": "PolicyViolation", "info": map[string]any{
			"policyDefinitionDisplayName": "Only small kilns", "policyDefinitionId": definition, "policyDefinitionName": "only-small-kilns",
			"policyDefinitionEffect": "deny", "policyAssignmentDisplayName": "Kiln rules", "policyAssignmentId": assignment, "policyAssignmentName": "kiln-rules",
			"policyAssignmentScope": "/providers/Microsoft.Management/managementGroups/potters",
		}}}})
}

// quota answers as a service whose limit is reached. Not evidenced for Azure ML: code and text; they
// are those of compute quotas in ARM.
func (c *faultedCall) quota(w http.ResponseWriter, _ *http.Request) {
	c.fail(w, "QuotaExceeded", "Operation could not be completed as it results in exceeding approved Total Regional Cores quota. "+
		"Additional details - Deployment Model: Resource Manager, Current Limit: 10, Current Usage: 10, Additional Required: 4. Submit a request for Quota increase.")
}

// conflict answers as while another operation runs. Not evidenced for Azure ML; code and text are
// ARM's.
func (c *faultedCall) conflict(w http.ResponseWriter, _ *http.Request) {
	if c.kind == cloud.KindBlob {
		c.fail(w, "OperationAlreadyInProgress", "The operation is already in progress.")
		return
	}
	c.fail(w, "AnotherOperationInProgress", "Another operation on this or dependent resource is in progress.")
}

// failWith is fail with further members beside code and message.
func (c *faultedCall) failWith(w http.ResponseWriter, code, message string, more map[string]any) {
	if c.kind == cloud.KindBlob || c.kind == cloud.KindLogin {
		c.fail(w, code, message)
		return
	}
	more["code"], more["message"] = code, message
	text, err := json.Marshal(map[string]any{"error": more})
	if err != nil {
		panic(err) // texts always encode
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(c.Status)
	_, _ = w.Write(text)
}

// loseLease ends the lease that a request to storage holds, as if its holder had been too slow, and
// lets storage answer. Other requests pass.
func (c *faultedCall) loseLease(w http.ResponseWriter, r *http.Request) {
	if c.kind == cloud.KindBlob && r.Header.Get("X-Ms-Lease-Id") != "" {
		end := r.Clone(r.Context())
		end.Method, end.Body, end.ContentLength = http.MethodPut, http.NoBody, 0
		end.URL = &url.URL{Scheme: r.URL.Scheme, Host: r.URL.Host, Path: r.URL.Path, RawQuery: "comp=lease"}
		end.Header = http.Header{"X-Ms-Lease-Action": {"break"}, "X-Ms-Lease-Break-Period": {"0"}, "X-Ms-Version": r.Header["X-Ms-Version"], "Authorization": r.Header["Authorization"]}
		c.next.ServeHTTP(newLostAnswer(), end)
	}
	c.next.ServeHTTP(w, r)
}

// expireSAS answers a request with a signature as storage answers one that has expired (the words
// are those of package blob). Other requests pass.
func (c *faultedCall) expireSAS(w http.ResponseWriter, r *http.Request) {
	if c.kind != cloud.KindBlob || r.URL.Query().Get("sig") == "" {
		c.next.ServeHTTP(w, r)
		return
	}
	const code = "AuthenticationFailed"
	text := func(t time.Time) string { return t.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT") }
	now := c.now()
	w.Header().Set("X-Ms-Error-Code", code)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(http.StatusForbidden)
	_, _ = fmt.Fprintf(w, "\ufeff"+`<?xml version="1.0" encoding="utf-8"?><Error><Code>%s</Code><Message>Server failed to authenticate the request. `+
		"Make sure the value of Authorization header is formed correctly including the signature.</Message><AuthenticationErrorDetail>"+
		"Signature not valid in the specified time frame: Start [%s] - Expiry [%s] - Current [%s]</AuthenticationErrorDetail></Error>",
		code, text(now.Add(-2*time.Hour)), text(now.Add(-time.Hour)), text(now))
}

// lateList leaves out of a list what is younger than Pause, by the emulator's clock: lists of Azure
// show a new resource some seconds late.
func (c *faultedCall) lateList(w http.ResponseWriter, r *http.Request) {
	kept := &keptAnswer{header: w.Header()}
	c.next.ServeHTTP(kept, r)
	body := kept.body.Bytes()
	var page map[string]json.RawMessage
	var items []json.RawMessage
	if r.Method == http.MethodGet && json.Unmarshal(body, &page) == nil && json.Unmarshal(page["value"], &items) == nil {
		shown := []json.RawMessage{}
		for _, item := range items {
			if created := createdAt(item); created.IsZero() || !c.now().Before(created.Add(c.Pause)) {
				shown = append(shown, item)
			}
		}
		if text, err := json.Marshal(shown); err == nil {
			page["value"] = text
		}
		if text, err := json.Marshal(page); err == nil {
			body = text
		}
	}
	kept.pass(w, body)
}

// createdAt is when an item of a list was made, zero if it does not say.
func createdAt(item json.RawMessage) time.Time {
	var made struct {
		SystemData struct {
			CreatedAt time.Time `json:"createdAt"`
		} `json:"systemData"`
		CreatedUTC time.Time `json:"createdUtc"`
	}
	if json.Unmarshal(item, &made) != nil {
		return time.Time{}
	}
	if made.CreatedUTC.IsZero() {
		return made.SystemData.CreatedAt
	}
	return made.CreatedUTC
}
