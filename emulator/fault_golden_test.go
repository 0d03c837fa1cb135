package emulator

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
	"github.com/azmlbatch/azmlbatch/emulator/internal/golden"
)

// TestGoldenFaults compares the whole answers of the actions that answer in place of the service, by
// the kind of host.
func TestGoldenFaults(t *testing.T) {
	now := time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC)
	answers := map[string]any{}
	for kind := cloud.KindLogin; kind <= cloud.KindRegistry; kind++ {
		for _, spec := range []string{"throttle", "throttle=503,7", "fail-before", "empty-error", "html-error", "disallow", "quota", "conflict", "expire-sas"} {
			f, err := ParseFault("* * * " + spec)
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "https://kiln.example/c/clay?sig=x", strings.NewReader("clay"))
			applyFault(f, kind, faultWorld{now: func() time.Time { return now }}, http.NotFoundHandler(), w, r)
			answers[kind.String()+" "+spec] = map[string]any{"status": w.Code, "header": w.Header(), "body": w.Body.String()}
		}
	}
	golden.Check(t, "faults", answers)
}

// TestGoldenRoleActions compares the role action and the scope of requests to every kind of host.
func TestGoldenRoleActions(t *testing.T) {
	const group = "/subscriptions/s/resourceGroups/g"
	const ws = group + "/providers/Microsoft.MachineLearningServices/workspaces/w"
	paths := map[cloud.Kind][]string{
		cloud.KindAPI: {"/mferp/a", "/MFERP/a", "/data/v1.0/a", "/history/v1.0/a", "/metric/v2.0/a"},
		cloud.KindManagement: {
			group, ws, ws + "/batchEndpoints", ws + "/batchEndpoints/e/listkeys", ws + "/batchEndpoints/e/deployments/d",
			ws + "/models/m/versions/1", group + "/providers/Microsoft.Storage/storageAccounts/a/listKeys", group + "/providers",
		},
	}
	actions := map[string]string{}
	for kind := cloud.KindLogin; kind <= cloud.KindRegistry; kind++ {
		for _, path := range append(paths[kind], "/") {
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPatch, http.MethodPost, http.MethodDelete} {
				r := httptest.NewRequestWithContext(t.Context(), method, "https://x"+path, nil)
				r.Header.Set("Authorization", "Bearer token")
				if action, scope := roleAction(kind, r); action != "" {
					actions[kind.String()+" "+method+" "+path] = action + " on " + scope
				}
			}
		}
	}
	golden.Check(t, "role_actions", actions)
	for _, authorization := range []string{"", "SharedKey a:b", "Bearer"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://x/", nil)
		r.Header.Set("Authorization", authorization)
		if action, _ := roleAction(cloud.KindBlob, r); action != "" {
			t.Errorf("%q needs the role action %s", authorization, action)
		}
	}
}

// TestAgesOfListedItems: by when they were made, wherever that stands.
func TestAgesOfListedItems(t *testing.T) {
	for item, want := range map[string]string{
		`{"systemData": {"createdAt": "2031-01-02T03:04:05Z"}}`:                                       "2031-01-02T03:04:05Z",
		`{"createdUtc": "2031-01-02T03:04:06Z"}`:                                                      "2031-01-02T03:04:06Z",
		`{"createdUtc": "2031-01-02T03:04:06Z", "systemData": {"createdAt": "2031-01-02T03:04:05Z"}}`: "2031-01-02T03:04:06Z",
		`{}`:                          "0001-01-01T00:00:00Z",
		`{"createdUtc": "yesterday"}`: "0001-01-01T00:00:00Z",
		`7`:                           "0001-01-01T00:00:00Z",
	} {
		if got := createdAt([]byte(item)).Format(time.RFC3339); got != want {
			t.Errorf("%s was made at %s, want %s", item, got, want)
		}
	}
	now := time.Date(2031, 1, 2, 3, 4, 10, 0, time.UTC)
	const two = `{"value":[{"createdUtc":"2031-01-02T03:04:05Z"},{"createdUtc":"2031-01-02T03:04:06Z"},{}],"nextLink":"n"}`
	const older = `{"nextLink":"n","value":[{"createdUtc":"2031-01-02T03:04:05Z"},{}]}`
	for name, test := range map[string]struct{ method, body, want string }{
		"a list":          {http.MethodGet, two, older},
		"no list":         {http.MethodGet, `{"value": 7}`, `{"value": 7}`},
		"no JSON":         {http.MethodGet, `clay`, `clay`},
		"another request": {http.MethodPost, two, two},
		"all too young":   {http.MethodGet, `{"value":[{"createdUtc":"2031-01-02T03:04:09Z"}]}`, `{"value":[]}`},
	} {
		service := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { write(w, test.body) })
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), test.method, "https://x/", nil)
		applyFault(Fault{Action: ActionLateList, Pause: 5 * time.Second}, cloud.KindAPI, faultWorld{now: func() time.Time { return now }}, service, w, r)
		if diff := cmp.Diff(test.want, w.Body.String()); diff != "" || w.Code != http.StatusOK {
			t.Errorf("%s: status %d (-want +got):\n%s", name, w.Code, diff)
		}
	}
}

// brokenWriter takes some bytes, then fails.
type brokenWriter struct {
	http.ResponseWriter
	left int
}

var errGone = errors.New("the client is gone")

func (w *brokenWriter) Write(p []byte) (int, error) {
	n := min(len(p), w.left)
	w.left -= n
	if n < len(p) {
		return n, errGone
	}
	return n, nil
}

// TestBodiesForAClientThatIsGone: the handler is told how much was sent.
func TestBodiesForAClientThatIsGone(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://x/", nil)
	for name, body := range map[string]io.Writer{
		"slow":  &slowBody{ResponseWriter: &brokenWriter{httptest.NewRecorder(), 5}, request: r, piece: 3, pause: 1},
		"short": &shortBody{ResponseWriter: &brokenWriter{httptest.NewRecorder(), 5}, left: 6},
	} {
		if n, err := body.Write([]byte("abcdefgh")); n != 5 || !errors.Is(err, errGone) {
			t.Errorf("%s: %d bytes, %v; want 5 and %v", name, n, err, errGone)
		}
	}
	slow := &slowBody{ResponseWriter: httptest.NewRecorder(), request: r, piece: 3, pause: 1}
	if n, err := slow.Write([]byte("abcdefgh")); n != 8 || err != nil {
		t.Errorf("slow: %d bytes, %v", n, err)
	}
}
