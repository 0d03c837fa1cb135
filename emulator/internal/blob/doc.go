// Package blob plays Azure Blob Storage for the accounts of an emulated subscription.
//
// A [Service] is an http.Handler for the hosts {account}.blob.{suffix}. It keeps blobs in memory or
// in a folder, checks every credential the real service knows (Shared Key, account SAS, service
// SAS, user delegation SAS, bearer token, anonymous reads of public containers), and answers with
// the service's own statuses, headers, XML and error codes. The rest of the emulator uses the same
// blobs without HTTP, through [Service.Put], [Service.Open], [Service.List] and [Service.Delete].
//
// Where to look for a change:
//
//   - request*.go, response.go: from a request to the operation that answers it, and back
//   - auth*.go: credentials
//   - blob_*.go: operations on one blob
//   - container_operations.go, list*.go, account_operations.go: operations on containers and
//     accounts
//   - lease*.go: leases on blobs and containers
//   - container.go: the blobs of a container, and how a blob changes atomically; direct.go: the
//     same without HTTP
//   - backend*.go, names.go, seed.go: where content is stored
//
// # What it does not do
//
// Copying from a URL, page blobs, snapshots, versions, soft delete, tags, access tiers, stored
// access policies, immutability policies, batch requests and structured-message bodies are answered
// with 501 NotImplemented, or as an account without the feature answers, and never with a success
// that changed nothing. Every valid token permits everything: there are no roles. Uncommitted
// blocks are lost when the service is closed. Names of metadata are in lower case, because net/http
// does not preserve their case.
package blob
