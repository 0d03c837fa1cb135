package blob

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/appendblob"
	azb "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	azlease "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"
)

// leasedUses are operations on a blob that take a lease ID.
var leasedUses = map[string]struct {
	writes bool
	run    func(t *leaseTest, leaseID *string) error
}{
	"Put Blob": {true, func(t *leaseTest, id *string) error {
		_, err := t.blob.Upload(t.Context(), streaming.NopCloser(strings.NewReader("new")),
			&blockblob.UploadOptions{AccessConditions: withLease(id)})
		return err
	}},
	"Put Block": {true, func(t *leaseTest, id *string) error {
		_, err := t.blob.StageBlock(t.Context(), "YTE=", streaming.NopCloser(strings.NewReader("new")),
			&blockblob.StageBlockOptions{LeaseAccessConditions: withLease(id).LeaseAccessConditions})
		return err
	}},
	"Put Block List": {true, func(t *leaseTest, id *string) error {
		_, err := t.blob.CommitBlockList(t.Context(), nil, &blockblob.CommitBlockListOptions{AccessConditions: withLease(id)})
		return err
	}},
	"Set Blob Metadata": {true, func(t *leaseTest, id *string) error {
		_, err := t.blob.SetMetadata(t.Context(), map[string]*string{"glaze": new("blue")},
			&azb.SetMetadataOptions{AccessConditions: withLease(id)})
		return err
	}},
	"Set Blob Properties": {true, func(t *leaseTest, id *string) error {
		_, err := t.blob.SetHTTPHeaders(t.Context(), azb.HTTPHeaders{}, &azb.SetHTTPHeadersOptions{AccessConditions: withLease(id)})
		return err
	}},
	"Delete Blob": {true, func(t *leaseTest, id *string) error {
		_, err := t.blob.Delete(t.Context(), &azb.DeleteOptions{AccessConditions: withLease(id)})
		return err
	}},
	"Get Blob": {false, func(t *leaseTest, id *string) error {
		r, err := t.blob.DownloadStream(t.Context(), &azb.DownloadStreamOptions{AccessConditions: withLease(id)})
		if err == nil {
			err = r.Body.Close()
		}
		return err
	}},
	"Get Blob Properties": {false, func(t *leaseTest, id *string) error {
		_, err := t.blob.GetProperties(t.Context(), &azb.GetPropertiesOptions{AccessConditions: withLease(id)})
		return err
	}},
	"Get Block List": {false, func(t *leaseTest, id *string) error {
		_, err := t.blob.GetBlockList(t.Context(), blockblob.BlockListTypeAll,
			&blockblob.GetBlockListOptions{AccessConditions: withLease(id)})
		return err
	}},
}

func withLease(id *string) *azb.AccessConditions {
	return &azb.AccessConditions{LeaseAccessConditions: &azb.LeaseAccessConditions{LeaseID: id}}
}

func TestUseOfLeasedBlob(t *testing.T) {
	t.Parallel()
	const mismatch, absent, lost = "LeaseIdMismatchWithBlobOperation", "LeaseNotPresentWithBlobOperation", "LeaseLost"
	wants := []struct{ state, id, write, read string }{
		{"available", "", "ok", "ok"},
		{"available", leaseA, absent, absent},
		{"leased", "", "LeaseIdMissing", "ok"},
		{"leased", leaseA, "ok", "ok"},
		{"leased", strings.ToUpper(leaseA), "ok", "ok"},
		{"leased", leaseB, mismatch, mismatch},
		{"breaking", "", "LeaseIdMissing", "ok"},
		{"breaking", leaseA, "ok", "ok"},
		{"breaking", leaseB, mismatch, mismatch},
		{"broken", "", "ok", "ok"},
		{"broken", leaseA, lost, lost},
		{"broken", leaseB, absent, absent},
		{"expired", "", "ok", "ok"},
		{"expired", leaseA, lost, lost},
		{"expired", leaseB, absent, absent},
		{"released", "", "ok", "ok"},
		{"released", leaseA, absent, absent},
	}
	for name, use := range leasedUses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lt := newLeaseTest(t, "")
			for _, want := range wants {
				put(t, lt.service, "bowl", "")
				lt.in(want.state)
				var id *string
				if want.id != "" {
					id = &want.id
				}
				err := use.run(lt, id)
				expect := want.read
				if use.writes {
					expect = want.write
				}
				if code(err) != expect {
					t.Errorf("%s, lease ID %q: %s, want %s", want.state, want.id, code(err), expect)
				}
				if err != nil {
					wantCode(t, want.state, err, http.StatusPreconditionFailed, expect)
				}
				lt.wait(time.Hour) // so that nothing holds the blob when it is deleted
			}
		})
	}
}

// Append blobs have no lock of their own kind: what holds for other writes holds for appending.
func TestAppendToLeasedBlob(t *testing.T) {
	t.Parallel()
	lt := newLeaseTest(t, "")
	b := lt.container.NewAppendBlobClient("log")
	_, err := b.Create(t.Context(), nil)
	lt.must(err)
	holder, err := azlease.NewBlobClient(b, &azlease.BlobClientOptions{LeaseID: new(leaseA)})
	lt.must(err)
	_, err = holder.AcquireLease(t.Context(), -1, nil)
	lt.must(err)
	add := func(id *string) error {
		_, err := b.AppendBlock(t.Context(), streaming.NopCloser(strings.NewReader("x")),
			&appendblob.AppendBlockOptions{AccessConditions: withLease(id)})
		return err
	}
	wantCode(t, "append without the lease", add(nil), 412, "LeaseIdMissing")
	lt.must(add(new(leaseA)))
}

// A lease that ended is remembered until somebody writes: only then is its ID good for nothing.
func TestWriteForgetsEndedLease(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"expired", "broken"} {
		lt := newLeaseTest(t, "")
		put(t, lt.service, "bowl", "")
		lt.in(state)
		lt.must(leasedUses["Set Blob Metadata"].run(lt, nil))
		if got := lt.state(); got != "available unlocked" {
			t.Errorf("%s, then a write: %s", state, got)
		}
		_, err := lt.holder(leaseA).RenewLease(t.Context(), nil)
		wantCode(t, "renew after a write", err, 409, "LeaseIdMismatchWithLeaseOperation")
	}
}

// A write with the lease leaves it, a lease leaves the blob's ETag, and a deleted blob takes its
// lease along.
func TestLeaseAndBlobChange(t *testing.T) {
	t.Parallel()
	lt := newLeaseTest(t, "")
	put(t, lt.service, "bowl", "clay")
	before, err := lt.blob.GetProperties(t.Context(), nil)
	lt.must(err)
	lt.wait(time.Minute)
	acquired, err := lt.holder(leaseA).AcquireLease(t.Context(), 60, nil)
	lt.must(err)
	if *acquired.LeaseID != leaseA || *acquired.ETag != *before.ETag || !acquired.LastModified.Equal(*before.LastModified) {
		t.Errorf("AcquireLease = %s %s %s, want %s and the blob's own %s %s", *acquired.LeaseID, *acquired.ETag,
			acquired.LastModified, leaseA, *before.ETag, before.LastModified)
	}
	lt.must(leasedUses["Put Blob"].run(lt, new(leaseA)))
	if got := lt.state(); got != "leased locked fixed" {
		t.Errorf("after a write with the lease: %s", got)
	}
	lt.must(leasedUses["Delete Blob"].run(lt, new(leaseA)))
	put(t, lt.service, "bowl", "new")
	if got := lt.state(); got != "available unlocked" {
		t.Errorf("a new blob under the old name: %s", got)
	}
}

// The real service judges the lease before If-None-Match (github.com/Azure/Azurite issue 2637,
// 2026).
func TestCreateOverLeasedBlob(t *testing.T) {
	t.Parallel()
	lt := newLeaseTest(t, "")
	create := func() error {
		_, err := lt.blob.Upload(t.Context(), streaming.NopCloser(strings.NewReader("")), &blockblob.UploadOptions{
			AccessConditions: &azb.AccessConditions{ModifiedAccessConditions: &azb.ModifiedAccessConditions{IfNoneMatch: new(azcore.ETagAny)}},
		})
		return err
	}
	lt.must(create())
	wantCode(t, "create over a blob", create(), 409, "BlobAlreadyExists")
	_, err := lt.holder(leaseA).AcquireLease(t.Context(), 60, nil)
	lt.must(err)
	wantCode(t, "create over a leased blob", create(), 412, "LeaseIdMissing")
	lt.must(leasedUses["Delete Blob"].run(lt, new(leaseA)))
	err = leasedUses["Put Blob"].run(lt, new(leaseA))
	wantCode(t, "create with a lease ID", err, 412, "LeaseNotPresentWithBlobOperation")
}
