package interop

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/metrics"
	"strconv"
	"testing"

	"github.com/azmlbatch/azmlbatch"
)

// prediction is a row as a script that returns a pandas DataFrame leaves it.
type prediction struct {
	File  string
	Class int
	Score float64
}

const (
	peerCSV      = "client=encoding-csv"
	peerCSVReuse = "client=encoding-csv-reuse" // ReuseRecord: the record is not the caller's to keep
)

var sink prediction // keeps the compiler from leaving the work out

// rowFile is a predictions file of n rows, which takes no memory of its own.
type rowFile struct {
	block []byte // a thousand rows
	left  int    // bytes
	at    int
}

func newRowFile(rows int) *rowFile {
	var b bytes.Buffer
	for i := range 1000 {
		fmt.Fprintf(&b, "photograph-%06d.jpg %d 0.%04d\n", i, i%10, i*37%10000)
	}
	return &rowFile{block: b.Bytes(), left: rows / 1000 * b.Len()}
}

func (f *rowFile) Read(p []byte) (int, error) {
	if f.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), f.left)], f.block[f.at:])
	f.left -= n
	f.at = (f.at + n) % len(f.block)
	return n, nil
}

// peak is the largest heap that a reading needed, over what was there before.
type peak struct {
	sample      []metrics.Sample
	start, most uint64
}

func newPeak() *peak {
	runtime.GC()
	p := &peak{sample: []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}}
	p.start = p.read()
	return p
}

func (p *peak) read() uint64 {
	metrics.Read(p.sample)
	return p.sample[0].Value.Uint64()
}

func (p *peak) look(row int) {
	if row%1000 == 0 {
		p.most = max(p.most, p.read())
	}
}

func (p *peak) report(b *testing.B) {
	b.ReportMetric(float64(max(p.most, p.start)-p.start)/1e6, "peak-MB")
}

// benchRows reads files of two sizes, of which the larger must need no more memory.
func benchRows(b *testing.B, client string, read func(b *testing.B, r io.Reader, row func())) {
	for _, rows := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprintf("rows=%d/%s", rows, client), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(newRowFile(rows).left))
			p := newPeak()
			for b.Loop() {
				n := 0
				read(b, newRowFile(rows), func() { n++; p.look(n) })
				if n != rows {
					b.Fatal(n)
				}
			}
			p.report(b)
		})
	}
}

func ourRows[T any](b *testing.B, r io.Reader, row func()) {
	for v, err := range azmlbatch.ReadRows[T](r, "predictions.csv", nil) {
		if err != nil {
			b.Fatal(err)
		}
		_ = v
		row()
	}
}

func csvRows(reuse bool, use func(b *testing.B, record []string)) func(b *testing.B, r io.Reader, row func()) {
	return func(b *testing.B, r io.Reader, row func()) {
		records := csv.NewReader(r)
		records.Comma = ' '
		records.ReuseRecord = reuse
		for {
			record, err := records.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				b.Fatal(err)
			}
			use(b, record)
			row()
		}
	}
}

// BenchmarkRowsAsText reads rows as []string.
func BenchmarkRowsAsText(b *testing.B) {
	ignore := func(*testing.B, []string) {}
	benchRows(b, benchOurs, ourRows[[]string])
	benchRows(b, peerCSV, csvRows(false, ignore))
	benchRows(b, peerCSVReuse, csvRows(true, ignore))
}

// BenchmarkRowsAsStruct reads rows as a struct; the peer does the same by hand.
func BenchmarkRowsAsStruct(b *testing.B) {
	byHand := func(b *testing.B, record []string) {
		class, err := strconv.Atoi(record[1])
		if err != nil {
			b.Fatal(err)
		}
		score, err := strconv.ParseFloat(record[2], 64)
		if err != nil {
			b.Fatal(err)
		}
		sink = prediction{record[0], class, score}
	}
	benchRows(b, benchOurs, ourRows[prediction])
	benchRows(b, peerCSV, csvRows(false, byHand))
	benchRows(b, peerCSVReuse, csvRows(true, byHand))
}
