package emulator

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/renameio/v2/maybe"

	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
	"github.com/azmlbatch/azmlbatch/internal/scratch"
)

// DefaultListen is the address of [Start] when Options.Listen is empty: a free port of this
// machine.
const DefaultListen = "127.0.0.1:0"

// headerWait is how long a client may take to send the headers of a request, and its handshake: long
// enough for a thousand clients at once on a busy machine.
const headerWait = 2 * time.Minute

// idleWait is how long a connection is kept open without requests.
const idleWait = 2 * time.Minute

// Server serves an emulator on a port: a TLS server for the hosts that it plays, with certificates
// of its own authority, and on the same port an HTTP CONNECT proxy that leads to it. A client in
// any language runs unmodified with the variables of [Server.Env].
type Server struct {
	emulator *Emulator
	address  string

	folder     *scratch.Dir // holds ca and trustStore; nil with a data folder
	ca         string       // path of the authority's certificate, PEM
	trustStore string       // path of the same for Java

	stop    context.CancelFunc
	servers []*http.Server
	running sync.WaitGroup
	close   func() error
}

// Start serves an emulator until ctx ends or Close is called. The port is open when it returns.
// When ctx ends, Close waits until everything has stopped. Nil options mean the defaults.
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
	if err := s.writeCA(authority); err != nil {
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

// writeCA writes the files that clients trust: into the data folder, so that their paths are the
// same after a restart, else into a folder that goes with the server. What a killed server left
// there goes now.
func (s *Server) writeCA(authority *authority) (err error) {
	folder := s.emulator.options.DataDir
	if folder == "" {
		if s.folder, err = scratch.New("", "azmlbatch-emulator-", nil); err != nil {
			return fmt.Errorf("emulator: %w", err)
		}
		folder = s.folder.Path
	}
	if folder, err = filepath.Abs(folder); err != nil {
		return err
	}
	s.ca, s.trustStore = filepath.Join(folder, "ca.pem"), filepath.Join(folder, "ca.p12")
	store, err := authority.trustStore()
	if err != nil {
		return err
	}
	err = cmp.Or(maybe.WriteFile(s.ca, authority.pem(), 0o600), maybe.WriteFile(s.trustStore, store, 0o600))
	if err != nil {
		return dataFolderError(folder, err)
	}
	return nil
}

// serve starts the sorter of connections, the TLS server and the proxy, which run until the server
// is closed.
func (s *Server) serve(ctx context.Context, socket net.Listener, authority *authority) {
	secure, plain := newHandedListener(socket.Addr()), newHandedListener(socket.Addr())
	quiet := log.New(io.Discard, "", 0) // errors of clients that do not trust the CA are theirs to report
	tlsServer := &http.Server{Handler: readToEnd(s.emulator), ReadHeaderTimeout: headerWait, IdleTimeout: idleWait, ErrorLog: quiet,
		TLSConfig: &tls.Config{GetCertificate: authority.certificate, MinVersion: tls.VersionTLS12}}
	proxy := &http.Server{Handler: s.proxy(secure), ReadHeaderTimeout: headerWait, ErrorLog: quiet}
	s.servers = []*http.Server{tlsServer, proxy}
	s.running.Go(func() { (&sorter{Listener: socket, tls: secure, plain: plain}).run(ctx) })
	s.running.Go(func() { _ = tlsServer.ServeTLS(secure, "", "") })
	s.running.Go(func() { _ = proxy.Serve(plain) })
	context.AfterFunc(ctx, func() {
		_ = socket.Close()
		_ = s.Close() // the caller of Close gets the error
	})
}

// proxy answers CONNECT for the hosts that are played by passing the connection to the TLS server.
// It never connects to anything.
func (s *Server) proxy(secure *handedListener) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			http.Error(w, "this port is the azmlbatch emulator: use it as an HTTPS proxy, or connect with TLS", http.StatusBadRequest)
			return
		}
		if _, ok := s.emulator.cloud.Route(r.Host); !ok {
			s.refuse(w, r)
			return
		}
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			http.Error(w, "the proxy cannot take over the connection", http.StatusInternalServerError)
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

// refuse answers CONNECT for a host that is not played. Most clients show only the reason phrase of
// such an answer, and net/http cannot set it, so this writes to the connection.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request) {
	refusal := &UnknownHostError{Host: cloud.HostName(r.Host)}
	s.emulator.options.Logger.WarnContext(r.Context(), refusal.Error(), "host", refusal.Host)
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, refusal.Error(), http.StatusBadGateway)
		return
	}
	text := strings.Map(printable, refusal.Error())
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s\n",
		http.StatusBadGateway, text, len(text)+1, text) // a client that is gone needs no answer
	_ = conn.Close()
}

// printable replaces what cannot be part of a status line.
func printable(c rune) rune {
	if c < ' ' || c > '~' {
		return '?'
	}
	return c
}

// Emulator returns the emulator that the server serves.
func (s *Server) Emulator() *Emulator { return s.emulator }

// Address returns the host and port that the server listens on, for example "127.0.0.1:41873", or
// "[::]:41873" for all addresses of this machine.
func (s *Server) Address() string { return s.address }

// ProxyURL returns what HTTPS_PROXY takes on this machine. Where the server listens on all addresses,
// it has the loopback address; other machines use the name of this one.
func (s *Server) ProxyURL() string { return "http://" + net.JoinHostPort(s.hostAndPort()) }

// hostAndPort is the address by which this machine reaches the server.
func (s *Server) hostAndPort() (host, port string) {
	host, port, _ = net.SplitHostPort(s.address) // it is the address of a listener
	if net.ParseIP(host).IsUnspecified() {
		host = "127.0.0.1"
	}
	return host, port
}

// CAFile returns the path of a PEM file with the certificate that clients must trust. Path and
// certificate are the same in each run with the same DataDir; without one, Close removes the file.
func (s *Server) CAFile() string { return s.ca }

// Close stops the server and its emulator: running jobs and requests end, and the port is free.
// Closing twice is not an error.
func (s *Server) Close() error {
	if s == nil || s.close == nil {
		return nil
	}
	return s.close()
}

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
	if s.folder != nil {
		errs = append(errs, s.folder.Remove())
	}
	return errors.Join(errs...)
}
