package blob

import (
	"cmp"
	"encoding/base64"
	"strings"
	"testing"
)

// sasQuery makes a SAS out of fields, signed with the first key. An empty value leaves a field out.
func sasQuery(edit map[string]string, account bool) string {
	fields := []detail{{"sv", "2024-08-04"}, {"st", "2026-03-26T17:00:00Z"}, {"se", "2026-03-26T19:00:00Z"}, {"sp", "r"}}
	if account {
		fields = append(fields, detail{"ss", "b"}, detail{"srt", "co"})
	} else {
		fields = append(fields, detail{"sr", "c"})
	}
	for name, value := range edit {
		found := false
		for i := range fields {
			if fields[i].name == name {
				fields[i].value, found = value, true
			}
		}
		if !found {
			fields = append(fields, detail{name, value})
		}
	}
	get := func(name string) string {
		for _, f := range fields {
			if f.name == name {
				return f.value
			}
		}
		return ""
	}
	if get("sig") != "" {
		return encodeParams(fields)
	}
	t := sas{version: get("sv"), permissions: get("sp"), start: get("st"), expiry: get("se"), ip: get("sip"), protocol: get("spr"),
		services: get("ss"), resourceTypes: get("srt"), resource: get("sr"), get: get}
	toSign := t.serviceString(&request{accountID: testAccount, container: testContainer, blob: "there"})
	if account {
		toSign = t.accountString(testAccount)
	}
	return encodeParams(append(fields, detail{"sig", base64.StdEncoding.EncodeToString(sign(testKeys[0], toSign))}))
}

func TestSASRefusals(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "", at(testTime))
	put(t, s, "there", "hello world")
	type fields = map[string]string
	for _, test := range []struct {
		name    string
		account bool
		fields  fields
		method  string // default GET
		path    string // default the blob
		status  int
		code    string
		says    string
	}{
		{name: "service SAS", status: 200},
		{name: "account SAS", account: true, status: 200},
		{name: "times without seconds", fields: fields{"st": "2026-03-26T17:00Z", "se": "2026-03-27"}, status: 200},
		{name: "expired", fields: fields{"se": "2026-03-26T18:01:37Z"}, status: 403, code: "AuthenticationFailed",
			says: "Signature not valid in the specified time frame: Start [Thu, 26 Mar 2026 17:00:00 GMT] - Expiry [Thu, 26 Mar 2026 18:01:37 GMT] - Current [Thu, 26 Mar 2026 18:01:37 GMT]"},
		{name: "not yet", fields: fields{"st": "2026-03-26T18:30:00Z"}, status: 403, code: "AuthenticationFailed", says: "time frame"},
		{name: "odd time", fields: fields{"se": "soon"}, status: 403, code: "AuthenticationFailed", says: "Signature fields not well formed."},
		{name: "signed by nobody", fields: fields{"sig": "vo7q9sPVKY0="}, status: 403, code: "AuthenticationFailed", says: "Signature did not match."},
		{name: "odd signature", fields: fields{"sig": "%"}, status: 403, code: "AuthenticationFailed", says: "Signature fields not well formed."},
		{name: "without expiry", fields: fields{"se": ""}, status: 403, code: "AuthenticationFailed", says: "se is mandatory. Cannot be empty"},
		{name: "without resource", fields: fields{"sr": ""}, status: 403, code: "AuthenticationFailed", says: "sr is mandatory. Cannot be empty"},
		{name: "letters out of order", fields: fields{"sp": "lr"}, status: 403, code: "AuthenticationFailed", says: "SAS field &#39;sp&#39;"},
		{name: "letters out of order, account", account: true, fields: fields{"sp": "lr"}, status: 200},
		{name: "permission", method: "DELETE", status: 403, code: "AuthorizationPermissionMismatch"},
		{name: "permission, account", account: true, method: "DELETE", status: 403, code: "AuthorizationPermissionMismatch"},
		{name: "service", account: true, fields: fields{"ss": "f"}, status: 403, code: "AuthorizationServiceMismatch"},
		{name: "resource type", account: true, fields: fields{"srt": "c"}, status: 403, code: "AuthorizationResourceTypeMismatch"},
		{name: "container properties with a service SAS", path: "/firings?restype=container", status: 403, code: "AuthorizationFailure"},
		{name: "containers with a service SAS", path: "/?comp=list", status: 403, code: "AuthenticationFailed"},
		{name: "list without l", path: "/firings?restype=container&comp=list", status: 403, code: "AuthorizationPermissionMismatch"},
		{name: "another container", path: "/other/there", status: 403, code: "AuthenticationFailed"},
		{name: "address", fields: fields{"sip": "10.0.0.1-10.0.0.9"}, status: 403, code: "AuthorizationSourceIPMismatch"},
		{name: "address in range", fields: fields{"sip": "192.0.2.0-192.0.2.9"}, status: 200},
		{name: "stored policy", fields: fields{"si": "p1"}, status: 403, code: "AuthenticationFailed", says: "Access policy not found"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			method, path := cmp.Or(test.method, "GET"), cmp.Or(test.path, "/firings/there")
			sep := "?"
			if strings.Contains(path, "?") {
				sep = "&"
			}
			w := call(t, s, method, "https://"+testHost+path+sep+sasQuery(test.fields, test.account), "", nil)
			if w.Code != test.status || w.Header().Get("X-Ms-Error-Code") != test.code {
				t.Fatalf("%s %s = %d %s, want %d %s\n%s", method, path, w.Code, w.Header().Get("X-Ms-Error-Code"), test.status, test.code, w.Body)
			}
			if !strings.Contains(w.Body.String(), strings.ReplaceAll(test.says, "&#39;", "'")) {
				t.Errorf("body %s does not say %q", w.Body, test.says)
			}
		})
	}
}

func TestSASThatMayOnlyCreate(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "", at(testTime))
	put(t, s, "there", "old")
	header := map[string]string{"X-Ms-Blob-Type": "BlockBlob"}
	query := sasQuery(map[string]string{"sp": "c"}, false)
	if w := call(t, s, "PUT", testURL+"/new?"+query, "x", header); w.Code != 201 {
		t.Errorf("create = %d, want 201: %s", w.Code, w.Body)
	}
	w := call(t, s, "PUT", testURL+"/there?"+query, "x", header)
	if code := w.Header().Get("X-Ms-Error-Code"); w.Code != 403 || code != "UnauthorizedBlobOverwrite" {
		t.Errorf("overwrite = %d %s, want 403 UnauthorizedBlobOverwrite", w.Code, code)
	}
}

func TestSASOverPlainHTTP(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "", at(testTime))
	put(t, s, "there", "x")
	query := sasQuery(map[string]string{"spr": "https"}, false)
	for scheme, want := range map[string]int{"https": 200, "http": 403} {
		if w := call(t, s, "GET", scheme+"://"+testHost+"/firings/there?"+query, "", nil); w.Code != want {
			t.Errorf("GET by %s = %d %s, want %d", scheme, w.Code, w.Header().Get("X-Ms-Error-Code"), want)
		}
	}
}

// TestSASAddresses: one address or a range, over whatever the client came.
func TestSASAddresses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		remote, allowed string
		want            bool
	}{
		{"10.0.0.1:1", "10.0.0.1", true},
		{"10.0.0.1", "10.0.0.1", true},
		{"[::ffff:10.0.0.1]:1", "10.0.0.1", true},
		{"10.0.0.2:1", "10.0.0.1", false},
		{"10.0.0.2:1", "10.0.0.1-10.0.0.2", true},
		{"10.0.0.3:1", "10.0.0.1-10.0.0.2", false},
		{"10.0.0.0:1", "10.0.0.1-10.0.0.2", false},
		{"kiln:1", "10.0.0.1", false},
		{"10.0.0.1:1", "kiln", false},
		{"10.0.0.1:1", "10.0.0.0-kiln", false},
	} {
		if got := ipInRange(test.remote, test.allowed); got != test.want {
			t.Errorf("%s in %s: %v, want %v", test.remote, test.allowed, got, test.want)
		}
	}
}
