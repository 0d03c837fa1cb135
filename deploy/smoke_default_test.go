package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
)

// Stories of a default deployment that is changed in place, and whose smoke test does not pass.

// changedDefault applies a Spec, and returns a plan that changes its default deployment in place so that it scores nothing.
func changedDefault(t *testing.T) (*azmlbatch.Client, azmlbatch.Deployment, *deploy.Changes) {
	t.Helper()
	spec := studio(t)
	client, _ := newClient(t)
	options := &deploy.PlanOptions{SetDefault: true, SmokeInput: azmlbatch.LocalPath{Path: "smoke"}}
	apply(t, client, spec, options)
	before := blue(t, client)
	write(t, map[string]string{"code/score.py": "def init():\n    raise OSError('no model')\n\ndef run(files):\n    return []\n"})
	spec.Deployments[0].Deployment.MiniBatchSize = 3
	return client, before, plan(t, client, spec, options)
}

// blue is the deployment without the times of its changes.
func blue(t *testing.T, client *azmlbatch.Client) azmlbatch.Deployment {
	t.Helper()
	d, err := client.Deployments("digits").Get(t.Context(), "blue")
	if err != nil {
		t.Fatal(err)
	}
	d.SystemData = azmlbatch.SystemData{}
	return d
}

// during calls f once, when a step is in a state.
func during(step string, state deploy.StepState, f func()) *deploy.ApplyOptions {
	called := false
	return &deploy.ApplyOptions{OnProgress: func(p deploy.StepProgress) {
		if !called && p.State == state && strings.HasPrefix(p.Step, step) {
			called = true
			f()
		}
	}}
}

// TestSmokeTestPutsTheDefaultBack changes the default deployment in place so that it fails.
func TestSmokeTestPutsTheDefaultBack(t *testing.T) {
	client, before, changes := changedDefault(t)
	var states []deploy.StepState
	result, err := changes.Apply(t.Context(), &deploy.ApplyOptions{OnProgress: func(p deploy.StepProgress) {
		if p.Step == `put back deployment "digits/blue"` && p.State != deploy.StepStateRunning {
			states = append(states, p.State)
		}
	}})
	if diff := cmp.Diff([]deploy.StepState{deploy.StepStateStarted, deploy.StepStateDone}, states); diff != "" || !slices.Contains(result.Steps, `put back deployment "digits/blue"`) {
		t.Errorf("progress of putting it back (-want +got):\n%s\nsteps %q", diff, result.Steps)
	}
	var smoke *deploy.SmokeError
	if !errors.As(err, &smoke) || !smoke.Restored || !strings.Contains(err.Error(), "it is again what it was before the change") {
		t.Fatalf("Apply = %v, want a SmokeError of a deployment that was put back", err)
	}
	if diff := cmp.Diff(before, blue(t, client)); diff != "" {
		t.Errorf("the deployment after the test (-before +after):\n%s", diff)
	}
}

// TestSmokeTestPutsTheDefaultBackAfterCancel ends the context before the test begins, when it begins, and while its job runs.
func TestSmokeTestPutsTheDefaultBackAfterCancel(t *testing.T) {
	for name, at := range map[string]struct {
		step  string
		state deploy.StepState
	}{
		"the change has been made": {"change deployment", deploy.StepStateDone},
		"the change is being made": {"change deployment", deploy.StepStateRunning},
		"the test has begun":       {"test ", deploy.StepStateStarted},
		"the job runs":             {"test ", deploy.StepStateRunning},
	} {
		t.Run(name, func(t *testing.T) {
			client, before, changes := changedDefault(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, err := changes.Apply(ctx, during(at.step, at.state, cancel))
			var smoke *deploy.SmokeError
			if !errors.Is(err, context.Canceled) || !errors.As(err, &smoke) || !smoke.Restored || smoke.Skipped != (at.step != "test ") {
				t.Errorf("Apply = %v, want a canceled SmokeError of a deployment that was put back", err)
			}
			if diff := cmp.Diff(before, blue(t, client)); diff != "" {
				t.Errorf("the deployment after the test (-before +after):\n%s", diff)
			}
		})
	}
}

// TestDefaultIsPutBackWhenAnotherStepFails: its test never begins, so nothing has shown that the change works.
func TestDefaultIsPutBackWhenAnotherStepFails(t *testing.T) {
	studio(t)
	bubble(t, quick, func(ctx context.Context, s *simulated, code string) error {
		spec := simulatedSpec(t, code)
		options := &deploy.PlanOptions{SetDefault: true, SmokeInput: azmlbatch.LocalPath{Path: "smoke"}}
		if _, err := deployOnce(ctx, s, spec, options); err != nil {
			return err
		}
		client, err := s.client()
		if err != nil {
			return err
		}
		before, err := client.Deployments("digits").Get(ctx, "blue")
		if err != nil {
			return err
		}
		spec.Deployments[0].Deployment.MiniBatchSize = 3
		spec.Data[0].DataURI = "model" // its upload takes a second, the change of the deployment three
		s.broken = func(_ int, req *http.Request) (before, after error) {
			if req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/data/images/") {
				return errors.New("the network is down"), nil
			}
			return nil, nil
		}
		_, err = deployOnce(ctx, s, spec, options)
		const want = `the smoke test of deployment "digits/blue" did not begin, and it is again what it was before the change: another step failed`
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "the network is down") {
			return fmt.Errorf("Apply = %w, want the failed step and: %s", err, want)
		}
		after, err := client.Deployments("digits").Get(ctx, "blue")
		before.SystemData, after.SystemData = azmlbatch.SystemData{}, azmlbatch.SystemData{}
		if diff := cmp.Diff(before, after); diff != "" {
			err = errors.Join(err, fmt.Errorf("the deployment (-before +after):\n%s", diff))
		}
		return err
	})
}

// TestSmokeTestLeavesWhatOthersWrote: somebody who has changed the default, or its definition, while the test ran keeps that.
func TestSmokeTestLeavesWhatOthersWrote(t *testing.T) {
	t.Run("the definition", func(t *testing.T) {
		client, _, changes := changedDefault(t)
		_, err := changes.Apply(t.Context(), during("test ", deploy.StepStateRunning, func() {
			d := blue(t, client)
			d.MiniBatchSize = 7
			if _, err := client.Deployments("digits").CreateOrUpdate(t.Context(), "blue", d, nil); err != nil {
				t.Error(err)
			}
		}))
		const want = `putting it back to what it was failed: deploy: deployment "digits/blue": somebody else has changed MiniBatchSize since it was planned`
		if !errors.As(err, new(*deploy.ConflictError)) || !strings.Contains(err.Error(), want) {
			t.Errorf("Apply = %v, want %s", err, want)
		}
		if got := blue(t, client).MiniBatchSize; got != 7 {
			t.Errorf("MiniBatchSize = %d, want the 7 of somebody else", got)
		}
	})
	t.Run("the default", func(t *testing.T) {
		client, _, changes := changedDefault(t)
		_, err := changes.Apply(t.Context(), during("test ", deploy.StepStateRunning, func() {
			green := blue(t, client)
			if _, err := client.Deployments("digits").CreateOrUpdate(t.Context(), "green", green, nil); err != nil {
				t.Error(err)
			}
			if _, err := client.Endpoints().SetDefaultDeployment(t.Context(), "digits", "green", nil); err != nil {
				t.Error(err)
			}
		}))
		var smoke *deploy.SmokeError
		if !errors.As(err, &smoke) || smoke.Restored || smoke.Default != "green" {
			t.Errorf("Apply = %v, want a SmokeError of a deployment that was left, and of the default green", err)
		}
		if got := blue(t, client).MiniBatchSize; got != 3 {
			t.Errorf("MiniBatchSize = %d, want the 3 of the change, which is no default any more", got)
		}
	})
}

// TestChangeOfTheDefaultIsMarked until it has passed its test: who finds it pending tests it, and an export does not tell.
func TestChangeOfTheDefaultIsMarked(t *testing.T) {
	spec := studio(t)
	spec.Deployments[0].Deployment.Tags = map[string]string{"team": "a"}
	client, _ := newClient(t)
	options := &deploy.PlanOptions{SetDefault: true, SmokeInput: azmlbatch.LocalPath{Path: "smoke"}}
	apply(t, client, spec, options)
	if tags := blue(t, client).Tags; tags["azmlbatch.smokeTest"] != "" {
		t.Errorf("tags of a deployment that was tested before it became the default: %v", tags)
	}
	spec.Deployments[0].Deployment.MiniBatchSize = 3
	apply(t, client, spec, options)
	if diff := cmp.Diff(map[string]string{"team": "a", "azmlbatch.smokeTest": "passed"}, blue(t, client).Tags); diff != "" {
		t.Errorf("tags after the test (-want +got):\n%s", diff)
	}
	if again := plan(t, client, spec, options); !again.Empty() {
		t.Errorf("plan after the test:\n%s", again)
	}
	exported, err := deploy.Export(t.Context(), client, "digits")
	if err != nil || !cmp.Equal(map[string]string{"team": "a"}, exported.Deployments[0].Deployment.Tags) {
		t.Errorf("exported tags %v, %v", exported.Deployments[0].Deployment.Tags, err)
	}
	tags := map[string]string{"team": "a", "azmlbatch.smokeTest": "pending"}
	if _, err := client.Deployments("digits").Update(t.Context(), "blue", azmlbatch.DeploymentPatch{Tags: tags}, nil); err != nil {
		t.Fatal(err)
	}
	if result := apply(t, client, spec, options); len(result.Tests) != 1 || blue(t, client).Tags["azmlbatch.smokeTest"] != "passed" {
		t.Errorf("tests %+v and tags %v of a change that nobody had tested", result.Tests, blue(t, client).Tags)
	}
	if again := plan(t, client, spec, nil); !again.Empty() {
		t.Errorf("plan without a smoke input:\n%s", again)
	}
}
