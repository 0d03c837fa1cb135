package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"

	"golang.org/x/sync/errgroup"
)

// bare downloads with nothing but GET and write: no checksum, no retry, no unfinished file beside, no progress. That is what a
// transfer takes at least, over this transport and onto this disk.
func (w work) bare(transport http.RoundTripper) error {
	c, err := w.azblobClient(transport)
	if err != nil {
		return err
	}
	blobs, err := w.list(c)
	if err != nil {
		return err
	}
	return w.each(slices.Collect(maps.Keys(blobs)), func(name string) error {
		f, err := w.create(name)
		if err != nil {
			return err
		}
		defer f.Close()
		return w.bareParts(transport, name, f, blobs[name])
	})
}

func (w work) bareParts(transport http.RoundTripper, name string, f *os.File, size int64) error {
	const part = 4 << 20
	var pool errgroup.Group
	pool.SetLimit(max(1, w.Blocks))
	for offset := int64(0); offset < size; offset += part {
		pool.Go(func() error { return w.barePart(transport, name, f, offset, min(offset+part, size)) })
	}
	return pool.Wait()
}

func (w work) barePart(transport http.RoundTripper, name string, f *os.File, from, to int64) error {
	req, err := http.NewRequest(http.MethodGet, "https://"+account+".blob.core.windows.net/"+w.Container+"/"+name, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, to-1))
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.CopyBuffer(io.NewOffsetWriter(f, from), struct{ io.Reader }{resp.Body}, make([]byte, min(to-from, 256<<10)))
	return err
}
