// Command quickstart does every step of Microsoft's walk-through "Deploy models with REST for batch scoring" through the
// SDK: a classifier of handwritten digits scores some hundred images in real worker processes of Python. It runs on the
// built-in emulator, without an Azure account and without a network. It prints the link of a page (package ui) that shows
// the jobs while they run; with -serve the page stays when the steps are done, until the program is interrupted.
//
// With -azure it does the same in a workspace of yours, which costs money: the workspace that config.json or the
// environment names (see [azmlbatch.FindWorkspace]), signed in with what the machine has (az login, a service principal in
// the environment, a managed identity).
package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
	"github.com/azmlbatch/azmlbatch/ui"
)

// files is the folder digits: images, labels, model and script, wherever the program is started.
//
//go:embed digits
var files embed.FS

func main() {
	azure := flag.Bool("azure", false, "run in the workspace of config.json or the environment, which costs money")
	serve := flag.Bool("serve", false, "keep the page up when all steps are done, until interrupted")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	run := onEmulator
	if *azure {
		run = onAzure
	}
	if err := run(ctx, os.Stdout, *serve); err != nil {
		if errors.Is(err, context.Canceled) {
			err = errors.New("interrupted; nothing is left running on this machine")
		}
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		stop()
		os.Exit(1)
	}
}

func onEmulator(ctx context.Context, out io.Writer, serve bool) (err error) {
	azure, err := emulator.New(nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, azure.Close()) }()
	client, err := azure.Client(nil)
	if err != nil {
		return err
	}
	return withPage(ctx, client, out, serve, func() error { return quickstart(ctx, client, out) })
}

func onAzure(ctx context.Context, out io.Writer, serve bool) error {
	workspace, err := azmlbatch.FindWorkspace("")
	if err != nil {
		return err
	}
	credential, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return err
	}
	client, err := azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		return err
	}
	return withPage(ctx, client, out, serve, func() error { return quickstart(ctx, client, out) })
}

// withPage serves a page over the workspace while work runs, and after it if serve says so.
func withPage(ctx context.Context, client *azmlbatch.Client, out io.Writer, serve bool, work func() error) error {
	page, err := ui.New(client, &ui.Options{LocalInputs: true}) // for this machine alone
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	pageCtx, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- page.Serve(pageCtx, listener) }()
	fmt.Fprintf(out, "Watch the jobs at %s\n\n", page.Link("http://"+listener.Addr().String()))
	err = work()
	switch {
	case err == nil && serve:
		fmt.Fprintln(out, "The page stays up; interrupt to end.")
		<-ctx.Done()
	case err == nil:
		fmt.Fprintln(out, "The page ends with this program; -serve keeps it up.")
	}
	stop()
	return errors.Join(err, <-served)
}

// quickstart takes the walk-through, the same with any client.
func quickstart(ctx context.Context, client *azmlbatch.Client, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "quickstart-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.CopyFS(dir, files); err != nil {
		return err
	}
	return walkthrough(ctx, client, filepath.Join(dir, "digits"), out)
}
