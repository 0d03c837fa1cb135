package ui

import (
	"bufio"
	"context"
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
