package scoring

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"
)

// funcWorker calls a Go function.
type funcWorker struct {
	function Func
	path     string
	limit    time.Duration
	waiting  [][]string
	file     *os.File
	size     int64
}

func newFuncWorker(function Func, path string, limit time.Duration) worker {
	return &funcWorker{function: function, path: path, limit: limit}
}

func (w *funcWorker) load(context.Context) error {
	if w.path == "" {
		return nil
	}
	file, err := os.OpenFile(w.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return fmt.Errorf("scoring: %w", err)
	}
	w.file = file
	return nil
}

func (w *funcWorker) init(context.Context) error { return nil }

var errTimeout = errors.New("time is up")

func (w *funcWorker) submit(_ context.Context, files []string) error {
	w.waiting = append(w.waiting, files)
	return nil
}

func (w *funcWorker) result(ctx context.Context) (reply, error) {
	files := w.waiting[0]
	w.waiting = w.waiting[1:]
	call, cancel := context.WithTimeoutCause(ctx, w.limit, errTimeout)
	defer cancel()
	began := time.Now()
	rows, err := w.call(call, files)
	spent := time.Since(began)
	switch {
	case ctx.Err() != nil:
		return reply{}, context.Cause(ctx)
	case errors.Is(context.Cause(call), errTimeout):
		message := fmt.Sprintf("the function took longer than the timeout; the limit of a call is %v", w.limit)
		return reply{}, &callError{phase: PhaseRun, message: message, timedOut: true}
	case err != nil:
		return reply{}, err
	}
	if err := w.write(rows); err != nil {
		return reply{}, fmt.Errorf("scoring: %w", err)
	}
	return reply{count: len(rows), run: spent, total: time.Since(began)}, nil
}

// call calls the function. An error or a panic becomes a failed call.
func (w *funcWorker) call(ctx context.Context, files []string) (rows []string, err error) {
	failed := &callError{phase: PhaseRun}
	if len(files) == 1 {
		failed.file = files[0]
	}
	defer func() {
		if p := recover(); p != nil {
			failed.message, failed.traceback = fmt.Sprintf("panic: %v", p), string(debug.Stack())
			rows, err = nil, failed
		}
	}()
	rows, err = w.function(ctx, files)
	if err != nil {
		failed.message = err.Error()
		return nil, failed
	}
	return rows, nil
}

func (w *funcWorker) write(rows []string) error {
	if w.file == nil {
		return nil
	}
	buffer := bufio.NewWriterSize(w.file, 64<<10)
	size := w.size
	for _, row := range rows {
		_, _ = buffer.WriteString(row) // Flush returns the error
		_ = buffer.WriteByte('\n')
		size += int64(len(row)) + 1
	}
	if err := buffer.Flush(); err != nil {
		return err
	}
	w.size = size
	return nil
}

func (w *funcWorker) shutdown(context.Context) error { return nil }

func (w *funcWorker) close() {
	if w.file != nil {
		w.file.Close()
	}
}

func (w *funcWorker) pid() int { return os.Getpid() }

func (w *funcWorker) logs() []string { return nil }

func (w *funcWorker) rows() part { return part{w.path, w.size} }
