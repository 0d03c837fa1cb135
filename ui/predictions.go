package ui

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/ui/internal/table"
)

// predictionsPage shows the rows of a job beside the files that they belong to.
var predictionsPage = page{pattern: "/jobs/{job}/predictions", template: "predictions.html", load: loadPredictions}

const (
	rowsPerPage   = 100
	maxCellLength = 400 // in runes; longer values are cut on the page, not in a download
)

// predictionsView is what the page of predictions shows.
type predictionsView struct {
	Job     azmlbatch.Job
	Title   string
	Partial bool // these may not be all rows, because the job runs or has failed
	Query   rowQuery

	Columns  []columnHead
	Rows     []shownRow
	Page     table.Page
	From, To int
	Problem  string // why there are no rows, or no more
	Unread   string // why the inputs are not known

	Summary     []columnView
	SummaryRows int
	Summarizing bool // further rows are being counted

	Forms       any
	Comparisons []table.Comparison
	Files       int  // inputs that are known
	MoreFiles   bool // there are more than are looked up
	Inputs      bool // some row belongs to an input
	// Earlier, Later and Download are queries.
	Earlier, Later, Download string
}

// A columnHead is the head of a column, which sorts by it.
type columnHead struct {
	Name string
	// Sorted is the value of aria-sort, empty for a column that the rows are not sorted by.
	Sorted string
	// Sort is the query that sorts by the column, or turns the order around.
	Sort string
}

// A shownRow is a row of the page.
type shownRow struct {
	Number int
	Input  *inputFile // that the row belongs to; nil if none is found
	Cells  []string
}

func loadPredictions(ctx context.Context, h *Handler, v visit) (view, error) {
	job, err := h.client.Jobs().Get(ctx, v.path("job"))
	if err != nil {
		return view{}, err
	}
	q := readRowQuery(v.query)
	data := &predictionsView{Job: job, Title: cmp.Or(job.DisplayName, job.Name), Query: q, Partial: job.Status != azmlbatch.JobStatusCompleted,
		Forms: rowForms, Comparisons: table.Comparisons, Download: "?" + q.values(0).Encode()}
	shown, err := h.selectRows(ctx, job, q)
	if ctx.Err() != nil {
		return view{}, err
	}
	if err != nil && !errors.Is(err, azmlbatch.ErrNotFound) { // no rows at all are no problem
		data.Problem = redacted(errorText(err))
	}
	inputs, err := h.inputsOf(ctx, job)
	if err != nil { // rows can be shown without them
		data.Unread = redacted(errorText(err))
	}
	data.show(shown, inputs)
	waiting := false
	if len(shown.page.Rows) > 0 || shown.page.Seen > 0 {
		waiting = h.summary(data, job, q)
	}
	return view{title: "Predictions of " + data.Title, section: "Jobs", live: !job.Status.Done() || waiting, data: data}, nil
}

// selectedRows are the rows of one page with the names of their columns.
type selectedRows struct {
	page  table.Page
	names []string
}

// selectRows reads the rows of a page. The first rows as they are take a short look; for all else the
// whole table is read, which is remembered.
func (h *Handler) selectRows(ctx context.Context, job azmlbatch.Job, q rowQuery) (selectedRows, error) {
	read := func(ctx context.Context) (selectedRows, error) {
		rows := &rowReader{client: h.client, job: job.Name, form: q.Form}
		page, err := q.Select(rows.all(ctx))
		return selectedRows{page, rows.names}, err
	}
	if q.Sort < 0 && q.Filter.Value == "" {
		return read(ctx)
	}
	return h.selections.wait(ctx, job.Name+"?"+q.values(q.Skip).Encode(), job.Status.Done(), read)
}

// summary shows what is known of the columns, and reports whether more will be soon.
func (h *Handler) summary(data *predictionsView, job azmlbatch.Job, q rowQuery) (waiting bool) {
	read := func(ctx context.Context) (*rowSummary, error) {
		return summarize(ctx, &rowReader{client: h.client, job: job.Name, form: q.Form})
	}
	found := h.summaries.get(job.Name+"?"+string(q.Form), job.Status.Done(), read)
	if found.known && found.err != nil {
		data.Problem = cmp.Or(data.Problem, redacted(errorText(found.err)))
		return false
	}
	if found.known {
		data.Summary, data.SummaryRows = found.value.columns(), found.value.Rows
	}
	data.Summarizing = !found.final
	return data.Summarizing
}

// show fills in the rows and what leads to others.
func (v *predictionsView) show(s selectedRows, inputs inputIndex) {
	q := v.Query
	v.Page, v.From, v.To = s.page, q.Skip+1, q.Skip+len(s.page.Rows)
	v.Files, v.MoreFiles = len(inputs.files), inputs.more
	columns := len(s.names)
	for _, row := range s.page.Rows {
		shown := shownRow{Number: row.Number, Input: inputs.of(row.Cells), Cells: shownCells(row.Cells)}
		v.Inputs = v.Inputs || shown.Input != nil
		columns = max(columns, len(shown.Cells))
		v.Rows = append(v.Rows, shown)
	}
	for i := range min(max(columns, q.Sort+1, q.Filter.Column+1), table.MaxColumns) {
		v.Columns = append(v.Columns, q.head(i, columnName(s.names, i)))
	}
	if q.Skip > 0 {
		v.Earlier = "?" + q.values(q.Skip-rowsPerPage).Encode()
	}
	if s.page.More {
		v.Later = "?" + q.values(q.Skip+rowsPerPage).Encode()
	}
}

// shownCells are cells as a page shows them.
func shownCells(cells []string) (shown []string) {
	for _, cell := range cells[:min(len(cells), table.MaxColumns)] {
		shown = append(shown, shortened(redacted(cell)))
	}
	return shown
}

func shortened(cell string) string {
	if len(cell) <= maxCellLength {
		return cell
	}
	if runes := []rune(cell); len(runes) > maxCellLength {
		return string(runes[:maxCellLength]) + "…"
	}
	return cell
}

// A rowQuery is what the address of the page asks for.
type rowQuery struct {
	table.Query
	Form rowForm
}

// readRowQuery reads the address. What cannot be read is as if it were not there.
func readRowQuery(query url.Values) rowQuery {
	column := func(name string) int {
		n, err := strconv.Atoi(query.Get(name))
		if err != nil || n < 0 || n >= table.MaxColumns {
			return -1
		}
		return n
	}
	skip, _ := strconv.Atoi(query.Get("skip")) // no number is 0
	return rowQuery{Form: rowForm(query.Get("form")), Query: table.Query{
		Filter: table.Filter{Column: column("column"), Comparison: table.Comparison(query.Get("comparison")), Value: query.Get("value")},
		Sort:   column("sort"), Descending: query.Get("order") == "descending", Skip: max(0, skip), Size: rowsPerPage}}
}

// values are the query of the address with other rows to skip.
func (q rowQuery) values(skip int) url.Values {
	v := url.Values{}
	set := func(name, value string, needed bool) {
		if needed && value != "" {
			v.Set(name, value)
		}
	}
	set("form", string(q.Form), true)
	set("column", strconv.Itoa(q.Filter.Column), q.Filter.Column >= 0)
	set("comparison", string(q.Filter.Comparison), q.Filter.Value != "")
	set("value", q.Filter.Value, true)
	set("sort", strconv.Itoa(q.Sort), q.Sort >= 0)
	set("order", "descending", q.Sort >= 0 && q.Descending)
	set("skip", strconv.Itoa(skip), skip > 0)
	return v
}

// head is the head of a column.
func (q rowQuery) head(column int, name string) columnHead {
	head, next := columnHead{Name: name}, q
	next.Sort, next.Descending = column, false
	if q.Sort == column {
		head.Sorted = "ascending"
		next.Descending = !q.Descending
		if q.Descending {
			head.Sorted = "descending"
		}
	}
	head.Sort = "?" + next.values(0).Encode()
	return head
}

// Only is the query that shows the rows with one value.
func (q rowQuery) Only(column int, value string) string {
	q.Filter = table.Filter{Column: column, Comparison: table.Equal, Value: value}
	return "?" + q.values(0).Encode()
}

// Whole is the query without filter and order.
func (q rowQuery) Whole() string {
	return "?" + rowQuery{Form: q.Form, Query: table.Query{Filter: table.Filter{Column: -1}, Sort: -1}}.values(0).Encode()
}

// Narrowed says that a filter leaves rows out.
func (q rowQuery) Narrowed() bool { return q.Filter.Value != "" }

// Numbers says which rows the page has.
func (v *predictionsView) Numbers() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Rows %s to %s", showCount(v.From), showCount(v.To))
	switch {
	case v.Page.Complete:
		fmt.Fprintf(&b, " of %s", showCount(v.Page.Matched))
	case !v.Summarizing && v.SummaryRows > 0 && !v.Query.Narrowed():
		fmt.Fprintf(&b, " of %s", showCount(v.SummaryRows))
	}
	if v.Partial {
		b.WriteString(" so far")
	}
	if v.Page.Complete && v.Query.Narrowed() {
		fmt.Fprintf(&b, "; the filter takes these of %s", showCount(v.Page.Seen))
	}
	return b.String()
}

// showComparison is a comparison for people.
func showComparison(c table.Comparison) string { return strings.ReplaceAll(string(c), "-", " ") }
