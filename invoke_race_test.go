package azmlbatch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// raceService is the service as several processes see it at once: requests take time, and lists show a job late. It runs
// on the clock of a synctest bubble.
type raceService struct {
	mu     sync.Mutex
	random *rand.Rand
	late   time.Duration // of the lists
	jobs   []raceJob
	store  fakeStore
	posts  int
	slow   time.Duration // at most, before and after the effect of each request
	onPost func()        // before its effect; may be nil
}

type raceJob struct {
	BatchJob
	made time.Time
}

func newRaceService(seed uint64) *raceService {
	return &raceService{random: rand.New(rand.NewPCG(seed, 1)), store: fakeStore{now: time.Now}, slow: 300 * time.Millisecond}
}

// pause takes as long as a network may.
func (s *raceService) pause() {
	s.mu.Lock()
	d := time.Duration(s.random.Int64N(int64(s.slow)))
	s.mu.Unlock()
	time.Sleep(d)
}

func (s *raceService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Host == "acc.blob.core.windows.net" {
		s.store.ServeHTTP(w, r)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	path := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/mferp/managementfrontend"), testWorkspaceID)
	switch {
	case r.URL.Host == "digits.r.inference.ml.azure.com" && r.Method == http.MethodPost:
		s.post(w, r)
	case r.URL.Host == "digits.r.inference.ml.azure.com":
		s.answer(w, func(j raceJob) bool { return j.Name == lastSegment(path) })
	case strings.HasSuffix(path, "/discovery"):
		writeJSON(w, 200, `{"api":"https://r.api.azureml.ms"}`)
	case path == "":
		writeJSON(w, 200, `{"location":"r","properties":{"discoveryUrl":"https://r.api.azureml.ms/discovery"}}`)
	case path == "/datastores":
		writeJSON(w, 200, `{"value":[{"name":"d","properties":{"isDefault":true,"datastoreType":"AzureBlob","accountName":"acc","containerName":"con","endpoint":"core.windows.net","protocol":"https"}}]}`)
	case path == "/batchEndpoints/digits":
		writeJSON(w, 200, `{"name":"digits","properties":{"scoringUri":"https://digits.r.inference.ml.azure.com/jobs","defaults":{"deploymentName":"blue"}}}`)
	case path == "/batchEndpoints/digits/deployments/blue":
		writeJSON(w, 200, `{"name":"blue","properties":{}}`)
	case path == "/batchEndpoints/digits/jobs":
		var listed []BatchJob
		for _, j := range s.jobs {
			if time.Since(j.made) >= s.late {
				listed = append(listed, j.BatchJob)
			}
		}
		b, _ := json.Marshal(map[string]any{"value": listed})
		writeJSON(w, 200, string(b))
	default:
		writeJSON(w, 404, `{}`)
	}
}

func (s *raceService) post(w http.ResponseWriter, r *http.Request) {
	s.posts++
	job := raceJob{made: time.Now()}
	if err := json.NewDecoder(r.Body).Decode(&job.BatchJob); err != nil {
		writeJSON(w, 400, `{}`)
		return
	}
	job.Name = fmt.Sprintf("batchjob-%d", len(s.jobs))
	s.jobs = append(s.jobs, job)
	s.answer(w, func(j raceJob) bool { return j.Name == job.Name })
}

func (s *raceService) answer(w http.ResponseWriter, which func(raceJob) bool) {
	for _, j := range s.jobs {
		if which(j) {
			b, _ := json.Marshal(j.BatchJob)
			writeJSON(w, 201, string(b))
			return
		}
	}
	writeJSON(w, 404, `{}`)
}

// process is one client, which may be killed: none of its requests has an effect after that.
type process struct {
	*Client
	service *raceService
	mu      sync.Mutex
	left    int  // requests until it is killed; 0 lives
	after   bool // it is killed after the effect of its last request
	dead    bool
	cut     int // POSTs whose answer is lost
}

func (s *raceService) process(t *testing.T) *process {
	p := &process{service: s}
	o := &ClientOptions{}
	o.Transport = p
	var err error
	if p.Client, err = newClient(testWorkspace, &fakeCredential{}, o, realClock()); err != nil {
		t.Fatal(err)
	}
	return p
}

var errKilled = errors.New("the process was killed")

func (p *process) Do(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	if p.dead {
		p.mu.Unlock()
		return nil, errKilled
	}
	if p.left > 0 {
		if p.left--; p.left == 0 {
			p.dead = true
		}
	}
	dead, effect := p.dead, !p.dead || p.after
	cut := r.Method == http.MethodPost && p.cut > 0
	if cut {
		p.cut--
	}
	p.mu.Unlock()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if !effect {
		return nil, errKilled
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	p.service.pause()
	if r.Method == http.MethodPost && p.service.onPost != nil {
		p.service.onPost()
	}
	w := httptest.NewRecorder()
	p.service.ServeHTTP(w, r)
	if dead {
		return nil, errKilled
	}
	p.service.pause()
	if cut {
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	if err := r.Context().Err(); err != nil { // the answer comes too late
		return nil, err
	}
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

func raceInvocation() Invocation {
	return Invocation{Key: "monday", Input: URIFolder{URI: "https://acc.blob.core.windows.net/con/x"}}
}

// raceOutcome is what a caller got.
type raceOutcome struct {
	process *process
	job     BatchJob
	err     error
	left    bool // its own context ended
}

// callAll lets callers in several processes invoke at about the same time.
func callAll(ctx context.Context, processes []*process, callers int, patience func(i int) time.Duration) []raceOutcome {
	outcomes := make([]raceOutcome, len(processes)*callers)
	var all sync.WaitGroup
	for i := range outcomes {
		p := processes[i%len(processes)]
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, patience(i))
			defer cancel()
			job, err := p.Endpoints().Invoke(ctx, "digits", raceInvocation())
			outcomes[i] = raceOutcome{p, job, err, ctx.Err() != nil}
		})
	}
	all.Wait()
	return outcomes
}

func forever(int) time.Duration { return time.Hour }

// TestCallersOfOneKeyInOneClient sends one POST for all of them.
func TestCallersOfOneKeyInOneClient(t *testing.T) {
	for callers := 2; callers <= 8; callers++ {
		synctest.Test(t, func(t *testing.T) {
			s := newRaceService(uint64(callers))
			s.late = 20 * time.Second
			outcomes := callAll(t.Context(), []*process{s.process(t)}, callers, forever)
			for _, o := range outcomes {
				if o.err != nil || o.job.Name != "batchjob-0" {
					t.Errorf("%d callers: Invoke = %q, %v", callers, o.job.Name, o.err)
				}
			}
			if s.posts != 1 {
				t.Errorf("%d callers: %d posts, want 1", callers, s.posts)
			}
		})
	}
}

// TestCallersOfOneKeyWithoutStorage does the same where the client may not write to the store.
func TestCallersOfOneKeyWithoutStorage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newRaceService(3)
		s.late = 20 * time.Second
		s.store.fail = func(string) int { return 403 }
		for _, o := range callAll(t.Context(), []*process{s.process(t)}, 8, forever) {
			if o.err != nil || o.job.Name != "batchjob-0" {
				t.Errorf("Invoke = %q, %v", o.job.Name, o.err)
			}
		}
		if s.posts != 1 {
			t.Errorf("%d posts, want 1", s.posts)
		}
	})
}

// TestCallerThatLeaves does not take the job from the others, whether it was the one that sent the POST or not, and at
// whatever moment it leaves.
func TestCallerThatLeaves(t *testing.T) {
	for after := 20 * time.Millisecond; after < 4*time.Second; after += 130 * time.Millisecond {
		synctest.Test(t, func(t *testing.T) {
			s := newRaceService(uint64(after))
			s.late = 20 * time.Second
			outcomes := callAll(t.Context(), []*process{s.process(t)}, 4, func(i int) time.Duration {
				if i < 2 {
					return after
				}
				return time.Hour
			})
			for i, o := range outcomes {
				switch {
				case o.err == nil && o.job.Name == "batchjob-0":
				case i < 2 && errors.Is(o.err, context.DeadlineExceeded) && !errors.As(o.err, new(*AmbiguousInvokeError)):
				default:
					t.Errorf("caller %d, leaving after %v: Invoke = %q, %v", i, after, o.job.Name, o.err)
				}
			}
			if s.posts != 1 {
				t.Errorf("leaving after %v: %d posts, want 1", after, s.posts)
			}
		})
	}
}

// TestCallersOfOneKeyInSeveralProcesses sends one POST for all of them, although lists are late.
func TestCallersOfOneKeyInSeveralProcesses(t *testing.T) {
	for n := 2; n <= 8; n++ {
		synctest.Test(t, func(t *testing.T) {
			s := newRaceService(uint64(n))
			s.late = 40 * time.Second
			var processes []*process
			for range n {
				processes = append(processes, s.process(t))
			}
			for _, o := range callAll(t.Context(), processes, 1, forever) {
				if o.err != nil || o.job.Name != "batchjob-0" {
					t.Errorf("%d processes: Invoke = %q, %v", n, o.job.Name, o.err)
				}
			}
			if s.posts != 1 {
				t.Errorf("%d processes: %d posts, want 1", n, s.posts)
			}
		})
	}
}

// TestRerunInSeveralProcesses of a key whose job has failed starts one job more, at the derived key.
func TestRerunInSeveralProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newRaceService(1)
		s.late = 20 * time.Second
		if _, err := s.process(t).Endpoints().Invoke(t.Context(), "digits", raceInvocation()); err != nil {
			t.Fatal(err)
		}
		s.jobs[0].Status = JobStatusFailed
		var all sync.WaitGroup
		var mu sync.Mutex
		started := 0
		for range 6 {
			p := s.process(t)
			all.Go(func() {
				target, err := p.Endpoints().target(t.Context(), operation{"invoke", "endpoint", "digits"}, "digits", "")
				if err != nil {
					t.Error(err)
					return
				}
				target.rerun = true
				job, err := target.invoke(t.Context(), raceInvocation())
				if err != nil || job.Name != "batchjob-1" {
					t.Errorf("invoke = %q, %v", job.Name, err)
				}
				mu.Lock()
				defer mu.Unlock()
				if !job.found {
					started++
				}
			})
		}
		all.Wait()
		if s.posts != 2 || started != 1 {
			t.Errorf("%d posts and %d started jobs, want 2 and 1", s.posts, started)
		}
	})
}

// TestHolderThatIsKilled at each of its requests, before and after their effect, leaves the key to the next.
func TestHolderThatIsKilled(t *testing.T) {
	for step := 1; step <= 12; step++ {
		for _, after := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				s := newRaceService(uint64(step))
				s.late = 30 * time.Second
				first := s.process(t)
				first.left, first.after = step, after
				_, err := first.Endpoints().Invoke(t.Context(), "digits", raceInvocation())
				if first.dead != (err != nil) && step < 10 { // the last two requests are of no consequence for the caller
					t.Fatalf("killed at request %d: Invoke = %v", step, err)
				}
				for range 2 {
					job, err := s.process(t).Endpoints().Invoke(t.Context(), "digits", raceInvocation())
					if err != nil || job.Name != "batchjob-0" {
						t.Errorf("killed at request %d (after its effect: %v): the next call = %q, %v", step, after, job.Name, err)
					}
				}
				if s.posts != 1 {
					t.Errorf("killed at request %d (after its effect: %v): %d posts, want 1", step, after, s.posts)
				}
			})
		}
	}
}

// TestRacesOfOneKey plays rounds of several processes with several callers, of which some are killed, some leave, and some
// lose the answer to their POST, while lists are late. Never are there two jobs, and nobody who stays goes without.
func TestRacesOfOneKey(t *testing.T) {
	for seed := range uint64(rounds(t)) {
		synctest.Test(t, func(t *testing.T) { raceOneKey(t, seed) })
	}
}

func raceOneKey(t *testing.T, seed uint64) {
	s := newRaceService(seed)
	s.late = time.Duration(s.random.Int64N(int64(35 * time.Second)))
	s.slow = time.Duration(1 + s.random.Int64N(int64(2*time.Second)))
	var processes []*process
	for range 2 + s.random.IntN(7) {
		p := s.process(t)
		switch s.random.IntN(4) {
		case 0:
			p.left, p.after = 1+s.random.IntN(14), s.random.IntN(2) == 0
		case 1:
			p.cut = 1
		}
		processes = append(processes, p)
	}
	var patience []time.Duration
	for range 4 * len(processes) {
		patience = append(patience, time.Hour)
		if s.random.IntN(4) == 0 {
			patience[len(patience)-1] = time.Duration(s.random.Int64N(int64(20 * time.Second)))
		}
	}
	outcomes := callAll(t.Context(), processes, 1+s.random.IntN(4), func(i int) time.Duration { return patience[i] })
	for i, o := range outcomes {
		ambiguous := errors.As(o.err, new(*AmbiguousInvokeError))
		if o.err != nil && !o.process.dead && !o.left && !ambiguous {
			t.Errorf("seed %d, caller %d: Invoke = %v", seed, i, o.err)
		}
		if o.err == nil && o.job.Name != "batchjob-0" {
			t.Errorf("seed %d, caller %d: job %q", seed, i, o.job.Name)
		}
	}
	for range 2 { // one that comes later finds it, or starts it where all were killed before
		job, err := s.process(t).Endpoints().Invoke(t.Context(), "digits", raceInvocation())
		if err != nil || job.Name != "batchjob-0" {
			t.Errorf("seed %d: the last call = %q, %v", seed, job.Name, err)
		}
	}
	if s.posts != 1 {
		t.Errorf("seed %d: %d posts, want 1", seed, s.posts)
	}
}

// rounds is how many seeded rounds a test plays: AZMLBATCH_ROUNDS, or 200.
func rounds(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(cmp.Or(os.Getenv("AZMLBATCH_ROUNDS"), "200"))
	if err != nil {
		t.Fatalf("AZMLBATCH_ROUNDS: %v", err)
	}
	return n
}
