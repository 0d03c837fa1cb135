package ui

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/azmlbatch/azmlbatch"
)

// shutdownTime is how long requests may take to end when the server does.
const shutdownTime = 3 * time.Second

// Serve serves the page on a listener until ctx ends, and then closes the listener and the handler. It
// blocks. The end of ctx is no error.
//
//	listener, err := net.Listen("tcp", "127.0.0.1:0")
//	if err != nil {
//		return err
//	}
//	fmt.Println(page.Link("http://" + listener.Addr().String()))
//	return page.Serve(ctx, listener)
func (h *Handler) Serve(ctx context.Context, listener net.Listener) error {
	if listener == nil {
		return &azmlbatch.ArgumentError{Operation: "serve the page", Argument: "listener", Problem: "is nil; make one with net.Listen"}
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		h.hub.stop() // or the streams would keep the server from ending
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		defer cancel()
		if server.Shutdown(limit) != nil {
			_ = server.Close() // what is still open has had its time
		}
	})
	err := server.Serve(listener)
	if stop() { // the listener has failed, and connections are still open
		h.hub.stop()
		_ = server.Close()
	} else {
		<-ended
	}
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, h.Close())
}
