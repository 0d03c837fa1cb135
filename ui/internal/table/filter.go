package table

import (
	"path"
	"strings"
)

// A Comparison is how a filter compares a value with its own.
type Comparison string

// The comparisons.
const (
	// Contains finds the text anywhere in the value, without regard to case.
	Contains Comparison = "contains"
	// Equal is the same text, or the same number.
	Equal Comparison = "equal"
	// NotEqual is everything else.
	NotEqual Comparison = "not-equal"
	// NamesFile is a file's name, or a path that ends in it.
	NamesFile Comparison = "names-file"
	// Less is a smaller number. Values that are no number never match.
	Less Comparison = "less"
	// Greater is a larger number. Values that are no number never match.
	Greater Comparison = "greater"
)

// Comparisons are all comparisons, in the order to offer them.
var Comparisons = []Comparison{Contains, Equal, NotEqual, NamesFile, Less, Greater}

// AnyColumn is the column of a filter that takes a row when one of its values matches.
const AnyColumn = -1

// A Filter takes some rows and leaves others out. One without a value takes all.
type Filter struct {
	// Column counts from 0; [AnyColumn] means that one match in the row is enough.
	Column int
	// Comparison is [Contains] if it is empty or unknown.
	Comparison Comparison
	// Value is what the values of the rows are compared with.
	Value string
}

// Match reports whether the filter takes the row.
func (f Filter) Match(r Row) bool {
	if f.Value == "" {
		return true
	}
	if f.Column != AnyColumn {
		return f.matches(r.cell(f.Column))
	}
	for _, value := range r.Cells {
		if f.matches(value) {
			return true
		}
	}
	return false
}

func (f Filter) matches(value string) bool {
	switch f.Comparison {
	case Equal:
		return equal(value, f.Value)
	case NotEqual:
		return !equal(value, f.Value)
	case NamesFile:
		return path.Base(value) == f.Value
	case Less, Greater:
		x, isNumber := number(value)
		y, limitIsNumber := number(f.Value)
		return isNumber && limitIsNumber && (f.Comparison == Less && x < y || f.Comparison == Greater && x > y)
	}
	return strings.Contains(strings.ToLower(value), strings.ToLower(f.Value))
}

func equal(a, b string) bool {
	x, aNumber := number(a)
	y, bNumber := number(b)
	return a == b || aNumber && bNumber && x == y
}
