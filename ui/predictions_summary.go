package ui

import (
	"context"
	"fmt"
	"strconv"

	"github.com/azmlbatch/azmlbatch/ui/internal/table"
)

// maxCategories is how many values of a column are listed with their counts.
const maxCategories = 12

// A rowSummary is what is in the columns of a job's rows.
type rowSummary struct {
	table.Summary
	names []string
}

// summarize reads all rows.
func summarize(ctx context.Context, rows *rowReader) (*rowSummary, error) {
	s := &rowSummary{}
	for cells, err := range rows.all(ctx) {
		if err != nil {
			return nil, err
		}
		s.Add(cells)
	}
	s.names = rows.names
	return s, nil
}

// A columnView is a column at a glance.
type columnView struct {
	Index      int
	Name       string
	Facts      string
	Chart      *chart // of a numeric column
	Categories []categoryView
	Others     int // rows with values that are not listed
}

// A categoryView is a value with its count.
type categoryView struct {
	table.Category
	Width  float64 // of its bar, in percent
	Hidden bool    // the value has something that may be secret, so no link has it either
}

// A chart is a histogram, drawn 100 wide and 40 high.
type chart struct {
	Title    string
	Bars     []chartBar
	From, To string
}

// A chartBar is one bar of a chart.
type chartBar struct {
	X, Y, Width, Height float64
	Title               string
}

const chartHeight = 40

// columns draws each column.
func (s *rowSummary) columns() []columnView {
	var views []columnView
	for i, c := range s.Columns {
		v := columnView{Index: i, Name: columnName(s.names, i)}
		different, counted := c.Different()
		switch {
		case c.Filled == 0:
			v.Facts = "no values"
		case c.IsNumeric() && (!counted || different > maxCategories):
			v.Facts = fmt.Sprintf("%s to %s, mean %s", showNumber(c.Min), showNumber(c.Max), showNumber(c.Mean()))
			v.Chart = newChart(v.Name, c)
		case counted:
			v.Facts = showCount(different) + " different values"
			v.Categories, v.Others = categories(c)
		default:
			v.Facts = "too many different values to count"
		}
		if empty := s.Rows - c.Filled; empty > 0 && c.Filled > 0 {
			v.Facts += fmt.Sprintf("; %s rows have none", showCount(empty))
		}
		views = append(views, v)
	}
	return views
}

// categories are the most frequent values, with bars relative to the first.
func categories(c *table.Column) (views []categoryView, others int) {
	top, others := c.Categories(maxCategories)
	for _, category := range top {
		v := categoryView{Category: category, Width: 100 * float64(category.Count) / float64(top[0].Count)}
		v.Value = redacted(category.Value)
		v.Hidden = v.Value != category.Value
		views = append(views, v)
	}
	return views, others
}

func newChart(name string, c *table.Column) *chart {
	bars := c.Histogram.Bars()
	highest := 0
	for _, b := range bars {
		highest = max(highest, b.Count)
	}
	width := 100 / float64(len(bars))
	drawn := &chart{Title: fmt.Sprintf("Histogram of %s in %d bars", name, len(bars)), From: showNumber(c.Min), To: showNumber(c.Max)}
	for i, b := range bars {
		height := chartHeight * float64(b.Count) / float64(highest)
		drawn.Bars = append(drawn.Bars, chartBar{X: float64(i) * width, Y: chartHeight - height, Width: width, Height: height,
			Title: fmt.Sprintf("%s to %s: %s rows", showNumber(max(b.From, c.Min)), showNumber(min(b.To, c.Max)), showCount(b.Count))})
	}
	return drawn
}

// showNumber is a number with as many digits as a person compares.
func showNumber(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }
