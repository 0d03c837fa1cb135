package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"
)

// These tests try the bench itself: a bench that finds nothing proves nothing.

// serve answers with one page under the policy of package ui's strictest kind.
func serve(t *testing.T, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			w.WriteHeader(http.StatusNoContent) // the browser's own wish for an icon
			return
		}
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self' 'nonce-bench'; img-src *")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><title>bench</title><main><h1>Bench</h1>%s</main></html>`, body)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/"
}

func TestBenchFindsWhatAPageMustNotDo(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"exception", `<script nonce="bench">throw new Error("broken vase")</script>`, "broken vase"},
		{"console", `<script nonce="bench">console.error("broken vase")</script>`, "console.error"},
		{"policy", `<script>document.title = "never"</script>`, "Content Security Policy"},
		{"another host", `<img alt="vase" src="http://localhost:1/vase.png">`, "another host: http://localhost:1/vase.png"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newTab(t)
			b.open(serve(t, test.body))
			if got := strings.Join(b.takeTroubles(), "\n"); !strings.Contains(got, test.want) {
				t.Errorf("noted %q, want %q", got, test.want)
			}
		})
	}
}

func TestBenchFindsWhatKeepsPeopleOut(t *testing.T) {
	b := newTab(t)
	b.open(serve(t, `<input name="vase"><img src="/vase.png">`))
	var rules []string
	for _, v := range b.violations() {
		rules = append(rules, v.ID)
	}
	if diff := cmp.Diff([]string{"image-alt", "label"}, rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

func TestBenchActsAsAPerson(t *testing.T) {
	b := newTab(t)
	b.open(serve(t, `<label>Name <input id="name"></label> <button id="greet">Greet</button> <p id="said"></p>
		<script nonce="bench">greet.onclick = () => { said.textContent = "hello " + document.getElementById("name").value }</script>`))
	b.write("#name", "vase")
	b.press(kb.Tab)
	b.press(kb.Enter)
	b.waitForText("hello vase")
	b.checkEveryLook("greeting")
}
