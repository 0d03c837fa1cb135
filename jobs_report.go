package azmlbatch

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
)

// reportLines reads the report by the names of its columns, which are all that is known of it: each line is a function
// from a column to its value. A last line that is cut short is left out.
func reportLines(r io.Reader) iter.Seq2[func(column string) string, error] {
	return func(yield func(func(string) string, error) bool) {
		lines := csv.NewReader(r)
		lines.FieldsPerRecord, lines.ReuseRecord = -1, true
		first, err := lines.Read()
		header := slices.Clone(first)
		for err == nil {
			var line []string
			if line, err = lines.Read(); err != nil {
				break
			}
			value := func(column string) string {
				if i := slices.Index(header, column); i >= 0 && i < len(line) {
					return line[i]
				}
				return ""
			}
			if !yield(value, nil) {
				return
			}
		}
		if bad := new(csv.ParseError); !errors.Is(err, io.EOF) && !errors.As(err, &bad) {
			yield(nil, err)
		}
	}
}

// reportedFailure reports whether a try of a mini-batch did not get to its end.
func reportedFailure(status string) bool {
	return strings.Contains(status, "EXCEPTION") || strings.Contains(status, "TIMEOUT")
}

// reportCounts sums up the report of a job. The last try of a mini-batch counts; if it did not get to its end, all files
// of the mini-batch failed. Mini-batches that no worker picked are not in the report.
func reportCounts(r io.Reader) (JobCounts, error) {
	type result struct{ files, failed int }
	last := map[int]result{}
	for line, err := range reportLines(r) {
		if err != nil {
			return unknownCounts(), operation{"read", "log", miniBatchReport}.failed(err)
		}
		id, files, failed := count(line("Mini-batch Id")), count(line("Total")), count(line("Failed"))
		if id < 0 || files < 0 || failed < 0 {
			continue
		}
		if reportedFailure(line("Status")) {
			failed = files
		}
		last[id] = result{files, failed}
	}
	if len(last) == 0 {
		return unknownCounts(), nil
	}
	sum := JobCounts{Files: -1, MiniBatches: -1, MiniBatchesDone: len(last)}
	for _, r := range last {
		sum.FilesDone += r.files
		sum.FilesFailed += r.failed
	}
	return sum, nil
}

// number is a JSON number, also when it comes as text.
type number float64

// UnmarshalJSON reads 12, 12.5 and "12".
func (n *number) UnmarshalJSON(b []byte) error {
	var f json.Number
	if err := json.Unmarshal([]byte(strings.Trim(string(b), `"`)), &f); err != nil {
		return nil //nolint:nilerr // a metric that cannot be read is no reason to fail
	}
	v, _ := f.Float64()
	*n = number(v)
	return nil
}
