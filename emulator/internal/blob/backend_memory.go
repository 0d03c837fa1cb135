package blob

import (
	"bytes"
	"io"
)

// memoryBackend keeps content in memory only.
type memoryBackend struct{}

// memoryContent is content in memory. Only the newest content of an append blob uses its spare
// capacity.
type memoryContent []byte

func (memoryBackend) createContainer(containerKey, containerRecord) error { return nil }
func (memoryBackend) updateContainer(containerKey, containerRecord) error { return nil }
func (memoryBackend) dropContainer(containerKey) error                    { return nil }
func (memoryBackend) publish(containerKey, *record) error                 { return nil }
func (memoryBackend) unpublish(containerKey, *record) error               { return nil }

func (memoryBackend) write(_ containerKey, r io.Reader) (content, error) {
	data, err := io.ReadAll(r)
	return memoryContent(data), err
}

func (memoryBackend) join(_ containerKey, parts []part) (content, error) {
	var total int64
	for _, p := range parts {
		total += p.n
	}
	data := make([]byte, 0, total)
	for _, p := range parts {
		data = append(data, p.from.(memoryContent)[p.off:p.off+p.n]...)
	}
	return memoryContent(data), nil
}

// extend may write into the spare capacity of base. That is safe because a container extends only
// the newest content of a blob, one extension at a time, and no reader looks past the length of the
// content it opened.
func (memoryBackend) extend(base, tail content) (content, error) {
	return append(base.(memoryContent), tail.(memoryContent)...), nil
}

func (c memoryContent) size() int64 { return int64(len(c)) }
func (c memoryContent) discard()    {}

func (c memoryContent) open(off, n int64) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(c[off : off+n])), nil
}
