package ui

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"image/png"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/ui/internal/table"
)

// inputPage shows one file of a job's input.
var inputPage = page{pattern: "/jobs/{job}/input", template: "input.html", load: loadInput}

// inputContent answers with such a file. It comes through the handler, so no signature is needed.
var inputContent = file{pattern: "/jobs/{job}/input/content", serve: serveInput}

const (
	previewBytes   = 64 << 10
	previewRows    = 50
	previewColumns = 30
)

// inputView is what the page of an input shows.
type inputView struct {
	Job, Title string
	File       *inputFile
	Table      [][]string // of a CSV
	Text       string
	Cut        bool // there is more of Table or Text

	Columns  []string
	Rows     []table.Row // the predictions that name the file
	AllRows  string      // the query that shows them among the predictions
	MoreRows bool
	Unread   string // why there may be more predictions than Rows
}

// rowsOfInput is how many predictions stand beside a file.
const rowsOfInput = 20

func loadInput(ctx context.Context, h *Handler, v visit) (view, error) {
	job, err := h.client.Jobs().Get(ctx, v.path("job"))
	if err != nil {
		return view{}, err
	}
	file, err := h.inputFile(ctx, job, v.query.Get("file"))
	if err != nil {
		return view{}, err
	}
	data := inputView{Job: job.Name, Title: cmp.Or(job.DisplayName, job.Name), File: file}
	if err := data.addRows(ctx, h, job); err != nil {
		return view{}, err
	}
	if !file.IsImage() {
		if err := data.preview(ctx, h.client); err != nil {
			return view{}, err
		}
	}
	return view{title: file.Name, section: "Jobs", data: data}, nil
}

// addRows finds the predictions that name the file. A job without rows has none, and rows that cannot be
// read do not hide the file.
func (v *inputView) addRows(ctx context.Context, h *Handler, job azmlbatch.Job) error {
	q := readRowQuery(nil)
	q.Filter.Comparison, q.Filter.Value = table.NamesFile, v.File.Name
	v.AllRows = "?" + q.values(0).Encode()
	found, err := h.selectRows(ctx, job, q)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && !errors.Is(err, azmlbatch.ErrNotFound):
		v.Unread = redacted(errorText(err))
	}
	v.MoreRows = len(found.page.Rows) > rowsOfInput
	widest := 0
	for _, row := range found.page.Rows[:min(len(found.page.Rows), rowsOfInput)] {
		row.Cells = shownCells(row.Cells)
		widest = max(widest, len(row.Cells))
		v.Rows = append(v.Rows, row)
	}
	for i := range widest {
		v.Columns = append(v.Columns, columnName(found.names, i))
	}
	return nil
}

// preview reads the beginning of a file, and shows it if it is text.
func (v *inputView) preview(ctx context.Context, client *azmlbatch.Client) error {
	body, err := client.OpenFile(ctx, v.File.URI)
	if err != nil {
		return err
	}
	defer body.Close()
	head, err := io.ReadAll(io.LimitReader(body, previewBytes))
	if err != nil {
		return err
	}
	v.Cut = v.File.Size > int64(len(head))
	if v.Cut {
		head = wholeLines(head)
	}
	if !utf8.Valid(head) || bytes.IndexByte(head, 0) >= 0 {
		return nil
	}
	switch strings.ToLower(path.Ext(v.File.Name)) {
	case ".csv":
		v.showTable(head, ',')
	case ".tsv":
		v.showTable(head, '\t')
	}
	if v.Table == nil {
		v.Text = redacted(string(head))
	}
	return nil
}

// wholeLines is the beginning of a text without the line that it breaks off in. Of a text that is one
// long line it is all but the character that it breaks off in.
func wholeLines(head []byte) []byte {
	if end := bytes.LastIndexByte(head, '\n'); end >= 0 {
		return head[:end+1]
	}
	for cut := 1; cut < utf8.UTFMax && cut <= len(head); cut++ {
		if last := head[len(head)-cut:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return head[:len(head)-cut]
			}
			break
		}
	}
	return head
}

// showTable reads rows until one cannot be read.
func (v *inputView) showTable(text []byte, comma rune) {
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.LazyQuotes = comma, -1, true
	for {
		cells, err := r.Read()
		if err != nil {
			return
		}
		if len(v.Table) == previewRows {
			v.Cut = true
			return
		}
		if len(cells) > previewColumns {
			cells, v.Cut = cells[:previewColumns], true
		}
		v.Table = append(v.Table, shownCells(cells))
	}
}

func serveInput(h *Handler, w http.ResponseWriter, r *http.Request) error {
	job, err := h.client.Jobs().Get(r.Context(), r.PathValue("job"))
	if err != nil {
		return err
	}
	file, err := h.inputFile(r.Context(), job, r.URL.Query().Get("file"))
	if err != nil {
		return err
	}
	body, err := h.client.OpenFile(r.Context(), file.URI)
	if err != nil {
		return err
	}
	defer body.Close()
	if file.IsImage() {
		w.Header().Set("Cache-Control", "private, max-age=300") // the same picture stands on several pages
	}
	download := r.URL.Query().Has("download")
	if isNetpbm(file.Name) && !download {
		return servePicture(w, body)
	}
	w.Header().Set("Content-Length", strconv.FormatInt(file.Size, 10))
	serveBlob(w, file.Name, body, download)
	return nil
}

// servePicture converts a picture for browsers. The pictures of such data sets are small, so that is
// fast.
func servePicture(w http.ResponseWriter, content io.Reader) error {
	picture, err := readNetpbm(content)
	if err != nil {
		return err
	}
	var converted bytes.Buffer
	if err := png.Encode(&converted, picture); err != nil {
		return err
	}
	serveBlob(w, "picture.png", &converted, false)
	return nil
}
