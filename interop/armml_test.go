package interop

import (
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	ml "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/machinelearning/armmachinelearning/v4"

	"github.com/azmlbatch/azmlbatch/emulator"
)

// shop is Azure's generated management client over an emulator.
type shop struct {
	t       *testing.T
	azure   *emulator.Emulator
	factory *ml.ClientFactory
	group   string
	ws      string
	id      string
}

func newShop(t *testing.T) *shop {
	t.Helper()
	e := emulator.NewTest(t, nil)
	w := e.Workspaces()[0]
	factory, err := ml.NewClientFactory(w.SubscriptionID, e.Credential(), &arm.ClientOptions{
		ClientOptions: azcore.ClientOptions{Transport: e}, DisableRPRegistration: true})
	if err != nil {
		t.Fatal(err)
	}
	return &shop{t: t, azure: e, factory: factory, group: w.ResourceGroup, ws: w.Name,
		id: "/subscriptions/" + w.SubscriptionID + "/resourceGroups/" + w.ResourceGroup +
			"/providers/Microsoft.MachineLearningServices/workspaces/" + w.Name}
}

// wait polls fast: azcore's shortest interval for real services is a second.
func wait[T any](s *shop, p *runtime.Poller[T], err error) T {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	v, err := p.PollUntilDone(s.t.Context(), &runtime.PollUntilDoneOptions{Frequency: time.Millisecond})
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

// count goes through a pager to its end.
func count[T any](s *shop, p *runtime.Pager[T], length func(T) int) int {
	s.t.Helper()
	n := 0
	for p.More() {
		page, err := p.NextPage(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		n += length(page)
	}
	return n
}

// TestARMClientDeploysAModel makes everything that a deployment needs with the pollers and pagers of armmachinelearning.
func TestARMClientDeploysAModel(t *testing.T) {
	s := newShop(t)
	s.createAssets()
	s.createCompute()
	s.createEndpoint()
	s.createDeployment()
	s.deleteAll()
}

func (s *shop) createAssets() {
	t, ctx := s.t, s.t.Context()
	code, err := s.factory.NewCodeVersionsClient().CreateOrUpdate(ctx, s.group, s.ws, "score", "1", ml.CodeVersion{
		Properties: &ml.CodeVersionProperties{CodeURI: new("https://azmlbatchlaptop.blob.core.windows.net/code/score")}}, nil)
	if err != nil || *code.Name != "1" {
		t.Fatalf("code = %+v, %v", code, err)
	}
	model, err := s.factory.NewModelVersionsClient().CreateOrUpdate(ctx, s.group, s.ws, "digits", "1", ml.ModelVersion{
		Properties: &ml.ModelVersionProperties{ModelURI: new("azureml://datastores/workspaceblobstore/paths/model"), ModelType: new("custom_model")}}, nil)
	if err != nil || *model.Properties.ModelType != "custom_model" {
		t.Fatalf("model = %+v, %v", model, err)
	}
	environment, err := s.factory.NewEnvironmentVersionsClient().CreateOrUpdate(ctx, s.group, s.ws, "digits", "1", ml.EnvironmentVersion{
		Properties: &ml.EnvironmentVersionProperties{Image: new("example.azurecr.io/digits"), CondaFile: new("name: digits\ndependencies:\n- python=3.11\n")}}, nil)
	if err != nil || *environment.Properties.EnvironmentType != ml.EnvironmentTypeUserCreated {
		t.Fatalf("environment = %+v, %v", environment, err)
	}
	for _, version := range []string{"1", "2", "3"} {
		_, err := s.factory.NewDataVersionsClient().CreateOrUpdate(ctx, s.group, s.ws, "images", version, ml.DataVersionBase{
			Properties: &ml.URIFolderDataVersion{DataType: new(ml.DataTypeURIFolder), DataURI: new("azureml://datastores/workspaceblobstore/paths/images" + version)}}, nil)
		if err != nil {
			t.Fatal(err)
		}
	}
	n := count(s, s.factory.NewDataVersionsClient().NewListPager(s.group, s.ws, "images", nil),
		func(p ml.DataVersionsClientListResponse) int { return len(p.Value) })
	if n != 3 {
		t.Errorf("%d versions of data, want 3", n)
	}
}

func (s *shop) createCompute() {
	p, err := s.factory.NewComputeClient().BeginCreateOrUpdate(s.t.Context(), s.group, s.ws, "batch-cluster", ml.ComputeResource{
		Location: new("eastus"),
		Properties: &ml.AmlCompute{ComputeType: new(ml.ComputeTypeAmlCompute), Properties: &ml.AmlComputeProperties{
			VMSize: new("STANDARD_D2_V2"), ScaleSettings: &ml.ScaleSettings{MaxNodeCount: new(int32(2)), MinNodeCount: new(int32(0))}}}}, nil)
	compute := wait(s, p, err)
	cluster, ok := compute.Properties.(*ml.AmlCompute)
	if !ok || *cluster.ProvisioningState != ml.ProvisioningStateSucceeded || *cluster.Properties.ScaleSettings.MaxNodeCount != 2 {
		s.t.Errorf("compute = %+v", compute.Properties)
	}
	n := count(s, s.factory.NewComputeClient().NewListPager(s.group, s.ws, nil), func(p ml.ComputeClientListResponse) int { return len(p.Value) })
	if n != 1 {
		s.t.Errorf("%d computes, want 1", n)
	}
}

func (s *shop) createEndpoint() {
	p, err := s.factory.NewBatchEndpointsClient().BeginCreateOrUpdate(s.t.Context(), s.group, s.ws, "digits-arm", ml.BatchEndpoint{
		Location: new("eastus"), Properties: &ml.BatchEndpointProperties{AuthMode: new(ml.EndpointAuthModeAADToken)}}, nil)
	endpoint := wait(s, p, err)
	if endpoint.Properties.ScoringURI == nil || *endpoint.Properties.ProvisioningState != ml.EndpointProvisioningStateSucceeded {
		s.t.Errorf("endpoint = %+v", endpoint.Properties)
	}
}

func (s *shop) createDeployment() {
	endpoints, deployments := s.factory.NewBatchEndpointsClient(), s.factory.NewBatchDeploymentsClient()
	p, err := deployments.BeginCreateOrUpdate(s.t.Context(), s.group, s.ws, "digits-arm", "blue", ml.BatchDeployment{
		Location: new("eastus"), Properties: &ml.BatchDeploymentProperties{
			Model:             &ml.IDAssetReference{ReferenceType: new(ml.ReferenceTypeID), AssetID: new(s.id + "/models/digits/versions/1")},
			CodeConfiguration: &ml.CodeConfiguration{CodeID: new(s.id + "/codes/score/versions/1"), ScoringScript: new("score.py")},
			EnvironmentID:     new(s.id + "/environments/digits/versions/1"),
			Compute:           new(s.id + "/computes/batch-cluster"),
			Resources:         &ml.DeploymentResourceConfiguration{InstanceCount: new(int32(1))},
		}}, nil)
	deployment := wait(s, p, err)
	if *deployment.Properties.MiniBatchSize != 10 || *deployment.Properties.RetrySettings.Timeout != "PT30S" {
		s.t.Errorf("defaults of the deployment = %+v", deployment.Properties)
	}
	e, err := endpoints.BeginCreateOrUpdate(s.t.Context(), s.group, s.ws, "digits-arm", ml.BatchEndpoint{
		Location: new("eastus"), Properties: &ml.BatchEndpointProperties{AuthMode: new(ml.EndpointAuthModeAADToken),
			Defaults: &ml.BatchEndpointDefaults{DeploymentName: new("blue")}}}, nil)
	if endpoint := wait(s, e, err); *endpoint.Properties.Defaults.DeploymentName != "blue" {
		s.t.Errorf("default deployment = %+v", endpoint.Properties.Defaults)
	}
	n := count(s, deployments.NewListPager(s.group, s.ws, "digits-arm", nil), func(p ml.BatchDeploymentsClientListResponse) int { return len(p.Value) })
	if n != 1 {
		s.t.Errorf("%d deployments, want 1", n)
	}
}

func (s *shop) deleteAll() {
	d, err := s.factory.NewBatchEndpointsClient().BeginDelete(s.t.Context(), s.group, s.ws, "digits-arm", nil)
	wait(s, d, err)
	c, err := s.factory.NewComputeClient().BeginDelete(s.t.Context(), s.group, s.ws, "batch-cluster", ml.UnderlyingResourceActionDelete, nil)
	wait(s, c, err)
	n := count(s, s.factory.NewBatchEndpointsClient().NewListPager(s.group, s.ws, nil), func(p ml.BatchEndpointsClientListResponse) int { return len(p.Value) })
	if n != 0 {
		s.t.Errorf("%d endpoints after the deletion, want none", n)
	}
}
