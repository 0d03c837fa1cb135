package transfer

import (
	"math"
	"time"
)

// pacer limits requests to the rate that the store accepts. There is no limit until the store
// refuses a request.
type pacer struct {
	rate    float64       // requests a second; 0 for no limit
	ceiling float64       // about the rate that was refused last; 0 if none was
	next    time.Time     // nothing starts before
	busy    bool          // the last request had to wait for its time
	grow    time.Time     // when the rate grows next
	grown   int           // how often it has grown since it was near the ceiling
	held    bool          // a second has passed without refusal since the cut
	after   time.Duration // the store's last Retry-After

	// What was accepted since the last cut of the rate tells how much the store takes.
	cuts   int       // of the rate
	began  time.Time // when the first request since the last cut started
	passed int       // requests since then that succeeded
	each   float64   // what a request adds to the rate that was in flight at the cut and succeeds
	most   float64   // the rate up to which it does
}

const (
	pacerLeast  = 0.1                  // requests a second
	pacerBack   = 0.9                  // times the rate that was refused
	pacerGrowth = time.Second          // without a refusal, then the rate grows
	pacerQuick  = 1.5                  // times, far below the ceiling
	pacerNear   = 0.95                 // times the ceiling
	pacerSlow   = 0.001                // more near it, then four times as much, nine times, …: the ceiling may have risen
	pacerLag    = 5 * time.Millisecond // requests that are late by less keep the rate
)

// wait returns how long to wait before the next request.
func (p *pacer) wait(now time.Time) time.Duration { return p.next.Sub(now) }

// started counts a request that starts. It returns the number of cuts until now.
func (p *pacer) started(now time.Time) int {
	if p.began.IsZero() {
		p.began = now
	}
	if p.rate == 0 {
		return p.cuts
	}
	latest := now.Add(-pacerLag)
	if p.busy = p.next.After(latest); !p.busy {
		p.next = latest
	}
	p.next = p.next.Add(time.Duration(float64(time.Second) / p.rate))
	return p.cuts
}

// succeeded counts a request that the store accepted, and that started after so many cuts.
func (p *pacer) succeeded(now time.Time, cuts int) {
	if cuts < p.cuts { // it belongs to what was accepted before the cut
		p.rate = max(p.rate, min(p.rate+p.each, p.most))
		return
	}
	p.passed++
	if p.rate == 0 || !p.busy || now.Before(p.grow) {
		return
	}
	p.grow, p.held = now.Add(pacerGrowth), true
	switch {
	case p.ceiling == 0:
		p.rate *= pacerQuick
	case p.rate < pacerNear*p.ceiling:
		p.rate = min(p.rate*pacerQuick, pacerNear*p.ceiling)
	default:
		p.grown++
		p.rate *= 1 + pacerSlow*float64(p.grown*p.grown)
		p.grow = now.Add(max(pacerGrowth, p.after)) // a refusal costs as much
	}
}

// throttled counts a request that the store refused, and that started after so many cuts. After is
// the store's Retry-After.
func (p *pacer) throttled(now time.Time, cuts int, after time.Duration) {
	if until := now.Add(after); until.After(p.next) {
		p.next = until
	}
	p.grow = p.next.Add(pacerGrowth)
	if cuts < p.cuts {
		return // the rate has been cut since
	}
	if p.rate == 0 {
		p.rate = math.Inf(1)
	}
	each := 1 / p.took(now)
	accepted := min(p.rate, float64(p.passed+1)*each)
	if p.held { // else the requests before it used up the allowance
		p.ceiling = (p.rate + accepted) / 2
	}
	p.each, p.most = pacerBack*each, pacerBack*p.rate
	p.rate = max(pacerLeast, pacerBack*accepted)
	p.held, p.after, p.grown = false, after, 0
	p.cuts, p.began, p.passed = p.cuts+1, time.Time{}, 0
}

// took returns the seconds in which requests were accepted since the last cut. Whether the pause
// after it counts is unknown: the store may have saved up an allowance. So it is the geometric mean
// of the times with and without it.
func (p *pacer) took(now time.Time) float64 {
	sending := max(now.Sub(p.began), time.Millisecond)
	return math.Sqrt(sending.Seconds() * (sending + p.after).Seconds())
}
