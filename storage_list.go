package azmlbatch

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
)

// blobItem is a blob in a list.
type blobItem struct {
	Name     string
	Size     int64
	IsFolder bool // a folder's placeholder, not a file
	ETag     string
	MD5      string // 16 bytes, or empty
	Modified time.Time
}

// blobList is a page of List Blobs.
type blobList struct {
	blobs   []blobItem
	folders []string // only with a delimiter
	next    string   // marker of the page after; empty for the last one
}

// listOptions narrow List Blobs.
type listOptions struct {
	folders bool // list a folder instead of what lies in it
	prefer  StorageCredential
}

// listBlobs iterates over the blobs whose names begin with the place's path. It fetches a page when
// the loop needs it.
func (c *Client) listBlobs(ctx context.Context, op operation, at place) iter.Seq2[blobItem, error] {
	return c.listBlobsBy(ctx, op, at, StorageCredentialAuto)
}

// listBlobsBy is listBlobs with a certain credential.
func (c *Client) listBlobsBy(ctx context.Context, op operation, at place, prefer StorageCredential) iter.Seq2[blobItem, error] {
	return func(yield func(blobItem, error) bool) {
		marker := ""
		for {
			page, err := c.blobPage(ctx, op, at, marker, listOptions{prefer: prefer})
			if err != nil {
				yield(blobItem{}, err)
				return
			}
			for _, b := range page.blobs {
				if !yield(b, nil) {
					return
				}
			}
			if page.next == "" {
				return
			}
			if page.next == marker {
				yield(blobItem{}, &Error{Operation: op.String(), Message: "the storage account's list does not go on", Err: errRepeatedLink})
				return
			}
			marker = page.next
		}
	}
}

// blobPage reads one page of List Blobs. The request is a GET of the container, so azblob's
// download can make it, with its retries and credentials.
func (c *Client) blobPage(ctx context.Context, op operation, at place, marker string, o listOptions) (page blobList, err error) {
	query := url.Values{"restype": {"container"}, "comp": {"list"}, "include": {"metadata"}}
	if at.path != "" {
		query.Set("prefix", at.path)
	}
	if marker != "" {
		query.Set("marker", marker)
	}
	if o.folders {
		query.Set("delimiter", "/")
	}
	err = c.blobCall(ctx, op, at.at(""), o.prefer, func(ctx context.Context, b *blockblob.Client) error {
		target := ctx.Value(blobTargetKey{}).(blobTarget)
		listing := *target.url
		listing.RawQuery = query.Encode()
		target.url, target.accept, target.whole = &listing, acceptList, true
		resp, err := b.DownloadStream(withTarget(ctx, target), nil)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := payload(&http.Response{Body: resp.Body}) // of some MiB, and read already
		if err == nil {
			page, err = parseBlobList(body)
		}
		return err
	})
	return page, err
}

// acceptList is the type of a list of blobs; no other call asks for it.
const acceptList = "application/xml"

var errNoBlobList = errors.New("the answer is not the list of blobs (EnumerationResults) that was expected")

// parseBlobList reads a page of up to 5,000 blobs. Of some thirty elements of a blob it needs
// eight, and reads only those: encoding/xml takes twenty times as long, which was most of the CPU
// time of a download of small files.
func parseBlobList(body []byte) (page blobList, err error) {
	list, whole := bytes.CutSuffix(bytes.TrimSpace(body), []byte("</EnumerationResults>"))
	if _, list, _ = bytes.Cut(list, []byte("<EnumerationResults")); !whole || list == nil {
		return page, errNoBlobList // a proxy's page
	}
	var b blobItem
	metadata := 0 // depth in it; callers choose the names of elements there
	for list != nil {
		var tag, text []byte
		tag, text, list = nextTag(list)
		name, _, _ := bytes.Cut(tag, []byte(" "))
		switch {
		case string(name) == "Metadata" && !bytes.HasSuffix(tag, []byte("/")):
			metadata++
		case string(name) == "/Metadata":
			metadata--
		case metadata > 0:
			// Programs in Go (azcopy, blobfuse) write Hdi_isfolder: net/http changes the case of headers.
			b.IsFolder = b.IsFolder || strings.EqualFold(string(name), "hdi_isfolder") && strings.EqualFold(string(text), "true")
		default:
			err = page.read(&b, name, tag, text)
		}
		if err != nil {
			return page, fmt.Errorf("the list of blobs cannot be read at %q: %w", b.Name, err)
		}
	}
	return page, nil
}

// read takes one element: a part of the blob or folder, or its end.
func (l *blobList) read(b *blobItem, name, tag, text []byte) (err error) {
	switch string(name) {
	case "Blob", "BlobPrefix":
		*b = blobItem{}
	case "Name":
		b.Name, err = blobName(tag, text)
	case "Content-Length":
		b.Size, err = strconv.ParseInt(string(text), 10, 64)
	case "Etag":
		b.ETag = `"` + strings.Trim(string(text), `"`) + `"` // headers have the quotes, lists do not
	case "Content-MD5":
		sum, _ := base64.StdEncoding.AppendDecode(nil, text) // a malformed one counts as none
		b.MD5 = string(sum)
	case "Last-Modified":
		b.Modified, _ = http.ParseTime(string(text)) // zero where there is none
	case "ResourceType":
		b.IsFolder = string(text) == "directory"
	case "/Blob":
		b.IsFolder = b.IsFolder || strings.HasSuffix(b.Name, "/")
		l.blobs = append(l.blobs, *b)
	case "/BlobPrefix":
		l.folders = append(l.folders, b.Name)
	case "NextMarker":
		l.next = html.UnescapeString(string(text))
	}
	return err
}

// nextTag splits XML into the next tag, without its brackets, the text after it, and the rest,
// which is nil after the last tag.
func nextTag(x []byte) (tag, text, rest []byte) {
	_, x, ok := bytes.Cut(x, []byte("<"))
	if !ok {
		return nil, nil, nil
	}
	tag, x, _ = bytes.Cut(x, []byte(">"))
	end := bytes.IndexByte(x, '<')
	if end < 0 {
		return tag, x, nil
	}
	return tag, x[:end], x[end:]
}

// blobName decodes a name. Storage percent-encodes names that XML cannot carry.
func blobName(tag, text []byte) (string, error) {
	name := html.UnescapeString(string(text))
	if bytes.Contains(tag, []byte(`Encoded="true"`)) {
		return url.PathUnescape(name)
	}
	return name, nil
}
