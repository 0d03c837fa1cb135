package table

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rowsOf yields rows, and an error after them if it is not nil.
func rowsOf(err error, rows ...[]string) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		for _, cells := range rows {
			if !yield(cells, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

var vases = [][]string{{"ming", "10"}, {"Tang", "9"}, {"song", ""}, {"qing", "x"}, {"Yuan", "10"}, {"han"}}

func TestSelect(t *testing.T) {
	all := Filter{}
	tests := []struct {
		name  string
		query Query
		want  []int // numbers of the rows
		page  Page  // the rest of it
	}{
		{"the first page", Query{all, -1, false, 0, 2}, []int{1, 2}, Page{Seen: 3, Matched: 3, More: true}},
		{"the last page", Query{all, -1, false, 4, 2}, []int{5, 6}, Page{Seen: 6, Matched: 6, Complete: true}},
		{"behind the end", Query{all, -1, false, 9, 2}, nil, Page{Seen: 6, Matched: 6, Complete: true}},
		{"numbers, texts, then nothing", Query{all, 1, false, 0, 9}, []int{2, 1, 5, 4, 3, 6}, Page{Seen: 6, Matched: 6, Complete: true}},
		{"descending", Query{all, 1, true, 0, 9}, []int{4, 1, 5, 2, 3, 6}, Page{Seen: 6, Matched: 6, Complete: true}},
		{"a sorted page in the middle", Query{all, 1, false, 1, 2}, []int{1, 5}, Page{Seen: 6, Matched: 6, Complete: true, More: true}},
		{"a column that is not there", Query{all, 7, false, 0, 3}, []int{1, 2, 3}, Page{Seen: 6, Matched: 6, Complete: true, More: true}},
		{"contains, in any column", Query{Filter{AnyColumn, Contains, "ANG"}, -1, false, 0, 9}, []int{2}, Page{Seen: 6, Matched: 1, Complete: true}},
		{"contains, in one column", Query{Filter{1, Contains, "ng"}, -1, false, 0, 9}, nil, Page{Seen: 6, Complete: true}},
		{"equal as a number", Query{Filter{1, Equal, "10.0"}, -1, false, 0, 9}, []int{1, 5}, Page{Seen: 6, Matched: 2, Complete: true}},
		{"not equal", Query{Filter{0, NotEqual, "ming"}, -1, false, 0, 2}, []int{2, 3}, Page{Seen: 4, Matched: 3, More: true}},
		{"less", Query{Filter{1, Less, "10"}, -1, false, 0, 9}, []int{2}, Page{Seen: 6, Matched: 1, Complete: true}},
		{"greater than a text", Query{Filter{1, Greater, "a"}, -1, false, 0, 9}, nil, Page{Seen: 6, Complete: true}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.query.Select(rowsOf(nil, vases...))
			if err != nil {
				t.Fatal(err)
			}
			var numbers []int
			for _, row := range got.Rows {
				numbers = append(numbers, row.Number)
			}
			if diff := cmp.Diff(test.want, numbers); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			got.Rows = nil
			if diff := cmp.Diff(test.page, got); diff != "" {
				t.Errorf("page (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFilterNamesFile(t *testing.T) {
	f := Filter{Column: AnyColumn, Comparison: NamesFile, Value: "ming.png"}
	for value, want := range map[string]bool{"ming.png": true, "/mnt/pots/ming.png": true, "xming.png": false, "ming.png/": true, "ming": false, "": false} {
		if got := f.Match(Row{Cells: []string{"vase", value}}); got != want {
			t.Errorf("%q names ming.png: %v, want %v", value, got, want)
		}
	}
}

func TestSelectKeepsWhatCameBeforeAnError(t *testing.T) {
	broken := errors.New("the line is cut")
	got, err := Query{Sort: -1, Size: 5}.Select(rowsOf(broken, vases[:2]...))
	if !errors.Is(err, broken) || len(got.Rows) != 2 || got.Complete {
		t.Errorf("Select = %+v, %v; want two rows and the error", got, err)
	}
}

// TestSortedPagesAreTheSortedTable reads a table page by page, and holds the pages against a sort of
// all its rows.
func TestSortedPagesAreTheSortedTable(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var table [][]string
	for range 500 {
		table = append(table, []string{fmt.Sprint(random.IntN(40))})
	}
	q := Query{Sort: 0, Descending: true, Size: 33}
	want := make([]Row, 0, len(table))
	for i, cells := range table {
		want = append(want, Row{i + 1, cells})
	}
	slices.SortFunc(want, q.order)
	var got []Row
	for more := true; more; q.Skip += q.Size {
		page, err := q.Select(rowsOf(nil, table...))
		if err != nil {
			t.Fatal(err)
		}
		got, more = append(got, page.Rows...), page.More
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
}

// TestRowsOfAPageAreCut has a row with a value that is too long and one with too many values. The filter
// sees what is cut off.
func TestRowsOfAPageAreCut(t *testing.T) {
	long := []string{"short", strings.Repeat("é", MaxCell) + "end"}
	wide := append(make([]string, MaxColumns), "end")
	for _, sort := range []int{-1, 0} {
		page, err := Query{Filter: Filter{AnyColumn, Contains, "end"}, Sort: sort, Size: 9}.Select(rowsOf(nil, long, wide))
		if err != nil || len(page.Rows) != 2 {
			t.Fatalf("sorted by %d: %d rows, %v; want 2", sort, len(page.Rows), err)
		}
		slices.SortFunc(page.Rows, func(a, b Row) int { return a.Number - b.Number })
		if diff := cmp.Diff([]string{"short", strings.Repeat("é", MaxCell/2)}, page.Rows[0].Cells); diff != "" {
			t.Errorf("the long row (-want +got):\n%s", diff)
		}
		if n := len(page.Rows[1].Cells); n != MaxColumns {
			t.Errorf("the wide row has %d values, want %d", n, MaxColumns)
		}
	}
}

// TestSortedPagesAreBounded turns pages to the last one that a large table has.
func TestSortedPagesAreBounded(t *testing.T) {
	large := func(yield func([]string, error) bool) {
		for i := range MaxSorted + 50 {
			if !yield([]string{fmt.Sprint(i)}, nil) {
				return
			}
		}
	}
	page, err := Query{Sort: 0, Skip: MaxSorted - 10, Size: 100}.Select(large)
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Rows) != 10 || page.More || page.Matched != MaxSorted+50 {
		t.Errorf("the last page has %d rows, more: %v, of %d; want 10, false, %d", len(page.Rows), page.More, page.Matched, MaxSorted+50)
	}
}
