package blob

import (
	"net/http"
	"time"
)

// lease is a lock on a blob or a container (Microsoft Learn, "Lease Blob" and "Lease Container").
// The zero value means no lease. A lease that has ended keeps its ID: its holder may renew it until
// somebody else writes.
type lease struct {
	ID      string        `json:"id"`               // in the form of uuid.UUID
	Length  time.Duration `json:"length,omitempty"` // 0: until released
	Expires time.Time     `json:"expires,omitzero"` // zero when Length is 0
	Broken  time.Time     `json:"broken,omitzero"`  // when a broken lease stops holding; zero: it was not broken
}

// The states of a lease, as in x-ms-lease-state.
const (
	leaseAvailable = "available"
	leaseLeased    = "leased"
	leaseExpired   = "expired"
	leaseBreaking  = "breaking"
	leaseBroken    = "broken"
)

func (l lease) state(now time.Time) string {
	switch {
	case l.ID == "":
		return leaseAvailable
	case !l.Broken.IsZero() && now.Before(l.Broken):
		return leaseBreaking
	case !l.Broken.IsZero():
		return leaseBroken
	case l.Length == 0 || now.Before(l.Expires):
		return leaseLeased
	}
	return leaseExpired
}

// locked reports whether writes need the lease.
func (l lease) locked(now time.Time) bool {
	state := l.state(now)
	return state == leaseLeased || state == leaseBreaking
}

// afterWrite returns the lease that a write leaves. A write forgets a lease that has ended.
func (l lease) afterWrite(now time.Time) lease {
	if l.locked(now) {
		return l
	}
	return lease{}
}

// check checks the lease ID that a request names, "" for none. Without an ID, only a write to a
// locked resource is refused.
func (l lease) check(id string, write bool, now time.Time, on leasable) error {
	locked := l.locked(now)
	switch {
	case id == "" && locked && write:
		return newFault(412, "LeaseIdMissing",
			"There is currently a lease on the "+on.noun+" and no lease ID was specified in the request.")
	case id == "":
		return nil
	case locked && id != l.ID:
		return newFault(412, "LeaseIdMismatchWith"+on.operation, on.mismatch())
	case !locked && id == l.ID:
		return newFault(412, "LeaseLost", "A lease ID was specified, but the lease for the "+on.noun+" has expired.")
	case !locked:
		return newFault(412, "LeaseNotPresentWith"+on.operation, on.absent())
	}
	return nil
}

// leasable is a kind of resource that can be leased, in the words of codes and messages.
type leasable struct{ noun, operation string }

var (
	leasableBlob      = leasable{"blob", "BlobOperation"}
	leasableContainer = leasable{"container", "ContainerOperation"}
)

func (on leasable) mismatch() string {
	return "The lease ID specified did not match the lease ID for the " + on.noun + "."
}

func (on leasable) absent() string { return "There is currently no lease on the " + on.noun + "." }

// leaseAction is one requested operation on a lease.
type leaseAction struct {
	name     string        // acquire, renew, change, release, break
	id       string        // renew, change, release: the ID of the lease
	proposed string        // acquire, change: the new ID
	length   time.Duration // acquire: 0 means until released
	period   time.Duration // break: the longest time the lock still holds; -1 means the time left
}

// do returns the lease after the action.
func (l lease) do(a leaseAction, now time.Time, on leasable) (lease, error) {
	switch a.name {
	case "acquire":
		return l.acquire(a, now)
	case "renew":
		return l.renew(a.id, now, on)
	case "change":
		return l.change(a, now, on)
	case "break":
		return l.breakUp(a.period, now, on)
	}
	if a.id != l.ID {
		return l, errLeaseMismatch(on)
	}
	return lease{}, nil
}

func (l lease) acquire(a leaseAction, now time.Time) (lease, error) {
	same := a.proposed == l.ID
	switch state := l.state(now); {
	case state == leaseBreaking && same:
		return l, newFault(409, "LeaseIsBreakingAndCannotBeAcquired",
			"The lease ID matched, but the lease is currently in breaking state and cannot be acquired until it is broken.")
	case state == leaseBreaking, state == leaseLeased && !same:
		return l, newFault(409, "LeaseAlreadyPresent", "There is already a lease present.")
	}
	return lease{ID: a.proposed, Length: a.length}.from(now), nil
}

// from starts the lease at now.
func (l lease) from(now time.Time) lease {
	if l.Length != 0 {
		l.Expires = now.Add(l.Length)
	}
	return l
}

func (l lease) renew(id string, now time.Time, on leasable) (lease, error) {
	switch {
	case id != l.ID:
		return l, errLeaseMismatch(on)
	case !l.Broken.IsZero():
		return l, newFault(409, "LeaseIsBrokenAndCannotBeRenewed",
			"The lease ID matched, but the lease has been broken explicitly and cannot be renewed.")
	}
	return l.from(now), nil
}

func (l lease) change(a leaseAction, now time.Time, on leasable) (lease, error) {
	switch state := l.state(now); {
	case !l.locked(now):
		return l, errLeaseAbsent(on)
	case state == leaseBreaking && a.id == l.ID:
		return l, newFault(409, "LeaseIsBreakingAndCannotBeChanged",
			"The lease ID matched, but the lease is currently in breaking state and cannot be changed.")
	case state == leaseBreaking, a.id != l.ID && a.proposed != l.ID:
		return l, errLeaseMismatch(on)
	}
	l.ID = a.proposed // again too: the client may have missed the first answer
	return l, nil
}

// breakUp ends the lock after period at the latest. With a period of -1, a lease of fixed length
// ends when it would have expired, and an infinite one ends now.
func (l lease) breakUp(period time.Duration, now time.Time, on leasable) (lease, error) {
	state := l.state(now)
	if state == leaseAvailable {
		return l, errLeaseAbsent(on)
	}
	end := now
	switch {
	case state == leaseBreaking:
		end = l.Broken
	case state == leaseLeased && l.Length != 0:
		end = l.Expires
	case state == leaseLeased && period > 0:
		end = now.Add(period)
	}
	if period >= 0 && now.Add(period).Before(end) {
		end = now.Add(period)
	}
	l.Broken = end
	return l, nil
}

func errLeaseMismatch(on leasable) *fault {
	return newFault(409, "LeaseIdMismatchWithLeaseOperation", on.mismatch())
}

func errLeaseAbsent(on leasable) *fault {
	return newFault(409, "LeaseNotPresentWithLeaseOperation", on.absent())
}

// setLease sets the headers that describe the lease of a blob or container.
func setLease(h http.Header, l lease, now time.Time) {
	state, status, duration := l.describe(now)
	h.Set("X-Ms-Lease-State", state)
	h.Set("X-Ms-Lease-Status", status)
	setIf(h, "X-Ms-Lease-Duration", duration)
}

// describe returns what headers and listings show of a lease. Only a lease that is held has a
// duration.
func (l lease) describe(now time.Time) (state, status, duration string) {
	state, status = l.state(now), "unlocked"
	if l.locked(now) {
		status = "locked"
	}
	switch {
	case state == leaseLeased && l.Length == 0:
		duration = "infinite"
	case state == leaseLeased:
		duration = "fixed"
	}
	return state, status, duration
}
