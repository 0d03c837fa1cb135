package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"

	"github.com/spf13/cobra"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/ui"
)

// defaultPage is the address of the page unless a flag says another: a free port of this machine.
const defaultPage = "127.0.0.1:0"

// uiCommand serves the page of the workspace until it is interrupted.
func (a *app) uiCommand() *cobra.Command {
	var listen string
	var options ui.Options
	cmd := &cobra.Command{
		Use: "ui", Short: "Serve a page over the workspace: jobs, logs, predictions and endpoints.",
		Long: `Serve a page over the workspace for a browser on this machine, until interrupted.

The link that is printed has a token that signs the browser in. Whoever has the link can do on the
page what you can do in the workspace; --read-only leaves them the looking. A folder of this machine
can be scored by its path, unless other machines can reach the page. While no page is open, nothing
is asked of the service.`,
		Example: `azmlbatch ui --read-only > page.txt &
until grep page: page.txt; do sleep 0.1; done
kill $!`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkAddress("listen", listen); err != nil {
				return err
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			listener, err := a.listenForPage(cmd.Context(), listen)
			if err != nil {
				return err
			}
			page, err := newPage(client, listener, listen, options)
			if err != nil {
				return errors.Join(err, listener.Close())
			}
			fmt.Fprintf(a.out, "page: %s (interrupt to stop)\n", page.link)
			return page.Serve(cmd.Context(), listener)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", defaultPage, "address to listen on, `HOST:PORT`; port 0 means a free one")
	cmd.Flags().BoolVar(&options.ReadOnly, "read-only", false, "hide and refuse everything that changes something")
	return a.inWorkspace(cmd)
}

// checkAddress refuses what is not HOST:PORT; empty is the flag's own meaning. Whether the port is free
// shows when it is listened on.
func checkAddress(flag, address string) error {
	if address == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return usagef("--%s must be HOST:PORT, for example 127.0.0.1:8080, not %q", flag, address)
	}
	return nil
}

// listenForPage opens the port of the page, and warns if other machines can reach it.
func (a *app) listenForPage(ctx context.Context, address string) (net.Listener, error) {
	if !isLoopback(address) {
		fmt.Fprintf(a.err, "azmlbatch: warning: other machines can reach %s, and the link is not encrypted\n", address)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	return listener, nil
}

// isLoopback reports whether only this machine can reach an address.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err != nil || host == "localhost" || ip != nil && ip.IsLoopback()
}

// page is the page of a workspace with the link that opens it.
type page struct {
	*ui.Handler
	link string
}

// newPage makes the page for a listener. The host that the user named is one that browsers may use.
// Paths of this machine are for people on this machine only.
func newPage(client *azmlbatch.Client, listener net.Listener, listen string, options ui.Options) (page, error) {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return page{}, err
	}
	options.Hosts = append(options.Hosts, host)
	options.LocalInputs = isLoopback(listen)
	handler, err := ui.New(client, &options)
	if err != nil {
		return page{}, err
	}
	return page{handler, handler.Link("http://" + reachable(listener.Addr()))}, nil
}

// reachable is an address that a browser on this machine can open: one that means all addresses of the
// machine is replaced by its loopback address.
func reachable(address net.Addr) string {
	tcp, ok := address.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return address.String()
	}
	return fmt.Sprintf("127.0.0.1:%d", tcp.Port)
}

// servePage serves the page beside other work and prints its link. The caller calls stop at the end of
// that work.
func servePage(ctx context.Context, client *azmlbatch.Client, listener net.Listener, listen string, out io.Writer) (stop func() error, err error) {
	page, err := newPage(client, listener, listen, ui.Options{})
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	fmt.Fprintf(out, "page: %s\n", page.link)
	ctx, cancel := context.WithCancel(ctx)
	var served sync.WaitGroup
	var failed error
	served.Go(func() { failed = page.Serve(ctx, listener) })
	return func() error {
		cancel()
		served.Wait()
		return failed
	}, nil
}
