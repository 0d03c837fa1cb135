package deploy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// durations are what an Azure of the simulated clock takes.
type durations struct{ call, endpoint, deployment, compute, standard, upload time.Duration }

// simulated is an emulator on the clock of a synctest bubble, whose calls and operations take time.
type simulated struct {
	azure        *emulator.Emulator
	takes        durations
	needsCompute bool // a deployment is refused while its cluster is being made

	mu       sync.Mutex
	ready    map[string]time.Time // by the path of an operation
	requests []string
	broken   func(n int, req *http.Request) (before, after error) // nil breaks nothing
}

// newSimulated must be called in a bubble; end ends it there. The function that scores stands in for the script of
// the code that newSimulated returns.
func newSimulated(ctx context.Context, takes durations) (*simulated, string, error) {
	azure, err := emulator.New(nil)
	if err != nil {
		return nil, "", err
	}
	names := func(_ context.Context, files []string) (rows []string, _ error) {
		for _, file := range files {
			if strings.HasPrefix(filepath.Base(file), "bad") {
				return nil, errors.New("this file is bad")
			}
			rows = append(rows, filepath.Base(file))
		}
		return rows, nil
	}
	s := &simulated{azure: azure, takes: takes, ready: map[string]time.Time{}}
	endpoint, err := azure.Deploy(ctx, emulator.Func(names), nil)
	if err != nil {
		return s, "", errors.Join(err, azure.Close())
	}
	client, err := azure.Client(nil)
	if err != nil {
		return s, "", errors.Join(err, azure.Close())
	}
	d, err := client.Deployments(endpoint).Get(ctx, emulator.DeployDeployment)
	return s, d.CodeConfiguration.CodeID, errors.Join(err, client.Endpoints().Delete(ctx, endpoint, nil))
}

// client is that of a new process.
func (s *simulated) client() (*azmlbatch.Client, error) { return s.clientOver(s) }

// clientOver is a client whose requests go to a transport in front.
func (s *simulated) clientOver(transport policy.Transporter) (*azmlbatch.Client, error) {
	clear, err := s.azure.Client(nil)
	if err != nil {
		return nil, err
	}
	o := new(azmlbatch.ClientOptions)
	o.Transport = transport
	o.Retry.MaxRetries = -1
	return azmlbatch.NewClient(clear.Workspace(), s.azure.Credential(), o)
}

// Do answers as the emulator does, after the time that it takes.
func (s *simulated) Do(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.requests = append(s.requests, req.Method+" "+req.URL.Host+req.URL.Path)
	n, ready, breaks := len(s.requests), s.ready[req.URL.Path], s.broken
	s.mu.Unlock()
	var before, after error
	if breaks != nil {
		before, after = breaks(n, req)
	}
	if before != nil {
		return nil, before
	}
	if err := sleep(req.Context(), s.length(req)); err != nil {
		return nil, err
	}
	if time.Now().Before(ready) {
		return answer(req, http.StatusOK, `{"status":"Updating"}`), nil
	}
	if s.needsCompute && req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/deployments/") && s.computing() {
		return answer(req, http.StatusBadRequest, `{"error":{"code":"UserError","message":"The compute is not ready."}}`), nil
	}
	takes := s.operation(req)
	resp, err := s.azure.Do(req)
	if err == nil && takes > 0 {
		s.begin(resp, takes)
	}
	if err == nil && after != nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return nil, after
	}
	return resp, err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func answer(req *http.Request, status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Status: fmt.Sprint(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader([]byte(body))), ContentLength: int64(len(body))}
}

// length is how long a request takes.
func (s *simulated) length(req *http.Request) time.Duration {
	if strings.Contains(req.URL.Host, ".blob.") && req.Method == http.MethodPut && req.URL.RawQuery == "" || req.Header.Get("x-ms-blob-type") != "" {
		return s.takes.upload
	}
	return s.takes.call
}

// operation is how long the operation takes that a request starts.
func (s *simulated) operation(req *http.Request) time.Duration {
	if req.Method != http.MethodPut {
		return 0
	}
	switch path := req.URL.Path; {
	case strings.Contains(path, "/deployments/"):
		return s.takes.deployment
	case strings.Contains(path, "/computes/"):
		return s.takes.compute
	case strings.Contains(path, "/batchEndpoints/"):
		body, _ := io.ReadAll(req.Body)
		req.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte(`"deploymentName":"`)) {
			return s.takes.standard
		}
		return s.takes.endpoint
	}
	return 0
}

func (s *simulated) begin(resp *http.Response, takes time.Duration) {
	operation := resp.Header.Get("Azure-AsyncOperation")
	u, err := resp.Request.URL.Parse(operation)
	if operation == "" || err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready[u.Path] = time.Now().Add(takes)
}

// computing reports whether a cluster is being made.
func (s *simulated) computing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for path, ready := range s.ready {
		if strings.Contains(path, "computeOperationsStatus") && time.Now().Before(ready) {
			return true
		}
	}
	return false
}

// bubble runs a story in a bubble; what it says is reported outside, where a failure does not end the whole test.
func bubble(t *testing.T, takes durations, story func(ctx context.Context, s *simulated, code string) error) {
	t.Helper()
	var err error
	synctest.Test(t, func(t *testing.T) {
		s, code, failed := newSimulated(t.Context(), takes)
		if err = failed; err != nil {
			return
		}
		err = errors.Join(story(t.Context(), s, code), s.azure.Close())
	})
	if err != nil {
		t.Error(err)
	}
}

// simulatedSpec is the studio's, with the function that scores in place of its script.
func simulatedSpec(t *testing.T, code string) deploy.Spec {
	spec := studioParts()
	spec.Codes = []azmlbatch.Code{{Name: "score", CodeURI: "./code"}} // sent, and used by nobody
	spec.Deployments[0].Deployment.CodeConfiguration.CodeID = code
	return spec
}

// elapsed runs and says how long it took on the simulated clock.
func elapsed(run func() error) (time.Duration, error) {
	began := time.Now()
	err := run()
	return time.Since(began), err
}

// deployOnce plans and applies as a new process does.
func deployOnce(ctx context.Context, s *simulated, spec deploy.Spec, options *deploy.PlanOptions) (*deploy.Changes, error) {
	client, err := s.client()
	if err != nil {
		return nil, err
	}
	changes, err := deploy.Plan(ctx, client, spec, options)
	if err != nil {
		return nil, err
	}
	_, err = changes.Apply(ctx, nil)
	return changes, err
}

// script is what the sample script of azureml-examples (batch-score-rest.sh) takes for the same: 4 s of uploads, and
// operations of 30 s that it asks for every 10 s, so 40 s each, one after the other; 20 s more where it waits for the
// cluster before it sends the deployment.
const (
	script             = 124 * time.Second
	scriptNeedsCompute = 144 * time.Second
)

var usual = durations{call: 100 * time.Millisecond, endpoint: 30 * time.Second, deployment: 30 * time.Second, compute: 60 * time.Second,
	standard: 30 * time.Second, upload: 2 * time.Second}

// TestFirstDeployAgainstTheScript wants the time of the critical path.
func TestFirstDeployAgainstTheScript(t *testing.T) {
	studio(t)
	for _, test := range []struct {
		name         string
		needsCompute bool
		script       time.Duration
		most         float64
	}{
		{"the deployment needs its cluster to exist only", false, script, 0.75},
		{"the deployment needs its cluster first", true, scriptNeedsCompute, 0.85},
	} {
		bubble(t, usual, func(ctx context.Context, s *simulated, code string) error {
			s.needsCompute = test.needsCompute
			spec := simulatedSpec(t, code)
			took, err := elapsed(func() error { _, err := deployOnce(ctx, s, spec, &deploy.PlanOptions{SetDefault: true}); return err })
			ratio := took.Seconds() / test.script.Seconds()
			t.Logf("%s: %.1f s, %.3f of the script's %v (aim %.2f)", test.name, took.Seconds(), ratio, test.script, test.most)
			if ratio > test.most {
				err = errors.Join(err, fmt.Errorf("%s: %.3f of the script's time, want at most %.2f", test.name, ratio, test.most))
			}
			return err
		})
	}
}

// TestFirstDeployAgainstTheCriticalPath takes any durations.
func TestFirstDeployAgainstTheCriticalPath(t *testing.T) {
	studio(t)
	worst := 0.0
	for seed := range uint64(rounds(10)) {
		random := rand.New(rand.NewPCG(13, seed))
		some := func(from, to float64) time.Duration {
			return time.Duration((from + (to-from)*random.Float64()) * float64(time.Second))
		}
		takes := durations{call: some(0.02, 0.2), endpoint: some(5, 120), deployment: some(5, 120), compute: some(5, 300), standard: some(5, 60), upload: some(0.5, 100)}
		bubble(t, takes, func(ctx context.Context, s *simulated, code string) error {
			s.needsCompute = seed%2 == 0
			took, err := elapsed(func() error {
				_, err := deployOnce(ctx, s, simulatedSpec(t, code), &deploy.PlanOptions{SetDefault: true})
				return err
			})
			path := criticalPath(takes, s.needsCompute)
			ratio := took.Seconds() / path.Seconds()
			worst = max(worst, ratio)
			if ratio > 1.05 {
				err = errors.Join(err, fmt.Errorf("seed %d: %v of a critical path of %v, %.3f, want at most 1.05\n%+v", seed, took, path, ratio, takes))
			}
			return err
		})
	}
	t.Logf("worst of %d: %.3f of the critical path (aim 1.05)", rounds(10), worst)
}

// criticalPath is the longest way through the graph: durations, and the calls that nothing can spare. Those are two to
// read the workspace; for each operation one look before it is sent, the request, the poll that sees its end and the
// reading of the result; for an upload the search for equal content, the registration and what goes before it.
func criticalPath(d durations, needsCompute bool) time.Duration {
	calls := func(n int) time.Duration { return time.Duration(n) * d.call }
	operation := func(takes time.Duration) time.Duration { return calls(4) + takes }
	asset := calls(6) + d.upload
	before := max(operation(d.endpoint), asset)
	if needsCompute {
		before = max(before, operation(d.compute))
	}
	ready := before + operation(d.deployment) + calls(2) + operation(d.standard)
	return calls(2) + max(ready, operation(d.compute))
}

// TestUnchangedDeploy reads two requests deep and writes nothing.
func TestUnchangedDeploy(t *testing.T) {
	studio(t)
	bubble(t, usual, func(ctx context.Context, s *simulated, code string) error {
		spec, options := simulatedSpec(t, code), &deploy.PlanOptions{SetDefault: true, SmokeInput: azmlbatch.LocalPath{Path: "smoke"}, Keep: 2}
		if _, err := deployOnce(ctx, s, spec, options); err != nil {
			return err
		}
		first := len(s.requests)
		var changes *deploy.Changes
		took, err := elapsed(func() (err error) { changes, err = deployOnce(ctx, s, spec, options); return err })
		if err != nil {
			return err
		}
		t.Logf("%d requests, %v, %.4f of the script's %v (aim 0.003)", len(s.requests)-first, took, took.Seconds()/script.Seconds(), script)
		if !changes.Empty() {
			err = fmt.Errorf("the second plan is not empty:\n%s", changes)
		}
		if took > 3*usual.call || took.Seconds() > 0.003*script.Seconds() {
			err = errors.Join(err, fmt.Errorf("took %v, want at most three round trips", took))
		}
		for _, r := range s.requests[first:] {
			if !strings.HasPrefix(r, "GET ") && !strings.HasPrefix(r, "HEAD ") {
				err = errors.Join(err, fmt.Errorf("the unchanged deploy sent %s", r))
			}
		}
		return err
	})
}

// TestPlanIsTwoRequestsDeep whatever there is to do.
func TestPlanIsTwoRequestsDeep(t *testing.T) {
	studio(t)
	bubble(t, usual, func(ctx context.Context, s *simulated, code string) error {
		spec := simulatedSpec(t, code)
		depth := func(name string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			before := len(s.requests)
			took, err := elapsed(func() error { _, err := deploy.Plan(ctx, client, spec, nil); return err })
			t.Logf("%s: %d requests, %d deep", name, len(s.requests)-before, took/usual.call)
			if took > 2*usual.call {
				err = errors.Join(err, fmt.Errorf("plan of %s took %v, want two requests of %v", name, took, usual.call))
			}
			return err
		}
		if err := depth("an empty workspace"); err != nil {
			return err
		}
		if _, err := deployOnce(ctx, s, spec, nil); err != nil {
			return err
		}
		spec.Models[0].ModelURI, spec.Data[0].DataURI, spec.Codes[0].CodeURI = "images", "model", "smoke"
		return depth("other content everywhere")
	})
}
