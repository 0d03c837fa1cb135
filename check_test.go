package azmlbatch_test

import (
	"context"
	"errors"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
)

// noCredential fails the test when a call wants to send something.
type noCredential struct{ t *testing.T }

func (c noCredential) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	c.t.Error("a token was asked for")
	return azcore.AccessToken{}, errors.New("no token here")
}

// TestCheck wants from Check what CreateOrUpdate refuses, and that neither sends anything.
func TestCheck(t *testing.T) {
	client, err := azmlbatch.NewClient(azmlbatch.Workspace{SubscriptionID: "s", ResourceGroup: "g", Name: "w"}, noCredential{t}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	endpoint := azmlbatch.Endpoint{Name: "a b"}
	deployment := azmlbatch.Deployment{Name: "blue", Model: azmlbatch.ModelByID{AssetID: "azureml:m:1"}}
	compute := azmlbatch.Compute{Name: "cluster", Properties: azmlbatch.AmlCompute{VMSize: "s", MaxNodes: 1, MinNodes: 2}}
	code := azmlbatch.Code{Name: "c", CodeURI: "./code"}
	model := azmlbatch.Model{Name: "m", Version: "a/b", ModelURI: "https://account.blob.core.windows.net/m"}
	environment := azmlbatch.Environment{Name: "e"}
	data := azmlbatch.Data{Name: "d"}
	component := azmlbatch.Component{Name: "c", Spec: []byte("[]")}
	operations := map[string]string{"endpoint": `endpoint "a b"`, "deployment": `deployment "blue"`, "compute": `compute "cluster"`, "code": `code "c"`,
		"model": `model "m"`, "environment": `environment "e"`, "data": `data asset "d"`, "component": `component "c"`}
	for _, test := range []struct {
		name          string
		check, create func() error
	}{
		{"endpoint", func() error { return azmlbatch.Check(endpoint) },
			func() error {
				_, err := client.Endpoints().CreateOrUpdate(ctx, endpoint.Name, endpoint, nil)
				return err
			}},
		{"deployment", func() error { return azmlbatch.Check(deployment) },
			func() error {
				_, err := client.Deployments("e").CreateOrUpdate(ctx, "blue", deployment, nil)
				return err
			}},
		{"compute", func() error { return azmlbatch.Check(compute) },
			func() error { _, err := client.Computes().CreateOrUpdate(ctx, "cluster", compute, nil); return err }},
		{"code", func() error { return azmlbatch.Check(code) }, func() error { _, err := client.Codes().CreateOrUpdate(ctx, "c", code, nil); return err }},
		{"model", func() error { return azmlbatch.Check(model) }, func() error { _, err := client.Models().CreateOrUpdate(ctx, "m", model, nil); return err }},
		{"environment", func() error { return azmlbatch.Check(environment) },
			func() error { _, err := client.Environments().CreateOrUpdate(ctx, "e", environment, nil); return err }},
		{"data", func() error { return azmlbatch.Check(data) }, func() error { _, err := client.Data().CreateOrUpdate(ctx, "d", data, nil); return err }},
		{"component", func() error { return azmlbatch.Check(component) },
			func() error { _, err := client.Components().CreateOrUpdate(ctx, "c", component, nil); return err }},
	} {
		t.Run(test.name, func(t *testing.T) {
			var check, create *azmlbatch.ArgumentError
			if err := test.check(); !errors.As(err, &check) {
				t.Fatalf("Check: %v, want *ArgumentError", err)
			}
			if err := test.create(); !errors.As(err, &create) {
				t.Fatalf("CreateOrUpdate: %v, want *ArgumentError", err)
			}
			if want := "check " + operations[test.name]; check.Operation != want {
				t.Errorf("Check names the operation %q, want %q", check.Operation, want)
			}
			create.Operation, check.Operation = "", ""
			if diff := cmp.Diff(*create, *check); diff != "" {
				t.Errorf("Check and CreateOrUpdate differ (-create +check):\n%s", diff)
			}
		})
	}
	if err := azmlbatch.Check(azmlbatch.Endpoint{Name: "digits"}); err != nil {
		t.Errorf("Check of a good endpoint: %v", err)
	}
}
