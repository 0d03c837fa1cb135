package azmlbatch

import (
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
		{"a proxy's page", []string{"<html><body>please log in</body></html>"}, nil, "EnumerationResults"},
		{"half a page, once", []string{blobPageStart, page("", "src/a")}, []string{"src/a"}, ""},
		{"half a page, always", []string{blobPageStart}, nil, "the answer was cut off: its text has no end"},
	}
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
			if (err != nil) != (tt.failed != "") || err != nil && !strings.Contains(err.Error(), tt.failed) {
				t.Errorf("list = %v, want %q", err, tt.failed)
			}
			if tt.name == "two pages" && !slices.Equal(asked, []string{"", "m 1"}) {
				t.Errorf("markers asked for %q", asked)
			}
		})
	}
}
