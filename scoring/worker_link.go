package scoring

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// link is the engine's side of the two private pipes to a worker process. python/worker.py
// describes the protocol.
type link struct {
	requests *os.File
	answers  *os.File
	reader   *bufio.Reader
	token    []byte // begins each real answer; all else in the pipe comes from the script
	buffer   []byte
}

// maxAnswer limits the length of an answer. The longest has a traceback, which the worker shortens.
const maxAnswer = 1 << 20

func newLink(requests, answers *os.File, token string) *link {
	reader := bufio.NewReaderSize(answers, 4<<10)
	return &link{requests: requests, answers: answers, reader: reader, token: []byte(token + " ")}
}

// send writes one request. A worker that hangs may not read it: if the pipe stays full for longer
// than the limit, the error is os.ErrDeadlineExceeded. 0 means no limit.
func (l *link) send(limit time.Duration, verb string, strings []string) error {
	length := 0
	for _, s := range strings {
		length += len(s) + 1
	}
	buffer := append(l.buffer[:0], verb...)
	buffer = append(buffer, ' ')
	buffer = strconv.AppendInt(buffer, int64(length), 10)
	buffer = append(buffer, '\n')
	for _, s := range strings {
		buffer = append(buffer, s...)
		buffer = append(buffer, 0)
	}
	l.buffer = buffer
	if err := l.requests.SetWriteDeadline(deadline(limit)); err != nil {
		return err
	}
	_, err := l.requests.Write(buffer)
	return err
}

func deadline(limit time.Duration) time.Time {
	if limit == 0 {
		return time.Time{}
	}
	return time.Now().Add(limit)
}

// receive waits for the next real answer, at most for the limit, and skips everything else.
func (l *link) receive(limit time.Duration) (answer, error) {
	if err := l.answers.SetReadDeadline(deadline(limit)); err != nil {
		return nil, err
	}
	for {
		line, err := l.readLine()
		if err != nil {
			return nil, err
		}
		if fields, found := bytes.CutPrefix(line, l.token); found {
			return answer(bytes.Split(bytes.Clone(fields), []byte(" "))), nil
		}
	}
}

// readLine reads one line and keeps at most maxAnswer bytes of it.
func (l *link) readLine() ([]byte, error) {
	var line []byte
	for {
		piece, err := l.reader.ReadSlice('\n')
		switch {
		case err == nil && line == nil:
			return bytes.TrimSuffix(piece, []byte("\n")), nil
		case len(line) < maxAnswer:
			line = append(line, piece...)
		}
		if err == nil {
			return bytes.TrimSuffix(line, []byte("\n")), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
	}
}

func (l *link) close() {
	l.requests.Close()
	l.answers.Close()
}

// answer has the fields of an answer: "done" or "failed", the verb of the request, and what depends
// on the verb.
type answer [][]byte

func (a answer) ok() bool { return len(a) > 0 && string(a[0]) == "done" }

// text decodes the hexadecimal field at i; "-" stands for the empty string.
func (a answer) text(i int) string {
	if i >= len(a) {
		return ""
	}
	text, err := hex.DecodeString(string(a[i]))
	if err != nil {
		return ""
	}
	return string(text)
}

func (a answer) int(i int) (int, error) {
	if i >= len(a) {
		return 0, fmt.Errorf("answer has no field %d", i)
	}
	return strconv.Atoi(string(a[i]))
}

func (a answer) seconds(i int) (time.Duration, error) {
	if i >= len(a) {
		return 0, fmt.Errorf("answer has no field %d", i)
	}
	seconds, err := strconv.ParseFloat(string(a[i]), 64)
	return time.Duration(seconds * float64(time.Second)), err
}

// phaseOutput is the phase of a worker that cannot store its rows.
const phaseOutput Phase = "output"

// failure returns the error of a failed answer: a *callError, or an error of this machine if rows
// could not be stored.
func (a answer) failure() error {
	call := a.callError()
	if call.phase == phaseOutput {
		return fmt.Errorf("scoring: output: %s", call.message)
	}
	return call
}

// callError returns the failed call that the answer describes.
func (a answer) callError() *callError {
	if len(a) < 2 {
		return &callError{phase: PhaseRun, message: "the worker's answer cannot be read"}
	}
	return &callError{phase: Phase(a[1]), message: a.text(2), traceback: a.text(3), file: a.text(4)}
}
