package ui

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/azmlbatch/azmlbatch/emulator"
)

// TestServeEndsWithItsContext although a page is open; TestMain finds what would stay.
func TestServeEndsWithItsContext(t *testing.T) {
	h, err := New(emulator.NewClient(t, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- h.Serve(ctx, listener) }()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String()+"/jobs", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", eventStream)
	r.AddCookie(&http.Cookie{Name: h.access.cookie, Value: h.access.session})
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if line, err := bufio.NewReader(resp.Body).ReadString('\n'); line != "event: content\n" {
		t.Errorf("the first line of the stream = %q, %v", line, err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Errorf("Serve = %v", err)
	}
}

// TestServeEndsWithItsListener although a connection is open.
func TestServeEndsWithItsListener(t *testing.T) {
	h, err := New(emulator.NewClient(t, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- h.Serve(t.Context(), listener) }()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	answers := bufio.NewReader(conn)
	if _, err := conn.Write([]byte("GET /assets/icon.svg HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-served; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve = %v, want %v", err, net.ErrClosed)
	}
	if _, err := answers.ReadByte(); err == nil {
		t.Error("the connection is still open")
	}
}

// TestStudioLink: the link to the studio of an emulator's job leads to the page of the job.
func TestStudioLink(t *testing.T) {
	azure := emulator.NewTest(t, &emulator.Options{StudioURL: "http://127.0.0.1:8080/"})
	endpoint, err := azure.Deploy(t.Context(), emulator.Func(score), nil)
	if err != nil {
		t.Fatal(err)
	}
	client, err := azure.Client(nil)
	if err != nil {
		t.Fatal(err)
	}
	job := run(t, client, endpoint, "a.txt")
	found, err := client.Jobs().Get(t.Context(), job.Name)
	if err != nil {
		t.Fatal(err)
	}
	link, err := url.Parse(found.StudioURL())
	if err != nil || link.Host != "127.0.0.1:8080" || !strings.HasPrefix(job.StudioURL(), "http://127.0.0.1:8080/runs/"+job.Name) {
		t.Fatalf("StudioURL = %q and %q", found.StudioURL(), job.StudioURL())
	}
	newTestPage(t, client, nil).shows(link.RequestURI(), job.DisplayName, "Completed")
}
