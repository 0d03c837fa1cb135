package azmlbatch

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFailuresThatCallsBear breaks each request of each call. A call bears only what it does not need,
// or finds another way. An error that is dropped anywhere shows here as one more request.
func TestFailuresThatCallsBear(t *testing.T) {
	otherPlane := []string{"GET " + testWorkspaceID, "GET /discovery", "GET /mferp/managementfrontend" + testWorkspaceID + "/batchEndpoints/digits/jobs"}
	sendsAll := []string{"GET /con?list"} // where the container cannot be listed
	tests := map[int]map[string][]string{
		500: {"EndpointsClient.ListJobs": otherPlane},
		403: {
			"EndpointsClient.ListJobs": otherPlane,
			"Client.Upload":            sendsAll, "Client.UploadFS": sendsAll, "Client.UploadReader": sendsAll, "DataClient.Upload": sendsAll,
			"EnvironmentsClient.Upload": sendsAll, "ModelsClient.Upload": sendsAll, "EndpointsClient.Invoke": sendsAll, "EndpointsClient.InvokeMany": sendsAll,
			"CodesClient.AssetsClient.Download": {"GET /con?list", "GET /con/vases/a.txt"}, // the datastore's secrets open it
		},
	}
	said := newTexts(t)
	for status, want := range tests {
		got := map[string][]string{}
		for i, e := range exportedCalls(newTestClient(t, http.NotFound), callPaths{}) {
			for at := 1; ; at++ {
				request := ""
				s := &striking{at: at, fault: func(r *http.Request, _ *http.Response) (*http.Response, error) {
					request = strings.TrimSuffix(r.Method+" "+r.URL.Path+"?"+r.URL.Query().Get("comp"), "?")
					return refusal(r, status), nil
				}}
				c := newClientOver(t, s, newFakeClock(), func(o *ClientOptions) { o.Retry.MaxRetries = -1 })
				err := exportedCalls(c, newCallPaths(t))[i].run(t.Context())
				if s.asked < at {
					break
				}
				switch {
				case err == nil:
					got[e.name] = append(got[e.name], request)
				case status == 500 && e.name != "ComputesClient.Quotas" && // which asks for two lists at once
					(!strings.Contains(e.name, "AssetsClient") || strings.Contains(e.name, "Models")): // one kind of assets for all
					said.add(e.name+": "+request, err)
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("borne with %d (-want +got):\n%s", status, diff)
		}
	}
}

// TestRefusalOfAReadingBeforeAWrite: an error that is dropped on its way may come back as another one.
func TestRefusalOfAReadingBeforeAWrite(t *testing.T) {
	c := newTestClient(t, answer(403, `{"error":{"code":"Refused","message":"No."}}`))
	_, scaled := c.Computes().Scale(t.Context(), "raku", 0, 1, nil)
	if !HasCode(scaled, "Refused") {
		t.Errorf("Scale = %v, want the service's refusal", scaled)
	}
}
