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

// link is the engine's side of the two private pipes to a worker process: python/worker.py tells their language.
type link struct {
	requests *os.File
	answers  *os.File
	reader   *bufio.Reader
	word     []byte // begins each genuine answer; all else in the pipe is the script's own noise
	buffer   []byte
}

// maxAnswer bounds an answer. The longest carries a traceback, which the worker has cut.
const maxAnswer = 1 << 20

func newLink(requests, answers *os.File, word string) *link {
	return &link{requests: requests, answers: answers, reader: bufio.NewReaderSize(answers, 4<<10), word: []byte(word + " ")}
}

// send writes one request, in one write where the pipe takes it. A worker that hangs may also not read: the error is
// os.ErrDeadlineExceeded when that takes longer than the limit. A limit of 0 is none.
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

// receive waits for the next genuine answer, as long as the limit says, and skips everything else.
func (l *link) receive(limit time.Duration) (answer, error) {
	if err := l.answers.SetReadDeadline(deadline(limit)); err != nil {
		return nil, err
	}
	for {
		line, err := l.readLine()
		if err != nil {
			return nil, err
		}
		if fields, found := bytes.CutPrefix(line, l.word); found {
			return answer(bytes.Split(bytes.Clone(fields), []byte(" "))), nil
		}
	}
}

// readLine reads one line of which it keeps no more than the longest answer.
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

// answer is the fields of one answer: "done" or "failed", the verb that it answers, and what belongs to it.
type answer [][]byte

func (a answer) ok() bool { return len(a) > 0 && string(a[0]) == "done" }

// text decodes the hexadecimal field at i; "-" is the empty text.
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

// phaseOutput is a worker's work on its own part of the output file.
const phaseOutput Phase = "output"

// failure reads the answer of a call that failed: the script's fault, or that of a machine which cannot store its rows.
func (a answer) failure() error {
	call := a.callError()
	if call.phase == phaseOutput {
		return fmt.Errorf("scoring: output: %s", call.message)
	}
	return call
}

// callError reads the answer of a call that failed.
func (a answer) callError() *callError {
	if len(a) < 2 {
		return &callError{phase: PhaseRun, message: "the worker's answer cannot be read"}
	}
	return &callError{phase: Phase(a[1]), message: a.text(2), traceback: a.text(3), file: a.text(4)}
}
