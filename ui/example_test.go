package ui_test

import (
	"fmt"
	"net/http/httptest"

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
