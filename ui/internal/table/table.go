// Package table looks at rows of text that are too many to hold: it picks the rows of one page,
// sorted and filtered, and counts what is in each column. Its memory does not grow with the rows.
// It knows nothing of jobs.
package table

import (
	"cmp"
	"math"
	"strconv"
	"strings"
)

// A Row is one line of a table.
type Row struct {
	// Number counts from 1, in the order in which the rows came.
	Number int
	// Cells are the values. Rows of one table may have different numbers of them.
	Cells []string
}

// cell returns a value, and "" where the row is too short.
func (r Row) cell(column int) string {
	if column < len(r.Cells) {
		return r.Cells[column]
	}
	return ""
}

// number reads a value as a number. NaN and the infinities are none: they have no place in an order
// or a histogram.
func number(value string) (float64, bool) {
	if value == "" || !strings.ContainsRune("+-.0123456789", rune(value[0])) { // the error of ParseFloat costs more
		return 0, false
	}
	x, err := strconv.ParseFloat(value, 64)
	return x, err == nil && !math.IsNaN(x) && !math.IsInf(x, 0)
}

// compare puts numbers before texts and empty values last.
func compare(a, b string) int {
	x, aNumber := number(a)
	y, bNumber := number(b)
	switch {
	case aNumber && bNumber:
		return cmp.Or(cmp.Compare(x, y), strings.Compare(a, b))
	case aNumber != bNumber && a != "" && b != "":
		return first(aNumber)
	case (a == "") != (b == ""):
		return first(a != "")
	}
	return strings.Compare(a, b)
}

// first is the result of a comparison that a wins or loses.
func first(a bool) int {
	if a {
		return -1
	}
	return 1
}
