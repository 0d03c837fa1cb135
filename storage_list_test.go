package azmlbatch

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const blobPageStart = "\ufeff" + `<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>`

func TestListBlobs(t *testing.T) {
	page := func(marker string, names ...string) string {
		var b strings.Builder
		b.WriteString(blobPageStart)
		for _, name := range names {
			b.WriteString("<Blob><Name>" + name + "</Name><Properties><Content-Length>3</Content-Length></Properties></Blob>")
		}
		return b.String() + "</Blobs><NextMarker>" + marker + "</NextMarker></EnumerationResults>"
	}
	folder := `<Blob><Name>src/d</Name><Properties><Content-Length>0</Content-Length></Properties><Metadata><hdi_isfolder>true</hdi_isfolder></Metadata></Blob>`
	tests := []struct {
		name   string
		pages  []string
		want   []string
		failed string
	}{
		{"two pages", []string{page("m 1", "src/a", "src/b &amp; c"), page("", "src/e/")}, []string{"src/a", "src/b & c", "src/e/ folder"}, ""},
		{"a folder of the data lake", []string{blobPageStart + folder + "</Blobs><NextMarker/></EnumerationResults>"}, []string{"src/d folder"}, ""},
		{"a marker that repeats", []string{page("m", "src/a"), page("m", "src/a")}, []string{"src/a", "src/a"}, "does not go on"},
		{"a proxy's page", []string{"<html><body>please log in</body></html>"}, nil, "an HTML page, not the service's answer"},
		{"half a page, once", []string{blobPageStart, page("", "src/a")}, []string{"src/a"}, ""},
		{"an empty page, once", []string{"", page("", "src/a")}, []string{"src/a"}, ""},
		{"another text", []string{"<?xml version=\"1.0\"?><Error><Code>x</Code></Error>"}, nil, "is not the list of blobs"},
		{"a size that is none", []string{blobPageStart + "<Blob><Name>src/a</Name><Properties><Content-Length>x</Content-Length></Properties></Blob></Blobs></EnumerationResults>"}, nil, "cannot be read"},
		{"an empty page, always", []string{""}, nil, "the answer was cut off: it is empty"},
		{"half a page, always", []string{blobPageStart}, nil, "the answer was cut off: its text has no end"},
	}
	said := newTexts(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var asked []string
			c := storageClient(t, storeService(blobstore), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = append(asked, r.URL.Query().Get("marker"))
				_, _ = io.WriteString(w, tt.pages[min(len(asked), len(tt.pages))-1])
			}), func(o *ClientOptions) { o.Retry.RetryDelay = time.Microsecond })
			var got []string
			var err error
			for b, e := range c.listBlobs(t.Context(), operation{"list", "blobs", ""}, place{host: "shelf.blob.core.windows.net", container: "blobs", path: "src"}) {
				if err = e; e == nil {
					got = append(got, b.Name+map[bool]string{true: " folder"}[b.IsFolder])
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("listed (-want +got):\n%s", diff)
			}
			if tt.failed != "" {
				said.add(tt.name, err)
			}
			if (err != nil) != (tt.failed != "") || err != nil && !strings.Contains(err.Error(), tt.failed) {
				t.Errorf("list = %v, want %q", err, tt.failed)
			}
			if tt.name == "two pages" && !slices.Equal(asked, []string{"", "m 1"}) {
				t.Errorf("markers asked for %q", asked)
			}
		})
	}
}

// What the parser looks at, and what it must not: names that callers chose.
func TestParseBlobList(t *testing.T) {
	page, err := parseBlobList([]byte(`<?xml version="1.0" encoding="utf-8"?>
<EnumerationResults ServiceEndpoint="https://shelf.blob.core.windows.net/" ContainerName="c">
  <Prefix>Name</Prefix><Delimiter>/</Delimiter>
  <Blobs>
    <BlobPrefix><Name>a &amp; b/</Name></BlobPrefix>
    <Blob><Name Encoded="true">x%EF%BF%BEy</Name><Properties><Last-Modified>Mon, 30 Nov 2026 09:00:00 GMT</Last-Modified><Etag>0x8DD3</Etag>
      <Content-Length>12</Content-Length><Content-Encoding /><Content-MD5>XrY7u+Ae7tCTyyK7j1rNww==</Content-MD5></Properties>
      <Metadata><Name>other</Name><Metadata>y</Metadata><Etag>z</Etag><Blob>q</Blob><NextMarker>n</NextMarker><hdi_isfolder>false</hdi_isfolder></Metadata><OrMetadata /></Blob>
    <Blob><Name>d</Name><Properties><Etag>"0x8DD4"</Etag><Content-Length>0</Content-Length><Content-MD5 /><ResourceType>directory</ResourceType></Properties><Metadata /></Blob>
    <Blob><Name>plain</Name><Properties><Content-Length>1</Content-Length></Properties></Blob>
  </Blobs>
  <NextMarker>2!92!&lt;</NextMarker>
</EnumerationResults>
`))
	if err != nil {
		t.Fatal(err)
	}
	want := blobList{
		blobs: []blobItem{
			{Name: "x\ufffey", Size: 12, ETag: `"0x8DD3"`, MD5: "\x5e\xb6\x3b\xbb\xe0\x1e\xee\xd0\x93\xcb\x22\xbb\x8f\x5a\xcd\xc3", Modified: time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)},
			{Name: "d", ETag: `"0x8DD4"`, IsFolder: true},
			{Name: "plain", Size: 1},
		},
		folders: []string{"a & b/"}, next: "2!92!<",
	}
	if diff := cmp.Diff(want, page, cmp.AllowUnexported(blobList{})); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"", "<EnumerationResults>", "<Error></Error>", "<EnumerationResults><Blobs><Blob><Name>a</Name><Properties><Content-Length>x</Content-Length></Properties></Blob></Blobs></EnumerationResults>"} {
		if page, err := parseBlobList([]byte(bad)); err == nil {
			t.Errorf("%q gives %+v, want an error", bad, page)
		}
	}
}

func listOf(n int) []byte {
	var b strings.Builder
	b.WriteString(blobPageStart)
	for i := range n {
		fmt.Fprintf(&b, "<Blob><Name>LocalUpload/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef/data/d%02d/%05d.bin</Name><Properties><Creation-Time>Mon, 30 Nov 2026 09:00:00 GMT</Creation-Time><Last-Modified>Mon, 30 Nov 2026 09:00:00 GMT</Last-Modified>"+
			"<Etag>0x8DD3</Etag><Content-Length>10240</Content-Length><Content-Type>application/octet-stream</Content-Type><Content-Encoding /><Content-Language /><Content-CRC64 /><Content-MD5>XrY7u+Ae7tCTyyK7j1rNww==</Content-MD5><Cache-Control /><Content-Disposition /><BlobType>BlockBlob</BlobType>"+
			"<AccessTier>Hot</AccessTier><AccessTierInferred>true</AccessTierInferred><LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState><ServerEncrypted>true</ServerEncrypted></Properties><OrMetadata /></Blob>", i%20, i)
	}
	b.WriteString("</Blobs><NextMarker /></EnumerationResults>")
	return []byte(b.String())
}

func BenchmarkParseBlobList(b *testing.B) {
	body := listOf(5000)
	b.Run("ours", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			if p, err := parseBlobList(body); err != nil || len(p.blobs) != 5000 {
				b.Fatal(err)
			}
		}
	})
	b.Run("xml", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			var v struct {
				XMLName xml.Name `xml:"EnumerationResults"`
				Blobs   []struct {
					Name       string `xml:"Name"`
					Properties struct {
						Size int64  `xml:"Content-Length"`
						ETag string `xml:"Etag"`
						MD5  string `xml:"Content-MD5"`
						Time string `xml:"Last-Modified"`
					} `xml:"Properties"`
				} `xml:"Blobs>Blob"`
			}
			if err := xml.Unmarshal(body[3:], &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}
