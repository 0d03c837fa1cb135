package azmlbatch

import (
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"iter"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
)

// blobItem is a blob as a list shows it.
type blobItem struct {
	Name     string
	Size     int64
	IsFolder bool // a placeholder that some tools write, not a file
}

// blobList is a page of List Blobs. A proxy's page is none, although it may be XML.
type blobList struct {
	XMLName xml.Name `xml:"EnumerationResults"`
	Blobs   []struct {
		Name       string `xml:"Name"`
		Properties struct {
			Size         int64  `xml:"Content-Length"`
			ResourceType string `xml:"ResourceType"`
		} `xml:"Properties"`
		Metadata struct {
			IsFolder string `xml:"hdi_isfolder"`
		} `xml:"Metadata"`
	} `xml:"Blobs>Blob"`
	NextMarker string `xml:"NextMarker"`
}

// listBlobs iterates over the blobs whose name begins with the place's path, a page at a time as the loop asks for more.
func (c *Client) listBlobs(ctx context.Context, op operation, at place) iter.Seq2[blobItem, error] {
	return func(yield func(blobItem, error) bool) {
		marker := ""
		for {
			page, err := c.blobPage(ctx, op, at, marker)
			if err != nil {
				yield(blobItem{}, err)
				return
			}
			for _, b := range page.Blobs {
				folder := strings.EqualFold(b.Metadata.IsFolder, "true") || b.Properties.ResourceType == "directory" || strings.HasSuffix(b.Name, "/")
				if !yield(blobItem{Name: b.Name, Size: b.Properties.Size, IsFolder: folder}, nil) {
					return
				}
			}
			if page.NextMarker == "" {
				return
			}
			if page.NextMarker == marker {
				yield(blobItem{}, &Error{Operation: op.String(), Message: "the storage account's list does not go on", Err: errRepeatedLink})
				return
			}
			marker = page.NextMarker
		}
	}
}

// blobPage reads one page of List Blobs. It is a GET of the container with a query, so azblob's download does it, with its
// retries and credentials.
func (c *Client) blobPage(ctx context.Context, op operation, at place, marker string) (blobList, error) {
	query := url.Values{"restype": {"container"}, "comp": {"list"}, "include": {"metadata"}}
	if at.path != "" {
		query.Set("prefix", at.path)
	}
	if marker != "" {
		query.Set("marker", marker)
	}
	var page blobList
	err := c.blobCall(ctx, op, at.at(""), StorageCredentialAuto, func(ctx context.Context, b *blockblob.Client) error {
		target := ctx.Value(blobTargetKey{}).(blobTarget)
		listing := *target.url
		listing.RawQuery = query.Encode()
		target.url, target.accept, target.whole = &listing, "application/xml", true
		resp, err := b.DownloadStream(withTarget(ctx, target), nil)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		page = blobList{}
		return xml.Unmarshal(bytes.TrimPrefix(body, []byte("\ufeff")), &page)
	})
	return page, err
}
