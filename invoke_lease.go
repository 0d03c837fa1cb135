package azmlbatch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
)

// A key has a record in storage, a small blob near its output. The process that starts the key's
// job holds a lease on the blob, writes the job's name into it and releases the lease. Others wait
// for the name. If the holder dies, the lease runs out, and the next one looks for the job itself.

const (
	leaseLength = 60 * time.Second // the longest that storage grants
	// leaseRenewal leaves a dead holder's lease more than 40 seconds to run, so that the next one
	// looks for the job long after it may have started: the service's lists lag by some seconds.
	leaseRenewal = 15 * time.Second
	// leaseMargin is the least time that a lease must have left to send the POST.
	leaseMargin = 30 * time.Second
	// leaseCleanup bounds writing the record and releasing the lease, which outlive the caller's
	// context.
	leaseCleanup = 15 * time.Second
)

// errLeaseLost is the cause of a context that ended because another process holds the lease.
var errLeaseLost = errors.New("the lease on the invocation's key was lost to another process")

// keyRecord is the content of a key's record.
type keyRecord struct {
	// Endpoint that the key belongs to.
	Endpoint string `json:"endpoint"`
	// Output is the place of the key's output.
	Output string `json:"output"`
	// Inputs are the names of the inputs of a pipeline component that were asked for. The job may
	// show more.
	Inputs []string `json:"inputs,omitempty"`
	// Job that was started; empty until then.
	Job string `json:"job,omitempty"`
}

// keyLease is the lease on a key's record. It is nil for a caller who may not write there: then its
// methods do nothing, and only the lists of jobs guard the key.
type keyLease struct {
	c       *Client
	op      operation
	at      place
	id      string // of the lease, a UUID
	etag    azcore.ETag
	record  keyRecord
	created bool // the record is new: nobody has started the job under a lease
	mu      sync.Mutex
	renewed time.Time // when the lease was granted or renewed last, without the monotonic clock, which stops in suspend
}

// recordPlace is the URI of an output's record: beside the folder if the client chose it. A folder
// of the caller's may be another job's input, so its record is kept elsewhere.
func recordPlace(output string) string {
	r, err := ParseReference("", output)
	if err != nil || r.Form != ReferenceFormPlace {
		return ""
	}
	path := strings.Trim(r.Path, "/")
	r.Text, r.Path = "", path+".json"
	if !strings.HasPrefix(path, outputRoot) || !strings.HasSuffix(output, "/") {
		r.Path = fmt.Sprintf("%soutputs/%x.json", outputRoot, sha256.Sum256([]byte(path)))
	}
	return r.String()
}

// newLease returns the lease of the invocation's record, which nobody has asked for yet.
func (a attempt) newLease(ctx context.Context) (*keyLease, error) {
	at, err := a.c.blobPlace(ctx, a.op, recordPlace(a.place))
	l := &keyLease{c: a.c, op: operation{"lease", "key of endpoint", a.endpoint}, at: at, record: keyRecord{Endpoint: a.endpoint, Output: a.place}}
	if a.deployment.Configuration != nil {
		l.record.Inputs = sortedKeys(a.inv.inputs())
	}
	return l, err
}

// recordedInputs are the inputs that the key's job was asked for; nil if that is not known.
func (a attempt) recordedInputs(ctx context.Context) []string {
	l, err := a.newLease(ctx)
	if err != nil {
		return nil
	}
	record, _, err := l.read(ctx)
	if err != nil {
		return nil
	}
	return record.Inputs
}

// acquire waits for the lease on a key's record and takes it. If the record names a job by then, it
// returns the record and no lease. A caller who may not write there gets neither.
func (a attempt) acquire(ctx context.Context) (*keyLease, keyRecord, error) {
	l, err := a.newLease(ctx)
	if err == nil {
		err = a.c.refuseWrite(a.op)
	}
	if err != nil {
		return nil, keyRecord{}, withoutAccess(err)
	}
	if l.id, err = runtime.NewUUID(); err != nil {
		return nil, keyRecord{}, err
	}
	var waited time.Duration
	for delay := 500 * time.Millisecond; ; delay = min(delay*3/2, 5*time.Second) {
		found, held, err := l.try(ctx)
		switch {
		case err != nil && ctx.Err() != nil && waited > 0:
			return nil, keyRecord{}, waitedInVain(a.op, otherProcess, ctx.Err())
		case err != nil:
			return nil, keyRecord{}, withoutAccess(err)
		case held:
			return l, keyRecord{}, nil
		case found.Job != "":
			return nil, found, nil
		}
		if err := a.c.clock.sleep(ctx, delay); err != nil {
			return nil, keyRecord{}, waitedInVain(a.op, otherProcess, err)
		}
		waited += delay
	}
}

const otherProcess = "another process that is starting this key's job"

// waitedInVain is the end of a wait for the one who starts the key's job.
func waitedInVain(op operation, starter string, err error) error {
	return op.found(err, fmt.Sprintf("waited for %s: %s", starter, bare(err)), "invoke again with the same key: it returns the job")
}

// withoutAccess drops errors which mean that the caller may not write to the store. A store out of
// reach stays an error: another process may hold the lease.
func withoutAccess(err error) error {
	var noToken *tokenError
	if errors.Is(err, ErrForbidden) || errors.Is(err, ErrUnauthorized) || errors.Is(err, errNoSecrets) || errors.As(err, &noToken) ||
		errors.As(err, new(*ArgumentError)) { // a store of another workspace, or without blobs
		return nil
	}
	return err
}

// try creates the record, or reads it, and takes the lease if nobody holds it.
func (l *keyLease) try(ctx context.Context) (found keyRecord, held bool, err error) {
	leased := false
	l.created, err = l.create(ctx)
	if err == nil && !l.created {
		found, leased, err = l.read(ctx)
		if errors.Is(err, ErrNotFound) { // deleted in between
			return keyRecord{}, false, nil
		}
	}
	if err != nil || leased || found.Job != "" {
		return found, false, err
	}
	err = l.change(ctx, "acquire", l.etag)
	if errors.Is(err, ErrConflict) || errors.Is(err, ErrNotFound) { // somebody was quicker
		return keyRecord{}, false, nil
	}
	return keyRecord{}, err == nil, err
}

// create makes the record unless it is there.
func (l *keyLease) create(ctx context.Context) (bool, error) {
	err := l.write(ctx, l.record, &blob.AccessConditions{
		ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: new(azcore.ETagAny)}})
	if errors.Is(err, ErrConflict) { // exists, or exists under a lease
		return false, nil
	}
	return err == nil, err
}

func (l *keyLease) write(ctx context.Context, r keyRecord, conditions *blob.AccessConditions) error {
	content, err := json.Marshal(r)
	if err != nil {
		return err
	}
	kind := "application/json"
	return l.c.blobCall(ctx, l.op, l.at, StorageCredentialAuto, func(ctx context.Context, b *blockblob.Client) error {
		resp, err := b.Upload(ctx, streaming.NopCloser(bytes.NewReader(content)), &blockblob.UploadOptions{
			AccessConditions: conditions, HTTPHeaders: &blob.HTTPHeaders{BlobContentType: &kind}})
		if err == nil && resp.ETag != nil {
			l.etag = *resp.ETag
		}
		return err
	})
}

// read returns the record, and whether somebody holds the lease.
func (l *keyLease) read(ctx context.Context) (r keyRecord, leased bool, err error) {
	err = l.c.blobCall(ctx, l.op, l.at, StorageCredentialAuto, func(ctx context.Context, b *blockblob.Client) error {
		t := ctx.Value(blobTargetKey{}).(blobTarget)
		t.whole = true
		resp, err := b.DownloadStream(withTarget(ctx, t), nil)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		r = keyRecord{}
		if err := json.NewDecoder(resp.Body).Decode(&r); err != nil {
			return l.op.found(err, fmt.Sprintf("blob %q is not the record of a key", l.at.path),
				"use another key, or delete the blob if no job of the key exists")
		}
		leased = resp.LeaseStatus == nil || *resp.LeaseStatus == "locked"
		if resp.ETag != nil {
			l.etag = *resp.ETag
		}
		return nil
	})
	return r, leased, err
}

// change acquires, renews or releases the lease. azblob's package lease would link Arrow, as its
// package container does (storage_open.go). Lease Blob differs from Set Blob Metadata by query and
// headers only, so that call carries it.
func (l *keyLease) change(ctx context.Context, action string, match azcore.ETag) error {
	header := http.Header{"X-Ms-Lease-Action": {action}}
	if action == "acquire" {
		header.Set("x-ms-lease-duration", strconv.Itoa(int(leaseLength/time.Second)))
		header.Set("x-ms-proposed-lease-id", l.id) // ours, so that a second try takes the same lease
	} else {
		header.Set("x-ms-lease-id", l.id)
	}
	var conditions *blob.AccessConditions
	if match != "" {
		conditions = &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: &match}}
	}
	asked := l.c.clock.now().Round(0)
	err := l.c.blobCall(ctx, l.op, l.at, StorageCredentialAuto, func(ctx context.Context, b *blockblob.Client) error {
		t := ctx.Value(blobTargetKey{}).(blobTarget)
		t.query, t.header = "comp=lease", header
		_, err := b.SetMetadata(withTarget(ctx, t), nil, &blob.SetMetadataOptions{AccessConditions: conditions})
		var answer *azcore.ResponseError
		if errors.As(err, &answer) && answer.StatusCode == http.StatusCreated { // of a new lease; azblob wants 200
			return nil
		}
		return err
	})
	if err == nil {
		l.mu.Lock()
		l.renewed = asked
		l.mu.Unlock()
	}
	return err
}

// left is the least time that the lease still has.
func (l *keyLease) left() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return leaseLength - l.c.clock.now().Round(0).Sub(l.renewed)
}

// ensure renews the lease unless it lasts for the POST: the machine may have been suspended
// meanwhile.
func (l *keyLease) ensure(ctx context.Context) error {
	if l == nil || l.left() >= leaseMargin {
		return nil
	}
	err := l.change(ctx, "renew", "")
	if errors.Is(err, ErrConflict) || errors.Is(err, ErrNotFound) {
		return errLeaseLost
	}
	return err
}

// keep renews the lease until stop is called. The returned context ends with errLeaseLost when it
// cannot.
func (l *keyLease) keep(ctx context.Context) (_ context.Context, stop func()) {
	if l == nil {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-ctx.Done():
				return
			case <-l.c.clock.after(leaseRenewal):
			}
			err := l.change(ctx, "renew", "")
			if errors.Is(err, ErrConflict) || errors.Is(err, ErrNotFound) || err != nil && l.left() <= 0 {
				cancel(errLeaseLost)
				return
			}
		}
	}()
	return ctx, func() { cancel(nil); <-ended }
}

// settle releases the lease after a POST. If the POST gave a job, it records the job's name first.
// If the record cannot be written or the answer was lost, the lease runs out, and the next one
// finds the job by its output.
func (l *keyLease) settle(ctx context.Context, job BatchJob, err error) {
	if l == nil || errors.As(err, new(*AmbiguousInvokeError)) || errors.Is(err, errLeaseLost) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseCleanup)
	defer cancel()
	if err == nil {
		l.record.Job = job.Name
		held := &blob.AccessConditions{LeaseAccessConditions: &blob.LeaseAccessConditions{LeaseID: &l.id}}
		if l.write(ctx, l.record, held) != nil {
			return
		}
	}
	_ = l.change(ctx, "release", "") // else it runs out
}
