package azmlbatch

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/google/go-cmp/cmp"
)

func response(t *testing.T, status int, header map[string]string, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://management.azure.com/x?sig=hidden", nil)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	for k, v := range header {
		h.Set(k, v)
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: req}
}

func TestErrorFromEveryKindOfAnswer(t *testing.T) {
	tests := []struct {
		name   string
		status int
		header map[string]string
		body   string
		want   string
		codes  []string
	}{
		{"inner error of ARM", 404, map[string]string{"x-ms-correlation-request-id": "1f0c"},
			`{"error":{"code":"UserError","message":"No such kiln.","details":[],"additionalInfo":[{"type":"InnerError","info":{"value":{"code":"NotFound","innerError":{"code":"KilnNotFound","innerError":null}}}}]}}`,
			`azmlbatch: get endpoint "digits": 404 KilnNotFound: No such kiln. (request 1f0c)`, []string{"UserError", "NotFound", "KilnNotFound"}},
		{"details of ARM", 404, nil,
			`{"error":{"code":"UserError","message":"The specified resource was not found.","details":[{"code":"ModelNotFound","message":"Model container with name: vase not found."}]}}`,
			`azmlbatch: get endpoint "digits": 404 ModelNotFound: The specified resource was not found. Model container with name: vase not found.`,
			[]string{"UserError", "ModelNotFound"}},
		{"data plane", 500, map[string]string{"mise-correlation-id": "m1"},
			`{"error":{"code":"ServiceError","message":"Received 500 from a service request","details":[],"innerError":null},"correlation":{},"time":"x"}`,
			`azmlbatch: get endpoint "digits": 500 ServiceError: Received 500 from a service request (request m1)`, []string{"ServiceError"}},
		{"no body at all", 404, nil, "", `azmlbatch: get endpoint "digits": 404 Not Found`, nil},
		{"a proxy's page", 502, nil, "<!DOCTYPE html><html><head><title>Bad\n gateway</title></head><body>secret path</body></html>",
			`azmlbatch: get endpoint "digits": 502 Bad Gateway: an HTML page, not the service's answer: Bad gateway; ` + pageRemedy, nil},
		{"XML with a byte order mark", 403, nil,
			"\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>KeyBasedAuthenticationNotPermitted</Code><Message>Key based authentication is not permitted on this storage account.\nRequestId:1\nTime:2</Message></Error>",
			`azmlbatch: get endpoint "digits": 403 KeyBasedAuthenticationNotPermitted: Key based authentication is not permitted on this storage account.; the storage account takes no keys: leave the choice of the credential to the client, it then uses the caller's own token`,
			[]string{"KeyBasedAuthenticationNotPermitted"}},
		{"plain text of the scoring host", 403, nil, "Audiences in Jwt are not allowed",
			`azmlbatch: get endpoint "digits": 403 Forbidden: Audiences in Jwt are not allowed; the token was made for another audience: check ClientOptions.Cloud and use a credential of the same cloud`, nil},
		{"JSON cut short", 500, nil, `{"error":{"code":"Us`, `azmlbatch: get endpoint "digits": 500 Internal Server Error: {"error":{"code":"Us`, nil},
		{"a code in a header only", 404, map[string]string{"x-ms-error-code": "BlobNotFound"}, "",
			`azmlbatch: get endpoint "digits": 404 BlobNotFound`, []string{"BlobNotFound"}},
		{"a signature in the text", 400, nil, `{"error":{"code":"Bad","message":"cannot read https://a.blob.core.windows.net/c/b?sv=1&sig=SECRET%3D now"}}`,
			`azmlbatch: get endpoint "digits": 400 Bad: cannot read https://a.blob.core.windows.net/c/b now`, []string{"Bad"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := newResponseError(`get endpoint "digits"`, response(t, tt.status, tt.header, tt.body))
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("Error() (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.codes, err.Codes); diff != "" {
				t.Errorf("Codes (-want +got):\n%s", diff)
			}
			var cause *azcore.ResponseError
			if !errors.As(err, &cause) || cause.StatusCode != tt.status {
				t.Errorf("errors.As(%v, *azcore.ResponseError) = %v", err, cause)
			}
		})
	}
}

func TestSentinels(t *testing.T) {
	for status, sentinel := range map[int]error{401: ErrUnauthorized, 403: ErrForbidden, 404: ErrNotFound, 409: ErrConflict, 412: ErrConflict, 429: ErrThrottled} {
		err := error(&Error{StatusCode: status, Codes: []string{"UserError", "Inner"}})
		if !errors.Is(err, sentinel) {
			t.Errorf("status %d is not %v", status, sentinel)
		}
		if errors.Is(err, ErrReadOnly) || !HasCode(err, "inner") || HasCode(err, "other") {
			t.Errorf("status %d: wrong sentinel or codes", status)
		}
	}
}

// TestErrWorkspaceNotFound tells a missing workspace from a resource that a workspace lacks.
func TestErrWorkspaceNotFound(t *testing.T) {
	for _, test := range []struct {
		status        int
		code, message string
		want          bool
	}{
		{404, "SubscriptionNotFound", "The subscription 's' could not be found.", true},
		{404, "ResourceGroupNotFound", "Resource group 'g' could not be found.", true},
		{404, "WorkspaceNotFound", "", true},
		{404, "ResourceNotFound", "The Resource 'Microsoft.MachineLearningServices/workspaces/kiln' under resource group 'g' was not found.", true},
		{404, "ParentResourceNotFound", "Parent resource '/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/kiln' could not be found.", true},
		{404, "ResourceNotFound", "The Resource 'Microsoft.MachineLearningServices/workspaces/kiln/batchEndpoints/e' under resource group 'g' was not found.", false},
		{404, "UserError", "An endpoint with the name 'e' does not exist in the workspace 'kiln'.", false},
		{403, "ResourceGroupNotFound", "", false},
	} {
		err := error(&Error{StatusCode: test.status, Codes: []string{test.code}, Message: test.message})
		if got := errors.Is(err, ErrWorkspaceNotFound); got != test.want {
			t.Errorf("%d %s %s: %t, want %t", test.status, test.code, test.message, got, test.want)
		}
		if got := errors.Is(err, ErrNotFound); got != (test.status == 404) {
			t.Errorf("%d %s: ErrNotFound %t", test.status, test.code, got)
		}
	}
}

func TestAmbiguousInvokeErrorSaysHowTheSearchEnded(t *testing.T) {
	lost := errors.New("read tcp: connection reset")
	for _, tt := range []struct {
		output string
		lookup error
		want   string
	}{
		{"", nil, `azmlbatch: invoke endpoint "digits": the answer was lost and the job has no output to find it by; ` +
			`it may have started: look at the endpoint's jobs before invoking again (read tcp: connection reset)`},
		{"p", nil, `azmlbatch: invoke endpoint "digits": the answer was lost and no job with key "k" is listed; it may have started: invoke again with the same key (read tcp: connection reset)`},
		{"p", errors.New("503\nbusy https://h/x?sig=s"), `azmlbatch: invoke endpoint "digits": the answer was lost and the search for a job with key "k" failed (503 busy https://h/x); ` +
			`it may have started: invoke again with the same key (read tcp: connection reset)`},
	} {
		err := error(&AmbiguousInvokeError{Endpoint: "digits", Key: "k", Output: tt.output, Lookup: tt.lookup, Err: lost})
		if diff := cmp.Diff(tt.want, err.Error()); diff != "" || !errors.Is(err, lost) {
			t.Errorf("text (-want +got):\n%s", diff)
		}
	}
}

// A member of another kind than usual costs that member, not the whole explanation.
func TestErrorBodiesOfOtherShapes(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":{"code":"A","message":"glaze ran","details":"none"}}`:                                               "A: glaze ran",
		`{"error":{"code":"A","message":"glaze ran","additionalInfo":[{"type":"T","info":"text"}],"innerError":"x"}}`: "A: glaze ran",
		`{"code":"B","message":"bare"}`:                     "B: bare",
		`{"error":"invalid_client"}`:                        `: {"error":"invalid_client"}`,
		`{"value":1}`:                                       ": ",
		`<Error><Code>A</Code><Message>m</Message></Error>`: "A: m",
		`<Error><Message>m</Message></Error>`:               ": <Error><Message>m</Message></Error>",
		`<Error><Code>A</Code><Message>m`:                   ": <Error><Code>A</Code><Message>m",
		`[1]`:                                               ": [1]",
		"":                                                  ": ",
	} {
		codes, message := parseErrorBody([]byte(body))
		if got := strings.Join(codes, " ") + ": " + message; got != want {
			t.Errorf("%s = %q, want %q", body, got, want)
		}
	}
}

func FuzzErrorBody(f *testing.F) {
	f.Add([]byte(`{"error":{"code":"A","message":"m","details":[{"code":"B"}],"additionalInfo":[{"type":"InnerError","info":{"value":{"code":"C"}}}]}}`))
	f.Add([]byte("\ufeff<Error><Code>X</Code></Error>"))
	f.Add([]byte("<html><title>x</title>"))
	f.Add([]byte(`{"error":{"code":"A","message":"read https://h/c?sig=hidden Bearer hidden AccountKey=hidden now"}}`))
	for _, body := range cassetteBodies(f) {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		err := newResponseError("get vase", response(t, 400, nil, string(body)))
		if strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("an error of more than one line: %q", err)
		}
		if len(err.Codes) > 0 && err.Code() == "" {
			t.Errorf("an empty code among %q", err.Codes)
		}
		for _, url := range urlPattern.FindAllString(err.Message, -1) {
			if strings.ContainsAny(url, "?") {
				t.Errorf("a query in the message %q", err.Message)
			}
		}
	})
}

func asError(err error, target any) bool { return errors.As(err, target) }

func isError(err, target error) bool { return errors.Is(err, target) }

// TestCodesOfOtherErrors: HasCode looks into an answer of azcore's too, and into nothing else.
func TestCodesOfOtherErrors(t *testing.T) {
	answer := &azcore.ResponseError{ErrorCode: "BlobNotFound", StatusCode: 404}
	for name, tt := range map[string]struct {
		err   error
		codes []string
		want  bool
	}{
		"azcore's":              {fmt.Errorf("read: %w", answer), []string{"other", "blobnotfound"}, true},
		"azcore's, another":     {answer, []string{"other"}, false},
		"ours before azcore's":  {&Error{Codes: []string{"Outer"}, Err: answer}, []string{"BlobNotFound"}, false},
		"the outer one":         {&Error{Codes: []string{"Outer", "Inner"}}, []string{"outer"}, true},
		"no codes asked for":    {answer, nil, false},
		"no error of a service": {errReset, []string{"BlobNotFound"}, false},
		"nil":                   {nil, []string{"BlobNotFound"}, false},
	} {
		if got := HasCode(tt.err, tt.codes...); got != tt.want {
			t.Errorf("%s: HasCode = %t, want %t", name, got, tt.want)
		}
	}
	for status, others := range map[int][]error{
		401: {ErrNotFound, ErrConflict, ErrForbidden, ErrThrottled}, 403: {ErrNotFound, ErrConflict, ErrUnauthorized, ErrThrottled},
		404: {ErrConflict, ErrUnauthorized, ErrForbidden, ErrThrottled}, 409: {ErrNotFound, ErrUnauthorized, ErrForbidden, ErrThrottled},
		429: {ErrNotFound, ErrConflict, ErrUnauthorized, ErrForbidden}, 0: {ErrNotFound, ErrConflict, ErrUnauthorized, ErrForbidden, ErrThrottled},
	} {
		for _, other := range others {
			if errors.Is(&Error{StatusCode: status}, other) {
				t.Errorf("status %d passes for %v", status, other)
			}
		}
	}
}

// TestErrorsRead has each part of an error's text alone, and all of them.
func TestErrorsRead(t *testing.T) {
	for want, err := range map[string]*Error{
		"azmlbatch: get vase":                                     {Operation: "get vase"},
		"azmlbatch: get vase: 404 Not Found":                      {Operation: "get vase", StatusCode: 404},
		"azmlbatch: get vase: 404 Inner":                          {Operation: "get vase", StatusCode: 404, Codes: []string{"Outer", "Inner"}, Err: errReset},
		"azmlbatch: get vase: broken":                             {Operation: "get vase", Message: "broken", Err: errReset},
		"azmlbatch: get vase: read tcp: connection reset by peer": {Operation: "get vase", Err: errReset},
		"azmlbatch: get vase (request r-1)":                       {Operation: "get vase", RequestID: "r-1"},
		"azmlbatch: get vase; glue it":                            {Operation: "get vase", Remedy: "glue it"},
		"azmlbatch: get vase: 409 Cracked: broken (request r-1); glue it": {Operation: "get vase", StatusCode: 409, Codes: []string{"Cracked"},
			Message: "broken", RequestID: "r-1", Remedy: "glue it", Err: errReset},
	} {
		if diff := cmp.Diff(want, err.Error()); diff != "" {
			t.Errorf("text (-want +got):\n%s", diff)
		}
	}
	if got := (&Error{}).Code(); got != "" {
		t.Errorf("Code of no codes = %q", got)
	}
}
