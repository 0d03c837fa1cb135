package azmlbatch

import (
	"errors"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/google/go-cmp/cmp"
)

func TestCloudOfOnesOwn(t *testing.T) {
	config := func(arm, ml, storage cloud.ServiceConfiguration) cloud.Configuration {
		c := cloud.Configuration{Services: map[cloud.ServiceName]cloud.ServiceConfiguration{cloud.ResourceManager: arm}}
		if ml != (cloud.ServiceConfiguration{}) {
			c.Services[ServiceMachineLearning] = ml
		}
		if storage != (cloud.ServiceConfiguration{}) {
			c.Services[ServiceStorage] = storage
		}
		return c
	}
	arm := cloud.ServiceConfiguration{Endpoint: "https://Management.kiln.example/", Audience: "https://management.kiln.example/"}
	none := cloud.ServiceConfiguration{}
	tests := []struct {
		name   string
		cloud  cloud.Configuration
		failed string
	}{
		{"all", config(arm, cloud.ServiceConfiguration{Audience: "https://aud.kiln.example/", Endpoint: "https://ml.kiln.example"}, cloud.ServiceConfiguration{Endpoint: "https://core.kiln.example"}), ""},
		{"no management", config(none, none, none), "cloud.ResourceManager"},
		{"management without TLS", config(cloud.ServiceConfiguration{Endpoint: "http://management.kiln.example", Audience: "a"}, none, none), "cloud.ResourceManager"},
		{"management that is no URL", config(cloud.ServiceConfiguration{Endpoint: "https://[management", Audience: "a"}, none, none), "cloud.ResourceManager"},
		{"machine learning without audience", config(arm, cloud.ServiceConfiguration{Endpoint: "https://ml.kiln.example"}, none), "ServiceMachineLearning"},
		{"machine learning without URL", config(arm, cloud.ServiceConfiguration{Audience: "ml.kiln.example"}, none), "ServiceMachineLearning"},
		{"a management host of no cloud, and nothing of machine learning", config(arm, none, cloud.ServiceConfiguration{Endpoint: "https://core.kiln.example"}), "no entry for ServiceMachineLearning"},
		{"storage without URL", config(arm, cloud.ServiceConfiguration{Audience: "https://aud.kiln.example"}, cloud.ServiceConfiguration{Endpoint: "core.kiln.example"}), "ServiceStorage"},
	}
	said := newTexts(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := &ClientOptions{}
			o.Cloud = tt.cloud
			c, err := NewClient(testWorkspace, &fakeCredential{}, o)
			if tt.failed != "" {
				said.add(tt.name, err)
				var bad *ArgumentError
				if !errors.As(err, &bad) || !strings.Contains(err.Error(), tt.failed) {
					t.Errorf("NewClient = %v, want an ArgumentError that names %s", err, tt.failed)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := []string{c.cloud.managementHost, c.cloud.mlAudience, c.cloud.scoringSuffixes[0], c.cloud.dataSuffixes[0], Datastore{AccountName: "shelf"}.blobHost(c.cloud.storageSuffix)}
			want := []string{"management.kiln.example", "https://aud.kiln.example", ".inference.ml.kiln.example", ".api.ml.kiln.example", "shelf.blob.core.kiln.example"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("hosts and audiences (-want +got):\n%s", diff)
			}
		})
	}
}
