package transfer

import "time"

// At most so many requests are in flight, whatever the distance. Each holds a buffer of at most so many bytes: together they
// bound the memory of a transfer.
const (
	maxLarge, largeBuffer = 64, 128 << 10
	maxSmall, smallBuffer = 256, 32 << 10
)

// A transfer begins with as many requests in flight as would be needed for startRate a second, given
// the round trip, but with at least minFlying.
const (
	startRate = 3000
	minFlying = 16
)

// tuner finds how many requests are best in flight. While more of them do not slow each other down, the way is long and the
// number doubles with each round; it stays where more do not get more done. Later it tries now and then whether that has
// changed.
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

// A round is slow when its requests take tunerSlow times as long as those of the quickest one, and
// pays when it gets tunerPays times as much done as the one before. Where requests take longer than
// tunerLong, the line is full: more of them would only be lost when the process is killed.
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

// done counts a request. Saturated says that as many as allowed were in flight.
func (t *tuner) done(now time.Time, took time.Duration, saturated bool) {
	if !saturated { // there is not enough to do to learn anything
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

// round decides after a round.
func (t *tuner) round(now time.Time, mean time.Duration, rate float64) {
	if t.base == 0 || mean < t.base {
		t.base = mean
	}
	switch t.state {
	case starting:
		if mean < tunerLong && (float64(mean) <= tunerSlow*float64(t.base) || rate >= tunerPays*t.before) {
			t.limit = min(2*t.limit, t.max)
			return
		}
		t.limit = max(minFlying, t.limit/2)
	case settled:
		if now.Sub(t.since) >= trialEvery {
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

// throttled halves the number; the pacer finds the rate.
func (t *tuner) throttled(now time.Time) {
	t.limit = max(t.limit/2, minFlying/4)
	t.state, t.since = settled, now
}
