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
//   - request.go, route.go, response.go: from a request to the operation that serves it, and back
//   - auth*.go, sas_sign.go, delegation.go: credentials
//   - blob_read.go, blob_write.go, blocks.go, append.go: operations on one blob
//   - containers.go, list*.go, account.go: operations on containers and accounts
//   - lease.go, lease_operations.go: leases on blobs and containers
//   - container.go: what a container holds, and how a blob changes in one step
//   - backend*.go, names.go, seed.go: where the bytes lie
//
// # What it does not do
//
// Copying from a URL, page blobs, snapshots, versions, soft delete, tags, access tiers, stored
// access policies, immutability policies, batch requests and structured-message bodies are answered
// with 501 NotImplemented or with the refusal that an account without the feature gives, never with
// a success that changed nothing. Every valid token may do everything: roles are not played. Blocks
// that were staged but not committed are lost when the service is closed. Names of metadata are
// kept in lower case, because net/http does not hand on the case in which they were sent.
package blob
