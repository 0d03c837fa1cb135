package emulator

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestLatestRequests: of many, the latest are kept, in their order.
func TestLatestRequests(t *testing.T) {
	l := requestLog{logger: slog.New(slog.DiscardHandler)}
	const all = 25_003
	for i := range all {
		l.add(t.Context(), Request{Path: fmt.Sprint(i)}, time.Second)
		if i == 2 {
			if got := l.all(); len(got) != 3 || got[0].Path != "0" || got[2].Path != "2" {
				t.Errorf("after three: %v", got)
			}
		}
	}
	got := l.all()
	if len(got) != 10_000 {
		t.Fatalf("%d requests are kept, want 10000", len(got))
	}
	for i, r := range got {
		if r.Path != fmt.Sprint(all-10_000+i) {
			t.Fatalf("request %d is %s", i, r.Path)
		}
	}
}

// TestWhatIsLogged: method, host, path and status of every answer, whatever the handler does, and
// neither query nor header.
func TestWhatIsLogged(t *testing.T) {
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		status  int
	}{
		"nothing written": {func(http.ResponseWriter, *http.Request) {}, 200},
		"a body":          {func(w http.ResponseWriter, _ *http.Request) { write(w, "clay") }, 200},
		"a status": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			w.WriteHeader(http.StatusOK)
		}, http.StatusAccepted},
		"early hints": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusNotFound)
		}, http.StatusNotFound},
		"cut": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0},
	} {
		var logged bytes.Buffer
		l := requestLog{logger: slog.New(slog.NewTextHandler(&logged, nil))}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, "https://Management.azure.com:443/a%20b?sig=secret", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer secret")
		resp, err := roundTrip(t.Context(), func(w http.ResponseWriter, r *http.Request) { l.observe(test.handler, w, r) }, r)
		_ = see(t, resp, err)
		want := []Request{{Method: "PATCH", Host: "management.azure.com", Path: "/a b", Status: test.status}}
		if diff := cmp.Diff(want, l.all()); diff != "" {
			t.Errorf("%s: requests (-want +got):\n%s", name, diff)
		}
		line := fmt.Sprintf(`msg=request method=PATCH host=management.azure.com path="/a b" status=%d took=`, test.status)
		if !strings.Contains(logged.String(), line) || strings.Contains(logged.String(), "secret") {
			t.Errorf("%s: logged %s, want %s and no secret", name, logged.String(), line)
		}
	}
}
