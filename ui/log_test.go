package ui

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
)

// hugeLog answers as storage with one log would, made as it is read, and counts the bytes that it gives.
type hugeLog struct {
	size int64
	text func(offset int64, p []byte) // writes the bytes of the log at an offset

	mu    sync.Mutex
	given int64
}

// A hugeLogReader reads from an offset.
type hugeLogReader struct {
	log *hugeLog
	at  int64
}

func (r *hugeLogReader) Read(p []byte) (int, error) {
	n := int(min(int64(len(p)), r.log.size-r.at))
	if n == 0 {
		return 0, io.EOF
	}
	r.log.text(r.at, p[:n])
	r.at += int64(n)
	r.log.mu.Lock()
	r.log.given += int64(n)
	r.log.mu.Unlock()
	return n, nil
}

func (l *hugeLog) Do(r *http.Request) (*http.Response, error) {
	from := int64(0)
	for name, values := range r.Header { // which azcore does not spell as net/http does
		if strings.EqualFold(name, "x-ms-range") {
			from, _ = strconv.ParseInt(strings.TrimSuffix(strings.TrimPrefix(values[0], "bytes="), "-"), 10, 64)
		}
	}
	if from >= l.size {
		resp := answer(r, http.StatusRequestedRangeNotSatisfiable, "")
		resp.Header.Set("X-Ms-Error-Code", "InvalidRange")
		return resp, nil
	}
	resp := answer(r, http.StatusPartialContent, "")
	resp.Header.Set("Etag", `"1"`)
	resp.ContentLength, resp.Body = l.size-from, io.NopCloser(&hugeLogReader{l, from})
	return resp, nil
}

func (l *hugeLog) log() azmlbatch.JobLog {
	return azmlbatch.JobLog{Name: "logs/big.txt", Size: l.size, URI: "https://kilns.blob.core.windows.net/logs/big.txt"}
}

// taken returns how many bytes were given since the last call.
func (l *hugeLog) taken() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.given
	l.given = 0
	return n
}

// numbered is a log whose lines have 64 bytes each and begin with their number, counted from 1.
func numbered(offset int64, p []byte) {
	for i := 0; i < len(p); {
		at := offset + int64(i)
		line := fmt.Appendf(nil, "%-63d\n", at/64+1)
		i += copy(p[i:], line[at%64:])
	}
}

// TestAGigabyteOfLog: each view reads a bounded part, wherever it is.
func TestAGigabyteOfLog(t *testing.T) {
	l := &hugeLog{size: 1 << 30, text: numbered}
	jobs := newTestClient(t, l).Jobs()
	indexes := lineIndexes{logs: map[string]*lineIndex{}}
	const read = 2 * (partSize + maxLineSize) // and what the transport had read ahead
	for _, part := range []int{0, 1, 400, partsOf(l.size) - 1} {
		lines, err := readPart(t.Context(), jobs, l.log(), part)
		if err != nil {
			t.Fatal(err)
		}
		first := strconv.Itoa(part*partSize/64 + 1)
		if len(lines) != partSize/64 || strings.TrimSpace(lines[0].Text) != first || lines[0].Offset != int64(part)*partSize {
			t.Errorf("part %d has %d lines, the first %+v; want %d lines from %s on", part, len(lines), lines[0], partSize/64, first)
		}
		if n := l.taken(); n > read {
			t.Errorf("part %d took %d bytes, want at most %d", part, n, read)
		}
		if err := indexes.number(t.Context(), jobs, "job", l.log(), part, lines); err != nil {
			t.Fatal(err)
		}
		if n := l.taken(); n > maxCounted+read {
			t.Errorf("the numbers of part %d took %d bytes, want at most %d", part, n, maxCounted+read)
		}
		want := part*partSize/64 + 1
		if int64(part)*partSize > maxCounted {
			want = 0 // too far for one view
		}
		if lines[0].Number != want {
			t.Errorf("the first line of part %d has number %d, want %d", part, lines[0].Number, want)
		}
	}
	found, err := searchLog(t.Context(), jobs, l.log(), "no such text", 0)
	if n := l.taken(); err != nil || !found.More || len(found.Lines) > 0 || n > maxSearched+read {
		t.Errorf("a search took %d bytes and found %+v, %v", n, found, err)
	}
	found, err = searchLog(t.Context(), jobs, l.log(), "1", found.To)
	if n := l.taken(); err != nil || len(found.Lines) != maxFound || n > 1<<20 {
		t.Errorf("a search that finds much took %d bytes and found %d lines, %v", n, len(found.Lines), err)
	}
}

// TestPartsHaveEachLineOnce, whatever its length and wherever the parts end.
func TestPartsHaveEachLineOnce(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	tests := map[string]string{
		"empty":                     "",
		"one line":                  "clay\n",
		"no end":                    "clay\nglaze",
		"only ends":                 strings.Repeat("\n", partSize+3),
		"a line up to the edge":     long(partSize-1) + "\nglaze\n",
		"a line beyond the edge":    long(partSize) + "\nglaze\n",
		"ends at the edge":          strings.Repeat(long(63)+"\n", 3*partSize/64),
		"short lines":               strings.Repeat("abc\n", partSize),
		"lines that cross the edge": strings.Repeat(long(99)+"\n", 3*partSize/100),
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			l := &hugeLog{size: int64(len(text)), text: func(offset int64, p []byte) { copy(p, text[offset:]) }}
			jobs := newTestClient(t, l).Jobs()
			indexes := lineIndexes{logs: map[string]*lineIndex{}}
			var got []string
			for part := range partsOf(l.size) {
				lines, err := readPart(t.Context(), jobs, l.log(), part)
				if err != nil {
					t.Fatal(err)
				}
				if err := indexes.number(t.Context(), jobs, "job", l.log(), part, lines); err != nil {
					t.Fatal(err)
				}
				for _, line := range lines {
					if got = append(got, line.Text); line.Number != len(got) {
						t.Fatalf("line %d of part %d has number %d", len(got), part, line.Number)
					}
				}
			}
			var want []string
			for line := range strings.Lines(text) {
				line = strings.TrimSuffix(line, "\n")
				want = append(want, line[:min(len(line), maxLineSize)])
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff[:min(len(diff), 2000)])
			}
		})
	}
}

// TestALineOfManyParts shows a piece of it in each part that has no other line.
func TestALineOfManyParts(t *testing.T) {
	l := &hugeLog{size: 5 * partSize, text: func(_ int64, p []byte) { copy(p, bytes.Repeat([]byte("x"), len(p))) }}
	jobs := newTestClient(t, l).Jobs()
	for part := range 5 {
		lines, err := readPart(t.Context(), jobs, l.log(), part)
		if err != nil || len(lines) != 1 || !lines[0].Cut || len(lines[0].Text) != maxLineSize {
			t.Errorf("part %d: %d lines, %v", part, len(lines), err)
		}
	}
}

// TestLinesAreFitToBeShown: as on a terminal, and without signatures.
func TestLinesAreFitToBeShown(t *testing.T) {
	for in, want := range map[string]string{
		"\x1b[31mred\x1b[0m vase":           "red vase",
		" 10%|#   |\r 50%|## |\r100%|####|": "100%|####|",
		"windows\r":                         "windows",
		"bad \xff byte":                     "bad \uFFFD byte",
		"https://a.blob.core.windows.net/c/b?sv=1&sig=abc x": "https://a.blob.core.windows.net/c/b x",
	} {
		if got := newLogLine(0, []byte(in)).Text; got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
}

// TestLogs walks from the tree to a log, a line of it and a search.
func TestLogs(t *testing.T) {
	client, endpoint := deployScript(t, "import sys\ndef run(files):\n    for i in range(5000):\n        print('line', i, 'of the KILN', '#' * 60)\n    return files\n",
		azmlbatch.Deployment{})
	job := run(t, client, endpoint, "a.txt")
	p := newTestPage(t, client, nil)
	const stdout = "logs/user/stdout/0/process000.stdout.txt"
	logs := "/jobs/" + job.Name + "/logs"
	address := logs + "/" + url.PathEscape(stdout)
	tree := p.get(logs)
	for _, want := range []string{`href="` + address + `"`, "job_result.txt", "<summary>stdout</summary>"} {
		if !strings.Contains(tree, want) {
			t.Errorf("the tree has no %s:\n%s", want, tree)
		}
	}
	if last := p.shows(address, "line 4999 of the KILN", "Part 4 of 4"); !strings.Contains(last, ">5000</a>") {
		t.Errorf("the last line has no number:\n%s", last)
	}
	first := p.shows(address+"?part=0", "line 0 of the KILN", "Part 1 of 4")
	if !strings.Contains(first, `<li id="b0"><a class="line" href="?part=0#b0" aria-label="Line 1">1</a>`) || strings.Contains(first, "line 4999 ") {
		t.Errorf("the first part:\n%s", first)
	}
	p.shows(address+"?q=4321+of+the+kiln", "1 lines have", "line 4321 of the KILN")
	p.shows(address+"?q=porcelain", "No line has")
	p.shows(address+"?part=99999999999999999999", "line 4999 of the KILN")
	p.shows(address+"?part=-5", "line 0 of the KILN")
	resp, raw := p.do(http.MethodGet, "/jobs/"+job.Name+"/raw/"+url.PathEscape(stdout), nil)
	if resp.StatusCode != http.StatusOK || strings.Count(raw, "\n") != 5000 || !strings.HasPrefix(resp.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("the whole log: %s, %d lines, %s", resp.Status, strings.Count(raw, "\n"), resp.Header.Get("Content-Disposition"))
	}
	for _, missing := range []string{logs + "/none", "/jobs/none/logs", "/jobs/" + job.Name + "/raw/..%2F..%2Fsecret"} {
		if resp, _ := p.do(http.MethodGet, missing, nil); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s, want 404", missing, resp.Status)
		}
	}
}
