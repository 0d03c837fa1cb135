package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// pageLink is the link that is printed for a page on this machine.
var pageLink = regexp.MustCompile(`page: (http://127\.0\.0\.1:\d+)(/\?token=\w+)`)

// openPage signs a browser in with a printed link and returns what it shows at a path.
func openPage(t *testing.T, printed, path string) string {
	t.Helper()
	m := pageLink.FindStringSubmatch(printed)
	if m == nil {
		t.Fatalf("there is no link in %q", printed)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}
	body := ""
	for _, address := range []string{m[1] + m[2], m[1] + path} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if body = string(content); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("GET %s: %s, %v\n%s", path, resp.Status, err, body)
		}
	}
	return body
}

// onLink calls a function with each line that has a link.
type onLink struct {
	bytes.Buffer
	found func(line string)
}

func (o *onLink) Write(p []byte) (int, error) {
	if pageLink.Match(p) {
		o.found(string(p))
	}
	return o.Buffer.Write(p)
}

func TestUI(t *testing.T) {
	p := newPottery(t, nil)
	job := p.invoke(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	shown := make(chan string, 1)
	opening := func(line string) {
		go func() { // the command serves only after it has printed the link
			defer cancel()
			defer close(shown) // also if there is no page
			shown <- openPage(t, line, "/jobs/"+job)
		}()
	}
	var stderr bytes.Buffer
	a := &app{console: console{new(bytes.Buffer), &onLink{found: opening}, &stderr}, connection: connection{transport: p.Emulator}}
	if code := a.run(ctx, []string{"ui", "--read-only"}); code != 0 || stderr.Len() > 0 {
		t.Errorf("exit code %d\n%s", code, stderr.String())
	}
	if out := a.out.(*onLink).String(); !regexp.MustCompile(`/\?token=\w+ `).MatchString(out) {
		t.Errorf("there is no space after the link, so people copy too much of %q", out)
	}
	select {
	case body := <-shown:
		if !strings.Contains(body, "Completed") || !strings.Contains(body, "read-only") {
			t.Errorf("the page of the job:\n%s", body)
		}
	default:
		t.Error("the command ended before its page was opened")
	}
}

func TestUIWarnsOfOtherMachines(t *testing.T) {
	p := newPottery(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stderr bytes.Buffer
	a := &app{console: console{new(bytes.Buffer), &onLink{found: func(string) { cancel() }}, &stderr}, connection: connection{transport: p.Emulator}}
	if code := a.run(ctx, []string{"ui", "--listen", "0.0.0.0:0"}); code != 0 || !strings.Contains(stderr.String(), "other machines can reach 0.0.0.0:0") {
		t.Errorf("exit code %d\n%s", code, stderr.String())
	}
}

// TestStartPrintsThePage: and jobs lead to it where they would lead to the studio.
func TestStartPrintsThePage(t *testing.T) {
	s := startEmulator(t)
	if body := openPage(t, s.output, "/jobs"); !strings.Contains(body, "laptop") {
		t.Errorf("the page of the emulator's workspace:\n%s", body)
	}
	s.interrupt(t)
	s = startEmulator(t, "--ui", "")
	if strings.Contains(s.output, "page:") {
		t.Errorf("with --ui '' it prints\n%s", s.output)
	}
	s.interrupt(t)
}

// TestExecPrintsThePage: on standard error, because the output is the command's.
func TestExecPrintsThePage(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "azmlbatch emulator exec -- echo scored")
	cmd.Env = asCommand(t)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil || out.String() != "scored\n" || !pageLink.MatchString(stderr.String()) {
		t.Errorf("exec: %v\n%s\n%s", err, out.String(), stderr.String())
	}
}
