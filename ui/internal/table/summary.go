package table

import (
	"cmp"
	"slices"
	"strings"
)

const (
	// MaxColumns is how many columns a summary looks at.
	MaxColumns = 100
	// maxValues is how many different values of a column are counted. A column that has more is a
	// name or a text of its own in each row, and its counts would say nothing.
	maxValues = 1000
	// maxValueLength in bytes; longer values are not counted either.
	maxValueLength = 256
)

// A Summary is what is in each column of a table.
type Summary struct {
	// Rows is the number of rows.
	Rows int
	// Columns of the widest row, up to [MaxColumns].
	Columns []*Column
}

// Add counts one row.
func (s *Summary) Add(cells []string) {
	s.Rows++
	cells = cells[:min(len(cells), MaxColumns)]
	for len(s.Columns) < len(cells) {
		s.Columns = append(s.Columns, &Column{values: map[string]int{}})
	}
	for i, value := range cells {
		s.Columns[i].add(value)
	}
}

// A Column is what is in one column of a table.
type Column struct {
	// Filled is the number of rows with a value in the column.
	Filled int
	// Numbers is how many of the values are numbers.
	Numbers int
	// Min and Max are the smallest and the largest number.
	Min, Max float64
	// Histogram of the numbers.
	Histogram Histogram

	mean   float64
	values map[string]int // nil once there are too many
}

func (c *Column) add(value string) {
	if value == "" {
		return
	}
	c.Filled++
	c.count(value)
	x, ok := number(value)
	if !ok {
		return
	}
	c.Numbers++
	c.Histogram.Add(x)
	c.mean += (x - c.mean) / float64(c.Numbers)
	if c.Numbers == 1 {
		c.Min, c.Max = x, x
	}
	c.Min, c.Max = min(c.Min, x), max(c.Max, x)
}

// count counts a value among the different ones, until there are too many.
func (c *Column) count(value string) {
	if c.values == nil {
		return
	}
	if _, known := c.values[value]; known {
		c.values[value]++
		return
	}
	if len(c.values) == maxValues || len(value) > maxValueLength {
		c.values = nil
		return
	}
	c.values[strings.Clone(value)] = 1 // a clone does not hold the whole row
}

// IsNumeric reports whether every value is a number.
func (c *Column) IsNumeric() bool { return c.Filled > 0 && c.Numbers == c.Filled }

// Mean of the numbers.
func (c *Column) Mean() float64 { return c.mean }

// Different is the number of different values, if they could be counted.
func (c *Column) Different() (count int, ok bool) { return len(c.values), c.values != nil }

// A Category is how often one value came.
type Category struct {
	Value string
	Count int
}

// Categories returns the most frequent values, and how many rows have another one. A column whose
// values are too many to count has none.
func (c *Column) Categories(limit int) (top []Category, others int) {
	for value, count := range c.values {
		top = append(top, Category{value, count})
	}
	slices.SortFunc(top, func(a, b Category) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), compare(a.Value, b.Value))
	})
	for _, rest := range top[min(limit, len(top)):] {
		others += rest.Count
	}
	return top[:min(limit, len(top))], others
}
