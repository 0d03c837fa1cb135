package ui_test

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator"
	"github.com/azmlbatch/azmlbatch/ui"
)

func ExampleNew() {
	azure, err := emulator.New(nil)
	if err != nil {
		panic(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		panic(err)
	}
	page, err := ui.New(client, &ui.Options{Token: "secret", ReadOnly: true})
	if err != nil {
		panic(err)
	}
	defer page.Close()
	server := httptest.NewServer(page) // in a program: http.Serve on a listener of 127.0.0.1
	defer server.Close()
	fmt.Println(page.Link("http://127.0.0.1:8080"))
	// Output: http://127.0.0.1:8080/?token=secret
}

func ExampleHandler_Serve() {
	azure, err := emulator.New(nil)
	if err != nil {
		panic(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		panic(err)
	}
	page, err := ui.New(client, nil)
	if err != nil {
		panic(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	link := page.Link("http://" + listener.Addr().String())
	fmt.Println(strings.HasPrefix(link, "http://127.0.0.1:")) // print the link itself: it signs the browser in
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // a program ends ctx with signal.NotifyContext
	fmt.Println(page.Serve(ctx, listener))
	// Output:
	// true
	// <nil>
}
