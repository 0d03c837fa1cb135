package blob

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// maxRangeHash is the longest range of which the service computes a hash.
const maxRangeHash = 4 << 20

// rangeHash is the hash of a range that a read asks for: x-ms-range-get-content-md5 or …-crc64, in lower
// case, or "". Both at once are refused (learn.microsoft.com, Get Blob).
func (r *request) rangeHash(want byteRange) (hash string, err error) {
	for _, name := range []string{"x-ms-range-get-content-md5", "x-ms-range-get-content-crc64"} {
		if r.header.Get(name) != "true" {
			continue
		}
		if hash != "" || !want.given {
			return "", errHeaderValue(name, "true")
		}
		hash = name
	}
	return hash, nil
}

// getBlob is Get Blob.
func (r *request) getBlob(w http.ResponseWriter) error {
	cond, err := r.conditions()
	if err != nil {
		return err
	}
	want, err := r.byteRange()
	if err != nil {
		return err
	}
	hash, err := r.rangeHash(want)
	if err != nil {
		return err
	}
	c, err := r.openContainer()
	if err != nil {
		return err
	}
	var off, n int64
	rec, body, err := c.read(r.blob, func(rec *record) (int64, int64, error) {
		if err := cond.checkRead(rec); err != nil {
			return 0, 0, err
		}
		var err error
		off, n, err = want.within(rec.Size)
		if err == nil && hash != "" && n > maxRangeHash {
			err = newFault(400, "OutOfRangeInput", "One of the request inputs is out of range.")
		}
		return off, n, err
	})
	if err != nil {
		return refuseRead(rec, err)
	}
	defer body.Close()
	return r.sendBlob(w, rec, body, sending{want.given, hash, off, n})
}

// refuseRead adds the blob's ETag and time to a 304.
func refuseRead(rec *record, err error) error {
	var f *fault
	if rec != nil && errors.As(err, &f) && f.status == http.StatusNotModified {
		f.headers = append(f.headers, detail{"Etag", quoteETag(rec.ETag)}, detail{"Last-Modified", httpTime(rec.Modified)})
	}
	return err
}

// sending describes the range of a blob that is sent.
type sending struct {
	ranged bool
	hash   string // see rangeHash
	off, n int64
}

func (r *request) sendBlob(w http.ResponseWriter, rec *record, body io.Reader, s sending) error {
	h := w.Header()
	setProperties(h, rec, r.time)
	r.override(h)
	h.Set("Content-Length", strconv.FormatInt(s.n, 10))
	status := http.StatusOK
	if s.ranged {
		status = http.StatusPartialContent
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", s.off, s.off+s.n-1, rec.Size))
		setIf(h, "X-Ms-Blob-Content-Md5", encodeMD5(rec.Headers.MD5))
	} else {
		setIf(h, "Content-Md5", encodeMD5(rec.Headers.MD5))
	}
	if s.hash != "" {
		in := newHasher(body)
		piece, err := io.ReadAll(in)
		if err != nil {
			return err
		}
		if strings.HasSuffix(s.hash, "md5") {
			h.Set("Content-Md5", encodeMD5(in.md5.Sum(nil)))
		} else {
			h.Set("X-Ms-Content-Crc64", base64.StdEncoding.EncodeToString(in.crc()))
		}
		body = bytes.NewReader(piece)
	}
	w.WriteHeader(status)
	// From here on an error can only show as a body that is too short.
	if _, err := io.Copy(w, body); err != nil && r.Context().Err() == nil {
		r.svc.log.Debug("blob download ended early", "requestID", r.id, "error", err)
	}
	return nil
}

// override sets the response headers that a service SAS asks for.
func (r *request) override(h http.Header) {
	for name, value := range r.grant.overrides {
		h.Set(name, value)
	}
}

// headBlob is Get Blob Properties.
func (r *request) headBlob(w http.ResponseWriter) error {
	rec, err := r.readable()
	if err != nil {
		return err
	}
	h := w.Header()
	setProperties(h, rec, r.time)
	r.override(h)
	h.Set("Content-Length", strconv.FormatInt(rec.Size, 10))
	setIf(h, "Content-Md5", encodeMD5(rec.Headers.MD5))
	if rec.Kind == blockBlob {
		h.Set("X-Ms-Access-Tier", cmp.Or(rec.Tier, defaultTier))
		if rec.Tier == "" {
			h.Set("X-Ms-Access-Tier-Inferred", "true")
		}
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// getMetadata is Get Blob Metadata.
func (r *request) getMetadata(w http.ResponseWriter) error {
	rec, err := r.readable()
	if err != nil {
		return err
	}
	setChange(w.Header(), rec.ETag, rec.Modified)
	setMetadata(w.Header(), rec.Metadata)
	answerEmpty(w, http.StatusOK)
	return nil
}

// readable returns the blob of a request that reads no content, if the request's conditions hold.
func (r *request) readable() (*record, error) {
	cond, err := r.conditions()
	if err != nil {
		return nil, err
	}
	c, err := r.openContainer()
	if err != nil {
		return nil, err
	}
	rec := c.lookup(r.blob)
	if rec == nil {
		return nil, errBlobNotFound()
	}
	return rec, refuseRead(rec, cond.checkRead(rec))
}

// openContainer finds the container of the request.
func (r *request) openContainer() (*container, error) {
	c, ok := r.acct.find(r.container)
	if !ok {
		return nil, errContainerNotFound()
	}
	return c, nil
}
