package table

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func summaryOf(rows ...[]string) *Summary {
	s := &Summary{}
	for _, cells := range rows {
		s.Add(cells)
	}
	return s
}

func TestSummary(t *testing.T) {
	s := summaryOf([]string{"cat", "1"}, []string{"dog", "3"}, []string{"cat", ""}, []string{"", "2", "late"}, []string{"cow"})
	if s.Rows != 5 || len(s.Columns) != 3 {
		t.Fatalf("%d rows, %d columns; want 5, 3", s.Rows, len(s.Columns))
	}
	top, others := s.Columns[0].Categories(2)
	if diff := cmp.Diff([]Category{{"cat", 2}, {"cow", 1}}, top); diff != "" || others != 1 {
		t.Errorf("categories (-want +got):\n%s\nothers: %d, want 1", diff, others)
	}
	c := s.Columns[1]
	if !c.IsNumeric() || c.Filled != 3 || c.Min != 1 || c.Max != 3 || c.Mean() != 2 {
		t.Errorf("numbers: %+v, mean %v; want 3 of them from 1 to 3, mean 2", c, c.Mean())
	}
	if s.Columns[0].IsNumeric() || (&Column{}).IsNumeric() {
		t.Error("texts, or nothing, count as numbers")
	}
}

func TestValuesThatAreTooManyAreNotCounted(t *testing.T) {
	s := &Summary{}
	for i := range maxValues {
		s.Add([]string{fmt.Sprint("file", i), strings.Repeat("x", i)})
	}
	if n, ok := s.Columns[0].Different(); n != maxValues || !ok {
		t.Errorf("Different = %d, %v; want %d, true", n, ok, maxValues)
	}
	s.Add([]string{"one more"})
	for i, what := range []string{"too many values", "long values"} {
		if n, ok := s.Columns[i].Different(); ok || n != 0 {
			t.Errorf("%s: Different = %d, %v; want 0, false", what, n, ok)
		}
		if top, others := s.Columns[i].Categories(5); top != nil || others != 0 {
			t.Errorf("%s: Categories = %v, %d; want none", what, top, others)
		}
	}
}

func TestSummaryOfWideRowsIsBounded(t *testing.T) {
	if s := summaryOf(make([]string, 5*MaxColumns)); len(s.Columns) != MaxColumns {
		t.Errorf("%d columns, want %d", len(s.Columns), MaxColumns)
	}
}

// TestHistogramCountsEachNumberInItsBar compares the bars with a count of the same numbers.
func TestHistogramCountsEachNumberInItsBar(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	draws := map[string]func() float64{
		"normal":       random.NormFloat64,
		"times":        func() float64 { return 1.7e9 + random.Float64() },
		"negative":     func() float64 { return -random.ExpFloat64() * 1e-7 },
		"whole":        func() float64 { return float64(random.IntN(50) - 20) },
		"all sizes":    func() float64 { return math.Ldexp(random.Float64()-0.5, random.IntN(2000)-1000) },
		"one value":    func() float64 { return 0.1 },
		"the extremes": func() float64 { return math.Copysign(math.MaxFloat64, random.Float64()-0.5) },
		"the smallest": func() float64 { return math.SmallestNonzeroFloat64 * float64(random.IntN(3)) },
	}
	for name, draw := range draws {
		t.Run(name, func(t *testing.T) {
			var h Histogram
			var numbers []float64
			for range 300 {
				x := draw()
				h.Add(x)
				numbers = append(numbers, x)
			}
			for _, bar := range h.Bars() {
				count := 0
				for _, x := range numbers {
					if bar.From <= x && x < bar.To {
						count++
					}
				}
				if count != bar.Count {
					t.Errorf("from %g to %g: %d, want %d", bar.From, bar.To, bar.Count, count)
				}
			}
			if n := total(h.Bars()); n != len(numbers) {
				t.Errorf("the bars have %d numbers, want %d", n, len(numbers))
			}
		})
	}
}

func total(bars []Bar) int {
	n := 0
	for _, bar := range bars {
		n += bar.Count
	}
	return n
}

// TestHistogramIsFine wants bars as narrow as their number allows, whatever came first.
func TestHistogramIsFine(t *testing.T) {
	var h Histogram
	for _, x := range []float64{0, 1e-9, 1, 1000} {
		h.Add(x)
	}
	bars := h.Bars()
	if n := len(bars); n <= histogramBins/4 || bars[0].From != 0 || bars[n-1].To <= 1000 {
		t.Errorf("%d bars from %g to %g; want more than %d from 0 to above 1000", n, bars[0].From, bars[n-1].To, histogramBins/4)
	}
	if (&Histogram{}).Bars() != nil {
		t.Error("a histogram without numbers has bars")
	}
}

func BenchmarkSummary(b *testing.B) {
	rows := make([][]string, 1000)
	for i := range rows {
		rows[i] = []string{fmt.Sprintf("image%d.png", i), fmt.Sprint(i % 10), fmt.Sprint(math.Sin(float64(i)))}
	}
	s := &Summary{}
	for i := 0; b.Loop(); i++ {
		s.Add(rows[i%len(rows)])
	}
}
