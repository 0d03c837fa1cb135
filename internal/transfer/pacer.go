package transfer

import "time"

// pacer limits requests to the rate that the store accepts. There is no limit until the store
// refuses a request.
type pacer struct {
	rate    float64       // requests a second; 0 for no limit
	ceiling float64       // the rate that was refused last; 0 if none was
	next    time.Time     // nothing starts before
	cut     time.Time     // when the rate was cut
	grow    time.Time     // when it grows next
	after   time.Duration // the store's last Retry-After
	held    bool          // a second has passed without refusal since the cut
	grown   int           // how often it has grown since it was near the ceiling

	second int64  // since the epoch
	passed [2]int // requests that succeeded in this second and the one before
}

const (
	pacerFirst  = 10          // requests a second, if none got through
	pacerLeast  = 0.1         // requests a second
	pacerBack   = 0.9         // times the rate that was refused
	pacerGrowth = time.Second // without a refusal, then the rate grows
	pacerQuick  = 1.5         // times, far below the ceiling
	pacerNear   = 0.95        // times the ceiling
	pacerSlow   = 0.001       // more near it, then four times as much, nine times, …: the ceiling may have risen
)

// wait returns how long to wait before the next request.
func (p *pacer) wait(now time.Time) time.Duration { return p.next.Sub(now) }

func (p *pacer) started(now time.Time) {
	if p.rate == 0 {
		return
	}
	gap := time.Duration(float64(time.Second) / p.rate)
	p.next = p.next.Add(gap)
	if p.next.Before(now) {
		p.next = now.Add(gap)
	}
}

func (p *pacer) succeeded(now time.Time) {
	p.turn(now)
	p.passed[0]++
	if p.rate == 0 || now.Before(p.grow) {
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

// throttled counts a request that the store refused. Started is when it began, after the store's
// Retry-After.
func (p *pacer) throttled(now, started time.Time, after time.Duration) {
	if until := now.Add(after); until.After(p.next) {
		p.next = until
	}
	p.grow, p.after = p.next.Add(pacerGrowth), after
	switch {
	case p.rate == 0:
		p.turn(now)
		if p.rate = pacerBack * float64(max(p.passed[0], p.passed[1])); p.rate == 0 {
			p.rate = pacerFirst
		}
	case started.Before(p.cut):
		return // the rate has been cut since
	default:
		if p.held { // else the requests before it used up the allowance
			p.ceiling = p.rate
		}
		p.rate = max(pacerLeast, pacerBack*p.rate)
	}
	p.held = false
	p.cut, p.grown = now, 0
}

// turn begins a new second of counting.
func (p *pacer) turn(now time.Time) {
	switch second := now.Unix(); second {
	case p.second:
	case p.second + 1:
		p.second, p.passed = second, [2]int{0, p.passed[0]}
	default:
		p.second, p.passed = second, [2]int{}
	}
}
