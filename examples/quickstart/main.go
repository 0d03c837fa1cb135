// Command quickstart does every step of Microsoft's walk-through "Deploy models with REST for batch scoring" through the
// SDK, on the built-in emulator: no Azure account, no network. A classifier of handwritten digits scores some hundred
// images in real worker processes of Python.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/azmlbatch/azmlbatch/emulator"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		if errors.Is(err, context.Canceled) {
			err = errors.New("interrupted; nothing is left running")
		}
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) (err error) {
	azure, err := emulator.New(nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, azure.Close()) }()
	client, err := azure.Client(nil) // a real workspace: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		return err
	}
	return walkthrough(ctx, client, out)
}
