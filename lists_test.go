package azmlbatch

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const listURL = "https://management.azure.com" + testWorkspaceID + "/batchEndpoints?api-version=2024-04-01"

// pages serves three pages of endpoints and counts the requests.
func pages(requests *[]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		*requests = append(*requests, r.URL.Query().Get("$skip"))
		n := len(r.URL.Query().Get("$skip"))
		next := ""
		if n < 2 {
			next = fmt.Sprintf(`,"nextLink":"%s&$skip=%s"`, listURL, strings.Repeat("x", n+1))
		}
		writeJSON(w, 200, fmt.Sprintf(`{"value":[{"name":"a%d"},{"name":"b%d"}]%s}`, n, n, next))
	}
}

func TestListReadsPagesAsTheLoopAsks(t *testing.T) {
	var requests []string
	all := newTestClient(t, pages(&requests)).Endpoints().List(t.Context())
	if len(requests) != 0 {
		t.Errorf("%d requests before the loop, want none", len(requests))
	}
	read := func(limit int) (names []string) {
		for e, err := range all {
			if err != nil {
				t.Fatal(err)
			}
			if names = append(names, e.Name); len(names) == limit {
				break
			}
		}
		return names
	}
	if diff := cmp.Diff([]string{"a0", "b0"}, read(2)); diff != "" {
		t.Errorf("first names (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{""}, requests); diff != "" {
		t.Errorf("requests after a break (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a0", "b0", "a1", "b1", "a2", "b2"}, read(0)); diff != "" {
		t.Errorf("all names, started over (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"", "", "x", "xx"}, requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestListRefusesLinksThatLeaveOrRepeat(t *testing.T) {
	tests := []struct {
		name, link string
		requests   int
	}{
		{"another host", "https://evil.example/next", 1},
		{"another host of the cloud", "https://e.r.inference.ml.azure.com/next", 1},
		{"the same page again", listURL + "&$skip=again", 2},
		{"not a URL", "https://%zz", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			requests, failures := 0, 0
			c := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) {
				requests++
				writeJSON(w, 200, fmt.Sprintf(`{"value":[],"nextLink":%q}`, tt.link))
			})
			for _, err := range c.Endpoints().List(t.Context()) {
				if err == nil {
					t.Fatal("an item came, want an error")
				}
				failures++
			}
			if failures != 1 || requests != tt.requests {
				t.Errorf("%d errors and %d requests, want 1 and %d", failures, requests, tt.requests)
			}
		})
	}
}

func FuzzNextLink(f *testing.F) {
	f.Add("https://management.azure.com/x?$skip=1")
	f.Add("//evil.example/x")
	f.Add("https://management.azure.com@evil.example/")
	f.Fuzz(func(t *testing.T, link string) {
		first := request{url: listURL}
		next, err := first.next(link)
		if err != nil {
			return
		}
		c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Host != "management.azure.com" || r.URL.Scheme != "https" {
				t.Errorf("link %q led the token to %s://%s", link, r.URL.Scheme, r.URL.Host)
			}
			writeJSON(w, 200, `{}`)
		})
		next.method = http.MethodGet
		_, _ = c.send(t.Context(), next)
	})
}
