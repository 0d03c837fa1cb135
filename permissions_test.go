package azmlbatch

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
)

func TestPermissions(t *testing.T) {
	service := &fakeService{answers: map[string]http.HandlerFunc{
		"GET /providers/Microsoft.Authorization/permissions": answer(200, `{"value":[{"actions":["*/read"],"notActions":[],"conditionVersion":null},
			{"actions":["Microsoft.MachineLearningServices/workspaces/*/write"],"notActions":["Microsoft.MachineLearningServices/workspaces/computes/*/write"],
			"dataActions":["Microsoft.Storage/*/blobs/write"],"notDataActions":[]}],"nextLink":null}`),
	}}
	got, err := service.client(t).Permissions(t.Context(), testWorkspaceID)
	if err != nil {
		t.Fatal(err)
	}
	want := recordedRequest{Method: "GET", Path: testWorkspaceID + "/providers/Microsoft.Authorization/permissions", Query: "api-version=2022-04-01"}
	if diff := cmp.Diff(want, service.requests[0]); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	const ml = "Microsoft.MachineLearningServices/workspaces/"
	for action, allowed := range map[string]bool{
		ml + "read": true, ml + "batchEndpoints/read": true, ml + "batchEndpoints/WRITE": true, ml + "computes/raku/write": false, ml + "write": false,
		ml + "batchEndpoints/delete": false, "Microsoft.Storage/storageAccounts/listKeys/action": false, "": false,
	} {
		if got.Allow(action) != allowed {
			t.Errorf("Allow(%q) = %v, want %v", action, !allowed, allowed)
		}
	}
	for action, allowed := range map[string]bool{
		"Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write": true, "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read": false,
		ml + "read": false,
	} {
		if got.AllowData(action) != allowed {
			t.Errorf("AllowData(%q) = %v, want %v", action, !allowed, allowed)
		}
	}
	said := newTexts(t)
	for _, id := range []string{"", "raku", "https://kiln.example/subscriptions/s", "/subscriptions/s?x=1"} {
		var bad *ArgumentError
		_, err := service.client(t).Permissions(t.Context(), id)
		said.add(strconv.Quote(id), err)
		if !errors.As(err, &bad) || bad.Argument != "resourceID" {
			t.Errorf("of %q: %v, want an ArgumentError", id, err)
		}
	}
}

func TestMatchesAction(t *testing.T) {
	for _, test := range []struct {
		pattern, action string
		want            bool
	}{
		{"*", "a/b", true}, {"a/*/c", "a/b/c", true}, {"a/*/c", "a/c", false}, {"a/*", "a/", true}, {"*/c", "a/b/c", true}, {"a*b*c", "a1b2c", true},
		{"a*b*c", "a1c2b", false}, {"ab*ba", "aba", false}, {"a", "a", true}, {"a", "ab", false}, {"a*bc*c", "abc", false},
	} {
		if got := matchesAction(test.pattern, test.action); got != test.want {
			t.Errorf("matchesAction(%q, %q) = %v, want %v", test.pattern, test.action, got, test.want)
		}
	}
}

// TestCaller: what tokens of users and applications tell, and that anything else tells nothing.
func TestCaller(t *testing.T) {
	jwt := func(claims string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
	}
	for name, test := range map[string]struct {
		token string
		want  Caller
	}{
		"a user": {jwt(`{"oid":"o","tid":"t","appid":"04b0","upn":"potter@kiln.example","unique_name":"other","idtyp":"user"}`),
			Caller{ObjectID: "o", TenantID: "t", ApplicationID: "04b0", Name: "potter@kiln.example", IsUser: true}},
		"a guest without a kind":       {jwt(`{"oid":"o","unique_name":"live.com#guest"}`), Caller{ObjectID: "o", Name: "live.com#guest", IsUser: true}},
		"an application":               {jwt(`{"oid":"o","tid":"t","appid":"a","idtyp":"app"}`), Caller{ObjectID: "o", TenantID: "t", ApplicationID: "a"}},
		"an application, version 2":    {jwt(`{"oid":"o","azp":"a"}`), Caller{ObjectID: "o", ApplicationID: "a"}},
		"an opaque token":              {"opaque", Caller{}},
		"three parts that are no JSON": {"a.b.c", Caller{}},
		"no Base64":                    {"a.!.c", Caller{}},
	} {
		c, err := NewClient(testWorkspace, opaqueCredential(test.token), nil)
		if err != nil {
			t.Fatal(err)
		}
		access, err := c.Authenticate(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(test.want, access[0].Caller); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// opaqueCredential gives a token as it is.
type opaqueCredential string

func (c opaqueCredential) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: string(c), ExpiresOn: time.Now().Add(time.Hour)}, nil
}
