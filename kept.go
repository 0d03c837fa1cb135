package azmlbatch

import (
	"context"
	"sync"
)

// kept is what a client reads when it is first needed and then keeps, such as the workspace's location or the secrets of a
// datastore. One caller at a time reads, the others wait for it or for the end of their context. A failure is not kept. The
// zero value is ready.
type kept[T any] struct {
	start sync.Once
	turn  chan struct{} // holds one token while somebody reads
	value *T
}

// get returns what is kept while it is valid, else what read returns. A nil valid means for ever.
func (k *kept[T]) get(ctx context.Context, valid func(T) bool, read func(context.Context) (T, error)) (v T, err error) {
	k.start.Do(func() { k.turn = make(chan struct{}, 1) })
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return v, ctx.Err()
	}
	if k.value != nil && (valid == nil || valid(*k.value)) {
		return *k.value, nil
	}
	if v, err = read(ctx); err == nil {
		k.value = &v
	}
	return v, err
}
