package blob

import "testing"

// TestKeylessAccountRefusesWhatAKeyHasSigned: the words of another kind of SAS beside it open
// nothing.
func TestKeylessAccountRefusesWhatAKeyHasSigned(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "", at(testTime), withoutKeys)
	put(t, s, "there", "hello world")
	const dressing = "&skoid=x&sktid=x&skt=2026-03-26T17:00:00Z&ske=2026-03-26T19:00:00Z&sks=b&skv=2024-08-04"
	for name, query := range map[string]string{
		"service SAS":                           sasQuery(nil, false),
		"account SAS":                           sasQuery(nil, true),
		"account SAS dressed as delegation SAS": sasQuery(nil, true) + dressing,
	} {
		w := call(t, s, "GET", testURL+"/there?"+query, "", nil)
		if code := w.Header().Get("X-Ms-Error-Code"); w.Code != 403 || code != "KeyBasedAuthenticationNotPermitted" {
			t.Errorf("%s: %d %s, want 403 KeyBasedAuthenticationNotPermitted", name, w.Code, code)
		}
	}
}
