package jobs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/emulator/internal/blob"
)

// notingBlobs notes what is put and deleted, and fails with the errors it is given.
type notingBlobs struct {
	Blobs
	put, delete error
	calls       []string
}

func (b *notingBlobs) Put(_ context.Context, account, container, name string, r io.Reader, o *blob.PutOptions) error {
	content, err := io.ReadAll(r)
	if !o.Append || o.ContentType != logType {
		err = errors.Join(err, errors.New("no log is put so"))
	}
	b.calls = append(b.calls, "put "+account+"/"+container+"/"+name+" "+string(content))
	return errors.Join(err, b.put)
}

func (b *notingBlobs) Delete(_ context.Context, account, container, name string) error {
	b.calls = append(b.calls, "delete "+account+"/"+container+"/"+name)
	return b.delete
}

// TestMirrorSendsWhatIsNew: once; of a file that has grown, the new part; of one that was truncated or
// replaced, all of it after its blob was deleted.
func TestMirrorSendsWhatIsNew(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "logs", "kiln.txt")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	blobs := &notingBlobs{}
	var log bytes.Buffer
	m := (&Runner{blobs: blobs, log: slog.New(slog.NewTextHandler(&log, nil))}).newMirror(place{account: "a", container: "c", path: "p/"}, folder)
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	replace := func(text string) {
		t.Helper()
		write(path+".new", text)
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	sends := func(what string, want ...string) {
		t.Helper()
		blobs.calls = nil
		m.send()
		if diff := cmp.Diff(want, blobs.calls); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	const blobName = "a/c/p/logs/kiln.txt"
	sends("nothing yet")
	write(path, "red")
	if err := os.Symlink(path, filepath.Join(folder, "link")); err != nil {
		t.Fatal(err)
	}
	sends("a new file", "put "+blobName+" red")
	sends("the same file")
	write(path, "redder")
	sends("a file that has grown", "put "+blobName+" der")
	sends("the grown file")
	write(path, "blue")
	sends("a truncated file", "delete "+blobName, "put "+blobName+" blue")
	replace("grey")
	sends("another file of the same size", "delete "+blobName, "put "+blobName+" grey")
	replace("greenish")
	sends("another, larger file", "delete "+blobName, "put "+blobName+" greenish")
	blobs.delete = blob.ErrNotFound
	replace("clay")
	sends("one whose blob is gone", "delete "+blobName, "put "+blobName+" clay")
	if log.Len() > 0 {
		t.Errorf("log %s", log.String())
	}
	blobs.delete = errBroken
	replace("slip")
	sends("one whose blob cannot be deleted", "delete "+blobName)
	blobs.delete, blobs.put = nil, errBroken
	sends("one that cannot be put", "delete "+blobName, "put "+blobName+" slip")
	if got := strings.Count(log.String(), `msg="job logs" error="`+errBroken.Error()); got != 2 {
		t.Errorf("%d failures are logged, want two: %s", got, log.String())
	}
	blobs.put = nil
	sends("the file again", "delete "+blobName, "put "+blobName+" slip")
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	log.Reset()
	sends("no folder")
	if log.Len() > 0 {
		t.Errorf("a folder that is gone: log %s", log.String())
	}
}
