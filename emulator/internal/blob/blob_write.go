package blob

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"unicode"
)

const (
	defaultContentType = "application/octet-stream"
	defaultTier        = "Hot"
	maxPutBlob         = 5000 << 20 // bytes, since version 2019-12-12
	maxMetadata        = 8 << 10    // bytes of all names and values
)

// putBlob is Put Blob: a block blob in one piece, or an empty append blob.
func (r *request) putBlob(w http.ResponseWriter) error {
	kind := r.header.Get("X-Ms-Blob-Type")
	switch {
	case kind == "":
		return errMissingHeader("x-ms-blob-type")
	case kind == "PageBlob":
		return errNotPlayed("page blobs")
	case kind != blockBlob && kind != appendBlob:
		return errHeaderValue("x-ms-blob-type", kind)
	case kind == appendBlob && r.ContentLength > 0:
		return errHeaderValue("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}
	next, err := r.newRecord(kind)
	if err != nil {
		return err
	}
	next.Headers.Type = cmp.Or(next.Headers.Type, cmp.Or(r.header.Get("Content-Type"), defaultContentType))
	next.Headers.Encoding = cmp.Or(next.Headers.Encoding, r.header.Get("Content-Encoding"))
	next.Headers.Language = cmp.Or(next.Headers.Language, r.header.Get("Content-Language"))
	c, check, err := r.openForCreate()
	if err != nil {
		return err
	}
	got, err := r.receive(c, maxPutBlob)
	if err != nil {
		return err
	}
	next.content = got.content
	if next.Headers.MD5 == nil && kind == blockBlob {
		next.Headers.MD5 = got.md5
	}
	if err := c.replace(next, check); err != nil {
		return err
	}
	setWritten(w.Header(), next)
	if kind == blockBlob {
		got.setHashes(w.Header())
	}
	answerEmpty(w, http.StatusCreated)
	return nil
}

// openForCreate returns the container of a write that creates or replaces a blob, and the check of
// that write. It runs the check once before the body is read, so that a refused upload costs
// nothing. The caller runs it again when the blob changes.
func (r *request) openForCreate() (*container, func(*record) error, error) {
	cond, err := r.conditions()
	if err != nil {
		return nil, nil, err
	}
	check := func(current *record) error {
		if err := cond.checkCreate(current); err != nil {
			return err
		}
		if current != nil && r.grant.withoutWrite {
			return newFault(403, "UnauthorizedBlobOverwrite", "This request is not authorized to perform blob overwrites.")
		}
		return nil
	}
	c, err := r.openContainer()
	if err != nil {
		return nil, nil, err
	}
	current := c.lookup(r.blob)
	if current != nil && current.seeded {
		return nil, nil, errSeeded()
	}
	return c, check, check(current)
}

// replace makes next the blob of its name unless check returns an error; then the new content is
// discarded.
func (c *container) replace(next *record, check func(*record) error) error {
	_, err := c.change(next.Name, func(current *record) (*record, error) {
		return next, check(current)
	})
	if err != nil {
		next.content.discard()
		return err
	}
	c.dropStaged(next.Name)
	return nil
}

// newRecord returns a record with the headers of the request.
func (r *request) newRecord(kind string) (*record, error) {
	headers, err := r.contentHeaders()
	if err != nil {
		return nil, err
	}
	metadata, err := r.metadata()
	if err != nil {
		return nil, err
	}
	return &record{Name: r.blob, Kind: kind, Headers: headers, Metadata: metadata, Tier: r.header.Get("X-Ms-Access-Tier")}, nil
}

// contentHeaders reads the x-ms-blob-content- headers.
func (r *request) contentHeaders() (contentHeaders, error) {
	h := contentHeaders{
		Type:         r.header.Get("X-Ms-Blob-Content-Type"),
		Encoding:     r.header.Get("X-Ms-Blob-Content-Encoding"),
		Language:     r.header.Get("X-Ms-Blob-Content-Language"),
		Disposition:  r.header.Get("X-Ms-Blob-Content-Disposition"),
		CacheControl: r.header.Get("X-Ms-Blob-Cache-Control"),
	}
	text := r.header.Get("X-Ms-Blob-Content-Md5")
	if text == "" {
		return h, nil
	}
	var err error
	h.MD5, err = decodeMD5(text)
	return h, err
}

// metadata reads the x-ms-meta- headers. Names are C# identifiers; see the package comment for
// their case.
func (r *request) metadata() (map[string]string, error) {
	const prefix = "X-Ms-Meta-"
	metadata := map[string]string{}
	total := 0
	for header, values := range r.header {
		if !strings.HasPrefix(header, prefix) {
			continue
		}
		name, value := strings.ToLower(header[len(prefix):]), strings.Join(values, ",")
		if err := checkMetadata(name, value); err != nil {
			return nil, err
		}
		metadata[name] = value
		total += len(name) + len(value)
	}
	if total > maxMetadata {
		return nil, newFault(400, "MetadataTooLarge", "The metadata specified exceeds the maximum permissible limit (8KB).")
	}
	return metadata, nil
}

func checkMetadata(name, value string) error {
	switch {
	case name == "":
		return newFault(400, "EmptyMetadataKey", "The key for one of the metadata key-value pairs is empty.")
	case !validMetadataName(name) || !validMetadataValue(value):
		return newFault(400, "InvalidMetadata", "The metadata specified is invalid. It has characters that are not permitted.")
	}
	return nil
}

func validMetadataName(name string) bool {
	for i, c := range name {
		letter := c == '_' || c <= unicode.MaxASCII && unicode.IsLetter(c)
		digit := '0' <= c && c <= '9'
		if !letter && (i == 0 || !digit) {
			return false
		}
	}
	return name != ""
}

func validMetadataValue(value string) bool {
	return strings.IndexFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) < 0 && validInXML(value)
}

// setMetadata is Set Blob Metadata: the request's metadata replaces all metadata of the blob.
func (r *request) setMetadata(w http.ResponseWriter) error {
	metadata, err := r.metadata()
	if err != nil {
		return err
	}
	return r.amend(w, func(next *record) { next.Metadata = metadata })
}

// setProperties is Set Blob Properties: what the request leaves out is cleared.
func (r *request) setProperties(w http.ResponseWriter) error {
	headers, err := r.contentHeaders()
	if err != nil {
		return err
	}
	return r.amend(w, func(next *record) {
		next.Headers = headers
		next.Headers.Type = cmp.Or(headers.Type, defaultContentType)
	})
}

// amend changes the properties of a blob that must exist.
func (r *request) amend(w http.ResponseWriter, edit func(next *record)) error {
	rec, err := r.changeExisting(func(current *record) (*record, error) {
		next := current.clone()
		edit(next)
		return next, nil
	})
	if err != nil {
		return err
	}
	setWritten(w.Header(), rec)
	answerEmpty(w, http.StatusOK)
	return nil
}

// changeExisting changes a blob that must exist, if the request's conditions hold.
func (r *request) changeExisting(build func(current *record) (*record, error)) (*record, error) {
	cond, err := r.conditions()
	if err != nil {
		return nil, err
	}
	c, err := r.openContainer()
	if err != nil {
		return nil, err
	}
	return c.change(r.blob, func(current *record) (*record, error) {
		if current == nil {
			return nil, errBlobNotFound()
		}
		if err := cond.checkWrite(current); err != nil {
			return nil, err
		}
		return build(current)
	})
}

// deleteBlob is Delete Blob. The blob is gone at once: there is no soft delete.
func (r *request) deleteBlob(w http.ResponseWriter) error {
	if _, err := r.changeExisting(func(*record) (*record, error) { return nil, nil }); err != nil {
		return err
	}
	w.Header().Set("X-Ms-Delete-Type-Permanent", "true")
	answerEmpty(w, http.StatusAccepted)
	return nil
}
