package deploy_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// quotaService answers the usages of a region itself, and all else as the emulator does.
type quotaService struct {
	azure       *emulator.Emulator
	used, limit int
	refuses     bool

	mu    sync.Mutex
	asked []string // the lists of quotas and sizes
}

func (q *quotaService) Do(req *http.Request) (*http.Response, error) {
	usages := strings.HasSuffix(req.URL.Path, "/usages")
	if usages || strings.HasSuffix(req.URL.Path, "/vmSizes") {
		q.mu.Lock()
		q.asked = append(q.asked, req.URL.Path[strings.LastIndex(req.URL.Path, "/"):])
		q.mu.Unlock()
	}
	switch {
	case !usages:
		return q.azure.Do(req)
	case q.refuses:
		return answer(req, http.StatusForbidden, `{"error":{"code":"AuthorizationFailed","message":"The client has no authorization."}}`), nil
	}
	return answer(req, http.StatusOK, fmt.Sprintf(`{"value":[{"type":"Microsoft.MachineLearningServices/vmFamily/usages","currentValue":%d,"limit":%d,
		"name":{"localizedValue":"Standard DSv2 Family Cluster Dedicated vCPUs"}}]}`, q.used, q.limit)), nil
}

func (q *quotaService) client(t *testing.T) *azmlbatch.Client {
	t.Helper()
	client, err := q.azure.Client(nil)
	if err != nil {
		t.Fatal(err)
	}
	options := new(azmlbatch.ClientOptions)
	options.Transport = q
	client, err = azmlbatch.NewClient(client.Workspace(), q.azure.Credential(), options)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// TestPlanTellsTheQuota: nodes that others keep away are a note, nodes that can never come are a mistake.
func TestPlanTellsTheQuota(t *testing.T) {
	const family = "Standard DSv2 Family Cluster Dedicated vCPUs"
	for _, test := range []struct {
		name        string
		used, limit int
		refuses     bool
		change      func(*deploy.Spec)
		note, err   string
	}{
		{"room for all", 84, 100, false, nil, "", ""},
		{"room for some", 90, 100, false, nil, "the quota has room for 2 of its 4 nodes now: 90 of 100 cores of " + family + " are used; ask for a quota of 106 at https://ml.azure.com/quota", ""},
		{"all in use", 100, 100, false, nil, "the quota has room for 0 of its 4 nodes now: 100 of 100 cores of " + family + " are used; ask for a quota of 116 at https://ml.azure.com/quota", ""},
		{"no quota", 0, 0, false, nil, "", `compute "cluster": Properties.VMSize: the cluster needs 1 node of 4 cores, but the subscription's quota for ` + family + ` is 0, so jobs would wait forever; ask for a quota of 4 at https://ml.azure.com/quota, or take fewer or smaller nodes`},
		{"a deployment of three nodes", 0, 8, false, func(s *deploy.Spec) { s.Deployments[0].Deployment.Resources.InstanceCount = 3 }, "",
			`compute "cluster": Properties.VMSize: deployment "digits/blue" needs 3 nodes of 4 cores, but the subscription's quota for ` + family + ` is 8, so jobs would wait forever; ask for a quota of 12 at https://ml.azure.com/quota, or take fewer or smaller nodes`},
		{"a node that always runs", 0, 100, false, func(s *deploy.Spec) {
			s.Computes[0].Properties = azmlbatch.AmlCompute{VMSize: "Standard_DS3_v2", MinNodes: 1, MaxNodes: 1}
		}, "it keeps 1 node running, also without jobs, and that costs", ""},
		{"not allowed to look", 0, 0, true, nil, "whether its quota is enough is not known: reading it takes the role Reader on the subscription", ""},
		{"another region", 0, 0, false, func(s *deploy.Spec) { s.Computes[0].Location = "northeurope" },
			"whether its quota is enough is not known: the cluster is in northeurope, and only the quotas of the workspace's region are read", ""},
		{"an unknown size", 0, 0, false, func(s *deploy.Spec) {
			s.Computes[0].Properties = azmlbatch.AmlCompute{VMSize: "Standard_Z9", MaxNodes: 1}
		},
			`whether its quota is enough is not known: the region has no size "Standard_Z9"`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			spec := studio(t)
			if test.change != nil {
				test.change(&spec)
			}
			service := &quotaService{azure: emulator.NewTest(t, nil), used: test.used, limit: test.limit, refuses: test.refuses}
			changes, err := deploy.Plan(t.Context(), service.client(t), spec, nil)
			if err != nil || test.err != "" {
				if err == nil || err.Error() != "deploy: "+test.err {
					t.Fatalf("Plan = %v, want %s", err, test.err)
				}
				return
			}
			if diff := cmp.Diff(test.note, strings.Join(changes.List[0].Notes, "\n")); diff != "" {
				t.Errorf("notes of the cluster (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPlanReadsQuotasForGrowthOnly: an unchanged cluster, and one that shrinks, cost no request.
func TestPlanReadsQuotasForGrowthOnly(t *testing.T) {
	spec := studio(t)
	service := &quotaService{azure: emulator.NewTest(t, nil), used: 90, limit: 100}
	client := service.client(t)
	apply(t, client, spec, nil)
	for _, test := range []struct {
		nodes int
		asked []string
		note  string
	}{{4, nil, ""}, {2, nil, ""}, {5, []string{"/usages", "/vmSizes"}, "the quota has room for 2 of its 5 nodes now"}} {
		service.asked = nil
		spec.Computes[0].Properties = azmlbatch.AmlCompute{VMSize: "Standard_DS3_v2", MaxNodes: test.nodes}
		changes := plan(t, client, spec, nil)
		slices.Sort(service.asked)
		if !slices.Equal(service.asked, test.asked) || !strings.HasPrefix(strings.Join(changes.List[0].Notes, "\n"), test.note) {
			t.Errorf("%d nodes: asked %q, notes %q, want %q and %q", test.nodes, service.asked, changes.List[0].Notes, test.asked, test.note)
		}
	}
}

// TestLocalKnowsNoQuota: what an emulator has room for says nothing about a subscription.
func TestLocalKnowsNoQuota(t *testing.T) {
	spec := studio(t)
	service := &quotaService{azure: emulator.NewTest(t, nil)}
	if _, err := deploy.Local(t.Context(), service.client(t), spec, nil); err != nil || len(service.asked) > 0 {
		t.Errorf("Local asked %q: %v", service.asked, err)
	}
}
