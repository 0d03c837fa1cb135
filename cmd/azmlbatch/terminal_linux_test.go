package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// newTerminal returns a terminal: what the test writes to and reads from keyboard, the command has as screen.
func newTerminal(t *testing.T) (keyboard, screen *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { keyboard.Close() })
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Skip(err)
	}
	n, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Skip(err)
	}
	screen, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { screen.Close() })
	return keyboard, screen
}

// TestConfirm: on a terminal a deletion is asked for, and only yes deletes.
func TestConfirm(t *testing.T) {
	p := newPottery(t, nil)
	p.addGreen(t)
	for _, test := range []struct {
		name, typed string
		code        int
	}{{"no", "n\n", 1}, {"nothing", "\n", 1}, {"something else", "yellow\n", 1}, {"yes", "Y\n", 0}} {
		keyboard, screen := newTerminal(t)
		if _, err := keyboard.WriteString(test.typed); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		a := &app{console: console{screen, &out, &errs}, connection: connection{transport: p.Emulator}}
		code := a.run(t.Context(), []string{"deployment", "delete", "vases", "green"})
		_, err := p.client.Deployments("vases").Get(t.Context(), "green")
		if !strings.HasPrefix(errs.String(), "Delete deployment green of endpoint vases? [y/N] ") || code != test.code || (err == nil) != (test.code == 1) {
			t.Errorf("%s: exit code %d, the deployment afterwards: %v\n%s", test.name, code, err, &errs)
		}
	}
}

// TestTableOnATerminal: the state has a colour, unless NO_COLOR is set.
func TestTableOnATerminal(t *testing.T) {
	p := newPottery(t, nil)
	t.Setenv("TERM", "xterm")
	for _, noColor := range []string{"", "1"} {
		t.Setenv("NO_COLOR", noColor)
		keyboard, screen := newTerminal(t)
		var errs bytes.Buffer
		a := &app{console: console{&bytes.Buffer{}, screen, &errs}, connection: connection{transport: p.Emulator}}
		if code := a.run(t.Context(), []string{"endpoint", "list"}); code != 0 {
			t.Fatalf("exit code %d\n%s", code, &errs)
		}
		lines := bufio.NewReader(keyboard)
		_, err := lines.ReadString('\n')
		line, err2 := lines.ReadString('\n')
		if err != nil || err2 != nil || strings.Contains(line, green+"Succeeded\x1b[0m") != (noColor == "") || strings.Contains(line, "\x1b") != (noColor == "") {
			t.Errorf("NO_COLOR=%q: %q, %v, %v", noColor, line, err, err2)
		}
	}
}
