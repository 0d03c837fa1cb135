package store

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fire puts two documents, changes one of them and another, and deletes one.
func fire(b *Batch) error {
	for _, id := range []string{"/kilns/b", "/kilns/c"} {
		if created, err := b.Put(id, Document{"heat": 1}); err != nil || !created {
			return errors.Join(err, errors.New("not created"))
		}
	}
	for _, id := range []string{"/kilns/B", "/kilns/a"} {
		if _, err := b.Update(id, func(doc Document) error { doc["heat"] = 2; return nil }); err != nil {
			return err
		}
	}
	if !b.Delete("/kilns/c") || b.Delete("/kilns/c") {
		return errors.New("a document of the batch is not there once")
	}
	if _, err := b.Update("/kilns/c", func(Document) error { return nil }); !errors.Is(err, ErrNotFound) {
		return errors.New("a deleted document is there")
	}
	return nil
}

func TestBatchIsStoredAsAWhole(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "/kilns/a", Document{"heat": 1})
	before := s.List("/kilns")
	failed := errors.New("the kiln is cold")
	if err := s.Batch(func(b *Batch) error { return errors.Join(fire(b), failed) }); !errors.Is(err, failed) {
		t.Fatalf("Batch = %v, want its function's error", err)
	}
	if diff := cmp.Diff(before, s.List("/kilns")); diff != "" {
		t.Errorf("documents after a failed batch (-want +got):\n%s", diff)
	}
	if err := s.Batch(fire); err != nil {
		t.Fatal(err)
	}
	want := []Document{{"heat": json.Number("2")}, {"heat": json.Number("2")}}
	if diff := cmp.Diff(want, s.List("/kilns")); diff != "" {
		t.Errorf("documents after a batch (-want +got):\n%s", diff)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	if diff := cmp.Diff(want, again.List("/kilns")); diff != "" {
		t.Errorf("documents after a restart (-want +got):\n%s", diff)
	}
	if !put(t, again, "/kilns/c", Document{}) {
		t.Error("the document that the batch deleted was on disk")
	}
}
