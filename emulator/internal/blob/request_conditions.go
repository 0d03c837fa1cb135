package blob

import (
	"net/http"
	"strings"
	"time"
)

// conditions are the conditional headers of a request (Microsoft Learn, "Specifying conditional
// headers").
type conditions struct {
	match, noneMatch               string
	modifiedSince, unmodifiedSince time.Time
	leaseID                        string // "" for none
	now                            func() time.Time
}

func (r *request) conditions() (conditions, error) {
	c := conditions{match: r.header.Get("If-Match"), noneMatch: r.header.Get("If-None-Match"), now: r.svc.now}
	var err error
	if c.leaseID, err = r.leaseID(); err != nil {
		return c, err
	}
	if c.modifiedSince, err = r.timeHeader("If-Modified-Since"); err != nil {
		return c, err
	}
	c.unmodifiedSince, err = r.timeHeader("If-Unmodified-Since")
	return c, err
}

func (r *request) timeHeader(name string) (time.Time, error) {
	text := r.header.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := http.ParseTime(text)
	if err != nil {
		return t, errHeaderValue(name, text)
	}
	return t, nil
}

// checkRead checks a read of an existing blob: it answers 412 if a condition fails and 304 if the
// blob has not changed.
func (c conditions) checkRead(rec *record) error {
	if err := c.checkLease(rec, false); err != nil {
		return err
	}
	switch {
	case !c.wanted(rec.ETag, rec.Modified):
		return errConditionNotMet(http.StatusPreconditionFailed)
	case !c.changed(rec.ETag, rec.Modified):
		return errConditionNotMet(http.StatusNotModified)
	}
	return nil
}

// checkWrite checks a change of an existing blob.
func (c conditions) checkWrite(current *record) error {
	if err := c.checkLease(current, true); err != nil {
		return err
	}
	return c.checkState(current.ETag, current.Modified)
}

// checkState checks the conditions on ETag and time, without the lease.
func (c conditions) checkState(tag uint64, modified time.Time) error {
	if !c.wanted(tag, modified) || !c.changed(tag, modified) {
		return errConditionNotMet(http.StatusPreconditionFailed)
	}
	return nil
}

// checkLease checks the lease of a blob; current is nil when there is no blob, and so no lease. The
// service checks the lease before all other conditions: creating a blob over a leased one is
// refused with LeaseIdMissing, not BlobAlreadyExists (github.com/Azure/Azurite issue 2637, 2026).
func (c conditions) checkLease(current *record, write bool) error {
	var l lease
	if current != nil {
		l = current.Lease
	}
	return l.check(c.leaseID, write, c.now(), leasableBlob)
}

// checkCreate checks a write that creates or replaces a blob; current is nil when there is none.
func (c conditions) checkCreate(current *record) error {
	if err := c.checkLease(current, true); err != nil {
		return err
	}
	switch {
	case current == nil && c.match != "":
		return errConditionNotMet(http.StatusPreconditionFailed)
	case current == nil:
		return nil
	case strings.TrimSpace(c.noneMatch) == "*":
		return newFault(409, "BlobAlreadyExists", "The specified blob already exists.")
	}
	return c.checkState(current.ETag, current.Modified)
}

// wanted reports whether If-Match and If-Unmodified-Since hold. Times count in whole seconds, as in
// headers.
func (c conditions) wanted(tag uint64, modified time.Time) bool {
	if c.match != "" && strings.TrimSpace(c.match) != "*" && !sameETag(c.match, tag) {
		return false
	}
	return c.unmodifiedSince.IsZero() || !modified.Truncate(time.Second).After(c.unmodifiedSince)
}

// changed reports whether If-None-Match and If-Modified-Since hold.
func (c conditions) changed(tag uint64, modified time.Time) bool {
	if c.noneMatch != "" && (strings.TrimSpace(c.noneMatch) == "*" || sameETag(c.noneMatch, tag)) {
		return false
	}
	return c.modifiedSince.IsZero() || modified.Truncate(time.Second).After(c.modifiedSince)
}
