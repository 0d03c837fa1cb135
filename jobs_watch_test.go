package azmlbatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// workspaceOfJobs is a workspace with many jobs, each of which ends at a time of the clock. It lists 50 a page, the newest
// (those with the highest numbers) first.
type workspaceOfJobs struct {
	t     *testing.T
	clock *fakeClock
	begin time.Time
	jobs  int
	ends  func(n int) time.Duration // after begin; negative: it fails then
	late  int                       // jobs from this number on are not listed in the first seconds
	lists int
	gets  int
	list  http.HandlerFunc // nil lists the jobs
}

func newWorkspaceOfJobs(t *testing.T, jobs int, ends func(int) time.Duration) (*workspaceOfJobs, *Client) {
	clk := newFakeClock()
	w := &workspaceOfJobs{t: t, clock: clk, begin: clk.at, jobs: jobs, late: jobs, ends: ends}
	return w, newClientOver(t, handlerTransport{w}, clk)
}

func (w *workspaceOfJobs) elapsed() time.Duration { return w.clock.at.Sub(w.begin) }

func (w *workspaceOfJobs) job(n int) string {
	status, end := "Running", w.ends(n)
	switch {
	case end < 0 && w.elapsed() >= -end:
		status = "Failed"
	case end >= 0 && w.elapsed() >= end:
		status = "Completed"
	}
	return fmt.Sprintf(`{"name":"job-%d","properties":{"jobType":"Pipeline","experimentName":"digits","status":"%s"}}`, n, status)
}

func (w *workspaceOfJobs) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, testWorkspaceID)
	if name, ok := strings.CutPrefix(path, "/jobs/job-"); ok {
		w.gets++
		n, err := strconv.Atoi(name)
		if err != nil || n >= w.jobs {
			writeJSON(rw, 404, `{"error":{"code":"UserError","message":"There is no such job."}}`)
			return
		}
		writeJSON(rw, 200, w.job(n))
		return
	}
	if path != "/jobs" {
		w.t.Errorf("unexpected request %s %s", r.Method, r.URL.Path)
	}
	w.lists++
	if w.list != nil {
		w.list(rw, r)
		return
	}
	shown := w.jobs
	if w.elapsed() < 2*time.Second {
		shown = w.late
	}
	skip, _ := strconv.Atoi(r.URL.Query().Get("$skip"))
	var b strings.Builder
	b.WriteString(`{"value":[`)
	for i := skip; i < min(skip+50, shown); i++ {
		if i > skip {
			b.WriteByte(',')
		}
		b.WriteString(w.job(shown - 1 - i))
	}
	b.WriteByte(']')
	if skip+50 < shown {
		fmt.Fprintf(&b, `,"nextLink":"https://management.azure.com%s/jobs?api-version=2024-04-01&$skip=%d"`, testWorkspaceID, skip+50)
	}
	b.WriteByte('}')
	writeJSON(rw, 200, b.String())
}

func namesOf(numbers ...int) (names []string) {
	for _, n := range numbers {
		names = append(names, fmt.Sprintf("job-%d", n))
	}
	return names
}

func TestWatchTenThousandJobsInFewRequests(t *testing.T) {
	const jobs, page, ended = 10_000, 50, 500
	w, c := newWorkspaceOfJobs(t, jobs, func(n int) time.Duration {
		if n%20 == 0 {
			return time.Duration(n%100) * time.Second
		}
		return time.Hour
	})
	var names []string
	for n := range jobs {
		names = append(names, namesOf(n)...)
	}
	seen := map[string]bool{}
	for job, err := range c.Jobs().Watch(t.Context(), names, nil) {
		if err != nil || job.Status != JobStatusCompleted || job.ExperimentName != "digits" || seen[job.Name] {
			t.Fatalf("Watch yielded %q, %s, %v", job.Name, job.Status, err)
		}
		if seen[job.Name] = true; len(seen) == ended {
			break
		}
	}
	rounds := len(w.clock.slept) + 1
	if w.gets != ended {
		t.Errorf("%d single requests for %d jobs that ended, want one for each", w.gets, ended)
	}
	if most := rounds * jobs / page; w.lists > most {
		t.Errorf("%d requests for lists in %d rounds, want at most %d", w.lists, rounds, most)
	}
	if rounds < 2 || rounds > 8 { // 200 pages a round are 20 seconds, at ten requests a second
		t.Errorf("%d rounds in 80 seconds, want ten requests a second at most", rounds)
	}
}

func TestWatchAFewJobsAmongMany(t *testing.T) {
	w, c := newWorkspaceOfJobs(t, 3000, func(n int) time.Duration {
		if n == 2999 {
			return -40 * time.Second
		}
		return 30 * time.Second
	})
	var got []string
	for job, err := range c.Jobs().Watch(t.Context(), []string{"job-7", "job-2999", "job-5000", "JOB-7", "job-2998"}, nil) {
		got = append(got, fmt.Sprintf("%s %s %v %v", job.Name, job.Status, errors.Is(err, ErrNotFound), errors.As(err, new(*JobFailedError))))
	}
	want := []string{"job-5000  true false", "job-7 Completed false false", "job-2998 Completed false false", "job-2999 Failed false true"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ended (-want +got):\n%s", diff)
	}
	rounds := len(w.clock.slept) + 1
	if most := 3*rounds + 20; w.lists+w.gets > most {
		t.Errorf("%d lists and %d single requests in %d rounds, want about two a round: one page, and one for the old job", w.lists, w.gets, rounds)
	}
}

func TestWatchJobsThatTheListShowsLate(t *testing.T) {
	w, c := newWorkspaceOfJobs(t, 100, func(int) time.Duration { return 20 * time.Second })
	w.late = 98
	n := 0
	for _, err := range c.Jobs().Watch(t.Context(), namesOf(99, 98, 97), nil) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 3 {
		t.Errorf("%d jobs ended, want 3", n)
	}
	if rounds := len(w.clock.slept) + 1; w.gets > 3+3*8 || w.lists > rounds {
		t.Errorf("%d single requests and %d lists in %d rounds; once listed, a job is not read by itself", w.gets, w.lists, rounds)
	}
}

func TestWatchSaysWhatIsLeft(t *testing.T) {
	w, c := newWorkspaceOfJobs(t, 10, func(n int) time.Duration { return time.Duration(n) * time.Hour })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []string
	var last error
	for job, err := range c.Jobs().Watch(ctx, namesOf(0, 1, 2), nil) {
		if got = append(got, job.Name); job.Name == "job-0" {
			cancel()
		}
		last = err
	}
	said := newTexts(t)
	said.add("canceled", last)
	var unfinished *UnfinishedError
	if !errors.As(last, &unfinished) || !errors.Is(last, context.Canceled) || !strings.Contains(last.Error(), "waiting for 2 jobs") {
		t.Fatalf("the last error = %v, want an UnfinishedError for the cancelled context", last)
	}
	if diff := cmp.Diff(namesOf(1, 2), unfinished.Names); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"job-0", ""}, got); diff != "" {
		t.Errorf("yielded (-want +got):\n%s", diff)
	}

	w.list = answer(403, `{"error":{"code":"AuthorizationFailed"}}`)
	for _, err := range c.Jobs().Watch(t.Context(), namesOf(1, 2), nil) {
		said.add("refused", err)
		if !errors.As(err, &unfinished) || !errors.Is(err, ErrForbidden) || len(unfinished.Names) != 2 {
			t.Errorf("a list that is refused = %v, want an UnfinishedError with both names", err)
		}
	}
}

func TestWatchStopsAskingWhenTheLoopIsLeft(t *testing.T) {
	w, c := newWorkspaceOfJobs(t, 200, func(int) time.Duration { return 0 })
	all := c.Jobs().Watch(t.Context(), namesOf(1, 2, 3), nil)
	if w.lists+w.gets != 0 {
		t.Errorf("%d requests before the loop", w.lists+w.gets)
	}
	first := func() {
		for _, err := range all {
			if err != nil {
				t.Error(err)
			}
			break
		}
	}
	first()
	before := w.lists + w.gets
	first() // starts over
	if after := w.lists + w.gets; after != 2*before {
		t.Errorf("%d requests for one round, %d for two", before, after)
	}
}

func TestWatchOneJobAndNone(t *testing.T) {
	w, c := newWorkspaceOfJobs(t, 1000, func(int) time.Duration { return 0 })
	for job, err := range c.Jobs().Watch(t.Context(), nil, nil) {
		t.Errorf("no names yielded %q, %v", job.Name, err)
	}
	for job, err := range c.Jobs().Watch(t.Context(), []string{"", "job-5"}, nil) {
		if bad := new(ArgumentError); job.Name == "" && !errors.As(err, &bad) || job.Name == "job-5" && err != nil {
			t.Errorf("Watch yielded %q, %v", job.Name, err)
		}
	}
	if w.lists != 0 || w.gets != 1 {
		t.Errorf("%d lists and %d single requests for one job, want 0 and 1", w.lists, w.gets)
	}
}

// TestWatchBearsWithAJobThatShowsLate waits for a job that was invoked a moment ago, as Wait does, and not for ever.
func TestWatchBearsWithAJobThatShowsLate(t *testing.T) {
	missing := answer(404, `{"error":{"code":"NotFound","message":"no such job"}}`)
	handler, _ := script(t, missing, missing, answer(200, `{"name":"j1","properties":{"status":"Completed"}}`))
	for job, err := range newTestClient(t, handler).Jobs().Watch(t.Context(), []string{"j1"}, nil) {
		if err != nil || job.Status != JobStatusCompleted {
			t.Errorf("Watch = %s, %v", job.Status, err)
		}
	}
	for _, err := range newTestClient(t, missing).Jobs().Watch(t.Context(), []string{"j2"}, nil) {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("Watch = %v, want ErrNotFound", err)
		}
	}
}
