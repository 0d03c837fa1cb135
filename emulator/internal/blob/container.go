package blob

import (
	"cmp"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
)

// container is a container and the index of its blobs. The index is in memory whatever the backend.
//
// Locks are taken in this order: life, the lock of a blob's name, mu. Readers hold only mu, and
// never while they copy content.
type container struct {
	key   containerKey
	store backend
	clock *Service

	life    sync.RWMutex // held for reading while a blob changes, for writing while the container changes or is deleted
	writers keyedMutex   // by blob name: one change of a blob at a time

	mu     sync.RWMutex
	gone   bool
	record containerRecord
	blobs  map[string]*record
	names  []string // of blobs, sorted by bytes as the service lists them
	staged map[string]*stagedBlocks
	seeds  []*seed
}

func newContainer(s *Service, key containerKey, r containerRecord) *container {
	return &container{
		key: key, store: s.store, clock: s, record: r,
		blobs: map[string]*record{}, staged: map[string]*stagedBlocks{},
	}
}

// lookup returns the blob of this name, or nil.
func (c *container) lookup(name string) *record {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.find(name)
}

// find is lookup for callers that hold mu.
func (c *container) find(name string) *record {
	if r, ok := c.blobs[name]; ok {
		return r
	}
	for _, s := range c.seeds {
		if r := s.lookup(name); r != nil {
			return r
		}
	}
	return nil
}

// read finds a blob and opens the range of its content that choose returns. Both happen under one
// lock, so the content belongs to the returned record even if the blob is written meanwhile.
func (c *container) read(name string, choose func(*record) (off, n int64, err error)) (*record, io.ReadCloser, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.gone {
		return nil, nil, errContainerNotFound()
	}
	r := c.find(name)
	if r == nil {
		return nil, nil, errBlobNotFound()
	}
	off, n, err := choose(r)
	if err != nil {
		return r, nil, err
	}
	body, err := r.content.open(off, n)
	return r, body, err
}

// change replaces a blob. build sees the present record (nil when there is none) and returns the
// next one (nil to delete the blob); nobody else changes the blob meanwhile, so the conditions of a
// request are judged there. change gives the next record its ETag, its time and the lease of the
// present one.
func (c *container) change(name string, build func(current *record) (*record, error)) (*record, error) {
	return c.swap(name, func(current *record) (*record, error) {
		next, err := build(current)
		if err != nil || next == nil {
			return next, err
		}
		next.Modified, next.ETag = c.clock.stamp()
		if current != nil {
			next.Lease = current.Lease.afterWrite(next.Modified)
		}
		return next, nil
	})
}

// swap is change for a build that also sets the record's ETag, time and lease.
func (c *container) swap(name string, build func(current *record) (*record, error)) (*record, error) {
	c.life.RLock()
	defer c.life.RUnlock()
	defer c.writers.lock(name)()

	c.mu.RLock()
	current, gone := c.find(name), c.gone
	c.mu.RUnlock()
	if gone {
		return nil, errContainerNotFound()
	}
	next, err := build(current)
	if err != nil {
		return nil, err
	}
	if current != nil && current.seeded {
		return nil, errSeeded()
	}
	return next, c.install(name, current, next)
}

// install publishes next in place of current and discards content that is no longer needed.
func (c *container) install(name string, current, next *record) error {
	if next == nil {
		if err := c.store.unpublish(c.key, current); err != nil {
			return err
		}
		c.remove(name)
	} else {
		next.Size = next.content.size()
		if next.Created.IsZero() {
			next.Created = next.Modified
		}
		if err := c.store.publish(c.key, next); err != nil {
			return err
		}
		c.put(next)
	}
	if current != nil && (next == nil || next.File != current.File) {
		current.content.discard()
	}
	return nil
}

// put enters a record into the index.
func (c *container) put(r *record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.blobs[r.Name]; !ok {
		i, _ := slices.BinarySearch(c.names, r.Name)
		c.names = slices.Insert(c.names, i, r.Name)
	}
	c.blobs[r.Name] = r
}

// remove takes a record out of the index.
func (c *container) remove(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.blobs, name)
	if i, ok := slices.BinarySearch(c.names, name); ok {
		c.names = slices.Delete(c.names, i, i+1)
	}
}

// ascend yields the blobs whose names start with prefix and are not below from, in the order of
// their names. It takes at most limit of its own blobs (0: all), as they are when the loop starts.
// Seeded files are read while the loop runs.
func (c *container) ascend(prefix, from string, limit int) iter.Seq2[*record, error] {
	return func(yield func(*record, error) bool) {
		own, seeds := c.ownFrom(prefix, from, limit)
		merged := own
		for _, s := range seeds {
			merged = mergeRecords(merged, s.ascend(prefix, from))
		}
		merged(yield)
	}
}

func (c *container) ownFrom(prefix, from string, limit int) (iter.Seq2[*record, error], []*seed) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	i, _ := slices.BinarySearch(c.names, max(prefix, from))
	var picked []*record
	for ; i < len(c.names) && strings.HasPrefix(c.names[i], prefix) && (limit == 0 || len(picked) < limit); i++ {
		picked = append(picked, c.blobs[c.names[i]])
	}
	return func(yield func(*record, error) bool) {
		for _, r := range picked {
			if !yield(r, nil) {
				return
			}
		}
	}, slices.Clone(c.seeds)
}

// mergeRecords merges two sequences in the order of names. If both have a name, it keeps the record
// of a.
func mergeRecords(a, b iter.Seq2[*record, error]) iter.Seq2[*record, error] {
	return func(yield func(*record, error) bool) {
		nextB, stop := iter.Pull2(b)
		defer stop()
		rb, errB, more := nextB()
		for ra, errA := range a {
			for more && errA == nil && (errB != nil || rb.Name < ra.Name) {
				if !yield(rb, errB) {
					return
				}
				rb, errB, more = nextB()
			}
			if more && errA == nil && cmp.Compare(rb.Name, ra.Name) == 0 {
				rb, errB, more = nextB()
			}
			if !yield(ra, errA) {
				return
			}
		}
		for ; more; rb, errB, more = nextB() {
			if !yield(rb, errB) {
				return
			}
		}
	}
}

// info returns the container's own record.
func (c *container) info() containerRecord {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.record
}

// amend changes the container's own record, unless edit returns an error.
func (c *container) amend(edit func(next *containerRecord) error) (containerRecord, error) {
	c.life.Lock()
	defer c.life.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return containerRecord{}, errContainerNotFound()
	}
	next := c.record
	if err := edit(&next); err != nil {
		return containerRecord{}, err
	}
	if err := c.store.updateContainer(c.key, next); err != nil {
		return containerRecord{}, err
	}
	c.record = next
	return next, nil
}

// drop deletes the container unless check returns an error. Requests that still use it find it
// gone.
func (c *container) drop(check func(containerRecord) error) error {
	c.life.Lock()
	defer c.life.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.gone:
		return errContainerNotFound()
	case len(c.seeds) > 0:
		return errSeeded()
	}
	if err := check(c.record); err != nil {
		return err
	}
	if err := c.store.dropContainer(c.key); err != nil {
		return err
	}
	c.gone = true
	c.blobs, c.names, c.staged = nil, nil, map[string]*stagedBlocks{}
	return nil
}

func (c *container) closeSeeds() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, s := range c.seeds {
		errs = append(errs, s.close())
	}
	c.seeds = nil
	return errors.Join(errs...)
}
