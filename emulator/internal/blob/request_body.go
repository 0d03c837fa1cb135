package blob

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"hash/crc64"
	"io"
	"net/http"
	"strconv"
)

// crcTable is the polynomial of x-ms-content-crc64, which is that of the NVM Express specification.
// azblob uses the same.
var crcTable = crc64.MakeTable(0x9A6C9329AC4BC9B5)

// received is a stored request body and its hashes.
type received struct {
	content content
	md5     []byte
	crc64   []byte
}

// receive stores the request's body, at most limit bytes, and checks its length and hashes.
func (r *request) receive(c *container, limit int64) (received, error) {
	if r.ContentLength < 0 {
		return received{}, newFault(411, "MissingContentLengthHeader", "The Content-Length header was not specified.")
	}
	if r.ContentLength > limit {
		return received{}, errTooLarge(limit)
	}
	in := newHasher(&contextReader{r.Context(), io.LimitReader(r.body(), r.ContentLength+1)})
	kept, err := c.store.write(c.key, in)
	if err != nil {
		return received{}, err
	}
	got := received{kept, in.md5.Sum(nil), in.crc()}
	if err := r.checkReceived(got); err != nil {
		kept.discard()
		return received{}, err
	}
	return got, nil
}

// body is the request's body, never nil.
func (r *request) body() io.Reader {
	if r.Body == nil {
		return http.NoBody
	}
	return r.Body
}

func (r *request) checkReceived(got received) error {
	if got.content.size() != r.ContentLength {
		return newFault(400, "InvalidInput", "One of the request inputs is not valid.")
	}
	return r.checkHashes(got.md5, got.crc64)
}

// checkHashes compares the hashes in the request with those of the body.
func (r *request) checkHashes(md5Sum, crc []byte) error {
	if text := r.header.Get("Content-Md5"); text != "" {
		want, err := decodeMD5(text)
		if err != nil {
			return err
		}
		if !bytes.Equal(want, md5Sum) {
			return newFault(400, "Md5Mismatch",
				"The MD5 value specified in the request did not match with the MD5 value calculated by the server.",
				detail{"UserSpecifiedMd5", text}, detail{"ServerCalculatedMd5", encodeMD5(md5Sum)})
		}
	}
	text := r.header.Get("X-Ms-Content-Crc64")
	if text != "" && text != base64.StdEncoding.EncodeToString(crc) {
		return newFault(400, "Crc64Mismatch",
			"The CRC64 value specified in the request did not match with the CRC64 value calculated by the server.",
			detail{"UserSpecifiedCrc", text}, detail{"ServerCalculatedCrc", base64.StdEncoding.EncodeToString(crc)})
	}
	return nil
}

func decodeMD5(text string) ([]byte, error) {
	sum, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(sum) != md5.Size {
		return nil, newFault(400, "InvalidMd5",
			"The MD5 value specified in the request is invalid. MD5 value must be 128 bits and base64-encoded.")
	}
	return sum, nil
}

// setHashes sets the hash headers of the answer.
func (got received) setHashes(h http.Header) {
	h.Set("Content-Md5", encodeMD5(got.md5))
	h.Set("X-Ms-Content-Crc64", base64.StdEncoding.EncodeToString(got.crc64))
}

// hasher computes hashes of what is read through it.
type hasher struct {
	io.Reader
	md5 hash.Hash
	c64 hash.Hash64
}

func newHasher(r io.Reader) *hasher {
	h := &hasher{md5: md5.New(), c64: crc64.New(crcTable)}
	h.Reader = io.TeeReader(r, io.MultiWriter(h.md5, h.c64))
	return h
}

// crc is the CRC64 as in headers, little-endian.
func (h *hasher) crc() []byte { return binary.LittleEndian.AppendUint64(nil, h.c64.Sum64()) }

// contextReader stops reading when its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// intHeader reads a header that holds a count of bytes; ok is false when it is absent.
func (r *request) intHeader(name string) (n int64, ok bool, err error) {
	text := r.header.Get(name)
	if text == "" {
		return 0, false, nil
	}
	n, err = strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, false, errHeaderValue(name, text)
	}
	return n, true, nil
}
