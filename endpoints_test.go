package azmlbatch

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSetDefaultDeploymentReportsANeighboursChange reads back what it wrote.
func TestSetDefaultDeploymentReportsANeighboursChange(t *testing.T) {
	endpoint := func(deployment, tag string) string {
		return `{"name":"digits","location":"r","tags":{"team":"` + tag + `"},"properties":{"authMode":"AADToken","defaults":{"deploymentName":"` + deployment +
			`"},"provisioningState":"Succeeded"}}`
	}
	tests := []struct{ name, found, want string }{
		{"another description", strings.Replace(endpoint("green", "kiln"), `"properties":{`, `"properties":{"description":"new",`, 1),
			`azmlbatch: set default deployment of endpoint "digits": the description changed while this call ran; get the endpoint and try again`},
		{"nobody else", endpoint("green", "kiln"), ""},
		{"another default", endpoint("red", "kiln"), `azmlbatch: set default deployment of endpoint "digits": the default deployment changed to "red" while this call ran; ` +
			`get the endpoint and try again`},
		{"another tag", endpoint("green", "wheel"), `azmlbatch: set default deployment of endpoint "digits": the tags changed while this call ran; ` +
			`get the endpoint and try again`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			handler, got := script(t,
				answer(200, `{"name":"green","location":"r","properties":{}}`),
				answer(200, endpoint("blue", "kiln")),
				answer(200, endpoint("green", "kiln"), "Azure-AsyncOperation", operationURL),
				answer(200, `{"status":"Succeeded"}`),
				answer(200, tt.found),
			)
			_, err := newTestClient(t, handler).Endpoints().SetDefaultDeployment(t.Context(), "digits", "green", nil)
			message := ""
			if err != nil {
				message = err.Error()
			}
			if diff := cmp.Diff(tt.want, message); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if (tt.want != "") != errors.Is(err, ErrConflict) {
				t.Errorf("errors.Is(%v, ErrConflict) = %t", err, errors.Is(err, ErrConflict))
			}
			if want := `{"location":"r","properties":{"authMode":"AADToken","defaults":{"deploymentName":"green"}},"tags":{"team":"kiln"}}`; (*got)[2].Body != want {
				t.Errorf("PUT %s, want %s", (*got)[2].Body, want)
			}
		})
	}
}

// TestSetDefaultDeploymentThatIsDefaultAlreadyWritesNothing saves the caller an operation.
func TestSetDefaultDeploymentThatIsDefaultAlreadyWritesNothing(t *testing.T) {
	handler, _ := script(t, answer(200, `{"name":"blue","properties":{}}`),
		answer(200, `{"name":"digits","properties":{"defaults":{"deploymentName":"blue"}}}`))
	if _, err := newTestClient(t, handler).Endpoints().SetDefaultDeployment(t.Context(), "digits", "blue", nil); err != nil {
		t.Error(err)
	}
}

func TestKeysOfAnEndpoint(t *testing.T) {
	service := &fakeService{answers: map[string]http.HandlerFunc{"POST /batchEndpoints/digits/listkeys": answer(200, `{"primaryKey":"a","secondaryKey":"b"}`)}}
	c := newTestClient(t, service.ServeHTTP, func(o *ClientOptions) { o.ReadOnly = true }) // the POST changes nothing
	keys, err := c.Endpoints().Keys(t.Context(), "digits")
	if diff := cmp.Diff(EndpointKeys{PrimaryKey: "a", SecondaryKey: "b"}, keys); err != nil || diff != "" {
		t.Errorf("Keys, %v (-want +got):\n%s", err, diff)
	}
	if _, err := c.Endpoints().Keys(t.Context(), "a b"); !errors.As(err, new(*ArgumentError)) || len(service.requests) != 1 {
		t.Errorf("Keys of a bad name = %v after %d requests", err, len(service.requests))
	}
}

// TestSetDefaultDeploymentRefused refuses each of its requests.
func TestSetDefaultDeploymentRefused(t *testing.T) {
	answers := []http.HandlerFunc{
		answer(200, `{"name":"green","location":"r","properties":{}}`),
		answer(200, `{"name":"digits","location":"r","properties":{"defaults":{"deploymentName":"blue"}}}`),
		answer(200, `{"name":"digits","properties":{}}`, "Azure-AsyncOperation", operationURL),
		answer(200, `{"status":"Succeeded"}`),
		answer(403, `{"error":{"code":"AuthorizationFailed","message":"no"}}`),
	}
	for i := range answers {
		handler, got := script(t, append(slices.Clone(answers[:i]), answers[4])...)
		_, err := newTestClient(t, handler).Endpoints().SetDefaultDeployment(t.Context(), "digits", "green", nil)
		if !errors.Is(err, ErrForbidden) || len(*got) != i+1 {
			t.Errorf("request %d refused: %v after %d requests, want ErrForbidden", i+1, err, len(*got))
		}
	}
}
