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

// TestHostsOfAzuresClouds: which hosts get a token, and for which audience.
func TestHostsOfAzuresClouds(t *testing.T) {
	for name, tt := range map[string]struct {
		config cloud.Configuration
		want   cloudConfig
	}{
		"unset": {cloud.Configuration{}, cloudConfig{
			management: "https://management.azure.com", managementHost: "management.azure.com", managementAudience: "https://management.core.windows.net/",
			mlAudience: "https://ml.azure.com", scoringSuffixes: []string{".inference.ml.azure.com"},
			dataSuffixes: []string{".api.azureml.ms", ".experiments.azureml.net"}, storageSuffix: "core.windows.net"}},
		"public": {cloud.AzurePublic, cloudConfig{
			management: "https://management.azure.com", managementHost: "management.azure.com", managementAudience: "https://management.core.windows.net/",
			mlAudience: "https://ml.azure.com", scoringSuffixes: []string{".inference.ml.azure.com"},
			dataSuffixes: []string{".api.azureml.ms", ".experiments.azureml.net"}, storageSuffix: "core.windows.net"}},
		"China": {cloud.AzureChina, cloudConfig{
			management: "https://management.chinacloudapi.cn", managementHost: "management.chinacloudapi.cn", managementAudience: "https://management.core.chinacloudapi.cn/",
			mlAudience: "https://ml.azure.cn", scoringSuffixes: []string{".inference.ml.azure.cn"},
			dataSuffixes: []string{".api.ml.azure.cn", ".experiments.ml.azure.cn"}, storageSuffix: "core.chinacloudapi.cn"}},
		"US Government": {cloud.AzureGovernment, cloudConfig{
			management: "https://management.usgovcloudapi.net", managementHost: "management.usgovcloudapi.net", managementAudience: "https://management.core.usgovcloudapi.net/",
			mlAudience: "https://ml.azure.us", scoringSuffixes: []string{".inference.ml.azure.us"},
			dataSuffixes: []string{".api.ml.azure.us", ".experiments.ml.azure.us"}, storageSuffix: "core.usgovcloudapi.net"}},
	} {
		got, err := resolveCloud(tt.config)
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(cloudConfig{})); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	for raw, want := range map[string]string{"https://Ml.Azure.Com/x": "ml.azure.com", "http://ml.azure.com": "", "ml.azure.com": "", "https://[x": "", "": ""} {
		if got := httpsHost(raw); got != want {
			t.Errorf("httpsHost(%q) = %q, want %q", raw, got, want)
		}
	}
}
