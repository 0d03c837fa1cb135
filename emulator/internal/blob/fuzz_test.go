package blob

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzDiskStem(f *testing.F) {
	for i, name := range awkwardNames {
		f.Add(name, awkwardNames[(i+1)%len(awkwardNames)])
	}
	for _, name := range impossibleNames { // folders of older versions may have them
		f.Add(name, "a")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if !utf8.ValidString(a) || !utf8.ValidString(b) || len(a) > 4096 || len(b) > 4096 {
			t.Skip()
		}
		stemA, stemB := diskStem(a), diskStem(b)
		contentA, recordB := stemA+"~ABC", stemB+recordSuffix
		if !filepath.IsLocal(contentA) || filepath.Clean(contentA) != contentA || strings.ContainsAny(contentA, "\\:*?\"<>|\x00") {
			t.Errorf("%q lies at %q", a, contentA)
		}
		// A file of one blob is never a file of another, nor a folder on the way to it, on any file
		// system.
		if a != b && (strings.EqualFold(stemA, stemB) || strings.HasPrefix(strings.ToLower(recordB), strings.ToLower(contentA)+"/")) {
			t.Errorf("%q and %q share %q", a, b, stemA)
		}
	})
}

func FuzzParseSharedKey(f *testing.F) {
	for _, header := range []string{"SharedKey kilnstore:AAAA", "SharedKeyLite a:b:c", "SharedKey", "SharedKey :", "sharedkey  kilnstore: "} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		_, account, signature, ok := parseSharedKey(header)
		if ok && (!validAccountName(account) || len(signature) != 32) {
			t.Errorf("parseSharedKey(%q) = %q, %d bytes", header, account, len(signature))
		}
	})
}

// Nothing that a stranger can write into a query string opens the account, or shows in an answer if
// it is a signature.
func FuzzSAS(f *testing.F) {
	f.Add("sv=2024-08-04&ss=b&srt=co&sp=r&se=2030-01-01&sig=AAAA")
	f.Add("sv=2024-08-04&sr=c&sp=r&se=2030-01-01&sig=vo7q9sPVKY0%3D")
	f.Add("skoid=a&sktid=b&skt=c&ske=d&sks=b&skv=e&sv=2021-10-04&sr=c&sp=r&se=2030-01-01T00:00:00Z&sig=x")
	f.Add("sv=2013-01-01&si=policy&sig=AA==")
	f.Add("sig=+&sv=&se=")
	s := newTestService(f, "", at(testTime))
	put(f, s, "there", "secret clay")
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil || strings.ContainsAny(query, " \r\n#") {
			t.Skip()
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, testURL+"/there?"+query, nil)
		if err != nil {
			t.Skip()
		}
		w := newAnswer(s, req)
		if w.Code < 400 || strings.Contains(w.Body.String(), "secret clay") {
			t.Errorf("GET with %q = %d %s", query, w.Code, w.Body)
		}
		if sig := values.Get("sig"); len(sig) > 20 && strings.Contains(w.Body.String(), sig) {
			t.Errorf("answer to %q repeats the signature: %s", query, w.Body)
		}
	})
}

func FuzzMarker(f *testing.F) {
	f.Add("", "2!80!")
	f.Add("a!b/ü", "2!4!MDAw")
	f.Fuzz(func(t *testing.T, name, marker string) {
		got, err := parseMarker(formatMarker(name))
		if err != nil || got != name {
			t.Errorf("marker of %q leads to %q, %v", name, got, err)
		}
		_, _ = parseMarker(marker) // must not panic
	})
}

func FuzzBlockList(f *testing.F) {
	f.Add(`<?xml version="1.0"?><BlockList><Latest>YQ==</Latest><Committed>Yg==</Committed></BlockList>`)
	f.Add(`<BlockList/>`)
	f.Fuzz(func(t *testing.T, body string) {
		list, err := parseBlockList(strings.NewReader(body))
		for _, b := range list {
			if err != nil || b.from != "Latest" && b.from != "Committed" && b.from != "Uncommitted" {
				t.Errorf("parseBlockList(%q) = %v, %v", body, list, err)
			}
		}
	})
}

func FuzzRange(f *testing.F) {
	f.Add("bytes=0-9", int64(5))
	f.Add("bytes=9223372036854775807-9223372036854775807", int64(1))
	f.Fuzz(func(t *testing.T, text string, size int64) {
		r, ok := parseRange(text)
		if !ok || size < 0 {
			t.Skip()
		}
		if off, n, err := r.within(size); err == nil && (off < 0 || n < 1 || off+n > size) {
			t.Errorf("%q of %d bytes = %d bytes from %d", text, size, n, off)
		}
	})
}

// FuzzRequests: whatever comes in with a good token, the answer is whole, no caller's mistake is
// the service's, and a blob that is leased for ever stays as it is unless the lease is named or
// broken, or the container deleted.
func FuzzRequests(f *testing.F) {
	for _, seed := range []struct{ method, path, query, headers, body string }{
		{"PUT", "/there", "", "x-ms-blob-type: BlockBlob\nIf-None-Match: *", "clay"},
		{"PUT", "/there", "comp=lease", "x-ms-lease-action: acquire\nx-ms-lease-duration: 15\nx-ms-proposed-lease-id: 8d1b3c8e-1b1f-4f0e-9d0e-3a1f8f1c2d3e", ""},
		{"PUT", "/there", "comp=lease", "x-ms-lease-action: break\nx-ms-lease-break-period: 60", ""},
		{"PUT", "/there", "comp=lease", "x-ms-lease-action: change\nx-ms-lease-id: {00000000-0000-0000-0000-000000000000}", ""},
		{"PUT", "", "restype=container&comp=lease", "x-ms-lease-action: renew\nx-ms-lease-id: 1", ""},
		{"PUT", "/new", "comp=block&blockid=YQ==", "", "slip"},
		{"PUT", "/new", "comp=blocklist", "x-ms-blob-content-md5: x", "<BlockList><Latest>YQ==</Latest></BlockList>"},
		{"PUT", "/log", "", "x-ms-blob-type: AppendBlob", ""},
		{"PUT", "/log", "comp=appendblock", "x-ms-blob-condition-appendpos: 0", "a"},
		{"PUT", "/there", "comp=metadata", "x-ms-meta-a: b", ""},
		{"GET", "/there", "", "x-ms-range: bytes=1-", ""},
		{"HEAD", "/there", "", "If-Match: \"0x1\"", ""},
		{"DELETE", "/there", "", "x-ms-delete-snapshots: include", ""},
		{"GET", "", "restype=container&comp=list&prefix=a&maxresults=-1&delimiter=/", "", ""},
		{"DELETE", "", "restype=container", "", ""},
		{"DELETE", "?a", "restype=container", "", ""},
		{"DELETE", "/", "restype=container", "", ""},
		{"POST", "", "restype=service&comp=userdelegationkey", "", "<KeyInfo><Start>2026-03-26T18:00:00Z</Start><Expiry>2026-03-27T18:00:00Z</Expiry></KeyInfo>"},
	} {
		f.Add(seed.method, seed.path, seed.query, seed.headers, seed.body)
	}
	f.Fuzz(func(t *testing.T, method, path, query, headers, body string) {
		u, err := url.ParseRequestURI("/" + testContainer + path)
		if err != nil || method == "" || strings.ContainsFunc(method, func(r rune) bool { return r < 'A' || r > 'Z' }) {
			t.Skip("net/http passes on no such request")
		}
		u.RawQuery = query
		s := newTestService(t, "", at(testTime))
		put(t, s, "there", "secret clay")
		const there = "/" + testContainer + "/there"
		const lease = "5f0c2f0a-9a55-4b43-8f5e-0d2f6a7b8c9d"
		leased := send(t, s, http.MethodPut, &url.URL{Path: there, RawQuery: "comp=lease"}, "x-ms-lease-action: acquire\nx-ms-lease-duration: -1\nx-ms-proposed-lease-id: "+lease, "")
		if leased.Code != http.StatusCreated {
			t.Fatalf("lease: %d %s", leased.Code, leased.Body)
		}
		w := send(t, s, method, u, headers, body)
		if w.Code < 200 || w.Code > 599 || w.Code == http.StatusInternalServerError {
			t.Errorf("%s %s?%s with %q: %d %s", method, path, query, headers, w.Code, w.Body)
		}
		if w.Code >= 400 && w.Header().Get("x-ms-error-code") == "" {
			t.Errorf("%s %s?%s with %q: %d without a code", method, path, query, headers, w.Code)
		}
		if strings.TrimSuffix(u.Path, "/") == "/"+testContainer && method == http.MethodDelete {
			return // its container goes all the same
		}
		free := strings.Contains(strings.ToLower(headers), "break") || strings.Contains(strings.ToLower(headers), lease)
		if got := send(t, s, http.MethodGet, &url.URL{Path: there}, "", ""); !free && got.Body.String() != "secret clay" {
			t.Errorf("%s %s?%s with %q changed a leased blob: %d %s", method, path, query, headers, got.Code, got.Body)
		}
	})
}

// send sends a request with a good token and one header a line.
func send(t *testing.T, s *Service, method string, u *url.URL, headers, body string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", strings.NewReader(body))
	req.Method, req.URL, req.Host = method, u, testHost
	for line := range strings.Lines(headers) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		req.Header.Set(name, value)
	}
	req.Header.Set("Authorization", "Bearer "+goodToken)
	req.Header.Set("x-ms-version", "2024-08-04")
	return newAnswer(s, req)
}
