package deploy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
)

// TestUnnamedEnvironmentOfOthers: an environment without a name is the one that the deployment has, whatever that is called, as
// long as it says the same.
func TestUnnamedEnvironmentOfOthers(t *testing.T) {
	spec := studio(t)
	client, _ := newClient(t)
	theirs := spec.Environments[0]
	theirs.Name, theirs.Version, theirs.IsAnonymous = "CliV2AnonymousEnvironment", "6bacc0d892cc968bcd98bcbbea577d56", true
	theirs.CondaFile = `{"channels": ["conda-forge"], "dependencies": ["python=3.11"]}`
	unnamed := spec.Environments[0]
	unnamed.Name, unnamed.IsAnonymous = "digits-blue-environment", true
	spec.Environments[0] = theirs
	spec.Deployments[0].Deployment.EnvironmentID = "azureml:CliV2AnonymousEnvironment"
	apply(t, client, spec, nil)

	spec.Environments[0] = unnamed
	spec.Deployments[0].Deployment.EnvironmentID = "azureml:digits-blue-environment"
	again := plan(t, client, spec, nil)
	if !again.Empty() {
		t.Errorf("plan of what the deployment has:\n%s", again)
	}
	want := []string{"it is CliV2AnonymousEnvironment:6bacc0d892cc968bcd98bcbbea577d56"}
	for _, c := range again.List {
		if c.Kind == azmlbatch.ReferenceKindEnvironment && !cmp.Equal(want, c.Notes) {
			t.Errorf("notes = %q, want %q", c.Notes, want)
		}
	}
	spec.Environments[0].CondaFile = "channels: [conda-forge]\ndependencies:\n- python=3.12\n"
	got := changesOnly(plan(t, client, spec, nil))
	wantChanges := "+ environment \"digits-blue-environment\": create version 1\n~ deployment \"digits/blue\": change\n    EnvironmentID: OLD → NEW\n"
	if diff := cmp.Diff(wantChanges, withoutIDs(got)); diff != "" {
		t.Errorf("plan of another conda file (-want +got):\n%s", diff)
	}
	apply(t, client, spec, nil)
	if again := plan(t, client, spec, nil); !again.Empty() {
		t.Errorf("plan after the change:\n%s", again)
	}
}
