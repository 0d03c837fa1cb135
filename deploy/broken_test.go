package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// quick are the durations of stories that are about order, not about time.
var quick = durations{call: 100 * time.Millisecond, endpoint: 3 * time.Second, deployment: 3 * time.Second, compute: 8 * time.Second, standard: 2 * time.Second, upload: time.Second}

// rounds is how many rounds of a seeded story run: AZMLBATCH_ROUNDS, or few.
func rounds(few int) int {
	if n, err := strconv.Atoi(os.Getenv("AZMLBATCH_ROUNDS")); err == nil {
		return n
	}
	return few
}

// dump is what a workspace has, without ids and times.
func (s *simulated) dump(ctx context.Context) (lines []string, err error) {
	client, err := s.azure.Client(nil)
	if err != nil {
		return nil, err
	}
	note := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	err = errors.Join(
		each(client.Computes().List(ctx), func(c azmlbatch.Compute) { note("compute %s", c.Name) }),
		dumpAssets(ctx, client.Models().AssetsClient, func(m azmlbatch.Model) { note("model %s:%s %s %s", m.Name, m.Version, m.Description, tail(m.ModelURI)) }),
		dumpAssets(ctx, client.Data().AssetsClient, func(d azmlbatch.Data) { note("data %s:%s %s", d.Name, d.Version, tail(d.DataURI)) }),
		dumpAssets(ctx, client.Codes().AssetsClient, func(c azmlbatch.Code) { note("code %s:%s %s", c.Name, c.Version, c.Properties["hash_sha256"]) }),
		dumpAssets(ctx, client.Environments().AssetsClient, func(e azmlbatch.Environment) { note("environment %s:%s %s", e.Name, e.Version, e.Image) }),
		each(client.Endpoints().List(ctx), func(e azmlbatch.Endpoint) {
			note("endpoint %s %s default %s %s", e.Name, e.Description, e.DefaultDeployment, e.ProvisioningState)
			err := each(client.Deployments(e.Name).List(ctx), func(d azmlbatch.Deployment) {
				note("deployment %s/%s %s %s", e.Name, d.Name, tail(d.Model.(azmlbatch.ModelByID).AssetID), d.ProvisioningState)
			})
			if err != nil {
				note("deployments of %s: %v", e.Name, err)
			}
		}),
		each(client.Jobs().List(ctx, nil), func(j azmlbatch.Job) { note("job %s", j.Status) }),
	)
	slices.Sort(lines)
	return lines, err
}

func dumpAssets[T azmlbatch.Asset](ctx context.Context, client azmlbatch.AssetsClient[T], note func(T)) error {
	var err error
	return errors.Join(each(client.ListContainers(ctx, nil), func(c azmlbatch.AssetContainer) {
		err = errors.Join(err, each(client.ListVersions(ctx, c.Name, nil), note))
	}), err)
}

func each[T any](all iter.Seq2[T, error], do func(T)) error {
	for v, err := range all {
		if err != nil {
			return err
		}
		do(v)
	}
	return nil
}

// tail are the last two parts of a path.
func tail(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	return strings.Join(parts[max(len(parts)-3, 0):], "/")
}

// smokeOptions test, switch and keep.
func smokeOptions() *deploy.PlanOptions {
	return &deploy.PlanOptions{SetDefault: true, SmokeInput: azmlbatch.LocalPath{Path: "smoke"}, Keep: 2}
}

// TestBrokenOffAtEveryRequest kills a deploy at one request after the other, before or after its effect, and runs it
// again: it goes on, and the workspace is as if nothing had happened: no version, job or deployment twice. By default
// every fifth request breaks; AZMLBATCH_CHAOS=full breaks each, both ways.
func TestBrokenOffAtEveryRequest(t *testing.T) {
	studio(t)
	var want []string
	total := 0
	bubble(t, quick, func(ctx context.Context, s *simulated, code string) (err error) {
		if _, err = deployOnce(ctx, s, simulatedSpec(t, code), smokeOptions()); err != nil {
			return err
		}
		total = len(s.requests)
		want, err = s.dump(ctx)
		return err
	})
	if total == 0 {
		t.Fatal("the whole deploy failed")
	}
	continued, step := 0, 5
	if os.Getenv("AZMLBATCH_CHAOS") == "full" {
		step = 1
	}
	for n := 1; n <= total; n += step {
		for _, after := range []bool{false, true} {
			if step > 1 && after != (n/step%2 == 0) {
				continue
			}
			bubble(t, quick, func(ctx context.Context, s *simulated, code string) error {
				gone := syscall.ECONNRESET
				s.broken = func(i int, _ *http.Request) (error, error) {
					switch {
					case i < n:
						return nil, nil
					case i == n && after:
						return nil, gone
					}
					return gone, nil
				}
				_, err := deployOnce(ctx, s, simulatedSpec(t, code), smokeOptions())
				if err != nil {
					continued++
				}
				s.broken = nil
				label := fmt.Sprintf("request %d, effect %v", n, after)
				if n <= len(s.requests) { // a run can take a poll less
					label += ", " + s.requests[n-1]
				}
				if _, err := deployOnce(ctx, s, simulatedSpec(t, code), smokeOptions()); err != nil {
					return fmt.Errorf("%s: the second run: %w", label, err)
				}
				got, err := s.dump(ctx)
				if diff := cmp.Diff(want, got); diff != "" {
					err = errors.Join(err, fmt.Errorf("%s (-want +got):\n%s", label, diff))
				}
				return err
			})
		}
	}
	t.Logf("%d requests; %d runs broken off, and continued", total, continued)
}

// TestChangeOfTheDefaultBrokenOff kills a change in place of the default deployment at one request after the other, and runs it again:
// the change has been tested then, once, wherever the first run ended.
func TestChangeOfTheDefaultBrokenOff(t *testing.T) {
	studio(t)
	gone := syscall.ECONNRESET
	// changed deploys, then changes the default with a network that breaks at a request, and then without.
	changed := func(ctx context.Context, s *simulated, code string, breaks func(n int) (before, after error)) (requests int, err error) {
		spec := simulatedSpec(t, code)
		if _, err := deployOnce(ctx, s, spec, smokeOptions()); err != nil {
			return 0, err
		}
		first := len(s.requests)
		spec.Deployments[0].Deployment.MiniBatchSize = 3
		s.broken = func(i int, _ *http.Request) (error, error) { return breaks(i - first) }
		_, _ = deployOnce(ctx, s, spec, smokeOptions())
		requests = len(s.requests) - first
		s.broken = nil
		if _, err := deployOnce(ctx, s, spec, smokeOptions()); err != nil {
			return requests, fmt.Errorf("the second run: %w", err)
		}
		client, err := s.client()
		if err != nil {
			return requests, err
		}
		d, err := client.Deployments("digits").Get(ctx, "blue")
		lines, failed := s.dump(ctx)
		jobs := 0
		for _, line := range lines {
			if strings.HasPrefix(line, "job Completed") {
				jobs++
			}
		}
		if jobs != 2 || d.MiniBatchSize != 3 || d.Tags["azmlbatch.smokeTest"] != "passed" {
			err = errors.Join(err, failed, fmt.Errorf("%d jobs, MiniBatchSize %d, tags %v; want a test for each of the two definitions", jobs, d.MiniBatchSize, d.Tags))
		}
		return requests, err
	}
	total := 0
	bubble(t, quick, func(ctx context.Context, s *simulated, code string) (err error) {
		total, err = changed(ctx, s, code, func(int) (error, error) { return nil, nil })
		return err
	})
	step := 4
	if os.Getenv("AZMLBATCH_CHAOS") == "full" {
		step = 1
	}
	for n := 1; n <= total; n += step {
		for _, after := range []bool{false, true} {
			bubble(t, quick, func(ctx context.Context, s *simulated, code string) error {
				_, err := changed(ctx, s, code, func(i int) (error, error) {
					switch {
					case i < n:
						return nil, nil
					case i == n && after:
						return nil, gone
					}
					return gone, nil
				})
				if err != nil {
					err = fmt.Errorf("request %d of %d, effect %v: %w", n, total, after, err)
				}
				return err
			})
		}
	}
}

// TestTwoAtOnce lets two processes deploy at once, at random moments and over calls of random length.
func TestTwoAtOnce(t *testing.T) {
	studio(t)
	write(t, map[string]string{"model2/weights.txt": "4"})
	conflicts := 0
	for seed := range uint64(rounds(12)) {
		random := rand.New(rand.NewPCG(seed, 14))
		takes := quick
		takes.call = time.Duration(20+random.IntN(300)) * time.Millisecond
		bubble(t, takes, func(ctx context.Context, s *simulated, code string) error {
			specs := []deploy.Spec{simulatedSpec(t, code), simulatedSpec(t, code)}
			if seed%2 == 1 { // another model and another description
				specs[1].Models = []azmlbatch.Model{{Name: "digits", ModelURI: "./model2"}}
				specs[1].Endpoints = []azmlbatch.Endpoint{{Name: "digits", Description: "of somebody else"}}
			}
			apart := time.Duration(random.IntN(6000)) * time.Millisecond
			if seed%4 == 0 {
				apart = 0
			}
			failed := make([]error, 2)
			var both sync.WaitGroup
			for i := range specs {
				both.Go(func() {
					time.Sleep(time.Duration(i) * apart)
					_, failed[i] = deployOnce(ctx, s, specs[i], &deploy.PlanOptions{SetDefault: true})
				})
			}
			both.Wait()
			for i, err := range failed {
				if err != nil && !errors.Is(err, azmlbatch.ErrConflict) {
					return fmt.Errorf("seed %d, process %d: %w", seed, i, err)
				}
				if err != nil {
					conflicts++
				}
			}
			return errors.Join(s.noDuplicates(ctx, seed), oneWon(ctx, s, specs))
		})
	}
	t.Logf("%d of %d processes noticed the other one", conflicts, 2*rounds(12))
}

// oneWon wants the workspace to be what one of the Specs says, once that one has run again.
func oneWon(ctx context.Context, s *simulated, specs []deploy.Spec) error {
	if _, err := deployOnce(ctx, s, specs[0], &deploy.PlanOptions{SetDefault: true}); err != nil {
		return fmt.Errorf("run again: %w", err)
	}
	changes, err := deployOnce(ctx, s, specs[0], &deploy.PlanOptions{SetDefault: true})
	if err == nil && !changes.Empty() {
		err = fmt.Errorf("something is left to do:\n%s", changes)
	}
	return err
}

// noDuplicates wants no two versions of one content.
func (s *simulated) noDuplicates(ctx context.Context, seed uint64) error {
	lines, err := s.dump(ctx)
	seen := map[string]string{}
	for _, line := range lines {
		kind, rest, _ := strings.Cut(line, " ")
		name, content, _ := strings.Cut(rest, " ")
		if kind != "model" && kind != "data" && kind != "code" && kind != "environment" {
			continue
		}
		name, _, _ = strings.Cut(name, ":")
		key := kind + " " + name + " " + content
		if seen[key] != "" {
			err = errors.Join(err, fmt.Errorf("seed %d: twice the same: %s and %s", seed, seen[key], line))
		}
		seen[key] = line
	}
	return err
}

// TestLateLists plans again while the service's lists do not show what the first run has made: nothing is left to do, and
// nothing is made twice.
func TestLateLists(t *testing.T) {
	studio(t)
	bubble(t, quick, func(ctx context.Context, s *simulated, code string) error {
		for _, list := range []string{"**/versions", "**/deployments"} {
			err := s.azure.Inject(emulator.Fault{Host: "management", Method: http.MethodGet, Path: list, Action: emulator.ActionLateList, Pause: time.Hour})
			if err != nil {
				return err
			}
		}
		spec := simulatedSpec(t, code)
		spec.Deployments = append(spec.Deployments, spec.Deployments[0])
		spec.Deployments[1].Deployment.Name = "green"
		spec.Deployments[1].Deployment.Model = azmlbatch.ModelByID{AssetID: "./images"}
		for run := range 2 {
			changes, err := deployOnce(ctx, s, spec, nil)
			if err == nil && run == 1 && !changes.Empty() {
				err = fmt.Errorf("the second plan is not empty:\n%s", changes)
			}
			if err != nil {
				return err
			}
		}
		s.azure.ClearFaults()
		return s.noDuplicates(ctx, 0)
	})
}
