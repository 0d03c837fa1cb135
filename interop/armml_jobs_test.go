package interop

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	ml3 "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/machinelearning/armmachinelearning/v3"
	ml "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/machinelearning/armmachinelearning/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// invoke starts a job of a new endpoint, whose function echoes its files, or waits for the end of the job where slow is
// set. armmachinelearning cannot invoke, so the SDK does.
func (s *shop) invoke(slow bool) string {
	s.t.Helper()
	ctx := s.t.Context()
	endpoint, err := s.azure.Deploy(ctx, emulator.Func(func(ctx context.Context, files []string) ([]string, error) {
		if slow {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return files, nil
	}), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	client, err := s.azure.Client(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	started, err := client.Endpoints().Invoke(ctx, endpoint, azmlbatch.Invocation{Inputs: azmlbatch.Inputs{
		"scripts": azmlbatch.LocalPath{Path: "curl"}}})
	if err != nil {
		s.t.Fatal(err)
	}
	return started.Name
}

// TestARMClientFollowsJobs reads, lists, cancels and deletes jobs with armmachinelearning.
func TestARMClientFollowsJobs(t *testing.T) {
	s := newShop(t)
	ctx, jobs := t.Context(), s.factory.NewJobsClient()
	slow := s.invoke(true)
	quick := s.invoke(false)
	status := func(job string) ml.JobStatus {
		t.Helper()
		got, err := jobs.Get(ctx, s.group, s.ws, job, nil)
		if err != nil {
			t.Fatal(err)
		}
		return *got.Properties.GetJobBaseProperties().Status
	}
	ended := func(job string) ml.JobStatus {
		t.Helper()
		for {
			switch got := status(job); got {
			case ml.JobStatusCompleted, ml.JobStatusFailed, ml.JobStatusCanceled:
				return got
			}
		}
	}
	if got := ended(quick); got != ml.JobStatusCompleted {
		t.Errorf("status of %s = %s, want Completed", quick, got)
	}
	p, err := jobs.BeginCancel(ctx, s.group, s.ws, slow, nil)
	wait(s, p, err)
	if got := ended(slow); got != ml.JobStatusCanceled {
		t.Errorf("status of %s = %s, want Canceled", slow, got)
	}
	names := map[string]bool{}
	pager := jobs.NewListPager(s.group, s.ws, nil)
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range page.Value {
			names[*j.Name] = true
		}
	}
	if diff := cmp.Diff(map[string]bool{slow: true, quick: true}, names); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
	d, err := jobs.BeginDelete(ctx, s.group, s.ws, slow, nil)
	wait(s, d, err)
	_, err = jobs.Get(ctx, s.group, s.ws, slow, nil)
	if re, ok := errors.AsType[*azcore.ResponseError](err); !ok || re.StatusCode != http.StatusNotFound {
		t.Errorf("a deleted job is answered %v, want 404", err)
	}
}

// TestARMClientResumes follows an operation by the token of another poller, as after a restart.
func TestARMClientResumes(t *testing.T) {
	s := newShop(t)
	endpoints := s.factory.NewBatchEndpointsClient()
	body := ml.BatchEndpoint{Location: new("eastus"), Properties: &ml.BatchEndpointProperties{AuthMode: new(ml.EndpointAuthModeAADToken)}}
	first, err := endpoints.BeginCreateOrUpdate(t.Context(), s.group, s.ws, "resumed", body, nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := first.ResumeToken()
	if err != nil {
		t.Fatal(err)
	}
	second, err := endpoints.BeginCreateOrUpdate(t.Context(), s.group, s.ws, "resumed", ml.BatchEndpoint{},
		&ml.BatchEndpointsClientBeginCreateOrUpdateOptions{ResumeToken: token})
	if got := wait(s, second, err); *got.Name != "resumed" || *got.Properties.ProvisioningState != ml.EndpointProvisioningStateSucceeded {
		t.Errorf("endpoint of the resumed operation = %+v", got.BatchEndpoint)
	}
}

// TestARMClientChangesInPlace uses every PATCH, the pages of lists, nodes and secrets.
func TestARMClientChangesInPlace(t *testing.T) {
	s := newShop(t)
	ctx := t.Context()
	s.createAssets()
	s.createCompute()
	s.createEndpoint()
	s.createDeployment()
	e, err := s.factory.NewBatchEndpointsClient().BeginUpdate(ctx, s.group, s.ws, "digits-arm", ml.PartialMinimalTrackedResourceWithIdentity{
		Tags: map[string]*string{"team": new("vision")}}, nil)
	if got := wait(s, e, err); got.Tags["team"] == nil || *got.Tags["team"] != "vision" {
		t.Errorf("tags after PATCH = %v", got.Tags)
	}
	d, err := s.factory.NewBatchDeploymentsClient().BeginUpdate(ctx, s.group, s.ws, "digits-arm", "blue",
		ml.PartialBatchDeploymentPartialMinimalTrackedResourceWithProperties{Properties: &ml.PartialBatchDeployment{Description: new("the first")}}, nil)
	if got := wait(s, d, err); got.Properties.Description == nil || *got.Properties.Description != "the first" {
		t.Errorf("description after PATCH = %v", got.Properties.Description)
	}
	c, err := s.factory.NewComputeClient().BeginUpdate(ctx, s.group, s.ws, "batch-cluster", ml.ClusterUpdateParameters{
		Properties: &ml.ClusterUpdateProperties{Properties: &ml.ScaleSettingsInformation{ScaleSettings: &ml.ScaleSettings{MaxNodeCount: new(int32(5))}}}}, nil)
	if got := wait(s, c, err); *got.Properties.(*ml.AmlCompute).Properties.ScaleSettings.MaxNodeCount != 5 {
		t.Errorf("scale after PATCH = %+v", got.Properties)
	}
	if n := count(s, s.factory.NewComputeClient().NewListNodesPager(s.group, s.ws, "batch-cluster", nil),
		func(p ml.ComputeClientListNodesResponse) int { return len(p.Nodes) }); n != 0 {
		t.Errorf("%d nodes of an idle cluster, want none", n)
	}
	for _, name := range []string{"one", "two", "three"} {
		p, err := s.factory.NewBatchEndpointsClient().BeginCreateOrUpdate(ctx, s.group, s.ws, name, ml.BatchEndpoint{
			Location: new("eastus"), Properties: &ml.BatchEndpointProperties{AuthMode: new(ml.EndpointAuthModeAADToken)}}, nil)
		wait(s, p, err)
	}
	pages := 0
	n := count(s, s.factory.NewBatchEndpointsClient().NewListPager(s.group, s.ws, &ml.BatchEndpointsClientListOptions{Count: new(int32(2))}),
		func(p ml.BatchEndpointsClientListResponse) int { pages++; return len(p.Value) })
	if n != 4 || pages < 2 {
		t.Errorf("%d endpoints on %d pages of two, want 4", n, pages)
	}
	secrets, err := s.factory.NewDatastoresClient().ListSecrets(ctx, s.group, s.ws, "workspaceblobstore", nil)
	if err != nil {
		t.Fatal(err)
	}
	if key, ok := secrets.DatastoreSecretsClassification.(*ml.AccountKeyDatastoreSecrets); !ok || key.Key == nil || *key.Key == "" {
		t.Errorf("secrets of the default datastore = %T, want an account key", secrets.DatastoreSecretsClassification)
	}
}

// TestOlderARMClient makes an endpoint with a major version of the client that asks for an older api-version.
func TestOlderARMClient(t *testing.T) {
	azure := emulator.NewTest(t, nil)
	w := azure.Workspaces()[0]
	factory, err := ml3.NewClientFactory(w.SubscriptionID, azure.Credential(), &arm.ClientOptions{
		ClientOptions: azcore.ClientOptions{Transport: azure}, DisableRPRegistration: true})
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{t: t, azure: azure, group: w.ResourceGroup, ws: w.Name}
	endpoints := factory.NewBatchEndpointsClient()
	p, err := endpoints.BeginCreateOrUpdate(t.Context(), s.group, s.ws, "older", ml3.BatchEndpoint{
		Location: new("eastus"), Properties: &ml3.BatchEndpointProperties{AuthMode: new(ml3.EndpointAuthModeAADToken)}}, nil)
	if got := wait(s, p, err); *got.Properties.ProvisioningState != ml3.EndpointProvisioningStateSucceeded {
		t.Errorf("endpoint = %+v", got.Properties)
	}
	if n := count(s, endpoints.NewListPager(s.group, s.ws, nil), func(p ml3.BatchEndpointsClientListResponse) int { return len(p.Value) }); n != 1 {
		t.Errorf("%d endpoints, want 1", n)
	}
	d, err := endpoints.BeginDelete(t.Context(), s.group, s.ws, "older", nil)
	wait(s, d, err)
}
