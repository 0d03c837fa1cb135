package scoring

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The benchmarks compare the engine with what a user would run without it, in the same run, and
// report ratios. Each time is the best of a few rounds, which works even on a busy machine. With
// AZMLBATCH_BENCH_FULL=1, the benchmarks that need much disk or time have the size of the published
// figures: a gigabyte of rows, 100,000 files.
const (
	benchRounds = 3
	benchFull   = "AZMLBATCH_BENCH_FULL"
)

// full returns the size of the published figures, or else the small one.
func full(large, small int) int {
	if os.Getenv(benchFull) != "" {
		return large
	}
	return small
}

// sha256Script reads and hashes each file.
const sha256Script = `
import hashlib, os

def run(mini_batch):
    rows = []
    for path in mini_batch:
        with open(path, "rb") as file:
            rows.append(os.path.basename(path) + " " + hashlib.sha256(file.read()).hexdigest())
    return rows
`

// bareLoop does the same without an engine: it imports the script, splits the listing, calls run
// and writes the rows. poolLoop uses the standard library's pool of processes.
const (
	loopHead = `
import os, sys
sys.path.insert(0, sys.argv[1])
import score
folder, size = sys.argv[2], int(sys.argv[4])
files = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
batches = [files[at:at + size] for at in range(0, len(files), size)]
`
	bareLoop = loopHead + `
with open(sys.argv[3], "w") as out:
    for batch in batches:
        for row in score.run(batch):
            out.write(str(row) + "\n")
`
	poolLoop = loopHead + `
import multiprocessing
with open(sys.argv[3], "w") as out, multiprocessing.Pool(int(sys.argv[5])) as pool:
    for rows in pool.imap_unordered(score.run, batches):
        for row in rows:
            out.write(str(row) + "\n")
`
)

// benchDir creates a job with input files of one size.
func benchDir(b *testing.B, script string, files, fileSize int) (job Job) {
	b.Helper()
	dir := b.TempDir()
	writeFile(b, filepath.Join(dir, "code", "score.py"), script)
	job = Job{Code: filepath.Join(dir, "code"), Script: "score.py", Input: filepath.Join(dir, "input"), Output: filepath.Join(dir, "out"), Python: realPython()}
	if err := os.Mkdir(job.Input, 0o750); err != nil {
		b.Fatal(err)
	}
	content := make([]byte, fileSize)
	for i := range files {
		copy(content, strconv.Itoa(i))
		if err := os.WriteFile(filepath.Join(job.Input, fmt.Sprintf("f%06d.bin", i)), content, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	return job
}

// benchRun runs a job with a new output folder and returns how long it took.
func benchRun(b *testing.B, job Job) time.Duration {
	b.Helper()
	job.Output = filepath.Join(b.TempDir(), "out")
	began := time.Now()
	if got, err := Run(b.Context(), job); err != nil || got.Items.Failed > 0 {
		b.Fatalf("Run = %+v, %v", got, err)
	}
	return time.Since(began)
}

// benchPython runs a program and returns how long it took.
func benchPython(b *testing.B, args ...string) time.Duration {
	b.Helper()
	began := time.Now()
	cmd := exec.CommandContext(b.Context(), realPython(), args...)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return time.Since(began)
}

// best measures several functions in turn for a few rounds, and returns the best time of each.
func best(b *testing.B, measure ...func() time.Duration) []time.Duration {
	b.Helper()
	times := make([]time.Duration, len(measure))
	for range benchRounds {
		for i, m := range measure {
			if t := m(); times[i] == 0 || t < times[i] {
				times[i] = t
			}
		}
	}
	return times
}

// BenchmarkFiles hashes 10,000 files of 10 KiB in mini-batches of ten. x-bare is the engine's time
// divided by that of a bare Python loop (target with one worker: 1.25). x-pool is the engine's time
// divided by that of multiprocessing.Pool with as many processes (target: below 1).
func BenchmarkFiles(b *testing.B) {
	job := benchDir(b, sha256Script, 10_000, 10<<10)
	rows := filepath.Join(filepath.Dir(job.Code), "rows")
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			job.MiniBatchSize, job.MaxConcurrencyPerInstance = 10, workers
			for b.Loop() {
				times := best(b,
					func() time.Duration { return benchRun(b, job) },
					func() time.Duration { return benchPython(b, "-c", bareLoop, job.Code, job.Input, rows, "10") },
					func() time.Duration {
						return benchPython(b, "-c", poolLoop, job.Code, job.Input, rows, "10", strconv.Itoa(workers))
					})
				b.ReportMetric(times[0].Seconds()/times[1].Seconds(), "x-bare")
				b.ReportMetric(times[0].Seconds()/times[2].Seconds(), "x-pool")
			}
		})
	}
}

// BenchmarkTwoWorkers runs a script that only computes. speedup is the time with one worker divided
// by the time with two (target on two idle cores: 1.8).
func BenchmarkTwoWorkers(b *testing.B) {
	job := benchDir(b, "def run(b):\n    x = 0\n    for i in range(200000):\n        x += i * i\n    return [x] * len(b)", 300, 1)
	job.MiniBatchSize = 1
	one, two := job, job
	two.MaxConcurrencyPerInstance = 2
	for b.Loop() {
		times := best(b, func() time.Duration { return benchRun(b, one) }, func() time.Duration { return benchRun(b, two) })
		b.ReportMetric(times[0].Seconds()/times[1].Seconds(), "speedup")
	}
}

// BenchmarkFirstResult is the time until the first mini-batch is done, minus the time in which the
// interpreter runs an empty program (target: 150 ms).
func BenchmarkFirstResult(b *testing.B) {
	job := benchDir(b, "import os\ndef run(b):\n    return [os.path.basename(p) for p in b]", 10, 1)
	for b.Loop() {
		times := best(b, func() time.Duration {
			job := job
			began, first := time.Now(), time.Duration(0)
			job.OnProgress = func(p Progress) {
				if p.MiniBatches.Processed > 0 && first == 0 {
					first = time.Since(began)
				}
			}
			benchRun(b, job)
			return first
		}, func() time.Duration { return benchPython(b, "-c", "pass") })
		b.ReportMetric(float64((times[0]-times[1]).Microseconds())/1000, "ms-over-python")
	}
}

// BenchmarkJoin joins the rows of four workers, 128 MiB, or 1 GiB in full size. x-cat is its time
// divided by that of cat (target: 1.5).
func BenchmarkJoin(b *testing.B) {
	const workers = 4
	dir, size := b.TempDir(), int64(full(1<<30, 128<<20))/workers
	row := []byte(strings.Repeat("x", 63) + "\n")
	block := slices.Repeat(row, 1<<14)
	makeParts := func() (parts []part, names []string) {
		for i := range workers {
			path := filepath.Join(dir, fmt.Sprint("part", i))
			file, err := os.Create(path)
			if err != nil {
				b.Fatal(err)
			}
			for written := int64(0); written < size; written += int64(len(block)) {
				if _, err := file.Write(block); err != nil {
					b.Fatal(err)
				}
			}
			if err := file.Close(); err != nil {
				b.Fatal(err)
			}
			parts, names = append(parts, part{path, size}), append(names, path)
		}
		return parts, names
	}
	for b.Loop() {
		times := best(b, func() time.Duration {
			_, names := makeParts()
			joined := filepath.Join(dir, "cat")
			began := time.Now()
			cmd := exec.CommandContext(b.Context(), "sh", append([]string{"-c", `cat "$@" >"$0"`, joined}, names...)...)
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Fatalf("%v\n%s", err, out)
			}
			spent := time.Since(began)
			if err := os.Remove(joined); err != nil {
				b.Fatal(err)
			}
			return spent
		}, func() time.Duration {
			parts, _ := makeParts()
			began := time.Now()
			if err := joinParts(b.Context(), parts); err != nil {
				b.Fatal(err)
			}
			return time.Since(began)
		})
		b.ReportMetric(times[1].Seconds()/times[0].Seconds(), "x-cat")
	}
}

// BenchmarkMemoryByFiles is the memory of the engine with 20,000 files, or 100,000 in full size.
// x-1000 is that divided by its memory with 1,000 files (target: 2).
func BenchmarkMemoryByFiles(b *testing.B) {
	const script = "import os\ndef run(b):\n    return [os.path.basename(p) for p in b]"
	few, many := benchDir(b, script, 1000, 0), benchDir(b, script, full(100_000, 20_000), 0)
	for b.Loop() {
		small, large := memoryOf(b, few), memoryOf(b, many)
		b.ReportMetric(float64(large)/(1<<20), "MB")
		b.ReportMetric(float64(large)/float64(small), "x-1000")
	}
}

// BenchmarkMemoryByRows is the memory of the engine while its workers write 128 MiB of rows, or 1
// GiB in full size. x-none is that divided by its memory with nearly no rows.
func BenchmarkMemoryByRows(b *testing.B) {
	const files = 128
	script := "def run(b):\n    return ['x' * %d] * len(b)"
	none, rows := benchDir(b, fmt.Sprintf(script, 1), files, 0), benchDir(b, fmt.Sprintf(script, full(1<<30, 128<<20)/files), files, 0)
	none.MaxConcurrencyPerInstance, rows.MaxConcurrencyPerInstance = 2, 2
	for b.Loop() {
		small, large := memoryOf(b, none), memoryOf(b, rows)
		b.ReportMetric(float64(large)/(1<<20), "MB")
		b.ReportMetric(float64(large)/float64(small), "x-none")
	}
}

// memoryOf runs a job in a process of its own and returns the peak memory of that process in bytes.
func memoryOf(b *testing.B, job Job) int64 {
	b.Helper()
	job.Output = filepath.Join(b.TempDir(), "out")
	out, err := jobProcess(b, job).CombinedOutput()
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	if err := os.RemoveAll(job.Output); err != nil {
		b.Fatal(err)
	}
	var kilobytes int64
	_, status, _ := strings.Cut(string(out), "VmHWM:")
	if _, err := fmt.Sscan(status, &kilobytes); err != nil {
		b.Skip("this system does not tell the most memory that a process had")
	}
	return kilobytes << 10
}
