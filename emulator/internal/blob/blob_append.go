package blob

import (
	"fmt"
	"net/http"
	"strconv"
)

const (
	maxAppendBlock      = 100 << 20 // bytes
	maxAppendBlockUntil = 4 << 20   // bytes, before version 2022-11-02
	maxAppends          = 50000     // blocks of one append blob
)

// appendBlock is Append Block.
func (r *request) appendBlock(w http.ResponseWriter) error {
	check, err := r.appendCheck()
	if err != nil {
		return err
	}
	c, err := r.openContainer()
	if err != nil {
		return err
	}
	limit := int64(maxAppendBlock)
	if !r.atLeast("2022-11-02") {
		limit = maxAppendBlockUntil
	}
	got, err := r.receive(c, limit)
	if err != nil {
		return err
	}
	rec, err := c.appendTo(r.blob, got.content, check)
	if err != nil {
		return err
	}
	h := w.Header()
	setWritten(h, rec)
	got.setHashes(h)
	h.Set("X-Ms-Blob-Append-Offset", strconv.FormatInt(rec.Size-r.ContentLength, 10))
	h.Set("X-Ms-Blob-Committed-Block-Count", strconv.Itoa(rec.Appends))
	answerEmpty(w, http.StatusCreated)
	return nil
}

// appendCheck returns the function that checks the request's conditions against the blob.
func (r *request) appendCheck() (func(*record) error, error) {
	cond, err := r.conditions()
	if err != nil {
		return nil, err
	}
	position, atPosition, err := r.intHeader("X-Ms-Blob-Condition-Appendpos")
	if err != nil {
		return nil, err
	}
	maxSize, bounded, err := r.intHeader("X-Ms-Blob-Condition-Maxsize")
	if err != nil {
		return nil, err
	}
	if r.ContentLength == 0 {
		return nil, errHeaderValue("Content-Length", "0")
	}
	return func(current *record) error {
		if err := cond.checkWrite(current); err != nil {
			return err
		}
		switch {
		case atPosition && current.Size != position:
			return newFault(412, "AppendPositionConditionNotMet", "The append position condition specified was not met.")
		case bounded && current.Size+r.ContentLength > maxSize:
			return newFault(412, "MaxBlobSizeConditionNotMet", "The max blob size condition specified was not met.")
		case current.Appends >= maxAppends:
			return newFault(409, "BlockCountExceedsLimit",
				"The committed block count cannot exceed the maximum limit of 50,000 blocks.")
		}
		return nil
	}, nil
}

// appendTo adds tail to the append blob of this name, which must exist and pass check.
func (c *container) appendTo(name string, tail content, check func(*record) error) (*record, error) {
	defer tail.discard()
	return c.change(name, func(current *record) (*record, error) {
		switch {
		case current == nil:
			return nil, errBlobNotFound()
		case current.Kind != appendBlob:
			return nil, errBlobType()
		}
		if err := check(current); err != nil {
			return nil, err
		}
		return c.grow(current, tail)
	})
}

// grow returns the record of an append blob with tail added.
func (c *container) grow(current *record, tail content) (*record, error) {
	grown, err := c.store.extend(current.content, tail)
	if err != nil {
		return nil, fmt.Errorf("append to %s: %w", current.Name, err)
	}
	next := current.clone()
	next.content = grown
	next.Appends++
	return next, nil
}
