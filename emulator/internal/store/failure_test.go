package store

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// TestFoldersThatCannotBeOpened: the error says which, and what is wrong.
func TestFoldersThatCannotBeOpened(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other")
	if err := os.MkdirAll(filepath.Join(other, fileName), 0o700); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(dir, "bad")
	if err := os.Mkdir(bad, 0o700); err != nil {
		t.Fatal(err)
	}
	withRecord(t, bad, "/kilns/a", `{"id": `)
	for folder, want := range map[string]string{
		file:  "store: mkdir " + file + ": not a directory",
		other: "store: documents.db: open " + filepath.Join(other, fileName) + ": is a directory",
		bad:   `store: document "/kilns/a" on disk: unexpected EOF`,
	} {
		s, err := Open(folder)
		if err == nil || err.Error() != want || s != nil {
			t.Errorf("Open(%s) = %v, want %s", folder, err, want)
		}
	}
	// What could not be read is closed again.
	withRecord(t, bad, "/kilns/a", `{"id": "/kilns/a", "sequence": 4, "document": {"heat": 900}}`)
	s := open(t, bad)
	if doc, found := s.Get("/kilns/a"); !found || doc["heat"] != json.Number("900") {
		t.Errorf("document %v, %t", doc, found)
	}
}

// withRecord writes a record into the file of a folder.
func withRecord(t *testing.T, dir, key, value string) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(dir, fileName), 0o600, &bbolt.Options{Timeout: lockWait})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		bucket, err := tx.CreateBucketIfNotExists(bucketName)
		if err != nil {
			return err
		}
		return bucket.Put([]byte(key), []byte(value))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestFolderIsPrivate: the documents hold keys.
func TestFolderIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "kilns")
	s := open(t, dir)
	put(t, s, "/a", Document{})
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, fileName): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has the mode %o, want %o", path, got, want)
		}
	}
}

// TestDiskThatFails: no change is kept that could not be written, and the error is that of the disk.
func TestDiskThatFails(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, "/kilns/a", Document{"heat": 1})
	if err := s.disk.close(); err != nil {
		t.Fatal(err)
	}
	_, putErr := s.Put("/kilns/b", Document{})
	_, deleteErr := s.Delete("/kilns/a")
	for call, err := range map[string]error{"Put": putErr, "Delete": deleteErr, "DeleteTree": s.DeleteTree("/kilns")} {
		if !errors.Is(err, bbolterrors.ErrDatabaseNotOpen) || !strings.HasPrefix(err.Error(), "store: write: ") {
			t.Errorf("%s = %v", call, err)
		}
	}
	if len(s.entries) != 1 || s.entries["/kilns/a"] == nil || s.sequence != 1 {
		t.Errorf("the store has %d documents, the last the %d.", len(s.entries), s.sequence)
	}
	if err := s.Batch(func(*Batch) error { return nil }); err != nil {
		t.Errorf("a batch without a change asks the disk: %v", err)
	}
	if _, found := s.Get("/kilns/b"); found {
		t.Error("a document that could not be written is there")
	}
	defer func() {
		if fault, _ := recover().(string); !strings.HasPrefix(fault, `store: document "/kilns/a" on disk: `) {
			t.Errorf("panic %q", fault)
		}
	}()
	s.Get("/kilns/a")
}

// TestDocumentsThatAreNoJSON: they are refused, and nothing changes.
func TestDocumentsThatAreNoJSON(t *testing.T) {
	s := open(t, "")
	put(t, s, "/kilns/a", Document{"heat": 1})
	bad := func(doc Document) error { doc["heat"] = func() {}; return nil }
	doc := Document{}
	if err := bad(doc); err != nil {
		t.Fatal(err)
	}
	_, putErr := s.Put("/kilns/b", doc)
	_, replaceErr := s.Put("/kilns/a", doc)
	got, updateErr := s.Update("/kilns/a", bad)
	for want, err := range map[string]error{`store: put "/kilns/b": `: putErr, `store: put "/kilns/a": `: replaceErr, `store: update "/kilns/a": `: updateErr} {
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	if diff := cmp.Diff([]Document{{"heat": json.Number("1")}}, s.List("/kilns")); diff != "" || got != nil {
		t.Errorf("Update returned %v (-want +got):\n%s", got, diff)
	}
}

// TestCopiesOfValues share nothing with what they are made of.
func TestCopiesOfValues(t *testing.T) {
	whole := func() Document {
		return Document{"a": Document{"b": []any{Document{"c": "d"}, "e", nil, json.Number("1"), true}}, "f": nil}
	}
	original := whole()
	copied := Copy(original)
	if diff := cmp.Diff(whole(), copied); diff != "" {
		t.Errorf("copy (-want +got):\n%s", diff)
	}
	list := Object(copied, "a")["b"].([]any)
	list[0].(Document)["c"], list[1] = "changed", "changed"
	Object(copied, "a")["g"] = 1
	copied["f"] = 1
	if diff := cmp.Diff(whole(), original); diff != "" {
		t.Errorf("the original has changed (-want +got):\n%s", diff)
	}
}
