package emulator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
)

// DefaultListen is where [Start] listens when [Options] name nothing: a free port of this machine.
const DefaultListen = "127.0.0.1:0"

// headerWait bounds how long a client may take to say what it wants.
const headerWait = 30 * time.Second

// Server is an emulator behind a port: a TLS server for the hosts it plays, with certificates of
// its own authority, and on the same port an HTTP CONNECT proxy that leads to it. So any client in
// any language runs unmodified, given [Server.Env].
type Server struct {
	emulator *Emulator
	address  string
	folder   string // temporary; holds the CA file
	ca       string

	stop    context.CancelFunc
	servers []*http.Server
	running sync.WaitGroup
	close   func() error
}

// Start runs an emulator behind a port until ctx ends or Close is called. The port is open when it
// returns. Close also waits for the end that ctx has begun.
func Start(ctx context.Context, options *Options) (*Server, error) {
	e, err := New(options)
	if err != nil {
		return nil, err
	}
	s := &Server{emulator: e}
	s.close = sync.OnceValue(s.shut)
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context) error {
	o := s.emulator.options
	authority, err := newAuthority(s.emulator.cloud, o.DataDir)
	if err != nil {
		return err
	}
	if s.folder, err = os.MkdirTemp("", "azmlbatch-emulator-"); err != nil {
		return err
	}
	s.ca = filepath.Join(s.folder, "ca.pem")
	if err := os.WriteFile(s.ca, authority.pem(), 0o600); err != nil {
		return err
	}
	listen := o.Listen
	if listen == "" {
		listen = DefaultListen
	}
	var config net.ListenConfig
	socket, err := config.Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("emulator: listen: %w", err)
	}
	s.address = socket.Addr().String()
	ctx, s.stop = context.WithCancel(ctx)
	s.serve(ctx, socket, authority)
	return nil
}

// serve starts what runs until the end: the sorter of connections, the TLS server and the proxy.
func (s *Server) serve(ctx context.Context, socket net.Listener, authority *authority) {
	secure, plain := newHandedListener(socket.Addr()), newHandedListener(socket.Addr())
	quiet := log.New(io.Discard, "", 0) // a client that does not trust the CA is the client's news
	tlsServer := &http.Server{Handler: s.emulator, ReadHeaderTimeout: headerWait, ErrorLog: quiet,
		TLSConfig: &tls.Config{GetCertificate: authority.certificate, MinVersion: tls.VersionTLS12}}
	proxy := &http.Server{Handler: s.proxy(secure), ReadHeaderTimeout: headerWait, ErrorLog: quiet}
	s.servers = []*http.Server{tlsServer, proxy}
	s.running.Go(func() { (&sorter{Listener: socket, tls: secure, plain: plain}).run(ctx) })
	s.running.Go(func() { _ = tlsServer.ServeTLS(secure, "", "") })
	s.running.Go(func() { _ = proxy.Serve(plain) })
	context.AfterFunc(ctx, func() {
		_ = socket.Close()
		_ = s.Close() // whoever calls Close gets its error
	})
}

// proxy answers CONNECT for the hosts that are played, by handing the connection to the TLS server.
// It never connects to anything.
func (s *Server) proxy(secure *handedListener) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			http.Error(w, "the azmlbatch emulator: use this port as HTTPS proxy, or speak TLS to it", http.StatusBadRequest)
			return
		}
		if _, ok := s.emulator.cloud.Route(r.Host); !ok {
			err := &UnknownHostError{Host: cloud.HostName(r.Host)}
			s.emulator.options.Logger.WarnContext(r.Context(), err.Error(), "host", err.Host)
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			http.Error(w, "the connection cannot be taken over", http.StatusInternalServerError)
			return
		}
		if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
			_ = conn.Close()
			return
		}
		_ = conn.SetDeadline(time.Time{})
		secure.hand(&peekedConn{conn, buffered.Reader})
	})
}

// Emulator returns what is behind the port.
func (s *Server) Emulator() *Emulator { return s.emulator }

// Address returns host and port, for example "127.0.0.1:41873".
func (s *Server) Address() string { return s.address }

// ProxyURL returns what HTTPS_PROXY takes.
func (s *Server) ProxyURL() string { return "http://" + s.address }

// CAFile returns the path of the authority's certificate, which clients must trust. The file is
// gone after Close.
func (s *Server) CAFile() string { return s.ca }

// Close stops the server and its emulator: running jobs and requests end, the port is free, no
// goroutine is left. Closing twice is no error.
func (s *Server) Close() error { return s.close() }

func (s *Server) shut() error {
	var errs []error
	if s.stop != nil {
		s.stop()
	}
	for _, server := range s.servers {
		errs = append(errs, server.Close())
	}
	errs = append(errs, s.emulator.Close())
	s.running.Wait()
	if s.folder != "" {
		errs = append(errs, os.RemoveAll(s.folder))
	}
	return errors.Join(errs...)
}
