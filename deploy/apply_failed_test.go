package deploy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
)

// lateCluster takes a deployment while its cluster is being changed, and then fails its operation: the deployment has its
// new fields, and the state Failed, until it is sent again.
type lateCluster struct {
	*simulated

	mu         sync.Mutex
	deployment string // path of the one that has failed, empty if none has
	operation  string // path of what failed
	puts       int
}

func (l *lateCluster) Do(req *http.Request) (*http.Response, error) {
	early := l.computing()
	resp, err := l.simulated.Do(req)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch path := req.URL.Path; {
	case req.Method == http.MethodPut && strings.Contains(path, "/deployments/"):
		l.puts++
		l.deployment, l.operation = "", ""
		if u, err := req.URL.Parse(resp.Header.Get("Azure-AsyncOperation")); err == nil && early {
			l.deployment, l.operation = path, u.Path
		}
	case path == l.operation:
		return answer(req, http.StatusOK, `{"status":"Failed","error":{"code":"UserError","message":"The compute is not ready."}}`), nil
	case path == l.deployment:
		body, err := io.ReadAll(resp.Body)
		body = bytes.Replace(body, []byte(`"provisioningState":"Succeeded"`), []byte(`"provisioningState":"Failed"`), 1)
		resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		return resp, err
	}
	return resp, nil
}

// TestChangeIsSentAgainAfterItsCluster: a change in place that failed because the cluster was not ready has no fields left that
// differ. Nobody else has changed it, so it is sent again.
func TestChangeIsSentAgainAfterItsCluster(t *testing.T) {
	studio(t)
	bubble(t, quick, func(ctx context.Context, s *simulated, code string) error {
		spec := simulatedSpec(t, code)
		if _, err := deployOnce(ctx, s, spec, nil); err != nil {
			return err
		}
		spec.Computes[0].Properties = azmlbatch.AmlCompute{VMSize: "Standard_DS3_v2", MaxNodes: 6}
		spec.Deployments[0].Deployment.MiniBatchSize = 3
		late := &lateCluster{simulated: s}
		client, err := s.clientOver(late)
		if err != nil {
			return err
		}
		changes, err := deploy.Plan(ctx, client, spec, nil)
		if err != nil {
			return err
		}
		if _, err := changes.Apply(ctx, nil); err != nil {
			return err
		}
		d, err := client.Deployments("digits").Get(ctx, "blue")
		if d.MiniBatchSize != 3 || d.ProvisioningState != azmlbatch.ProvisioningStateSucceeded || late.puts != 2 {
			err = errors.Join(err, fmt.Errorf("after %d requests the deployment is %s with a MiniBatchSize of %d", late.puts, d.ProvisioningState, d.MiniBatchSize))
		}
		return err
	})
}
