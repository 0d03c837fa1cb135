package scoring

import (
	"bytes"
	"io"
	"os"
	"sync"
	"time"
)

// scriptEcho copies what the processes of a job print to a writer while they run. It reads it from
// the log files, so that a slow writer does not delay a script.
type scriptEcho struct {
	to      io.Writer
	stopped chan struct{}
	ended   sync.WaitGroup

	mu      sync.Mutex
	streams map[string]*echoStream // by path of the log
}

// echoStream is one log file that is being copied.
type echoStream struct {
	path   string
	label  string // begins every line
	offset int64
	line   []byte // without its end yet
}

const (
	echoInterval = 50 * time.Millisecond
	maxEchoLine  = 64 << 10 // longer lines are split
)

// newEcho starts copying. A nil writer turns it off.
func newEcho(to io.Writer) *scriptEcho {
	e := &scriptEcho{to: to, stopped: make(chan struct{}), streams: map[string]*echoStream{}}
	if to == nil {
		return e
	}
	e.ended.Go(func() {
		ticker := time.NewTicker(echoInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				e.copyAll(false)
			case <-e.stopped:
				return
			}
		}
	})
	return e
}

// follow copies what is appended to a log from now on.
func (e *scriptEcho) follow(path, label string) {
	if e.to == nil {
		return
	}
	s := &echoStream{path: path, label: label}
	if info, err := os.Stat(path); err == nil { // has lines of an earlier job
		s.offset = info.Size()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.streams[path] = s
}

// end copies the rest of logs that are complete.
func (e *scriptEcho) end(paths ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, path := range paths {
		if s := e.streams[path]; s != nil {
			s.copy(e.to, true)
			delete(e.streams, path)
		}
	}
}

// close copies the rest of all logs and stops.
func (e *scriptEcho) close() {
	close(e.stopped)
	e.ended.Wait()
	e.copyAll(true)
}

func (e *scriptEcho) copyAll(last bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.streams {
		s.copy(e.to, last)
	}
}

// copy copies complete lines. The last time it also copies a line without its end.
func (s *echoStream) copy(to io.Writer, last bool) {
	file, err := os.Open(s.path)
	if err != nil {
		return // nothing has been printed yet
	}
	defer file.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := file.ReadAt(buffer, s.offset)
		s.offset += int64(n)
		for piece := range bytes.Lines(buffer[:n]) {
			s.line = append(s.line, piece...)
			if bytes.HasSuffix(piece, []byte("\n")) || len(s.line) >= maxEchoLine {
				s.print(to)
			}
		}
		if err != nil {
			break
		}
	}
	if last && len(s.line) > 0 {
		s.print(to)
	}
}

// print writes one line.
func (s *echoStream) print(to io.Writer) {
	line := append([]byte(s.label), s.line...)
	s.line = s.line[:0]
	if !bytes.HasSuffix(line, []byte("\n")) {
		line = append(line, '\n')
	}
	_, _ = to.Write(line) // Job.Echo ignores errors
}
