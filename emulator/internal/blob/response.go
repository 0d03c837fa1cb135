package blob

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"time"
)

// The Server headers of the Blob service and of its front end, which checks credentials.
const (
	serverName     = "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0"
	serverFrontEnd = "Microsoft-HTTPAPI/2.0"
)

// commonHeaders sets the headers of every answer.
func (r *request) commonHeaders(h http.Header) {
	h.Set("Server", serverName)
	h.Set("Date", httpTime(r.time))
	h.Set("X-Ms-Request-Id", r.id)
	h.Set("X-Ms-Version", r.version)
	if id := r.header.Get("X-Ms-Client-Request-Id"); id != "" && len(id) <= 1024 {
		h.Set("X-Ms-Client-Request-Id", id)
	}
}

// httpTime writes a time as HTTP headers and listings show it.
func httpTime(t time.Time) string { return t.UTC().Format(http.TimeFormat) }

// setChange sets the headers of every answer about a blob or container.
func setChange(h http.Header, tag uint64, modified time.Time) {
	h.Set("Etag", quoteETag(tag))
	h.Set("Last-Modified", httpTime(modified))
}

// setMetadata sets x-ms-meta headers, in lower case: Python's azure-ai-ml looks for "upload_status"
// in exactly that case, and net/http's canonical form would be Upload_status.
func setMetadata(h http.Header, metadata map[string]string) {
	for name, value := range metadata {
		h["x-ms-meta-"+name] = []string{value}
	}
}

// answerEmpty completes an answer without a body.
func answerEmpty(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(status)
}

// answerXML completes an answer with an XML document.
func answerXML(w http.ResponseWriter, document string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write([]byte(document)) // a client that is gone needs no answer
}

// setWritten sets the headers of a successful write.
func setWritten(h http.Header, rec *record) {
	setChange(h, rec.ETag, rec.Modified)
	h.Set("X-Ms-Request-Server-Encrypted", "true")
}

// setProperties sets the headers that describe a blob, except length and MD5.
func setProperties(h http.Header, rec *record, now time.Time) {
	setChange(h, rec.ETag, rec.Modified)
	h.Set("Accept-Ranges", "bytes")
	setIf(h, "Content-Type", rec.Headers.Type)
	setIf(h, "Content-Encoding", rec.Headers.Encoding)
	setIf(h, "Content-Language", rec.Headers.Language)
	setIf(h, "Content-Disposition", rec.Headers.Disposition)
	setIf(h, "Cache-Control", rec.Headers.CacheControl)
	h.Set("X-Ms-Blob-Type", rec.Kind)
	h.Set("X-Ms-Creation-Time", httpTime(rec.Created))
	setLease(h, rec.Lease, now)
	h.Set("X-Ms-Server-Encrypted", "true")
	if rec.Kind == appendBlob {
		h.Set("X-Ms-Blob-Committed-Block-Count", strconv.Itoa(rec.Appends))
	}
	setMetadata(h, rec.Metadata)
}

func setIf(h http.Header, name, value string) {
	if value != "" {
		h.Set(name, value)
	}
}

func encodeMD5(sum []byte) string { return base64.StdEncoding.EncodeToString(sum) }
