package scoring

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// sha256Script is the work of the benchmark: it reads each file and hashes it.
const sha256Script = `
import hashlib, os

def run(mini_batch):
    rows = []
    for path in mini_batch:
        with open(path, "rb") as file:
            rows.append(os.path.basename(path) + " " + hashlib.sha256(file.read()).hexdigest())
    return rows
`

// bareLoop is the same work without an engine: import the script, cut the listing, call run, write the rows.
const bareLoop = `
import os, sys
sys.path.insert(0, sys.argv[1])
import score
folder, size = sys.argv[2], int(sys.argv[4])
files = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
with open(sys.argv[3], "w") as out:
    for at in range(0, len(files), size):
        for row in score.run(files[at:at + size]):
            out.write(str(row) + "\n")
`

// BenchmarkAgainstBareLoop compares the engine with a bare Python loop over the same files in the same run. The metric
// x-bare is the ratio of their times.
func BenchmarkAgainstBareLoop(b *testing.B) {
	const files, fileSize, batch = 10_000, 10 << 10, 10
	dir := b.TempDir()
	code, input := filepath.Join(dir, "code"), filepath.Join(dir, "input")
	for _, folder := range []string{code, input} {
		if err := os.Mkdir(folder, 0o750); err != nil {
			b.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(code, "score.py"), []byte(sha256Script), 0o600); err != nil {
		b.Fatal(err)
	}
	content := make([]byte, fileSize)
	for i := range files {
		copy(content, fmt.Sprint(i))
		if err := os.WriteFile(filepath.Join(input, fmt.Sprintf("f%05d.bin", i)), content, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	python := pythonItself(b)
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			var engine, bare time.Duration
			for n := 0; b.Loop(); n++ {
				start := time.Now()
				output := filepath.Join(dir, fmt.Sprintf("out-%d-%d", workers, n))
				if _, err := Run(b.Context(), Job{Code: code, Script: "score.py", Input: input, Output: output, MiniBatchSize: batch, MaxConcurrencyPerInstance: workers}); err != nil {
					b.Fatal(err)
				}
				engine += time.Since(start)
				start = time.Now()
				loop := exec.CommandContext(b.Context(), python, "-c", bareLoop, code, input, filepath.Join(dir, "bare"), fmt.Sprint(batch))
				loop.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
				if out, err := loop.CombinedOutput(); err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
				bare += time.Since(start)
			}
			b.ReportMetric(engine.Seconds()/bare.Seconds(), "x-bare")
		})
	}
}

// pythonItself is the interpreter behind a wrapper on the PATH, which would be counted as the loop's own time.
func pythonItself(b *testing.B) string {
	b.Helper()
	out, err := exec.CommandContext(b.Context(), "python3", "-c", "import sys; print(sys.executable, end='')").Output()
	if err != nil {
		b.Fatal(err)
	}
	return string(out)
}
