package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"
)

// isTerminal reports whether the stream is a person's terminal.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// colors reports whether output may have colours: on a terminal that knows them, unless NO_COLOR is
// set (no-color.org).
func colors(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// The colours of a cell. All are equally long, so that columns of a table stay aligned.
const (
	plain  = "\x1b[39m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
)

// stateColor is the colour of a status of a job or the state of a resource.
func stateColor(state string) string {
	switch state {
	case "Completed", "Succeeded", "ok":
		return green
	case "Failed", "missing":
		return red
	case "Canceled", "CancelRequested", "NotResponding", "unknown":
		return yellow
	}
	return plain
}

// table is rows in columns, for people.
type table struct {
	header []string // nil for none
	state  int      // the column that is coloured by what it says; -1 for none
	rows   [][]string
}

// print writes the table. Cells are cleaned of control characters, which names of a service may hold.
func (t table) print(w io.Writer, colored bool) error {
	var aligned bytes.Buffer
	tabs := tabwriter.NewWriter(&aligned, 0, 0, 3, ' ', 0)
	rows := t.rows
	if t.header != nil {
		rows = append([][]string{t.header}, rows...)
	}
	for n, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = cleaned(cell)
			if colored && i == t.state {
				color := stateColor(cell)
				if t.header != nil && n == 0 {
					color = plain
				}
				cells[i] = color + cells[i] + "\x1b[0m"
			}
		}
		fmt.Fprintln(tabs, strings.Join(cells, "\t"))
	}
	if err := tabs.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(aligned.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// cleaned is a text on one line, without what a terminal would obey.
func cleaned(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, text)
}

// show prints the fields of one thing, those with a value.
func (a *app) show(fields ...[2]string) error {
	t := table{state: 1}
	for _, f := range fields {
		if f[1] != "" {
			t.rows = append(t.rows, []string{f[0] + ":", f[1]})
		}
	}
	return t.print(a.out, colors(a.out))
}

// list prints what a list yields, when it is complete: as a table, or as one JSON array.
func list[T any](a *app, asJSON bool, items iter.Seq2[T, error], t table, row func(T) []string) error {
	all := []T{} // [] and not null
	for item, err := range items {
		if err != nil {
			return err
		}
		all = append(all, item)
	}
	if asJSON {
		return a.printJSON(all)
	}
	for _, item := range all {
		t.rows = append(t.rows, row(item))
	}
	return t.print(a.out, colors(a.out))
}

// printJSON writes a value for programs.
func (a *app) printJSON(v any) error {
	encoder := json.NewEncoder(a.out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// moment is a time for people, in their time zone.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// texts joins a map of names and values.
func texts(m map[string]string) string {
	var pairs []string
	for _, name := range sortedKeys(m) {
		pairs = append(pairs, name+"="+m[name])
	}
	return strings.Join(pairs, ", ")
}
