package emulator

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
)

// crowded is a listener of a machine that is out of file descriptors at first.
type crowded struct {
	net.Listener
	refusals int
	next     chan net.Conn
}

func (l *crowded) Accept() (net.Conn, error) {
	if l.refusals > 0 {
		l.refusals--
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
	}
	conn, ok := <-l.next
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

// TestTooManyOpenFilesDoNotEndTheServer: a port that accepts nothing any more would look alive.
func TestTooManyOpenFilesDoNotEndTheServer(t *testing.T) {
	listener := &crowded{refusals: 3, next: make(chan net.Conn, 1)}
	secure, plain := newHandedListener(nil), newHandedListener(nil)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		(&sorter{Listener: listener, tls: secure, plain: plain}).run(t.Context())
	}()
	client, server := net.Pipe()
	listener.next <- server
	go func() { _, _ = client.Write([]byte("GET")) }()
	sorted := make(chan net.Conn, 1)
	go func() {
		if conn, err := plain.Accept(); err == nil {
			sorted <- conn
		}
	}()
	select {
	case conn := <-sorted:
		_ = conn.Close()
	case <-ended:
		t.Error("the server stopped accepting after an error that passes")
	}
	close(listener.next)
	<-ended
	_, _, _ = plain.Close(), secure.Close(), client.Close()
}

// TestSilentConnections: those that have said nothing when the server ends are closed, and those
// that say goodbye too.
func TestSilentConnections(t *testing.T) {
	listener := &crowded{next: make(chan net.Conn, 2)}
	secure, plain := newHandedListener(nil), newHandedListener(nil)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		(&sorter{Listener: listener, tls: secure, plain: plain}).run(ctx)
	}()
	silent, server := net.Pipe()
	listener.next <- server
	gone, server := net.Pipe()
	listener.next <- server
	_ = gone.Close()
	cancel()
	if _, err := silent.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the silent connection ends with %v, want EOF", err)
	}
	close(listener.next)
	<-ended
	_, _, _ = plain.Close(), secure.Close(), silent.Close()
}

// TestSorterEndsWhileItPauses: a listener that never accepts again does not keep the server.
func TestSorterEndsWhileItPauses(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	(&sorter{Listener: &crowded{refusals: 1 << 30}}).run(ctx)
}

// TestHandedListener: what is handed over after the end is closed, and Accept and Close can be
// called any number of times.
func TestHandedListener(t *testing.T) {
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}
	l := newHandedListener(addr)
	if l.Addr() != addr {
		t.Errorf("address %v", l.Addr())
	}
	for range 2 {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept after Close = %v", err)
		}
	}
	client, server := net.Pipe()
	l.hand(server)
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("a connection that is handed over late ends with %v, want EOF", err)
	}
	_ = client.Close()
}
