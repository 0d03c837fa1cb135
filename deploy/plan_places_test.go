package deploy_test

import (
	"strings"
	"testing"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// TestApplyPlaces uploads to the datastore that a file names, and puts a cluster into the network
// that it names. The second plan has nothing to do.
func TestApplyPlaces(t *testing.T) {
	files(t, map[string]string{"model/a.txt": "x", "all.yml": `
name: digits
type: custom_model
path: model
datastore: azureml:workspaceworkingdirectory
---
name: cluster
type: amlcompute
network_settings: {vnet_name: net, subnet: nodes}
`})
	client := emulator.NewClient(t, nil)
	second, err := client.Datastores().Default(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Datastores().CreateOrUpdate(t.Context(), "models", second, nil); err != nil {
		t.Fatal(err)
	}
	spec, err := deploy.Read([]string{"all.yml"}, &deploy.ReadOptions{Set: []string{"datastore=models"}})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := deploy.Plan(t.Context(), client, spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plan.Apply(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	model, err := client.Models().Get(t.Context(), "digits", "1")
	if err != nil || !strings.Contains(model.ModelURI, "/datastores/models/") {
		t.Errorf("the model is at %s: %v", model.ModelURI, err)
	}
	compute, err := client.Computes().Get(t.Context(), "cluster")
	if err != nil {
		t.Fatal(err)
	}
	ws := client.Workspace()
	want := "/subscriptions/" + ws.SubscriptionID + "/resourceGroups/" + ws.ResourceGroup + "/providers/Microsoft.Network/virtualNetworks/net/subnets/nodes"
	if got := compute.Properties.(azmlbatch.AmlCompute).SubnetID; got != want {
		t.Errorf("the subnet is %s, want %s", got, want)
	}
	if again, err := deploy.Plan(t.Context(), client, spec, nil); err != nil || !again.Empty() {
		t.Errorf("the second plan: %v\n%v", err, again)
	}
}
