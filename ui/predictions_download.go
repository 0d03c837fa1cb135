package ui

import (
	"encoding/csv"
	"mime"
	"net/http"

	"github.com/azmlbatch/azmlbatch/ui/internal/table"
)

// predictionsFile answers with the rows that the filter of the page takes, as CSV.
var predictionsFile = file{pattern: "/jobs/{job}/predictions.csv", serve: servePredictions}

func servePredictions(h *Handler, w http.ResponseWriter, r *http.Request) error {
	job, q := r.PathValue("job"), readRowQuery(r.URL.Query())
	rows := &rowReader{client: h.client, job: job, form: q.Form}
	out, begun := csv.NewWriter(w), false
	number := 0
	for cells, err := range rows.all(r.Context()) {
		switch {
		case err != nil && !begun:
			return err
		case err != nil:
			panic(http.ErrAbortHandler) // so that the browser does not take it for the whole file
		}
		if number++; !q.Filter.Match(table.Row{Number: number, Cells: cells}) {
			continue
		}
		if !begun {
			beginDownload(w, "text/csv; charset=utf-8", job+".csv")
			begun = true
			writeNames(out, rows.names)
		}
		if out.Write(cells) != nil {
			return nil // the browser has left
		}
	}
	if !begun {
		beginDownload(w, "text/csv; charset=utf-8", job+".csv")
	}
	out.Flush()
	return nil
}

// writeNames begins a table whose columns have names. Members that only later rows have stand in
// columns without a name.
func writeNames(out *csv.Writer, names []string) {
	if len(names) > 0 {
		_ = out.Write(names) // an error comes again with the rows
	}
}

// beginDownload sets what makes a browser keep the answer as a file.
func beginDownload(w http.ResponseWriter, contentType, name string) {
	w.Header().Set("Content-Type", contentType)
	disposition := mime.FormatMediaType("attachment", map[string]string{"filename": name})
	if disposition == "" { // no name that a header can carry
		disposition = "attachment"
	}
	w.Header().Set("Content-Disposition", disposition)
}
