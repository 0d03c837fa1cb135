package ui

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// reportLog is the engine's report: a line for each try of a mini-batch.
const reportLog = "logs/sys/job_report/processed_mini-batches.csv"

// maxLost is how many failed mini-batches a report remembers; the others are counted only.
const maxLost = 1_000

// A report is what the engine's report says so far. It is read in parts.
type report struct {
	header []string
	lost   map[int]lostMiniBatch // those whose last try failed
	beyond int                   // failed tries that were not remembered
	tally  map[string]tally      // by the name of the process
}

// A lostMiniBatch is the last try of a mini-batch that did not give a result for each file.
type lostMiniBatch struct {
	ID, Tries int
	Process   string
	Failed    int // files without a result
	Files     []string
	Message   string
}

// A tally is what one process has done.
type tally struct{ Tries, Files, Failed int }

// add takes in whole lines of the report. A line that cannot be read is skipped: the columns are known,
// but not each value that they can have.
func (r *report) add(part []byte) {
	if r.lost == nil {
		r.lost, r.tally = map[int]lostMiniBatch{}, map[string]tally{}
	}
	lines := csv.NewReader(bytes.NewReader(part))
	lines.FieldsPerRecord, lines.LazyQuotes = -1, true
	for {
		line, err := lines.Read()
		if err != nil {
			return
		}
		if r.header == nil {
			r.header = line
			continue
		}
		r.addTry(func(column string) string {
			if i := slices.Index(r.header, column); i >= 0 && i < len(line) {
				return line[i]
			}
			return ""
		})
	}
}

// addTry takes in one line. The last try of a mini-batch is the one that counts.
func (r *report) addTry(value func(column string) string) {
	id, err := strconv.Atoi(value("Mini-batch Id"))
	if err != nil {
		return
	}
	number := func(column string) int {
		n, _ := strconv.Atoi(value(column)) // no number is 0
		return max(0, n)
	}
	process, status := value("Process"), value("Status")
	t := r.tally[process]
	t.Tries, t.Files, t.Failed = t.Tries+1, t.Files+number("Succeeded"), t.Failed+number("Failed")
	r.tally[process] = t
	broken := strings.Contains(status, "EXCEPTION") || strings.Contains(status, "TIMEOUT")
	if !broken && number("Failed") == 0 {
		delete(r.lost, id)
		return
	}
	if _, known := r.lost[id]; !known && len(r.lost) >= maxLost {
		r.beyond++
		return
	}
	one := lostMiniBatch{ID: id, Tries: number("Picked Count"), Process: process, Failed: number("Failed"),
		Files: detailFiles(value("Mini-batch Detail")), Message: cmp.Or(value("Error Message"), status)}
	if !broken {
		one.Message = "The script returned fewer rows than it got files."
	} else if one.Failed == 0 {
		one.Failed = number("Total")
	}
	r.lost[id] = one
}

// detailFiles reads the names of files out of the detail of a mini-batch: a JSON list, or else the text
// as it is.
func detailFiles(detail string) []string {
	var files []string
	if json.Unmarshal([]byte(detail), &files) == nil || detail == "" {
		return files
	}
	return []string{detail}
}

// failures are the failed mini-batches in their order.
func (r *report) failures() []lostMiniBatch {
	all := make([]lostMiniBatch, 0, len(r.lost))
	for _, one := range r.lost {
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b lostMiniBatch) int { return a.ID - b.ID })
	return all
}
