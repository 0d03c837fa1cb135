package blob

import (
	"cmp"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// Limits of Microsoft Learn, "Lease Blob", in seconds.
const (
	minLease       = 15
	maxLease       = 60
	maxBreakPeriod = 60
	infiniteLease  = -1
)

// leaseBlob is Lease Blob. It does not change the blob's ETag and time. Unlike in the real service,
// a blob that has only uncommitted blocks cannot be leased.
func (r *request) leaseBlob(w http.ResponseWriter) error {
	action, err := r.leaseAction()
	if err != nil {
		return err
	}
	cond, err := r.conditions()
	if err != nil {
		return err
	}
	c, err := r.openContainer()
	if err != nil {
		return err
	}
	var now time.Time
	rec, err := c.swap(r.blob, func(current *record) (*record, error) {
		if current == nil {
			return nil, errBlobNotFound()
		}
		if err := cond.checkState(current.ETag, current.Modified); err != nil {
			return nil, err
		}
		now = r.svc.now()
		next := current.clone()
		var err error
		next.Lease, err = current.Lease.do(action, now, leasableBlob)
		return next, err
	})
	if err != nil {
		return err
	}
	setChange(w.Header(), rec.ETag, rec.Modified)
	answerLease(w, action, rec.Lease, now)
	return nil
}

// leaseContainer is Lease Container. It leaves the container's ETag alone: whether the real service
// changes it is not documented.
func (r *request) leaseContainer(w http.ResponseWriter) error {
	action, err := r.leaseAction()
	if err != nil {
		return err
	}
	cond, err := r.conditions()
	if err != nil {
		return err
	}
	c, err := r.openContainer()
	if err != nil {
		return err
	}
	var now time.Time
	info, err := c.amend(func(next *containerRecord) error {
		if err := cond.checkState(next.ETag, next.Modified); err != nil {
			return err
		}
		now = r.svc.now()
		var err error
		next.Lease, err = next.Lease.do(action, now, leasableContainer)
		return err
	})
	if err != nil {
		return err
	}
	setChange(w.Header(), info.ETag, info.Modified)
	answerLease(w, action, info.Lease, now)
	return nil
}

// leaseAction reads the headers of an operation on a lease.
func (r *request) leaseAction() (leaseAction, error) {
	a := leaseAction{name: r.header.Get("X-Ms-Lease-Action")}
	var err error
	switch a.name {
	case "":
		return a, errMissingHeader("x-ms-lease-action")
	case "acquire":
		a.proposed, err = r.proposedLeaseID(uuid.NewString())
		if err == nil {
			a.length, err = r.leaseLength()
		}
	case "renew", "release":
		a.id, err = r.requiredLeaseID()
	case "change":
		a.id, err = r.requiredLeaseID()
		if err == nil {
			a.proposed, err = r.proposedLeaseID("")
		}
	case "break":
		a.period, err = r.breakPeriod()
	default:
		err = errHeaderValue("x-ms-lease-action", a.name)
	}
	// The delete permission is enough to break a lease (Microsoft Learn, "Create an account SAS"),
	// and for no other action.
	if err == nil && a.name != "break" && r.grant.withoutWrite {
		err = errPermission()
	}
	return a, err
}

// leaseID returns the lease ID that the request names, "" for none.
func (r *request) leaseID() (string, error) { return r.guidHeader("x-ms-lease-id") }

func (r *request) requiredLeaseID() (string, error) {
	id, err := r.leaseID()
	if err == nil && id == "" {
		err = errMissingHeader("x-ms-lease-id")
	}
	return id, err
}

func (r *request) proposedLeaseID(otherwise string) (string, error) {
	id, err := r.guidHeader("x-ms-proposed-lease-id")
	if id = cmp.Or(id, otherwise); err == nil && id == "" {
		err = errMissingHeader("x-ms-proposed-lease-id")
	}
	return id, err
}

// guidHeader reads a GUID in any form that uuid.Parse accepts and returns it in the usual form.
func (r *request) guidHeader(name string) (string, error) {
	text := r.header.Get(name)
	if text == "" {
		return "", nil
	}
	id, err := uuid.Parse(text)
	if err != nil {
		return "", errHeaderValue(name, text)
	}
	return id.String(), nil
}

func (r *request) leaseLength() (time.Duration, error) {
	const name = "x-ms-lease-duration"
	text := r.header.Get(name)
	if text == "" {
		return 0, errMissingHeader(name)
	}
	n, err := strconv.Atoi(text)
	switch {
	case err == nil && n == infiniteLease:
		return 0, nil
	case err != nil || n < minLease || n > maxLease:
		return 0, errHeaderValue(name, text)
	}
	return time.Duration(n) * time.Second, nil
}

func (r *request) breakPeriod() (time.Duration, error) {
	const name = "x-ms-lease-break-period"
	n, ok, err := r.intHeader(name)
	switch {
	case err != nil:
		return 0, err
	case !ok:
		return -1, nil
	case n > maxBreakPeriod:
		return 0, errHeaderValue(name, r.header.Get(name))
	}
	return time.Duration(n) * time.Second, nil
}

// answerLease answers an operation on a lease.
func answerLease(w http.ResponseWriter, a leaseAction, l lease, now time.Time) {
	status := http.StatusOK
	switch a.name {
	case "acquire":
		status = http.StatusCreated
	case "break":
		status = http.StatusAccepted
		left := max(0, l.Broken.Sub(now))
		w.Header().Set("X-Ms-Lease-Time", strconv.Itoa(int((left+time.Second-1)/time.Second)))
	}
	setIf(w.Header(), "X-Ms-Lease-Id", leaseIDOfAnswer(a, l))
	answerEmpty(w, status)
}

// leaseIDOfAnswer is empty for a break: anyone may break a lease, and learns no ID by it.
func leaseIDOfAnswer(a leaseAction, l lease) string {
	if a.name == "break" {
		return ""
	}
	return l.ID
}
