package emulator

import (
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
