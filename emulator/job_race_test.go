package emulator

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
)

// TestOneNameOfAJob: of many clients that create a job of one name at once, one does; the others
// change it. It runs once.
func TestOneNameOfAJob(t *testing.T) {
	e := NewTest(t, nil)
	manage := managing(t, e)
	runs := filepath.Join(t.TempDir(), "runs")
	statuses := make(chan int, 8)
	var clients sync.WaitGroup
	for i := range cap(statuses) {
		clients.Go(func() {
			statuses <- manage(http.MethodPut, "/jobs/turn", fmt.Sprintf(`{"properties": {"jobType": "Command", "displayName": "%d", "command": "echo ran >> %s"}}`, i, runs))
		})
	}
	clients.Wait()
	close(statuses)
	got := map[int]int{}
	for status := range statuses {
		got[status]++
	}
	if diff := cmp.Diff(map[int]int{http.StatusCreated: 1, http.StatusOK: cap(statuses) - 1}, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	if err := e.services.jobs.Wait(t.Context(), "turn"); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(runs); string(text) != "ran\n" {
		t.Errorf("the job left %q, %v; it must run once", text, err)
	}
}

// TestCancelWhileAJobStarts: a job that is canceled while it is created does not exist yet, or is
// Canceled or Completed in the end; none stays as it is.
func TestCancelWhileAJobStarts(t *testing.T) {
	e := NewTest(t, nil)
	manage := managing(t, e)
	client, err := e.Client(nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		name := fmt.Sprintf("turn-%d", i)
		canceled := make(chan int)
		go func() { canceled <- manage(http.MethodPost, "/jobs/"+name+"/cancel", "") }()
		if status := manage(http.MethodPut, "/jobs/"+name, `{"properties": {"jobType": "Command", "command": "true"}}`); status != http.StatusCreated {
			t.Fatalf("PUT of %s = %d", name, status)
		}
		cancel := <-canceled
		if err := e.services.jobs.Wait(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		job, err := client.Jobs().Get(t.Context(), name)
		if err != nil || job.Status != "Completed" && (job.Status != "Canceled" || cancel != http.StatusAccepted) {
			t.Errorf("job %s is %s, %v; its cancel was answered %d", name, job.Status, err, cancel)
		}
	}
}

// managing returns a function that sends a request about the first workspace to the management host
// and returns the status of the answer.
func managing(t *testing.T, e *Emulator) func(method, path, body string) int {
	t.Helper()
	token, err := e.Credential().GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://management.azure.com/.default"}})
	if err != nil {
		t.Fatal(err)
	}
	w := e.Workspaces()[0]
	base := "https://management.azure.com/subscriptions/" + w.SubscriptionID + "/resourceGroups/" + w.ResourceGroup +
		"/providers/Microsoft.MachineLearningServices/workspaces/" + w.Name
	return func(method, path, body string) int {
		r, err := http.NewRequestWithContext(t.Context(), method, base+path+"?api-version=2024-04-01", strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return 0
		}
		r.Header.Set("Authorization", "Bearer "+token.Token)
		r.Header.Set("Content-Type", "application/json")
		answer, err := e.RoundTrip(r)
		if err != nil {
			t.Error(err)
			return 0
		}
		defer answer.Body.Close()
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			t.Error(err)
		}
		return answer.StatusCode
	}
}
