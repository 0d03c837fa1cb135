package transfer

import "time"

// The most requests in flight, and the bytes that each may buffer. Together they bound the memory
// of a transfer.
const (
	maxLarge, largeBuffer = 64, 256 << 10
	maxSmall, smallBuffer = 256, 32 << 10
)

// A transfer begins with as many requests in flight as startRate requests a second take at the
// round trip, but with at least minFlying.
const (
	startRate = 3000
	minFlying = 16
)

// tuner finds the best number of requests in flight. It doubles the number each round, as long as
// the requests do not slow each other down, and settles where more requests get no more done. From
// then on it tries a larger number every few seconds.
type tuner struct {
	limit, max int
	state      tunerState
	held       int // the number before a trial

	began  time.Time // of this round, which lasts until limit requests are done
	n      int
	took   time.Duration // by them together
	before float64       // requests a second in the round before
	base   time.Duration // mean of the quickest round
	since  time.Time     // when it settled
}

type tunerState int

const (
	starting tunerState = iota
	settled
	trying
)

// A round is slow if its requests take tunerSlow times as long as those of the quickest round. It
// pays if it gets tunerPays times as much done as the round before. Requests that take longer than
// tunerLong show that the line is full; more of them only mean more to send again after a kill.
const (
	tunerLong  = 2 * time.Second
	tunerSlow  = 1.5
	tunerPays  = 1.2
	trialPays  = 1.1
	trialEvery = 2 * time.Second
)

func newTuner(o Options, most int) *tuner {
	begin := int(o.RoundTrip.Seconds() * startRate)
	return &tuner{limit: min(max(begin, minFlying), most/2), max: most}
}

// done counts a finished request. Saturated says that the limit was in flight.
func (t *tuner) done(now time.Time, took time.Duration, saturated bool) {
	if !saturated { // too little to do to learn anything
		t.n, t.took, t.began = 0, 0, time.Time{}
		return
	}
	if t.began.IsZero() {
		t.began = now.Add(-took)
	}
	t.n++
	t.took += took
	if t.n < t.limit {
		return
	}
	mean, rate := t.took/time.Duration(t.n), float64(t.n)/now.Sub(t.began).Seconds()
	t.round(now, mean, rate)
	t.n, t.took, t.began, t.before = 0, 0, now, rate
}

// round sets the number for the next round.
func (t *tuner) round(now time.Time, mean time.Duration, rate float64) {
	if t.base == 0 || mean < t.base {
		t.base = mean
	}
	full := mean >= tunerLong
	switch t.state {
	case starting:
		if !full && (float64(mean) <= tunerSlow*float64(t.base) || rate >= tunerPays*t.before) {
			t.limit = min(2*t.limit, t.max)
			return
		}
		t.limit = max(minFlying, t.limit/2)
	case settled:
		if !full && now.Sub(t.since) >= trialEvery {
			t.state, t.held, t.limit = trying, t.limit, min(t.limit+t.limit/2, t.max)
		}
		return
	case trying:
		if rate >= trialPays*t.before {
			t.held, t.limit = t.limit, min(t.limit+t.limit/2, t.max)
			return
		}
		t.limit = t.held
	}
	t.state, t.since = settled, now
}
