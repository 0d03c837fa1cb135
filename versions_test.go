package azmlbatch_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
)

// TestEveryAPIVersion deploys, scores and reads with each version of the management API that is on record for batch
// endpoints and can upload code (2023-04-01 and later); the older ones read and write endpoints.
func TestEveryAPIVersion(t *testing.T) {
	t.Parallel()
	whole := []string{"2023-04-01-preview", "2023-10-01", "2024-01-01-preview", "2024-04-01", "2025-01-01-preview"}
	for _, version := range append([]string{"2022-05-01", "2022-12-01-preview", "2023-02-01-preview"}, whole...) {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, nil, func(o *azmlbatch.ClientOptions) { o.APIVersion = version })
			got, err := s.client.Endpoints().CreateOrUpdate(s.ctx, "vases", azmlbatch.Endpoint{Description: "thrown by hand"}, nil)
			if err != nil || got.Description != "thrown by hand" || got.ScoringURI == "" {
				t.Fatalf("endpoint %+v, %v", got, err)
			}
			if version < whole[0] {
				return
			}
			s.deploy(basenames)
			job, err := s.client.Endpoints().Invoke(s.ctx, "vases", s.invocation("versions"))
			s.must(err)
			_, err = s.wait(job.Name)
			s.must(err)
			var rows []string
			for row, err := range azmlbatch.Rows[string](s.ctx, s.client, job.Name, &azmlbatch.RowsOptions{Format: azmlbatch.RowFormatLines}) {
				s.must(err)
				rows = append(rows, row)
			}
			if diff := cmp.Diff("a.txt b.txt", strings.Join(rows, " ")); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOneCallCanHaveHeadersOfItsOwnAndGiveItsRawAnswer uses azcore's two ways through the context.
func TestOneCallCanHaveHeadersOfItsOwnAndGiveItsRawAnswer(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	_, err := s.client.Endpoints().CreateOrUpdate(s.ctx, "vases", azmlbatch.Endpoint{}, nil)
	s.must(err)
	var raw *http.Response
	ctx := policy.WithCaptureResponse(policy.WithHTTPHeader(s.ctx, http.Header{"x-ms-client-request-id": {"kiln-7"}}), &raw)
	_, err = s.client.Endpoints().Get(ctx, "vases")
	s.must(err)
	if raw == nil || raw.StatusCode != http.StatusOK || raw.Request.Header.Get("x-ms-client-request-id") != "kiln-7" {
		t.Errorf("captured %+v", raw)
	}
}
