package ui

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

func TestOverview(t *testing.T) {
	last := make(chan bool)
	scorer := func(ctx context.Context, files []string) ([]string, error) {
		select {
		case <-last:
		case <-ctx.Done():
		}
		return score(ctx, files)
	}
	client, endpoint := emulator.NewEndpoint(t, emulator.Func(scorer), nil)
	for name, nodes := range map[string]int{"always": 2, "empty": 0} {
		c := azmlbatch.Compute{Properties: azmlbatch.AmlCompute{VMSize: "Standard_DS3_v2", MinNodes: nodes, MaxNodes: 4}}
		if _, err := client.Computes().CreateOrUpdate(t.Context(), name, c, nil); err != nil {
			t.Fatal(err)
		}
	}
	job := start(t, client, endpoint, "a.txt")
	p := newTestPage(t, client, &Options{Interval: 1})
	p.waitForUpdate("/workspace", job.DisplayName)
	p.shows("/workspace", "always: keeps 2 nodes on without work", "cluster-empty", "of 0 to 4", job.DisplayName)
	close(last)
	if _, err := client.Jobs().Wait(t.Context(), job.Name, nil); err != nil {
		t.Fatal(err)
	}
	p.waitForUpdate("/workspace", "last 1: 1 completed")
	if body := p.get("/workspace"); strings.Contains(body, "/jobs/"+job.Name) {
		t.Errorf("a job that has ended runs or waits:\n%s", body)
	}
}

// TestOverviewWithoutClusters shows the jobs to a client that may not read clusters.
func TestOverviewWithoutClusters(t *testing.T) {
	azure := emulator.NewTest(t, nil)
	client, err := azure.Client(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := azure.Inject(emulator.Fault{Method: http.MethodGet, Path: "**/computes", Action: emulator.ActionFailBefore, Status: http.StatusForbidden}); err != nil {
		t.Fatal(err)
	}
	newTestPage(t, client, nil).shows("/workspace", "The clusters cannot be read", "There are no")
}
