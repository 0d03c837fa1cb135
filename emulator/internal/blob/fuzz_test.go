package blob

import (
	"net/http"
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
