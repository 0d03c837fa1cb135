package azmlbatch

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // guards what is sent on its way; not a protection
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/azmlbatch/azmlbatch/internal/transfer"
)

// blobStore makes the requests of a transfer.
type blobStore struct {
	*containerClient
	noCRC *atomic.Bool // the account does not support CRC64 (Azurite); MD5 guards the content
}

func (c *Client) newBlobStore(op operation, at place, prefer StorageCredential) *blobStore {
	known, _ := c.storage.noCRC.LoadOrStore(at.host, new(atomic.Bool))
	return &blobStore{c.newContainerClient(op, at, prefer), known.(*atomic.Bool)}
}

// maxRangeSum is the longest range for which storage computes the CRC64.
const maxRangeSum = 4 << 20

// Put implements [transfer.Store] with Put Blob.
func (s *blobStore) Put(ctx context.Context, name string, body transfer.Body, onlyNew bool) error {
	return s.guarded(body, func(guard http.Header) error {
		guard["X-Ms-Blob-Type"] = []string{"BlockBlob"}
		return s.write(ctx, blobRequest{name: name, header: ifNew(guard, onlyNew)}, body)
	})
}

// PutBlock implements [transfer.Store].
func (s *blobStore) PutBlock(ctx context.Context, name, id string, body transfer.Body) error {
	return s.guarded(body, func(guard http.Header) error {
		return s.write(ctx, blobRequest{name: name, query: "comp=block&blockid=" + url.QueryEscape(id), header: guard}, body)
	})
}

// guarded sends content with a checksum that storage verifies: the CRC64, which is known, or the
// MD5 if storage does not support that.
func (s *blobStore) guarded(body transfer.Body, write func(guard http.Header) error) error {
	guard := http.Header{"Content-Type": {"application/octet-stream"}}
	if body.Size == 0 {
		return write(guard)
	}
	if !s.noCRC.Load() {
		guard["X-Ms-Content-Crc64"] = []string{base64.StdEncoding.EncodeToString(binary.LittleEndian.AppendUint64(nil, body.CRC))}
		switch err := write(guard); {
		case !s.knowsNoCRC(err):
			return err
		case !body.Again():
			return &transfer.Failure{Err: err, Retry: true} // the transfer opens the file again
		}
		delete(guard, "X-Ms-Content-Crc64")
	}
	if body.Again() {
		h := md5.New() //nolint:gosec // see the import
		if _, err := io.Copy(h, body.Reader()); err != nil {
			return err
		}
		guard["Content-Md5"] = []string{base64.StdEncoding.EncodeToString(h.Sum(nil))}
	}
	return write(guard)
}

// knowsNoCRC reports whether a request was refused for its CRC64, and remembers it.
func (s *blobStore) knowsNoCRC(err error) bool {
	if HasCode(err, "FeatureNotSupported", "UnsupportedHeader") {
		s.noCRC.Store(true)
		return true
	}
	return false
}

// PutBlockList implements [transfer.Store].
func (s *blobStore) PutBlockList(ctx context.Context, name string, ids []string, onlyNew bool) error {
	var list bytes.Buffer
	list.WriteString(xml.Header + "<BlockList>")
	for _, id := range ids {
		list.WriteString("<Latest>" + id + "</Latest>")
	}
	list.WriteString("</BlockList>")
	header := http.Header{"Content-Type": {"application/xml"}}
	return s.write(ctx, blobRequest{name: name, query: "comp=blocklist", header: ifNew(header, onlyNew)}, transfer.NewBody(list.Bytes(), 0))
}

// ifNew refuses to replace a blob.
func ifNew(h http.Header, onlyNew bool) http.Header {
	if onlyNew {
		h["If-None-Match"] = []string{"*"}
	}
	return h
}

func (s *blobStore) write(ctx context.Context, r blobRequest, body transfer.Body) error {
	r.method, r.size, r.body, r.once = http.MethodPut, body.Size, body.Reader, !body.Again()
	if body.Size == 0 {
		r.body = nil
	}
	resp, err := s.sendOnce(ctx, r)
	if err != nil {
		return err
	}
	return discard(resp)
}

// discard reads an answer to its end, so that its connection can be reused.
func discard(resp *http.Response) error {
	_, _ = io.Copy(io.Discard, resp.Body) // the content does not matter
	return resp.Body.Close()
}

// blockList is the answer of Get Block List.
type blockList struct {
	XMLName xml.Name    `xml:"BlockList"`
	Content []listBlock `xml:"CommittedBlocks>Block"`
	Staged  []listBlock `xml:"UncommittedBlocks>Block"`
}

type listBlock struct {
	ID   string `xml:"Name"`
	Size int64  `xml:"Size"`
}

// Blocks implements [transfer.Store].
func (s *blobStore) Blocks(ctx context.Context, name string) ([]transfer.Block, []transfer.Block, error) {
	resp, err := s.sendOnce(ctx, blobRequest{method: http.MethodGet, name: name, query: "comp=blocklist&blocklisttype=all", header: http.Header{}})
	if errors.Is(err, ErrNotFound) && !HasCode(err, containerCodes...) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	var list blockList
	if err := xml.NewDecoder(resp.Body).Decode(&list); err != nil {
		return nil, nil, &transfer.Failure{Err: storageError(s.op, err), Retry: true} // cut off, or a proxy's page
	}
	return transferBlocks(list.Content), transferBlocks(list.Staged), nil
}

func transferBlocks(list []listBlock) []transfer.Block {
	blocks := make([]transfer.Block, len(list))
	for i, b := range list {
		blocks[i] = transfer.Block(b)
	}
	return blocks
}

// Get implements [transfer.Store].
func (s *blobStore) Get(ctx context.Context, name, etag string, offset, size int64) (io.ReadCloser, *uint64, error) {
	header := http.Header{"X-Ms-Range": {"bytes=" + strconv.FormatInt(offset, 10) + "-" + strconv.FormatInt(offset+size-1, 10)}}
	if etag != "" {
		header["If-Match"] = []string{etag}
	}
	if size <= maxRangeSum && !s.noCRC.Load() {
		header["X-Ms-Range-Get-Content-Crc64"] = []string{"true"}
	}
	resp, err := s.sendOnce(ctx, blobRequest{method: http.MethodGet, name: name, header: header})
	if s.knowsNoCRC(err) {
		delete(header, "X-Ms-Range-Get-Content-Crc64")
		resp, err = s.sendOnce(ctx, blobRequest{method: http.MethodGet, name: name, header: header})
	}
	if err != nil {
		return nil, nil, err
	}
	if resp.StatusCode != http.StatusPartialContent && offset > 0 {
		_ = resp.Body.Close()
		return nil, nil, &Error{Operation: s.op.String(), StatusCode: resp.StatusCode, Message: "storage answered with another part than was asked for"}
	}
	return blobBody{resp.Body, s.op}, sumOf(resp.Header), nil
}

// sumOf returns the CRC64 that storage sends with a range, or nil.
func sumOf(h http.Header) *uint64 {
	sum, err := base64.StdEncoding.DecodeString(h.Get("X-Ms-Content-Crc64"))
	if err != nil || len(sum) != 8 {
		return nil
	}
	return new(binary.LittleEndian.Uint64(sum))
}

// sendOnce makes a request once. Its error says what it means for the transfer.
func (s *blobStore) sendOnce(ctx context.Context, r blobRequest) (*http.Response, error) {
	if t := s.c.retry.tryTimeout; t > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t)
		resp, err := s.send(ctx, r)
		if err != nil {
			cancel()
			return nil, s.failure(err)
		}
		resp.Body = cancelingBody{resp.Body, cancel}
		return resp, nil
	}
	resp, err := s.send(ctx, r)
	if err != nil {
		return nil, s.failure(err)
	}
	return resp, nil
}

// cancelingBody ends the context of a request with the answer.
type cancelingBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b cancelingBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

// containerCodes are storage's error codes that concern the whole container or account.
var containerCodes = []string{"ContainerNotFound", "ContainerBeingDeleted", "ContainerDisabled", "AccountIsDisabled", "AccountBeingCreated", "ResourceNotFound",
	"InsufficientAccountPermissions", "FilesystemNotFound"}

// failure says what an error means for a transfer.
func (s *blobStore) failure(err error) error {
	status := statusOf(err)
	var once *refusedOnce
	switch {
	case errors.As(err, &once) && once.rotated:
		return &transfer.Failure{Err: err, Retry: true}
	case status == http.StatusConflict && HasCode(err, "BlobAlreadyExists"):
		return transfer.ErrExists
	case HasCode(err, "InvalidBlockList"):
		return fmt.Errorf("%w: %w", err, transfer.ErrNoBlock)
	case HasCode(err, containerCodes...), status == http.StatusUnauthorized, status == http.StatusForbidden:
		return &transfer.Failure{Err: err, Stop: true}
	case HasCode(err, "Crc64Mismatch", "Md5Mismatch"):
		return &transfer.Failure{Err: err, Retry: true}
	case status == 0:
		return &transfer.Failure{Err: err, Retry: !hopeless(err), Stop: hopeless(err)}
	case slices.Contains(s.c.retry.statusCodes, status):
		f := &transfer.Failure{Err: err, Retry: true, Throttled: status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests}
		if resp := rawResponse(err); resp != nil {
			f.After, _ = retryAfter(resp.Header, s.c.clock.now())
		}
		return f
	}
	return err
}

// hopeless reports whether a request without an answer need not be repeated: the credential gives
// no token, or the certificate is not trusted.
func hopeless(err error) bool {
	var noToken *tokenError
	var unknownCA x509.UnknownAuthorityError
	var hostname x509.HostnameError
	return errors.As(err, &noToken) || errors.As(err, &unknownCA) || errors.As(err, &hostname) || errors.Is(err, errNoSecrets)
}

// transferOptions are the options of a transfer over this client.
func (c *Client) transferOptions(concurrency int, blockSize int64, roundTrip time.Duration) transfer.Options {
	return transfer.Options{Concurrency: max(0, concurrency), BlockSize: blockSize, RoundTrip: roundTrip, Retries: c.retry.maxRetries,
		Delay: c.retry.delay, MaxDelay: c.retry.maxDelay, Wait: c.clock.backoff}
}
