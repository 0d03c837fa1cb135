package login

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azcloud "github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
)

// transport calls the service without a socket and keeps what was asked.
type transport struct {
	service *Service

	mu    sync.Mutex
	asked []string
}

func (tr *transport) Do(r *http.Request) (*http.Response, error) {
	tr.mu.Lock()
	tr.asked = append(tr.asked, r.Method+" "+r.URL.Host+r.URL.Path)
	tr.mu.Unlock()
	if _, ok := tr.service.cloud.Route(r.URL.Host); !ok {
		return nil, errors.New("not a host of this cloud: " + r.URL.Host)
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	r.Host = r.URL.Host
	w := httptest.NewRecorder()
	tr.service.ServeHTTP(w, r)
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

// azidentity keeps the wall clock, so the service does too in these tests.
func newTransport(t *testing.T, c cloud.Cloud) *transport {
	t.Helper()
	s, _ := newService(t, func(o *Options) { o.Cloud, o.Now = c, time.Now })
	return &transport{service: s}
}

func getToken(t *testing.T, cred azcore.TokenCredential, scope string) azcore.AccessToken {
	t.Helper()
	token, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{scope}, EnableCAE: true})
	if err != nil {
		t.Fatalf("GetToken(%q): %v", scope, err)
	}
	return token
}

// One POST for each scope, and cached tokens are found again: the answer to instance discovery must
// list the host's aliases for that.
func TestClientSecretCredential(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		cloud         cloud.Cloud
		configuration azcloud.Configuration
	}{
		{cloud.Public(), azcloud.AzurePublic},
		{cloud.China(), azcloud.AzureChina},
		{cloud.USGov(), azcloud.AzureGovernment},
	} {
		t.Run(tt.cloud.Name, func(t *testing.T) {
			t.Parallel()
			tr := newTransport(t, tt.cloud)
			cred, err := azidentity.NewClientSecretCredential(tenant, clientID, secret, &azidentity.ClientSecretCredentialOptions{
				ClientOptions: azcore.ClientOptions{Cloud: tt.configuration, Transport: tr},
			})
			if err != nil {
				t.Fatal(err)
			}
			management, ml := tt.cloud.ManagementAudiences[0], tt.cloud.MLAudience
			for range 3 {
				for _, audience := range []string{management, ml} {
					token := getToken(t, cred, audience+"/.default")
					if _, refusal := tr.service.Verify("Bearer "+token.Token, audience); refusal != nil {
						t.Errorf("token for %s: %+v", audience, refusal)
					}
				}
			}
			host := tt.cloud.LoginHosts[0]
			want := []string{
				"GET " + host + "/common/discovery/instance",
				"GET " + host + "/" + tenant + "/v2.0/.well-known/openid-configuration",
				"POST " + host + "/" + tenant + "/oauth2/v2.0/token",
				"POST " + host + "/" + tenant + "/oauth2/v2.0/token",
			}
			if diff := cmp.Diff(want, tr.asked); diff != "" {
				t.Errorf("requests for six tokens of two scopes (-want +got)\n%s", diff)
			}
		})
	}
}

func TestClientSecretCredentialFails(t *testing.T) {
	t.Parallel()
	tr := newTransport(t, cloud.Public())
	cred, err := azidentity.NewClientSecretCredential(tenant, clientID, "cold", &azidentity.ClientSecretCredentialOptions{
		ClientOptions: azcore.ClientOptions{Transport: tr},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://ml.azure.com/.default"}})
	var failed *azidentity.AuthenticationFailedError
	if !errors.As(err, &failed) || failed.RawResponse.StatusCode != http.StatusUnauthorized || !strings.Contains(err.Error(), "AADSTS7000215") {
		t.Errorf("GetToken with a wrong secret: %v", err)
	}
}

func TestWorkloadIdentityCredential(t *testing.T) {
	t.Parallel()
	tr := newTransport(t, cloud.Public())
	assertion, err := tr.service.FederatedToken(clientID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(assertion), 0o600); err != nil {
		t.Fatal(err)
	}
	cred, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions: azcore.ClientOptions{Transport: tr}, ClientID: clientID, TenantID: tenant, TokenFilePath: file,
	})
	if err != nil {
		t.Fatal(err)
	}
	token := getToken(t, cred, "https://storage.azure.com/.default")
	if claims, refusal := tr.service.Verify("Bearer "+token.Token, "https://storage.azure.com"); refusal != nil || claims.AppID != clientID {
		t.Errorf("claims %+v, refusal %+v", claims, refusal)
	}
}
