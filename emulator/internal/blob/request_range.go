package blob

import (
	"fmt"
	"strconv"
	"strings"
)

// byteRange is the range of a blob that a download asks for.
type byteRange struct {
	off   int64
	end   int64 // exclusive; -1: to the end
	given bool  // false: the whole blob
}

// byteRange reads x-ms-range or, without it, Range. A Range that the service does not support, such
// as a suffix or several ranges, is ignored, as HTTP demands. Such an x-ms-range is refused.
func (r *request) byteRange() (byteRange, error) {
	if text := r.header.Get("X-Ms-Range"); text != "" {
		br, ok := parseRange(text)
		if !ok {
			return br, errHeaderValue("x-ms-range", text)
		}
		return br, nil
	}
	br, ok := parseRange(r.header.Get("Range"))
	if !ok {
		return byteRange{}, nil
	}
	return br, nil
}

// parseRange reads "bytes=first-last" and "bytes=first-".
func parseRange(text string) (byteRange, bool) {
	spec, ok := strings.CutPrefix(strings.TrimSpace(text), "bytes=")
	first, last, dash := strings.Cut(spec, "-")
	off, err := strconv.ParseUint(first, 10, 63)
	if !ok || !dash || err != nil {
		return byteRange{}, false
	}
	if last == "" {
		return byteRange{off: int64(off), end: -1, given: true}, true
	}
	end, err := strconv.ParseUint(last, 10, 63)
	if err != nil || end < off || end == 1<<63-1 {
		return byteRange{}, false
	}
	return byteRange{off: int64(off), end: int64(end) + 1, given: true}, true
}

// within limits the range to a blob of this size. A range that starts after the end is refused, and
// so is every range of an empty blob.
func (b byteRange) within(size int64) (off, n int64, err error) {
	if !b.given {
		return 0, size, nil
	}
	if b.off >= size {
		f := newFault(416, "InvalidRange", "The range specified is invalid for the current size of the resource.")
		f.headers = []detail{{"Content-Range", fmt.Sprintf("bytes */%d", size)}}
		return 0, 0, f
	}
	end := b.end
	if end < 0 || end > size {
		end = size
	}
	return b.off, end - b.off, nil
}
