package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
)

// largeWorkspace answers as a workspace with many jobs would, and counts what it is asked.
type largeWorkspace struct {
	jobs     int
	pageSize int
	status   func(job int) azmlbatch.JobStatus // nil means Completed

	mu    sync.Mutex
	lists int
	gets  int
	fails int // the list that is refused, by its number since the last look at what was asked; 0 means none
}

// firstJobAt is when the first job of a large workspace was made; one follows each minute.
var firstJobAt = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func (l *largeWorkspace) Do(r *http.Request) (*http.Response, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	switch {
	case name == "jobs":
		if l.lists++; l.lists == l.fails {
			return answer(r, http.StatusForbidden, "{}"), nil
		}
		return answerJSON(r, l.page(r))
	case strings.HasPrefix(name, "job-"):
		l.gets++
		number, err := strconv.Atoi(strings.TrimPrefix(name, "job-"))
		if err != nil || number >= l.jobs {
			return answer(r, http.StatusNotFound, `{"error":{"code":"NotFound","message":"no such job"}}`), nil
		}
		return answerJSON(r, l.job(number))
	}
	return answer(r, http.StatusNotFound, "{}"), nil
}

// page is a page of the list, the newest job first.
func (l *largeWorkspace) page(r *http.Request) string {
	skip, _ := strconv.Atoi(r.URL.Query().Get("$skip"))
	var jobs []string
	for i := skip; i < min(skip+l.pageSize, l.jobs); i++ {
		jobs = append(jobs, l.job(l.jobs-1-i))
	}
	next := ""
	if skip+l.pageSize < l.jobs {
		u := *r.URL
		q := u.Query()
		q.Set("$skip", strconv.Itoa(skip+l.pageSize))
		u.RawQuery = q.Encode()
		next = u.String()
	}
	return fmt.Sprintf(`{"value":[%s],"nextLink":%q}`, strings.Join(jobs, ","), next)
}

// job is one job; they belong to ten endpoints.
func (l *largeWorkspace) job(number int) string {
	status := azmlbatch.JobStatusCompleted
	if l.status != nil {
		status = l.status(number)
	}
	return fmt.Sprintf(`{"name":"job-%d","properties":{"jobType":"Command","displayName":"vase %d","experimentName":"kiln-%d","status":%q,
		"tags":{"azureml.deploymentname":"blue"},"description":"Pipeline submission for endpoint: kiln-%d, deployment: blue."},
		"systemData":{"createdAt":%q}}`, number, number, number%10, status, number%10, firstJobAt.Add(time.Duration(number)*time.Minute).Format(time.RFC3339))
}

// asked returns how many lists and jobs were asked for since the last call.
func (l *largeWorkspace) asked() (lists, gets int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lists, gets, l.lists, l.gets = l.lists, l.gets, 0, 0
	return lists, gets
}

func answer(r *http.Request, status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
}

func answerJSON(r *http.Request, body string) (*http.Response, error) {
	return answer(r, http.StatusOK, body), nil
}

// anyToken is a credential that a transport of a test does not check.
type anyToken struct{}

func (anyToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// newTestClient is a client over a transport.
func newTestClient(t testing.TB, transport policy.Transporter) *azmlbatch.Client {
	t.Helper()
	client, err := azmlbatch.NewClient(azmlbatch.Workspace{SubscriptionID: "s", ResourceGroup: "g", Name: "w"}, anyToken{},
		&azmlbatch.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// TestTenThousandJobs: the first page asks for one page of the service's list, and no view asks for more
// than its bound, whatever it looks for.
func TestTenThousandJobs(t *testing.T) {
	l := &largeWorkspace{jobs: 10_000, pageSize: 50}
	p := newTestPage(t, newTestClient(t, l), nil)
	p.shows("/jobs", "vase 9999", "vase 9950", "Older jobs")
	if lists, gets := l.asked(); lists > 2 || gets > 0 {
		t.Errorf("the first view asked for %d pages and %d jobs, want at most 2 and none", lists, gets)
	}
	p.shows("/jobs?skip=500", "vase 9499", "vase 9450")
	if lists, _ := l.asked(); lists > 500/50+2 {
		t.Errorf("the eleventh view asked for %d pages, want at most %d", lists, 500/50+2)
	}
	p.shows("/jobs?endpoint=kiln-3&after=2026-03-01&until=2026-03-07", "vase 9993") // the newest day is the last of these
	if lists, _ := l.asked(); lists > 30 {
		t.Errorf("a view of one endpoint asked for %d pages", lists)
	}
	query, views := "/jobs?endpoint=nobody", 0
	for body := p.get(query); strings.Contains(body, "Look through older jobs"); body = p.get(query) {
		lists, _ := l.asked()
		if views++; lists > maxReadOlder/50+2+maxReadAtTop/50 || views > 20 {
			t.Fatalf("view %d of what is not there asked for %d pages", views, lists)
		}
	}
	p.shows("/jobs", "The workspace has 10\u202f000 in all.")
}

// TestMoreJobsThanTheIndexHolds: the list says that it has the newest only, and does not grow with the
// jobs that come.
func TestMoreJobsThanTheIndexHolds(t *testing.T) {
	l := &largeWorkspace{jobs: 300, pageSize: 50}
	p := newTestPage(t, newTestClient(t, l), nil)
	now := time.Now()
	x := p.handler.jobs
	x.now, x.limit = func() time.Time { return now }, 100
	for range 2 {
		for path, want := range map[string]string{"/jobs?endpoint=nobody": "None of the newest 100 jobs fits.", "/jobs?skip=50": "Only the newest 100 jobs are listed."} {
			body := p.shows(path, want)
			for _, wrong := range []string{"in all", "lder jobs"} {
				if strings.Contains(body, wrong) {
					t.Errorf("GET %s shows %q:\n%s", path, wrong, body)
				}
			}
		}
		now = now.Add(time.Minute)
		l.mu.Lock()
		l.jobs += 10
		l.mu.Unlock()
	}
	if len(x.rows) != 100 || len(x.byName) != 100 {
		t.Errorf("the index has %d rows and %d names, want 100", len(x.rows), len(x.byName))
	}
	p.shows("/jobs", "vase 319")
}

// TestUnfinishedJobsStayFresh however old they are, with few requests in each look.
func TestUnfinishedJobsStayFresh(t *testing.T) {
	done := false
	l := &largeWorkspace{jobs: 900, pageSize: 50, status: func(job int) azmlbatch.JobStatus {
		if job == 5 && !done {
			return azmlbatch.JobStatusRunning
		}
		return azmlbatch.JobStatusCompleted
	}}
	now := time.Now()
	x := newJobIndex(t.Context(), newTestClient(t, l))
	x.now = func() time.Time { return now }
	defer x.close(t.Context())
	running := jobQuery{Status: azmlbatch.JobStatusRunning}
	found, err := x.find(t.Context(), running, 0, 10)
	if err != nil || len(found.rows) != 1 || found.rows[0].Name != "job-5" || !found.whole {
		t.Fatalf("find = %+v, %v", found, err)
	}
	l.asked()
	done = true
	now = now.Add(time.Minute)
	if found, err = x.find(t.Context(), running, 0, 10); err != nil || len(found.rows) != 0 {
		t.Errorf("after its end: %+v, %v", found, err)
	}
	if lists, gets := l.asked(); lists > maxReadAtTop/50 || gets != 1 {
		t.Errorf("a look asked for %d pages and %d jobs", lists, gets)
	}
	if _, err := x.find(t.Context(), running, 0, 10); err != nil {
		t.Error(err)
	}
	if lists, gets := l.asked(); lists+gets != 0 {
		t.Errorf("a look in the same moment asked for %d pages and %d jobs, want nothing", lists, gets)
	}
}

// TestNewJobsAfterAFailedLook are in the list once a look succeeds.
func TestNewJobsAfterAFailedLook(t *testing.T) {
	l := &largeWorkspace{jobs: 100, pageSize: 50}
	now := time.Now()
	x := newJobIndex(t.Context(), newTestClient(t, l))
	x.now = func() time.Time { return now }
	defer x.close(t.Context())
	if _, err := x.find(t.Context(), jobQuery{}, 0, 1_000); err != nil {
		t.Fatal(err)
	}
	l.asked()
	l.jobs, l.fails = 180, 2
	now = now.Add(time.Minute)
	if _, err := x.find(t.Context(), jobQuery{}, 0, 1_000); !errors.Is(err, azmlbatch.ErrForbidden) {
		t.Errorf("with a refused page find = %v, want ErrForbidden", err)
	}
	l.fails = 0
	if found, err := x.find(t.Context(), jobQuery{}, 0, 1_000); err != nil || len(found.rows) != 180 {
		t.Errorf("after it find has %d jobs, %v, want 180", len(found.rows), err)
	}
}

// TestNewJobsComeFirst: those that came since the last look.
func TestNewJobsComeFirst(t *testing.T) {
	l := &largeWorkspace{jobs: 100, pageSize: 50}
	now := time.Now()
	x := newJobIndex(t.Context(), newTestClient(t, l))
	x.now = func() time.Time { return now }
	defer x.close(t.Context())
	for _, jobs := range []int{100, 103, 180, 900} { // a few, more than a page, and more than a look reads
		l.mu.Lock()
		l.jobs = jobs
		l.mu.Unlock()
		now = now.Add(time.Minute)
		found, err := x.find(t.Context(), jobQuery{}, 0, 1_000)
		if err != nil {
			t.Fatal(err)
		}
		var want, got []string
		for i := range jobs {
			want = append(want, fmt.Sprintf("job-%d", jobs-1-i))
		}
		for _, row := range found.rows {
			got = append(got, row.Name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("with %d jobs (-want +got):\n%s", jobs, diff)
		}
	}
}

// BenchmarkTenThousandJobs is the first view of a workspace with so many jobs, and one that looks at all
// of them, by a handler that has seen none before.
func BenchmarkTenThousandJobs(b *testing.B) {
	client := newTestClient(b, &largeWorkspace{jobs: 10_000, pageSize: 50})
	for name, views := range map[string]int{"first": 1, "all": 20} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x := newJobIndex(b.Context(), client)
				for range views {
					query := jobQuery{}
					if views > 1 {
						query.Endpoint = "nobody"
					}
					if _, err := x.find(b.Context(), query, 0, jobsPerPage); err != nil {
						b.Fatal(err)
					}
				}
				x.close(b.Context())
			}
		})
	}
}

// BenchmarkGigabyteLog is a view of the end of a log of 1 GiB, without and with the lines of the first
// 64 MiB counted, and a search through as much.
func BenchmarkGigabyteLog(b *testing.B) {
	l := &hugeLog{size: 1 << 30, text: numbered}
	jobs := newTestClient(b, l).Jobs()
	last := partsOf(l.size) - 1
	b.Run("end", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := readPart(b.Context(), jobs, l.log(), last); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("count", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := countLines(b.Context(), jobs, l.log(), []int{0}, last); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("search", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := searchLog(b.Context(), jobs, l.log(), "no such text", 0); err != nil {
				b.Fatal(err)
			}
		}
	})
}
