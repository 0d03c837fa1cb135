package scoring

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// newFuncJob returns a job with n files that a Go function scores.
func newFuncJob(t *testing.T, n int, function Func) Job {
	t.Helper()
	job := newJob(t, "", n)
	job.Code, job.Script, job.Model, job.Python, job.MiniBatchSize, job.Func = "", "", "", "", 1, function
	return job
}

// TestFunc: a Go function replaces the script, with the same rules.
func TestFunc(t *testing.T) {
	upper := func(_ context.Context, files []string) ([]string, error) {
		var rows []string
		for _, f := range files {
			rows = append(rows, strings.ToUpper(filepath.Base(f)))
		}
		return rows, nil
	}
	failing := func(bad func() error) Func {
		return func(ctx context.Context, files []string) ([]string, error) {
			if strings.HasSuffix(files[0], "a01.txt") {
				return nil, bad()
			}
			return upper(ctx, files)
		}
	}
	tests := []struct {
		name     string
		function Func
		workers  int
		rows     []string
		items    Items
		cause    string
	}{
		{"rows", upper, 1, []string{"A00.TXT", "A01.TXT", "A02.TXT"}, Items{3, 3, 0}, ""},
		{"several at once", upper, 3, []string{"A00.TXT", "A01.TXT", "A02.TXT"}, Items{3, 3, 0}, ""},
		{"an error", failing(func() error { return errors.New("cracked") }), 1, []string{"A00.TXT", "A02.TXT"}, Items{3, 2, 1}, "cracked"},
		{"a panic", failing(func() error { panic("glaze") }), 1, []string{"A00.TXT", "A02.TXT"}, Items{3, 2, 1}, "panic: glaze"},
		{"fewer rows", failing(func() error { return nil }), 2, []string{"A00.TXT", "A02.TXT"}, Items{3, 2, 1}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			job := newFuncJob(t, 3, tt.function)
			job.MaxConcurrencyPerInstance = tt.workers
			got, err := Run(t.Context(), job)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.rows, lines(t, got.OutputFile)); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.items, got.Items); diff != "" {
				t.Errorf("items (-want +got):\n%s", diff)
			}
			if tt.cause != "" && (got.FirstError == nil || got.FirstError.Message != tt.cause || got.FirstError.File == "" || got.ScriptErrors != 3) {
				t.Errorf("first error %+v of %d, want %q", got.FirstError, got.ScriptErrors, tt.cause)
			}
		})
	}
}

func TestFuncTimesOut(t *testing.T) { synctest.Test(t, testFuncTimesOut) }

func testFuncTimesOut(t *testing.T) {
	var calls atomic.Int32
	job := newFuncJob(t, 1, func(ctx context.Context, _ []string) ([]string, error) {
		if calls.Add(1) == 1 {
			<-ctx.Done()
			return []string{"too late"}, nil
		}
		return []string{"in time"}, nil
	})
	quick(&job)
	got, err := Run(t.Context(), job)
	if err != nil || readFile(t, got.OutputFile) != "in time\n" || got.FirstError == nil || !got.FirstError.TimedOut {
		t.Fatalf("Run = %+v, %v", got, err)
	}
	if want := "the function took longer than the timeout; the limit of a call is 3.001s"; got.FirstError.Message != want {
		t.Errorf("message %q, want %q", got.FirstError.Message, want)
	}
}

// TestFuncThatUsesItsGrace checks that a call may take the timeout and its grace, and no longer.
func TestFuncThatUsesItsGrace(t *testing.T) {
	for _, tt := range []struct {
		takes time.Duration
		want  int // files that succeed
	}{{31*time.Second - 1, 1}, {31*time.Second + 1, 0}} {
		synctest.Test(t, func(t *testing.T) {
			job := newFuncJob(t, 2, func(ctx context.Context, files []string) ([]string, error) {
				if filepath.Base(files[0]) == "a00.txt" {
					time.Sleep(tt.takes)
				}
				return files, nil
			})
			job.MaxRetries = new(1)
			if got, err := Run(t.Context(), job); err != nil || got.Items.Succeeded != tt.want+1 {
				t.Errorf("a call of %v: Run = %+v, %v", tt.takes, got.Items, err)
			}
		})
	}
}

// TestFuncWithoutProgress checks when a job fails in which nothing happens: after three times the
// timeout and 30 seconds.
func TestFuncWithoutProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began time.Time
		job := newFuncJob(t, 2, func(ctx context.Context, files []string) ([]string, error) {
			if filepath.Base(files[0]) == "a00.txt" {
				time.Sleep(20 * time.Second) // which is progress
				began = time.Now()
				return files, nil
			}
			time.Sleep(time.Hour) // it does not listen to its context
			return files, nil
		})
		_, err := Run(t.Context(), job)
		if err == nil || err.Error() != "scoring: No progress update in 180 seconds." || time.Since(began) < time.Hour {
			t.Errorf("Run = %v after %v", err, time.Since(began))
		}
	})
}

// TestFuncNeedsNothingOfAScript: what only scripts use is not looked at, and may be wrong.
func TestFuncNeedsNothingOfAScript(t *testing.T) {
	job := newFuncJob(t, 1, func(_ context.Context, files []string) ([]string, error) { return files, nil })
	job.Code, job.Model, job.Python = "/no/such", "/no/such", "no-such-python"
	job.Environment = &Environment{CondaFile: "dependencies: [3]"}
	var printed strings.Builder
	job.Echo = &printed
	got, err := Run(t.Context(), job)
	if err != nil || got.Items != (Items{1, 1, 0}) || printed.Len() > 0 {
		t.Errorf("Run = %+v, %v; printed %q", got, err, &printed)
	}
}

// TestFuncReportsItsTime pins what the report of a job says of each call.
func TestFuncReportsItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		job := newFuncJob(t, 2, func(_ context.Context, files []string) ([]string, error) {
			time.Sleep(1500 * time.Millisecond)
			return files, nil
		})
		if _, err := Run(t.Context(), job); err != nil {
			t.Fatal(err)
		}
		start := time.Now().Add(-3 * time.Second).UTC().Format(reportTime)
		want := []string{
			strings.Join(reportColumns, "|"),
			"0|1|process000|" + start + "|1|1|0|1.500000|1.500000|1.500000|RUN_DONE|||",
			"1|1|process000|" + start + "|1|1|0|1.500000|1.500000|1.500000|RUN_DONE|||",
		}
		if diff := cmp.Diff(want, reported(t, job.Logs, reportFile)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestFuncHearsWhyItsTimeIsUp: the cause of its context tells a timeout from the end of the job.
func TestFuncHearsWhyItsTimeIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cause error
		job := newFuncJob(t, 1, func(ctx context.Context, _ []string) ([]string, error) {
			<-ctx.Done()
			cause = context.Cause(ctx)
			return nil, ctx.Err()
		})
		job.MaxRetries = new(1)
		if _, err := Run(t.Context(), job); err == nil || cause == nil || cause.Error() != "time is up" {
			t.Errorf("Run = %v; the cause is %v", err, cause)
		}
	})
}

// TestFuncOfSeveralFiles checks which file an error names: the only one of the mini-batch.
func TestFuncOfSeveralFiles(t *testing.T) {
	for size, want := range map[int]string{1: "a00.txt", 2: "."} {
		job := newFuncJob(t, 2, func(context.Context, []string) ([]string, error) { return nil, errors.New("cracked") })
		job.MiniBatchSize = size
		if got := firstError(t, job); filepath.Base(got.File) != want {
			t.Errorf("mini-batches of %d: the error names %q, want %s", size, got.File, want)
		}
	}
}

// TestFuncRowsOnAFullDisk checks that rows that cannot be stored are not the function's fault.
func TestFuncRowsOnAFullDisk(t *testing.T) {
	w := newFuncWorker(func(_ context.Context, files []string) ([]string, error) { return files, nil }, "/dev/full", time.Minute)
	if err := w.load(t.Context()); err != nil {
		t.Skip("this system has no /dev/full")
	}
	defer w.close()
	if err := w.submit(t.Context(), []string{"a"}); err != nil {
		t.Fatal(err)
	}
	_, err := w.result(t.Context())
	if want := "scoring: write /dev/full: no space left on device"; err == nil || err.Error() != want || asCallError(err) != nil {
		t.Errorf("result = %v, want %s", err, want)
	}
	if got := w.rows(); got != (part{"/dev/full", 0}) {
		t.Errorf("rows = %v", got)
	}
}

func TestFuncCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	job := newFuncJob(t, 3, func(ctx context.Context, _ []string) ([]string, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	})
	if got, err := Run(ctx, job); !errors.Is(err, context.Canceled) || got.Status != StatusCanceled || got.ScriptErrors != 0 {
		t.Errorf("Run = %+v, %v", got, err)
	}
}

func TestFuncTogetherWithAScript(t *testing.T) {
	job := newJob(t, echo, 1)
	job.Func = func(context.Context, []string) ([]string, error) { return nil, nil }
	_, err := Run(t.Context(), job)
	var invalid *InvalidJobError
	if !errors.As(err, &invalid) || invalid.Field != "Func" {
		t.Errorf("Run = %v", err)
	}
}

// TestFuncCancelledAfterTheFailure: a job that failed stays failed, with its cause, even if it is
// cancelled then.
func TestFuncCancelledAfterTheFailure(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	second := make(chan struct{})
	job := newFuncJob(t, 2, func(ctx context.Context, files []string) ([]string, error) {
		if filepath.Base(files[0]) == "a00.txt" {
			<-second
			return nil, errors.New("cracked")
		}
		close(second)
		<-ctx.Done() // the first one's failure ends the job
		cancel()
		return nil, ctx.Err()
	})
	job.MaxConcurrencyPerInstance, job.MaxRetries, job.ErrorThreshold = 2, new(1), new(0)
	got, err := Run(ctx, job)
	var failure *Failure
	if !errors.As(err, &failure) || got.Status != StatusFailed || failure.Cause == nil || failure.Cause.Message != "cracked" {
		t.Errorf("Run = %s, %v; want the failure", got.Status, err)
	}
}

// TestFuncWorker checks what a call gives, and that its file has nothing of an earlier job.
func TestFuncWorker(t *testing.T) { inBubble(testFuncWorker)(t) }

func testFuncWorker(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows")
	writeFile(t, path, "of an earlier job\n")
	slow := func(_ context.Context, files []string) ([]string, error) { time.Sleep(time.Second); return files, nil }
	for want, path := range map[part]string{{path, 5}: path, {}: ""} {
		w := newFuncWorker(slow, path, time.Minute)
		if err := errors.Join(w.load(t.Context()), w.init(t.Context()), w.submit(t.Context(), []string{"é", "b"})); err != nil {
			t.Fatal(err)
		}
		if got, err := w.result(t.Context()); err != nil || got != (reply{2, time.Second, time.Second}) {
			t.Errorf("result = %+v, %v", got, err)
		}
		if w.rows() != want || w.pid() != os.Getpid() || len(w.logs()) > 0 || w.shutdown(t.Context()) != nil {
			t.Errorf("rows %v, want %v; pid %d, logs %v", w.rows(), want, w.pid(), w.logs())
		}
		w.close()
	}
	if got := readFile(t, path); got != "é\nb\n" {
		t.Errorf("file %q", got)
	}
}
