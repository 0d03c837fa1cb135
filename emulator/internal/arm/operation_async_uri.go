package arm

import "github.com/azmlbatch/azmlbatch/emulator/internal/store"

// In 2022 the service put the status URL of an operation into the body of the PUT's answer too, as
// properties.properties.AzureAsyncOperationUri, and scripts of that time poll nothing else. Today's
// service does not. The emulator does, in answers to PUT only. A PUT that changes nothing repeats
// the URL of the last operation, so that such a script sees it succeed.

func lastOperationKey(id string) string { return "lastop:" + id }

// lastOperation returns the status URL of the last operation on doc, "" if it is no longer known.
func (c *call) lastOperation(doc store.Document) string {
	last, _ := c.h.store.Get(lastOperationKey(store.Text(doc, "id")))
	uri := store.Text(last, "uri")
	if c.h.isPruned(uri) {
		return ""
	}
	return uri
}

// rememberOperation stores the status URL of the last operation on doc. An error is harmless: the
// URL is then missing from the answer to a PUT that changes nothing.
func (c *call) rememberOperation(doc store.Document, uri string) {
	_, _ = c.h.store.Put(lastOperationKey(store.Text(doc, "id")), store.Document{"uri": uri})
}

// withAsyncURI returns a copy of doc with the status URL.
func (c *call) withAsyncURI(doc store.Document, uri string) store.Document {
	shown := store.Copy(doc)
	if uri == "" {
		return shown
	}
	properties := store.Object(shown, "properties")
	fill(properties, "properties", store.Document{})
	store.Object(properties, "properties")[asyncURIProperty] = uri
	return shown
}
