package transfer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// steps are jobs that wait.
type steps struct {
	wait  func(flying int) time.Duration
	fail  func() error
	mu    sync.Mutex
	begun []time.Time
	most  int
	fly   int
	done  int
	lost  []error
}

func (s *steps) run(ctx context.Context) error {
	s.mu.Lock()
	s.fly++
	s.most = max(s.most, s.fly)
	s.begun = append(s.begun, time.Now())
	wait := s.wait(s.fly)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.fly--
		s.mu.Unlock()
	}()
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.fail != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.fail()
	}
	return nil
}

type step struct{ s *steps }

func (j *step) run(ctx context.Context, _ *worker) error { return j.s.run(ctx) }
func (j *step) done()                                    { j.s.done++ }
func (j *step) failed(err error)                         { j.s.lost = append(j.s.lost, err) }

// runSteps runs n jobs of a lane.
func runSteps(ctx context.Context, s *steps, l lane, n int, o Options) error {
	sched := newScheduler(o)
	sched.next[large], sched.next[small] = func() job { return nil }, func() job { return nil }
	sched.next[l] = func() job {
		if n == 0 {
			return nil
		}
		n--
		return &step{s}
	}
	return sched.run(ctx)
}

func wait(d time.Duration) func(int) time.Duration { return func(int) time.Duration { return d } }

// far away, as many requests are in flight as there may be; nearby, where the store or this machine
// does so many a second and no more, not many more than keep it busy.
func TestNumberInFlightFollowsTheDistance(t *testing.T) {
	upTo := func(rate float64) func(int) time.Duration {
		return func(flying int) time.Duration {
			return max(200*time.Microsecond, time.Duration(float64(flying)/rate*float64(time.Second)))
		}
	}
	for _, tt := range []struct {
		name    string
		lane    lane
		jobs    int
		wait    func(int) time.Duration
		trip    time.Duration
		most    [2]int        // at least and at most so many in flight
		atMost  time.Duration // for all
		options Options
	}{
		{name: "far and small", lane: small, jobs: 2000, wait: wait(20 * time.Millisecond), trip: 20 * time.Millisecond, most: [2]int{maxSmall, maxSmall}, atMost: 280 * time.Millisecond},
		{name: "far and small, distance unknown", lane: small, jobs: 2000, wait: wait(20 * time.Millisecond), most: [2]int{maxSmall, maxSmall}, atMost: 320 * time.Millisecond},
		{name: "very far and small", lane: small, jobs: 2000, wait: wait(200 * time.Millisecond), trip: 200 * time.Millisecond, most: [2]int{maxSmall, maxSmall}, atMost: 2 * time.Second},
		{name: "near and small", lane: small, jobs: 20_000, wait: upTo(10_000), trip: 200 * time.Microsecond, most: [2]int{minFlying, 64}, atMost: 2300 * time.Millisecond},
		{name: "far and large", lane: large, jobs: 256, wait: wait(90 * time.Millisecond), trip: 20 * time.Millisecond, most: [2]int{maxLarge, maxLarge}, atMost: 500 * time.Millisecond},
		{name: "a slow line", lane: large, jobs: 100, wait: upTo(2), trip: 30 * time.Millisecond, most: [2]int{maxLarge / 2, maxLarge / 2}, atMost: 75 * time.Second},
		{name: "fixed", lane: small, jobs: 100, wait: wait(20 * time.Millisecond), most: [2]int{3, 3}, atMost: 700 * time.Millisecond, options: Options{Concurrency: 3}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &steps{wait: tt.wait}
				o := tt.options
				o.RoundTrip = tt.trip
				began := time.Now()
				if err := runSteps(t.Context(), s, tt.lane, tt.jobs, o); err != nil || s.done != tt.jobs {
					t.Fatalf("run = %v, %d jobs done", err, s.done)
				}
				if s.most < tt.most[0] || s.most > tt.most[1] {
					t.Errorf("%d in flight, want %d to %d", s.most, tt.most[0], tt.most[1])
				}
				if took := time.Since(began); took > tt.atMost {
					t.Errorf("it took %v, want at most %v", took, tt.atMost)
				}
			})
		})
	}
}

// uneven waits d, and up to a fifth more: requests do not arrive as evenly as they were sent. It
// returns the same waits for the same seed, and so decides in which order requests end.
func uneven(d time.Duration, seed uint64) func(int) time.Duration {
	r := rand.New(rand.NewPCG(seed, 5))
	return func(int) time.Duration { return d + time.Duration(r.Int64N(int64(d/5))) }
}

func busy(after time.Duration) error {
	return &Failure{Err: errors.New("503 ServerBusy"), Retry: true, Throttled: true, After: after}
}

// bucket lets so many requests a second through.
type bucket struct {
	rate, burst, tokens float64
	last                time.Time
	after               time.Duration // told with a refusal
	denied              []time.Time
}

func (b *bucket) take() error {
	now := time.Now()
	b.tokens = min(b.burst, b.tokens+now.Sub(b.last).Seconds()*b.rate)
	b.last = now
	if b.tokens < 1 {
		b.denied = append(b.denied, now)
		return busy(b.after)
	}
	b.tokens--
	return nil
}

// A store that takes a hundred requests a second gets about so many. It refuses at first no more
// than were in flight, and later few.
func TestRateOfAStoreIsFoundAndKept(t *testing.T) {
	for _, after := range []time.Duration{0, time.Second, 3 * time.Second} {
		for _, trip := range []time.Duration{time.Millisecond, 20 * time.Millisecond} {
			for _, burst := range []float64{1, 10, 100} {
				for seed := range uint64(2) {
					waits := uneven(trip, seed)
					if burst == 1 { // two requests that come closer than usual are one too many at any rate
						waits = wait(trip)
					}
					t.Run(fmt.Sprint(after, trip, burst, seed), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) { testRate(t, trip, waits, &bucket{rate: 100, burst: burst, after: after}) })
					})
				}
			}
		}
	}
}

func testRate(t *testing.T, trip time.Duration, waits func(int) time.Duration, b *bucket) {
	t.Helper()
	const jobs = 6000
	b.tokens, b.last = b.burst, time.Now()
	s := &steps{wait: waits, fail: b.take}
	o := testOptions()
	o.RoundTrip = trip
	if err := runSteps(t.Context(), s, small, jobs, o); err != nil || s.done != jobs {
		t.Fatalf("run = %v, %d jobs done", err, s.done)
	}
	n := len(s.begun)
	middle := s.begun[n-1-n/2]
	rate, kept := float64(n)/s.begun[n-1].Sub(s.begun[0]).Seconds(), float64(n/2)/s.begun[n-1].Sub(middle).Seconds()
	if rate < 60 || kept < 75 {
		t.Errorf("%.0f requests a second, %.0f in the second half, want near to 100", rate, kept)
	}
	late := 0
	for _, at := range b.denied {
		if at.After(middle) {
			late++
		}
	}
	if len(b.denied) > maxSmall || late > jobs/2/100 {
		t.Errorf("%d refusals, %d of them in the second half, want at most %d and %d", len(b.denied), late, maxSmall, jobs/2/100)
	}
}

// A store that refuses a single request, whenever that is, soon gets as many as before.
func TestOneRefusalCostsLittle(t *testing.T) {
	const jobs, trip = 10_000, 20 * time.Millisecond
	for _, after := range []time.Duration{0, time.Second} {
		for _, refused := range []int{1, 30, 1000, 5000} {
			t.Run(fmt.Sprint(after, refused), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s, answers := &steps{wait: uneven(trip, 1)}, 0
					s.fail = func() error {
						if answers++; answers == refused {
							return busy(after)
						}
						return nil
					}
					o := testOptions()
					o.RoundTrip = trip
					began := time.Now()
					if err := runSteps(t.Context(), s, small, jobs, o); err != nil || s.done != jobs {
						t.Fatalf("run = %v, %d jobs done", err, s.done)
					}
					least := after + time.Duration(jobs/maxSmall)*trip
					if took := time.Since(began); took > least+3*time.Second {
						t.Errorf("it took %v, want at most 3s more than the %v that it takes at least", took, least)
					}
				})
			})
		}
	}
}

// While the store wants to be left alone, nothing is sent.
func TestRetryAfterIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const after = 90 * time.Second // longer than MaxDelay
		began := time.Now()
		s := &steps{wait: wait(10 * time.Millisecond)}
		s.fail = func() error {
			if len(s.begun) <= minFlying {
				return &Failure{Err: errors.New("503"), Retry: true, Throttled: true, After: after}
			}
			return nil
		}
		if err := runSteps(t.Context(), s, small, 50, testOptions()); err != nil || s.done != 50 {
			t.Fatalf("run = %v, %d jobs done", err, s.done)
		}
		for i, at := range s.begun[minFlying:] {
			if waited := at.Sub(began); waited < after {
				t.Fatalf("request %d was sent after %v, want %v", i+minFlying, waited, after)
			}
		}
	})
}

func TestRetryAfterBeyondTheDeadlineIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		refused := errors.New("503 ServerBusy")
		s := &steps{wait: wait(time.Millisecond), fail: func() error { return &Failure{Err: refused, Retry: true, Throttled: true, After: 2 * time.Minute} }}
		began := time.Now()
		err := runSteps(ctx, s, small, 50, testOptions())
		if !errors.Is(err, refused) || !strings.Contains(err.Error(), "2m0s") || time.Since(began) > time.Second {
			t.Errorf("run = %v after %v, want the time that the store wants, at once", err, time.Since(began))
		}
	})
}

func TestWhatFailsIsTriedAgain(t *testing.T) {
	down := errors.New("connection refused")
	for name, tt := range map[string]struct {
		fails int // so many times in a row
		jobs  int
		lost  int
		stops bool
	}{
		"none":             {fails: 0, jobs: 1},
		"as often as may":  {fails: 3, jobs: 1},
		"too often":        {fails: 4, jobs: 1, lost: 1},
		"a few, for ever":  {fails: 1000, jobs: 3, lost: 3},
		"many, for ever":   {fails: 1000, jobs: 50, stops: true},
		"many, for a time": {fails: 100, jobs: 50},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &steps{wait: wait(time.Millisecond)}
				fails := tt.fails
				s.fail = func() error {
					if fails > 0 {
						fails--
						return &Failure{Err: down, Retry: true}
					}
					return nil
				}
				err := runSteps(t.Context(), s, small, tt.jobs, testOptions())
				if tt.stops != errors.Is(err, down) {
					t.Fatalf("run = %v, want the failure: %v", err, tt.stops)
				}
				if !tt.stops && (len(s.lost) != tt.lost || s.done != tt.jobs-tt.lost) {
					t.Errorf("%d done, lost %v, want %d of %d lost", s.done, s.lost, tt.lost, tt.jobs)
				}
			})
		})
	}
}

// The waits before repetitions grow, up to a bound.
func TestRepetitionsWaitLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &steps{wait: wait(0), fail: func() error { return &Failure{Err: errors.New("500"), Retry: true} }}
		o := Options{Retries: 5, Delay: time.Second, MaxDelay: 5 * time.Second}
		if err := runSteps(t.Context(), s, small, 1, o); err != nil || len(s.begun) != 6 {
			t.Fatalf("run = %v with %d tries", err, len(s.begun))
		}
		for i, want := range []time.Duration{1, 2, 4, 5, 5} {
			want *= time.Second
			if got := s.begun[i+1].Sub(s.begun[i]); got < want*8/10 || got > min(want*13/10, o.MaxDelay) {
				t.Errorf("wait %d is %v, want about %v", i, got, want)
			}
		}
	})
}

// A failure that is about everything stops at once; what is in flight ends.
func TestStopsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("403")
		s := &steps{wait: wait(10 * time.Millisecond), fail: func() error { return &Failure{Err: refused, Stop: true} }}
		if err := runSteps(t.Context(), s, small, 1000, testOptions()); !errors.Is(err, refused) || len(s.begun) > minFlying+1 || s.fly != 0 {
			t.Errorf("run = %v with %d requests, %d still in flight", err, len(s.begun), s.fly)
		}
	})
}

// Small jobs fill the gaps that large ones leave, also where the caller fixed the number.
func TestLanesShareAFixedNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		blocks, files := &steps{wait: wait(time.Second)}, &steps{wait: wait(time.Second)}
		sched := newScheduler(Options{Concurrency: 8})
		n := [lanes]int{large: 40, small: 40}
		next := func(l lane, s *steps) func() job {
			return func() job {
				if n[l] == 0 {
					return nil
				}
				n[l]--
				return &step{s}
			}
		}
		sched.next[large], sched.next[small] = next(large, blocks), next(small, files)
		began := time.Now()
		if err := sched.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if blocks.most != 6 || files.most < 2 || time.Since(began) != 10*time.Second {
			t.Errorf("%d large and %d small in flight at once, after %v; want 6, 2 or more, and all places taken", blocks.most, files.most, time.Since(began))
		}
	})
}
