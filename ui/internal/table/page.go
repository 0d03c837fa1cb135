package table

import (
	"cmp"
	"container/heap"
	"iter"
	"slices"
	"strings"
)

// MaxSorted is how many rows of a sorted table can be turned to, from its beginning. It bounds the
// memory of a page.
const MaxSorted = 10_000

// MaxCell is how many bytes of a value a page has; longer values are cut. Filters see all of them.
const MaxCell = 2 << 10

// A Query says which rows of a table to show.
type Query struct {
	Filter Filter
	// Sort is the column to sort by, from 0; below 0, the rows stay in the order in which they came.
	Sort int
	// Descending turns the order of Sort around. Empty values stay last.
	Descending bool
	// Skip is how many rows of the answer stand on earlier pages.
	Skip int
	// Size is the number of rows of a page.
	Size int
}

// A Page is some rows of a table.
type Page struct {
	Rows []Row
	// Seen is how many rows were read to find these.
	Seen int
	// Matched is how many of them the filter took.
	Matched int
	// Complete says that all rows were read, so Seen and Matched count the whole table.
	Complete bool
	// More says that there are rows after these that can be turned to.
	More bool
}

// Select reads rows until the page is full, and all of them if they are to be sorted. An error ends
// it; the page then has what came before.
func (q Query) Select(rows iter.Seq2[[]string, error]) (Page, error) {
	if q.Sort >= 0 {
		return q.selectSorted(rows)
	}
	var p Page
	for cells, err := range rows {
		if err != nil {
			return p, err
		}
		row, ok := p.take(q.Filter, cells)
		if !ok || p.Matched <= q.Skip {
			continue
		}
		if len(p.Rows) == q.Size {
			p.More = true
			return p, nil
		}
		p.Rows = append(p.Rows, row)
	}
	p.Complete = true
	return p, nil
}

// take counts one row, and reports whether the filter takes it.
func (p *Page) take(f Filter, cells []string) (Row, bool) {
	p.Seen++
	row := Row{Number: p.Seen, Cells: cells}
	if !f.Match(row) {
		return row, false
	}
	p.Matched++
	row.Cells = cut(cells)
	return row, true
}

// cut bounds the memory of a row that is kept. A copy does not hold the line that it is a part of.
func cut(cells []string) []string {
	long := func(cell string) bool { return len(cell) > MaxCell }
	if len(cells) <= MaxColumns && !slices.ContainsFunc(cells, long) {
		return cells
	}
	short := make([]string, min(len(cells), MaxColumns))
	for i := range short {
		short[i] = strings.Clone(cells[i])
		if long(cells[i]) {
			short[i] = strings.ToValidUTF8(strings.Clone(cells[i][:MaxCell]), "")
		}
	}
	return short
}

// selectSorted keeps the first rows of the order while it reads, up to the end of the page.
func (q Query) selectSorted(rows iter.Seq2[[]string, error]) (Page, error) {
	var p Page
	limit := min(q.Skip+q.Size, MaxSorted)
	best := &sorted{query: q}
	for cells, err := range rows {
		if err != nil {
			return p, err
		}
		row, ok := p.take(q.Filter, cells)
		switch {
		case !ok:
		case best.Len() < limit:
			heap.Push(best, row)
		case limit > 0 && q.order(row, best.rows[0]) < 0:
			best.rows[0] = row
			heap.Fix(best, 0)
		}
	}
	slices.SortFunc(best.rows, q.order)
	p.Rows = slices.Clone(best.rows[min(q.Skip, len(best.rows)):]) // a page may be remembered, the rows before it not
	p.Complete, p.More = true, p.Matched > limit && limit < MaxSorted
	return p, nil
}

// order compares rows; those with equal values stay in the order in which they came.
func (q Query) order(a, b Row) int {
	x, y := a.cell(q.Sort), b.cell(q.Sort)
	by := compare(x, y)
	if q.Descending && x != "" && y != "" {
		by = -by
	}
	return cmp.Or(by, cmp.Compare(a.Number, b.Number))
}

// sorted is a heap with the last row of the order on top, which is the first to leave.
type sorted struct {
	query Query
	rows  []Row
}

func (s *sorted) Len() int           { return len(s.rows) }
func (s *sorted) Less(i, j int) bool { return s.query.order(s.rows[i], s.rows[j]) > 0 }
func (s *sorted) Swap(i, j int)      { s.rows[i], s.rows[j] = s.rows[j], s.rows[i] }
func (s *sorted) Push(row any)       { s.rows = append(s.rows, row.(Row)) }
func (s *sorted) Pop() any {
	last := s.rows[len(s.rows)-1]
	s.rows = s.rows[:len(s.rows)-1]
	return last
}
