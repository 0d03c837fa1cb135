package scoring

import (
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pipes returns a link and the other ends of its pipes.
func pipes(t *testing.T, word string) (l *link, requests, answers *os.File) {
	t.Helper()
	requests, toWorker, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	fromWorker, answers, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	l = newLink(toWorker, fromWorker, word)
	t.Cleanup(func() {
		l.close()
		requests.Close()
		answers.Close()
	})
	return l, requests, answers
}

func TestLinkSends(t *testing.T) {
	l, requests, _ := pipes(t, "word")
	for _, texts := range [][]string{{"/in/a b", "", "é\nx"}, nil} {
		if err := l.send(time.Minute, "run", texts); err != nil {
			t.Fatal(err)
		}
	}
	l.close()
	got, err := io.ReadAll(requests)
	if diff := cmp.Diff("run 14\n/in/a b\x00\x00é\nx\x00run 0\n", string(got)); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if err := l.send(0, "run", nil); err == nil {
		t.Error("send after the end succeeded")
	}
	if _, err := l.receive(0); err == nil {
		t.Error("receive after the end succeeded")
	}
}

// TestLinkReceives checks which lines are answers.
func TestLinkReceives(t *testing.T) {
	tests := []struct{ name, pipe, want string }{
		{"an answer", "word done run 3\n", "done run 3"},
		{"after the script's noise", "noise\n\nwordy done\n word done\nword done run 4\n", "done run 4"},
		{"after noise longer than any answer", strings.Repeat("x", 3<<20) + "\nword done run 5\n", "done run 5"},
		{"a long one", "word " + strings.Repeat("y", 100_000) + "\n", strings.Repeat("y", 100_000)},
		{"the longest", "word " + strings.Repeat("z", 1<<20-6) + "\n", strings.Repeat("z", 1<<20-6)},
		{"what is longer is cut off", "word " + strings.Repeat("z", 1<<20+5000) + "\n", strings.Repeat("z", 1<<20-5)},
		{"none before the end", "noise", ""},
		{"half of one", "word done", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, _, answers := pipes(t, "word")
			go func() {
				_, _ = io.WriteString(answers, tt.pipe)
				answers.Close()
			}()
			a, err := l.receive(time.Minute)
			var fields []string
			for _, f := range a {
				fields = append(fields, string(f))
			}
			if got := strings.Join(fields, " "); got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("receive = %.100q, %v; want %.100q", got, err, tt.want)
			}
		})
	}
}

func TestLinkWaitsNoLongerThanTheLimit(t *testing.T) {
	l, _, _ := pipes(t, "word")
	if _, err := l.receive(time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("receive = %v", err)
	}
	if err := l.send(time.Millisecond, "run", []string{strings.Repeat("x", 1<<20)}); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("send into a full pipe = %v", err)
	}
}

func TestAnswer(t *testing.T) {
	fields := func(texts ...string) (a answer) {
		for _, text := range texts {
			a = append(a, []byte(text))
		}
		return a
	}
	hexed := func(text string) string { return hex.EncodeToString([]byte(text)) }
	a := fields("done", "run", "3", "1.5", hexed("a\nb"), "-", "no hex")
	if n, err := a.int(2); n != 3 || err != nil {
		t.Errorf("int = %d, %v", n, err)
	}
	if d, err := a.seconds(3); d != 1500*time.Millisecond || err != nil {
		t.Errorf("seconds = %v, %v", d, err)
	}
	if diff := cmp.Diff([]string{"a\nb", "", "", "", ""}, []string{a.text(4), a.text(5), a.text(6), a.text(7), fields("6162zz").text(0)}); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	for i, call := range []func(int) error{
		func(i int) error { n, err := a.int(i); return zero(t, n, err) },
		func(i int) error { d, err := a.seconds(i); return zero(t, int(d), err) },
	} {
		for _, field := range []int{1, 7} {
			err := call(field)
			if err == nil || field == 7 && err.Error() != "answer has no field 7" {
				t.Errorf("function %d of field %d: %v", i, field, err)
			}
		}
	}
	if fields().ok() || fields("failed", "run").ok() || !a.ok() || !fields("done").ok() {
		t.Error("ok is wrong")
	}
	failed := fields("failed", "init", hexed("ValueError: x"), hexed("Traceback\n"), hexed("/in/a"))
	want := &callError{phase: PhaseInit, message: "ValueError: x", traceback: "Traceback\n", file: "/in/a"}
	if diff := cmp.Diff(want, failed.callError(), cmp.AllowUnexported(callError{})); diff != "" {
		t.Errorf("callError (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("init: ", fields("failed", "init").callError().Error()); diff != "" {
		t.Errorf("an answer without a message (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("run: the worker's answer cannot be read", fields("failed").callError().Error()); diff != "" {
		t.Errorf("a truncated answer (-want +got):\n%s", diff)
	}
	if err := fields("failed", "output", hexed("no space")).failure(); err.Error() != "scoring: output: no space" {
		t.Errorf("failure of the output = %v", err)
	}
}

// zero checks that there is no number beside an error.
func zero(t *testing.T, n int, err error) error {
	t.Helper()
	if n != 0 {
		t.Errorf("%d beside the error %v", n, err)
	}
	return err
}
