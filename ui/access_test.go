package ui

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// TestWhoMayLook sends requests that a stranger, another site or a rebound name could send.
func TestWhoMayLook(t *testing.T) {
	h, err := New(emulator.NewClient(t, nil), &Options{Token: "secret", Hosts: []string{"batch.example"}})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	session := &http.Cookie{Name: h.access.cookie, Value: h.access.session}
	tests := map[string]struct {
		method, target, host string
		cookie               *http.Cookie
		header               map[string]string
		want                 int
	}{
		"nothing":                  {target: "/jobs", want: 401},
		"wrong token":              {target: "/jobs?token=secreT", want: 401},
		"empty token":              {target: "/jobs?token=", want: 401},
		"token":                    {target: "/jobs?token=secret", want: 200},
		"token in a post":          {method: "POST", target: "/jobs?token=secret", want: 401},
		"cookie":                   {target: "/jobs", cookie: session, want: 200},
		"token as cookie":          {target: "/jobs", cookie: &http.Cookie{Name: h.access.cookie, Value: "secret"}, want: 401},
		"cookie of another":        {target: "/jobs", cookie: &http.Cookie{Name: "azmlbatch_00000000", Value: h.access.session}, want: 401},
		"events without cookie":    {target: "/jobs", header: map[string]string{"Accept": eventStream}, want: 401},
		"file without cookie":      {target: "/jobs/x/raw/y", want: 401},
		"rebound name":             {target: "/jobs", host: "evil.example", cookie: session, want: 421},
		"rebound name and token":   {target: "/jobs?token=secret", host: "evil.example:8080", want: 421},
		"name that ends like ours": {target: "/jobs", host: "evilbatch.example", cookie: session, want: 421},
		"no name":                  {target: "/jobs", host: " ", cookie: session, want: 421},
		"own name":                 {target: "/jobs", host: "Batch.Example:8080", cookie: session, want: 200},
		"localhost":                {target: "/jobs", host: "localhost:1", cookie: session, want: 200},
		"IPv6":                     {target: "/jobs", host: "[::1]:1", cookie: session, want: 200},
		"post of another site":     {method: "POST", target: "/jobs/x/cancel", cookie: session, header: map[string]string{"Sec-Fetch-Site": "cross-site"}, want: 403},
		"post of a sibling":        {method: "POST", target: "/jobs/x/cancel", cookie: session, header: map[string]string{"Sec-Fetch-Site": "same-site"}, want: 403},
		"post of another origin":   {method: "POST", target: "/jobs/x/cancel", cookie: session, header: map[string]string{"Origin": "https://evil.example"}, want: 403},
		"style without cookie":     {target: "/assets/style.css", want: 200},
		"template as an asset":     {target: "/assets/../templates/jobs.html", cookie: session, want: 307},
		"no such page":             {target: "/no", cookie: session, want: 404},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.method == "" {
				tt.method = http.MethodGet
			}
			r := httptest.NewRequest(tt.method, tt.target, nil)
			r.Host = "127.0.0.1:8080"
			if tt.host != "" {
				r.Host = strings.TrimSpace(tt.host)
			}
			if tt.cookie != nil {
				r.AddCookie(tt.cookie)
			}
			for key, value := range tt.header {
				r.Header.Set(key, value)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != tt.want {
				t.Errorf("%s %s = %d, want %d\n%s", tt.method, tt.target, w.Code, tt.want, w.Body)
			}
			if w.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Error("the answer allows other origins")
			}
			if w.Code >= 400 && w.Header().Get("Set-Cookie") != "" {
				t.Error("a refusal sets a cookie")
			}
			if strings.Contains(w.Body.String(), "secret") || strings.Contains(w.Body.String(), h.access.session) {
				t.Error("the page shows a secret")
			}
		})
	}
}

func TestNewRefusesMistakes(t *testing.T) {
	client := emulator.NewClient(t, nil)
	for name, make := range map[string]func() (*Handler, error){
		"no client":         func() (*Handler, error) { return New(nil, nil) },
		"a wildcard":        func() (*Handler, error) { return New(emulator.NewClient(t, nil), &Options{Prefix: "/{x"}) },
		"a blank":           func() (*Handler, error) { return New(emulator.NewClient(t, nil), &Options{Prefix: "/my page"}) },
		"negative interval": func() (*Handler, error) { return New(client, &Options{Interval: -1}) },
	} {
		if h, err := make(); h != nil || !errors.As(err, new(*azmlbatch.ArgumentError)) {
			t.Errorf("%s: %v, %v, want an ArgumentError", name, h, err)
		}
	}
}

func TestFirstLink(t *testing.T) {
	h, err := New(emulator.NewClient(t, nil), &Options{Prefix: "batch/"})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	link, err := url.Parse(h.Link("http://127.0.0.1:8080/"))
	if err != nil || link.Path != "/batch/" || len(link.Query().Get("token")) < 20 {
		t.Fatalf("Link = %q, %v", link, err)
	}
	other, err := New(emulator.NewClient(t, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if other.access.token == h.access.token {
		t.Error("two handlers have the same token")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, h.Link("http://127.0.0.1:8080")+"&status=Failed", nil))
	resp := w.Result()
	defer resp.Body.Close()
	cookies := resp.Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d cookies, want one", len(cookies))
	}
	c := cookies[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/batch/" || c.MaxAge != 0 {
		t.Errorf("cookie = %v", c)
	}
	body, _ := io.ReadAll(resp.Body)
	if !strings.Contains(string(body), `content="0; url=/batch/?status=Failed"`) || strings.Contains(string(body), "token") {
		t.Errorf("the answer does not lead on without the token:\n%s", body)
	}
}

// TestLinkOpenedAgain takes the token out of the address of a browser that is signed in already.
func TestLinkOpenedAgain(t *testing.T) {
	p := newTestPage(t, emulator.NewClient(t, nil), &Options{Token: "secret"})
	if body := p.get("/jobs?status=Failed&token=secret"); !strings.Contains(body, `content="0; url=/jobs?status=Failed"`) {
		t.Errorf("the answer does not lead on without the token:\n%s", body)
	}
}

func TestSafeHeaders(t *testing.T) {
	p := newTestPage(t, emulator.NewClient(t, nil), nil)
	resp, _ := p.do(http.MethodGet, "/jobs", nil)
	want := map[string]string{"Content-Security-Policy": contentPolicy, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
		"Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
		"Cache-Control": "no-store"}
	got := map[string]string{}
	for name := range want {
		got[name] = resp.Header.Get(name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

// TestNoCodeInPages: the policy forbids it, so a browser would not run it.
func TestNoCodeInPages(t *testing.T) {
	entries, err := templateFiles.ReadDir("templates")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		content, err := templateFiles.ReadFile("templates/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range []string{"<script>", "<style", " style=", " onclick=", " onsubmit=", " onchange=", "javascript:", "https://", "http://"} {
			if strings.Contains(string(content), code) {
				t.Errorf("%s has %q", e.Name(), code)
			}
		}
	}
}
