package table

import "math"

// histogramBins is how many bars a histogram has at most. When its range is full, more than half of
// them are in use.
const histogramBins = 64

// A Histogram counts numbers in bars of one width. It need not know their range before: when a
// number lies outside, the bars become twice as wide until it has a place.
type Histogram struct {
	bins  [histogramBins]int
	width float64 // a power of two; 0 for a histogram without numbers
	start float64 // bins[0] begins at start*width; a whole number
}

// A Bar is how often the numbers from From up to To came, To excluded.
type Bar struct {
	From, To float64
	Count    int
}

// Add counts a number, which must be finite.
func (h *Histogram) Add(x float64) {
	if h.width == 0 {
		_, exponent := math.Frexp(x)
		h.width = math.Ldexp(1, max(exponent-44, -1000)) // fine enough for numbers that are close together
		h.start = math.Floor(x/h.width) - histogramBins/2
	}
	for !h.covers(x) {
		h.widen(x)
	}
	h.bins[h.index(x)]++
}

func (h *Histogram) index(x float64) int { return int(h.bar(x) - h.start) }

func (h *Histogram) covers(x float64) bool {
	at := h.bar(x)
	return at >= h.start && at < h.start+histogramBins
}

// bar is the number of the bar that x is in, counted from zero's.
func (h *Histogram) bar(x float64) float64 {
	at := math.Floor(x / h.width)
	if x < 0 && at == 0 { // too small to divide
		return -1
	}
	return at
}

// widen joins the bars two by two, and leaves the room that this gives on the side of x.
func (h *Histogram) widen(x float64) {
	before, start := h.bins, h.start
	h.bins = [histogramBins]int{}
	h.width *= 2
	h.start = math.Floor(start / 2)
	if x/h.width < h.start {
		h.start = math.Floor((start+histogramBins-1)/2) - histogramBins + 1
	}
	for i, count := range before {
		if count > 0 {
			h.bins[int(math.Floor((start+float64(i))/2)-h.start)] += count
		}
	}
}

// Bars returns the bars from the first one that has numbers to the last one.
func (h *Histogram) Bars() []Bar {
	var bars []Bar
	used := 0
	for i, count := range h.bins {
		if count == 0 && len(bars) == 0 {
			continue
		}
		from := h.start + float64(i)
		bars = append(bars, Bar{From: from * h.width, To: (from + 1) * h.width, Count: count})
		if count > 0 {
			used = len(bars)
		}
	}
	return bars[:used]
}
