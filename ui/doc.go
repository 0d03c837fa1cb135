// Package ui is a page over a workspace: its jobs, how far each of them is, why one failed, its logs
// and its predictions. It works over any workspace, in Azure or in the emulator, with what the SDK
// offers to every caller.
//
//	page, err := ui.New(client, nil)
//	if err != nil {
//		return err
//	}
//	defer page.Close()
//	fmt.Println(page.Link("http://127.0.0.1:8080"))
//	return http.Serve(listener, page)
//
// A [Handler] is a plain [http.Handler]. It asks the service only while a page is open, and however
// many pages are open it makes one bounded round of requests for all of them.
//
// # Who may look
//
// [Handler.Link] has a token. Who opens that link gets a cookie, and whoever has neither is refused.
// So anyone who knows the link can do on the page what the client may do in the workspace;
// [Options.ReadOnly] leaves them the looking. Requests from other sites are refused, and so are
// requests for a host name that is not the page's own. A page loads nothing from elsewhere, and shows
// no signature and no key: files come through the Handler, with the client's credential.
package ui
