package azmlbatch

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata/texts")

// texts are what calls say to people. They stand in testdata/texts, a file for each test, so that a change of a text shows
// where it can be read:
//
//	go test . -run TestInvokeRefuses -update
type texts map[string]string

// newTexts collects the texts of a test, and compares them with its file when the test ends.
func newTexts(t *testing.T) texts {
	t.Helper()
	said := texts{}
	t.Cleanup(func() { said.check(t) })
	return said
}

// add takes what was said in a case. The folders of the test are DIR in it, fresh keys KEY, and the workspace is WORKSPACE.
func (s texts) add(name string, said any) {
	plain := func(text string) string {
		text = freshKey.ReplaceAllString(madeFolder.ReplaceAllString(text, "DIR"), "KEY")
		text = signature.ReplaceAllString(strings.ReplaceAll(text, testWorkspaceID, "WORKSPACE"), "sig=REDACTED")
		return strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(text)
	}
	s[plain(name)] = plain(fmt.Sprint(said))
}

var (
	madeFolder = regexp.MustCompile(regexp.QuoteMeta(filepath.Clean(os.TempDir())) + `/Test[^/]+/\d{3}`)
	freshKey   = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	signature  = regexp.MustCompile(`sig=[^ "&]*`)
)

func (s texts) check(t *testing.T) {
	t.Helper()
	file := filepath.Join("testdata", "texts", t.Name()+".txt")
	if *update && !t.Failed() {
		var b strings.Builder
		for _, name := range sortedKeys(s) {
			b.WriteString(name + "\n\t" + s[name] + "\n")
		}
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := texts{}
	for entry := range strings.SplitSeq(strings.ReplaceAll(string(content), "\n\t", "\t"), "\n") {
		name, text, _ := strings.Cut(entry, "\t")
		if _, ran := s[name]; ran || !strings.Contains(flag.Lookup("test.run").Value.String(), "/") { // else a part of the cases ran
			want[name] = text
		}
	}
	delete(want, "") // after the last line
	if runtime.GOOS == "windows" {
		return // the file system has its own words there
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("what calls say (-want +got), in %s; after reading it, write it with -update:\n%s", file, diff)
	}
}

// TestWhatCallsSayOfTheService has answers that no call can do anything with.
func TestWhatCallsSayOfTheService(t *testing.T) {
	const endpoint, model = "GET /batchEndpoints/digits", `{"name":"1","properties":{"modelUri":"` + callPlace + `","nextVersion":"2"}}`
	notReady := answer(200, `{"name":"digits","properties":{"provisioningState":"Creating"}}`)
	tests := map[string]struct {
		answers map[string]http.HandlerFunc
		call    func(*Client) error
	}{
		"no active version": {map[string]http.HandlerFunc{"GET /models/clay/versions": answer(200, `{"value":[]}`)},
			func(c *Client) error { _, err := c.Models().Latest(t.Context(), "clay"); return err }},
		"a version that exists": {map[string]http.HandlerFunc{"GET /models/clay/versions/1": answer(200, model)},
			func(c *Client) error {
				_, err := c.Models().CreateOrUpdate(t.Context(), "clay", Model{Version: "1", ModelURI: callPlace}, &CreateAssetOptions{MustBeNew: true})
				return err
			}},
		"a version that stays active": {map[string]http.HandlerFunc{"GET /models/clay/versions/1": answer(200, model), "PUT /models/clay/versions/1": answer(200, model)},
			func(c *Client) error { _, err := c.Models().Archive(t.Context(), "clay", "1"); return err }},
		"no default datastore": {map[string]http.HandlerFunc{"GET /datastores": answer(200, `{"value":[]}`)},
			func(c *Client) error { _, err := c.Datastores().Default(t.Context()); return err }},
		"no secrets": {map[string]http.HandlerFunc{"POST /datastores/shelf/listSecrets": answer(400, `{"error":{"code":"UserError","message":"No secrets for credentials of type None."}}`)},
			func(c *Client) error { _, err := c.Datastores().Secrets(t.Context(), "shelf"); return err }},
		"an endpoint that is being made": {map[string]http.HandlerFunc{endpoint: notReady},
			func(c *Client) error {
				_, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Input: URIFolder{URI: callPlace}})
				return err
			}},
		"a job of an endpoint that is being made": {map[string]http.HandlerFunc{endpoint: notReady},
			func(c *Client) error { _, err := c.Endpoints().GetJob(t.Context(), "digits", "job-1"); return err }},
		"no default deployment": {map[string]http.HandlerFunc{endpoint: answer(200, `{"name":"digits","properties":{"scoringUri":"https://digits.r.inference.ml.azure.com/jobs"}}`)},
			func(c *Client) error {
				_, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Input: URIFolder{URI: callPlace}})
				return err
			}},
		"an instance that is to scale": {map[string]http.HandlerFunc{"GET /computes/desk": answer(200, `{"name":"desk","properties":{"computeType":"ComputeInstance"}}`)},
			func(c *Client) error { _, err := c.Computes().Scale(t.Context(), "desk", 0, 1, nil); return err }},
		"a negative offset": {nil, func(c *Client) error {
			_, err := c.Jobs().OpenLogAt(t.Context(), JobLog{Name: "logs/a.txt", URI: callPlace + "/a"}, -1)
			return err
		}},
		"an empty name among many": {nil, func(c *Client) error { return lastError(c.Jobs().Watch(t.Context(), []string{""}, nil)) }},
	}
	said := newTexts(t)
	for name, tt := range tests {
		service := &fakeService{answers: tt.answers}
		err := tt.call(service.client(t))
		said.add(name, err)
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
