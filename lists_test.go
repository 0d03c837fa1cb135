package azmlbatch

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/log"
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
	said := newTexts(t)
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
				said.add(tt.name, err)
				failures++
			}
			if failures != 1 || requests != tt.requests {
				t.Errorf("%d errors and %d requests, want 1 and %d", failures, requests, tt.requests)
			}
		})
	}
}

// TestItemsOutliveTheirPage: the pages share a buffer, the items do not.
func TestItemsOutliveTheirPage(t *testing.T) {
	var requests []string
	page := func(n int) string {
		return fmt.Sprintf(`{"value":[{"name":"vase-%[1]d","tags":{"glaze-%[1]d":"ash-%[1]d"},"hue":"hue-%[1]d","properties":{"scoringUri":"https://h/%[1]d"}},{"name":"jug"}]`, n)
	}
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		requests = append(requests, r.URL.Query().Get("$skip"))
		if len(requests) == 1 {
			writeJSON(w, 200, page(1)+`,"nextLink":"`+listURL+`&$skip=1"}`)
			return
		}
		writeJSON(w, 200, page(2)+`}`)
	})
	var got []Endpoint
	for e, err := range c.Endpoints().List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Name != "jug" {
			got = append(got, e)
		}
	}
	vase := func(n string) Endpoint {
		return Endpoint{Name: "vase-" + n, Tags: map[string]string{"glaze-" + n: "ash-" + n}, ScoringURI: "https://h/" + n,
			Extra: map[string]json.RawMessage{"/hue": json.RawMessage(`"hue-` + n + `"`)}}
	}
	if diff := cmp.Diff([]Endpoint{vase("1"), vase("2")}, got); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
}

// TestListEndsWithAPageThatCannotBeRead: what was yielded stays, the failure comes once.
func TestListEndsWithAPageThatCannotBeRead(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"cut", `{"value":[{"name":"c"`, "200 OK: the answer was cut off: its text has no end"},
		{"a page of HTML", `<html>`, "an HTML page, not the service's answer"},
		{"a page of text", `text`, "is not the JSON that was expected (JSON, byte 0: an object was expected)"},
		{"nothing", ``, "the answer was cut off: it is empty"},
		{"no list", `{"value":{"name":"c"}}`, "(JSON, byte 9: an array was expected)"},
		{"an item that is none", `{"value":[7]}`, "(JSON, byte 0: an object was expected)"},
		{"a link that is none", `{"value":[],"nextLink":7}`, "(not a text: \"7\")"},
	}
	said := newTexts(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			requests := 0
			c := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) {
				if requests++; requests == 1 {
					writeJSON(w, 200, `{"value":[{"name":"a"},{"name":"b"}],"nextLink":"`+listURL+`&$skip=1"}`)
					return
				}
				writeJSON(w, 200, tt.body)
			})
			var got []string
			for e, err := range c.Endpoints().List(t.Context()) {
				if err != nil {
					e.Name = err.Error()
				}
				got = append(got, e.Name)
			}
			said.add(tt.name, got[len(got)-1])
			if len(got) != 3 || got[0] != "a" || got[1] != "b" || !strings.Contains(got[2], tt.want) {
				t.Errorf("List = %q, want a, b and an error with %q", got, tt.want)
			}
		})
	}
}

// TestEmptyPageIsAskedForAgain: a page of a list always has a body.
func TestEmptyPageIsAskedForAgain(t *testing.T) {
	handler, got := script(t, answer(200, ``), answer(200, `{"value":[{"name":"a"}]}`))
	var names []string
	for e, err := range newTestClient(t, handler).Endpoints().List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, e.Name)
	}
	if diff := cmp.Diff([]string{"a"}, names); diff != "" || len(*got) != 2 {
		t.Errorf("%d requests, want 2; list (-want +got):\n%s", len(*got), diff)
	}
}

func TestListOfABodyThatBreaksOff(t *testing.T) {
	c := newClientOver(t, transporter(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: r,
			Body: io.NopCloser(io.MultiReader(strings.NewReader(`{"value":[`), &failingReader{}))}, nil
	}), newFakeClock())
	n := 0
	for _, err := range c.Endpoints().List(t.Context()) {
		if n++; !isError(err, errReset) || !strings.Contains(err.Error(), "the answer was cut off") {
			t.Errorf("List = %v, want the stream's own error", err)
		}
	}
	if n != 1 {
		t.Errorf("%d yields, want 1", n)
	}
}

// TestBodiesOfListsAreLogged when the caller asks azcore for bodies, although lists stream them.
func TestBodiesOfListsAreLogged(t *testing.T) {
	var logged strings.Builder
	log.SetListener(func(_ log.Event, text string) { logged.WriteString(text) })
	defer log.SetListener(nil)
	c := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, 200, `{"value":[{"name":"jug-in-the-log"}]}`)
	},
		func(o *ClientOptions) { o.Logging.IncludeBody = true })
	for e, err := range c.Endpoints().List(t.Context()) {
		if err != nil || e.Name != "jug-in-the-log" {
			t.Errorf("List = %q, %v", e.Name, err)
		}
	}
	if !strings.Contains(logged.String(), "jug-in-the-log") {
		t.Errorf("the body is not in the log:\n%s", logged.String())
	}
}

func FuzzNextLink(f *testing.F) {
	f.Add("https://management.azure.com/x?$skip=1")
	f.Add("https://Management.Azure.com/x?$skip=1")
	f.Add("//evil.example/x")
	f.Add("https://management.azure.com@evil.example/")
	f.Fuzz(func(t *testing.T, link string) {
		first := request{url: listURL}
		next, err := first.next(link)
		if err != nil {
			return
		}
		c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
			if !strings.EqualFold(r.URL.Host, "management.azure.com") || r.URL.Scheme != "https" {
				t.Errorf("link %q led the token to %s://%s", link, r.URL.Scheme, r.URL.Host)
			}
			writeJSON(w, 200, `{}`)
		})
		next.method = http.MethodGet
		_, _ = c.send(t.Context(), next)
	})
}

func TestNextLinkMaySpellTheHostInAnyCase(t *testing.T) {
	handler, got := script(t,
		answer(200, `{"value":[{"name":"a"}],"nextLink":"`+strings.Replace(listURL, "management.azure.com", "Management.Azure.com", 1)+`&$skip=1"}`),
		answer(200, `{"value":[{"name":"b"}]}`),
	)
	for _, err := range newTestClient(t, handler).Endpoints().List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(*got) != 2 {
		t.Errorf("%d requests, want 2", len(*got))
	}
}

// collect reads a list to its end, or to its first error.
func collect[T any](items iter.Seq2[T, error]) (all []T, err error) {
	for item, err := range items {
		if err != nil {
			return all, err
		}
		all = append(all, item)
	}
	return all, nil
}
