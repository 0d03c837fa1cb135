package emulator

import (
	"bufio"
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// recordTypeHandshake is the first byte of a TLS connection.
const recordTypeHandshake = 0x16

// firstByteWait is how long a new connection may stay silent.
const firstByteWait = 2 * time.Minute

// handedListener is a listener whose connections are passed in by hand.
type handedListener struct {
	addr  net.Addr
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newHandedListener(addr net.Addr) *handedListener {
	return &handedListener{addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
}

// hand passes a connection to Accept. It closes the connection if the listener is closed.
func (l *handedListener) hand(conn net.Conn) {
	select {
	case l.conns <- conn:
	case <-l.done:
		_ = conn.Close()
	}
}

func (l *handedListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *handedListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *handedListener) Addr() net.Addr { return l.addr }

// peekedConn is a connection whose first bytes were read already.
type peekedConn struct {
	net.Conn
	reader *bufio.Reader // nil once its bytes are read: thousands of connections need no buffer
}

func (c *peekedConn) Read(p []byte) (int, error) {
	if c.reader != nil && c.reader.Buffered() > 0 {
		return c.reader.Read(p)
	}
	c.reader = nil
	return c.Conn.Read(p)
}

// sorter accepts connections. It passes those that begin with TLS to one listener and the rest to
// another.
type sorter struct {
	net.Listener
	tls, plain *handedListener
	conns      sync.WaitGroup // not yet sorted
}

// acceptPause is how long the sorter waits after a connection could not be accepted, for example
// because too many files are open.
const acceptPause = 5 * time.Millisecond

// run accepts connections until the listener is closed, and returns when all of them are passed on.
// When ctx ends, it closes connections that are still silent.
func (s *sorter) run(ctx context.Context) {
	defer s.conns.Wait()
	for {
		conn, err := s.Accept()
		switch {
		case err == nil:
			s.conns.Go(func() { s.sort(ctx, conn) })
		case errors.Is(err, net.ErrClosed):
			return
		default:
			select {
			case <-time.After(acceptPause):
			case <-ctx.Done():
				return
			}
		}
	}
}

func (s *sorter) sort(ctx context.Context, conn net.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	_ = conn.SetReadDeadline(time.Now().Add(firstByteWait))
	peeked := &peekedConn{conn, bufio.NewReader(conn)}
	first, err := peeked.reader.Peek(1)
	if err != nil {
		_ = conn.Close()
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	if first[0] == recordTypeHandshake {
		s.tls.hand(peeked)
	} else {
		s.plain.hand(peeked)
	}
}
