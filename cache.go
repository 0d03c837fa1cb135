package azmlbatch

import (
	"context"
	"sync"
)

// cached holds a value read on first use, such as the workspace's location or the secrets of a datastore. One caller at a
// time reads; the others wait for it, or until their context ends. A failure is not cached. The zero value is ready.
type cached[T any] struct {
	start sync.Once
	turn  chan struct{} // holds one token while somebody reads
	value *T
}

// get returns the cached value while it is valid, else what read returns. A nil valid means forever.
func (c *cached[T]) get(ctx context.Context, valid func(T) bool, read func(context.Context) (T, error)) (v T, err error) {
	c.start.Do(func() { c.turn = make(chan struct{}, 1) })
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return v, ctx.Err()
	}
	if c.value != nil && (valid == nil || valid(*c.value)) {
		return *c.value, nil
	}
	if v, err = read(ctx); err == nil {
		c.value = &v
	}
	return v, err
}
