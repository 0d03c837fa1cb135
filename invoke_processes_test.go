package azmlbatch_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// Processes that invoke with one key are children of the test binary. They reach an emulator's server as any client does.
// A child stands still before one of its requests, so that it can be killed there.

const (
	childKey   = "AZMLBATCH_TEST_INVOKE" // the key that a child invokes with; it makes the test binary a child
	childStop  = "AZMLBATCH_TEST_STOP"   // the request before which it stands still, from 1; 0 for none
	childInput = "AZMLBATCH_TEST_INPUT"  // the URI of its input
)

// invokeAsChild is the whole work of a child: it prints the name of its job.
func invokeAsChild() int {
	stop, err := strconv.Atoi(os.Getenv(childStop))
	if err == nil {
		err = invokeFromEnvironment(os.Getenv(childKey), os.Getenv(childInput), stop)
	}
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	return 0
}

func invokeFromEnvironment(key, input string, stop int) error {
	cred, err := azidentity.NewEnvironmentCredential(nil)
	if err != nil {
		return err
	}
	ws, err := azmlbatch.FindWorkspace("")
	if err != nil {
		return err
	}
	o := &azmlbatch.ClientOptions{}
	o.Transport = &standingStill{stop: int64(stop)}
	client, err := azmlbatch.NewClient(ws, cred, o)
	if err != nil {
		return err
	}
	job, err := client.Endpoints().Invoke(context.Background(), "vases", azmlbatch.Invocation{Key: key, Input: azmlbatch.URIFolder{URI: input}})
	if err == nil {
		fmt.Println("job", job.Name)
	}
	return err
}

// standingStill counts the requests that start a job: those to storage and scoring.
type standingStill struct{ sent, stop int64 }

func (s *standingStill) Do(r *http.Request) (*http.Response, error) {
	if starts(r) && atomic.AddInt64(&s.sent, 1) == s.stop {
		fmt.Println("still before", r.Method, r.Header.Get("X-Ms-Lease-Action"))
		select {}
	}
	return http.DefaultClient.Do(r)
}

func starts(r *http.Request) bool {
	return r.Method != http.MethodGet && (strings.Contains(r.URL.Host, ".blob.") || strings.Contains(r.URL.Host, ".inference."))
}

// child starts a child and returns its next line of output.
func child(t *testing.T, server *emulator.Server, key, input string, stop int) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^$")
	cmd.Env = append(append(os.Environ(), server.Env()...), childKey+"="+key, childStop+"="+strconv.Itoa(stop), childInput+"="+input)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

// children lets processes invoke at once and returns what they print.
func children(t *testing.T, server *emulator.Server, key, input string, n int) []string {
	t.Helper()
	printed := make([]string, n)
	var all sync.WaitGroup
	for i := range n {
		cmd, out := child(t, server, key, input, 0)
		all.Go(func() {
			for out.Scan() {
				printed[i] += out.Text()
			}
			if err := cmd.Wait(); err != nil {
				printed[i] += " " + err.Error()
			}
		})
	}
	all.Wait()
	return printed
}

// TestProcessesOfOneKey kills a process with signal 9 before each request that starts a job, and lets others come after it,
// when its lease has run out; then eight come at once. Each key has one job in the end.
func TestProcessesOfOneKey(t *testing.T) {
	var skipped atomic.Int64
	server, err := emulator.Start(t.Context(), &emulator.Options{Now: func() time.Time { return time.Now().Add(time.Duration(skipped.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	azure := server.Emulator()
	echo := func(_ context.Context, files []string) ([]string, error) { return files, nil }
	if _, err := azure.Deploy(t.Context(), emulator.Func(echo), &emulator.DeployOptions{Endpoint: "vases"}); err != nil {
		t.Fatal(err)
	}
	client, err := azure.Client(nil)
	if err != nil {
		t.Fatal(err)
	}
	in, err := client.Upload(t.Context(), files(t, "in", map[string]string{"a.txt": "1"}), nil)
	if err != nil {
		t.Fatal(err)
	}
	jobsOf := func(key string) (names []string) {
		for job, err := range client.Endpoints().ListJobs(t.Context(), "vases", nil) {
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(fmt.Sprint(job.Outputs), "/"+key+"/") {
				names = append(names, job.Name)
			}
		}
		return names
	}
	for i, request := range []string{"PUT ", "PUT acquire", "POST ", "PUT ", "PUT release"} {
		key := fmt.Sprintf("key-%d", i+1)
		victim, out := child(t, server, key, in.URI, i+1)
		if out.Scan(); out.Text() != "still before "+request {
			t.Fatalf("the child printed %q, want that it stands still before %q", out.Text(), request)
		}
		if err := victim.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = victim.Wait() // "signal: killed"
		skipped.Add(int64(61 * time.Second))
		after := children(t, server, key, in.URI, 2)
		if jobs := jobsOf(key); len(jobs) != 1 || after[0] != "job "+jobs[0] || after[1] != after[0] {
			t.Errorf("killed before %q: jobs %v, the next processes printed %q", request, jobs, after)
		}
	}
	at := children(t, server, "at-once", in.URI, 8)
	jobs := jobsOf("at-once")
	for _, printed := range at {
		if len(jobs) != 1 || printed != "job "+jobs[0] {
			t.Errorf("eight at once: jobs %v, a process printed %q", jobs, printed)
		}
	}
}
