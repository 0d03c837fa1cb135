package ui

import (
	"io"
	"mime"
	"net/http"
	"path"
	"strings"
)

// blobPolicy lets a file of a job run nothing and load nothing, whatever it holds.
const blobPolicy = "sandbox; default-src 'none'; frame-ancestors 'none'"

// shownTypes are the files that a browser may show: pictures that cannot run scripts, and text. SVG and
// HTML can, so they are text.
var shownTypes = map[string]string{
	".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp", ".bmp": "image/bmp",
	".txt": textType, ".log": textType, ".csv": textType, ".tsv": textType, ".json": textType, ".jsonl": textType, ".yml": textType,
	".yaml": textType, ".md": textType, ".py": textType, ".xml": textType, ".html": textType, ".htm": textType, ".svg": textType,
}

const textType = "text/plain; charset=utf-8"

// blobType is the type that a file of a job is served as. Any other than those that are safe to show is
// a download.
func blobType(name string) (contentType string, shown bool) {
	contentType, shown = shownTypes[strings.ToLower(path.Ext(name))]
	if !shown {
		return "application/octet-stream", false
	}
	return contentType, true
}

// serveBlob passes a file of a job on to the browser, to be shown if that is safe, or as a download. An
// error on the way cuts the answer off, so that nobody takes the file for whole.
func serveBlob(w http.ResponseWriter, name string, content io.Reader, download bool) {
	contentType, shown := blobType(name)
	disposition := "inline"
	if download || !shown {
		disposition = "attachment"
	}
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Disposition", mime.FormatMediaType(disposition, map[string]string{"filename": path.Base(name)}))
	header.Set("Content-Security-Policy", blobPolicy)
	if _, err := io.Copy(w, content); err != nil {
		panic(http.ErrAbortHandler)
	}
}
