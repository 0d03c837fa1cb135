package azmlbatch

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// storedBlobs answers lists of blobs, and reads of them with their paths.
func storedBlobs(names ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("comp") != "list" {
			_, _ = io.WriteString(w, "content of "+r.URL.Path)
			return
		}
		var list strings.Builder
		list.WriteString(blobPageStart)
		for _, name := range names {
			list.WriteString("<Blob><Name>" + name + "</Name><Properties><Content-Length>3</Content-Length></Properties></Blob>")
		}
		_, _ = io.WriteString(w, list.String()+"</Blobs><NextMarker/></EnumerationResults>")
	}
}

// TestListedFilesCanBeOpened lists a place in each form of a URI, and opens what it lists.
func TestListedFilesCanBeOpened(t *testing.T) {
	const shelf = "https://shelf.blob.core.windows.net/blobs/"
	tests := []struct {
		name, uri string
		blobs     []string
		want      []StoredFile
	}{
		{"a folder of a datastore", "azureml://datastores/workspaceblobstore/paths/src", []string{"src/a#1", "src/b/c", "src/folder/", "src2/x"}, []StoredFile{
			{"a#1", 3, "azureml://datastores/workspaceblobstore/paths/src/a#1"}, {"b/c", 3, "azureml://datastores/workspaceblobstore/paths/src/b/c"}}},
		{"one file", "azureml://datastores/workspaceblobstore/paths/src/a", []string{"src/a", "src/a2"}, []StoredFile{
			{"a", 3, "azureml://datastores/workspaceblobstore/paths/src/a"}}},
		{"a URL", shelf + "src/", []string{"src/a%"}, []StoredFile{{"a%", 3, shelf + "src/a%25"}}},
		{"a signed URL", shelf + "src?sv=1&sig=s", []string{"src/a"}, []StoredFile{{"a", 3, shelf + "src/a?sv=1&sig=s"}}},
		{"nothing", shelf + "src/", nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := storageClient(t, storeService(blobstore), storedBlobs(tt.blobs...))
			var got []StoredFile
			for f, err := range c.ListFiles(t.Context(), tt.uri) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, f)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Fatalf("ListFiles (-want +got):\n%s", diff)
			}
			for _, f := range got {
				body, err := c.OpenFile(t.Context(), f.URI)
				if err != nil {
					t.Fatalf("OpenFile(%s) = %v", f.URI, err)
				}
				content, err := io.ReadAll(body)
				body.Close()
				if !strings.HasSuffix(string(content), "/src/"+f.Name) || err != nil {
					t.Errorf("OpenFile(%s) reads %q, %v", f.URI, content, err)
				}
			}
		})
	}
}

func TestOpenFileNeedsAFile(t *testing.T) {
	c := storageClient(t, storeService(blobstore), http.HandlerFunc(http.NotFound))
	var argument *ArgumentError
	_, err := c.OpenFile(t.Context(), "azureml://datastores/workspaceblobstore/paths/")
	newTexts(t).add("a whole datastore", err)
	if !errors.As(err, &argument) {
		t.Errorf("OpenFile of a whole datastore = %v, want an *ArgumentError", err)
	}
	if _, err := c.OpenFile(t.Context(), callPlace); !errors.Is(err, ErrNotFound) {
		t.Errorf("OpenFile of what is not there = %v, want ErrNotFound", err)
	}
}

func TestStoredFilesDoNotPrintTheirSignature(t *testing.T) {
	f := StoredFile{Name: "a", URI: "https://shelf.blob.core.windows.net/blobs/a?sv=1&sig=hidden"}
	if text := f.String(); strings.Contains(text, "hidden") || !strings.Contains(text, "blobs/a") {
		t.Errorf("String() = %s", text)
	}
}
