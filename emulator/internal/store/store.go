// Package store keeps the emulator's state: JSON documents under path-like ids, held in memory and,
// when the store was opened on a folder, written through to one file so that they survive a
// restart.
//
// Ids are ARM resource ids, or any other key with slashes in it. They are looked up without regard
// to case, as Azure Resource Manager does, and keep the spelling of their first Put.
//
// Documents are decoded JSON with numbers as [json.Number]. The store never shares memory with its
// callers: what goes in and what comes out is copied, so a document may be changed freely and is
// only stored by Put or Update.
package store

import (
	"cmp"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"
)

// Document is one decoded JSON object. Numbers are [json.Number], nested objects are map[string]any
// and arrays are []any.
type Document = map[string]any

// ErrClosed is the error of changes after Close.
var ErrClosed = errors.New("store: closed")

// ErrNotFound says that no document is stored under the given id.
var ErrNotFound = errors.New("store: no such document")

// ErrInUse is the error of a folder that is open in another process.
var ErrInUse = errors.New("store: another process uses the folder")

// Store is a set of documents. It is safe for concurrent use.
type Store struct {
	// mu is held while the disk is read too, so that what is read is what entries say.
	mu       sync.RWMutex
	entries  map[string]*entry              // by folded id
	children map[string]map[string]struct{} // folded ids of the direct children, by folded parent
	sequence uint64                         // of the last document created
	disk     *disk                          // nil when memory only
	closed   bool
}

// entry is a document with its place in the order of creation. Thousands of jobs have ten documents
// each, so the document is kept as JSON, a sixth of the memory of its maps, and not even that when
// it is on disk.
type entry struct {
	id       string // as first put
	sequence uint64
	text     []byte // empty when the document is on disk
}

// document returns the document of an entry, a new one each time. mu is held.
func (s *Store) document(e *entry) Document {
	text := e.text
	if text == nil {
		text = s.disk.read(fold(e.id))
	}
	return decode(text)
}

func decode(text []byte) Document {
	var doc Document
	if err := Decode(text, &doc); err != nil {
		panic(err) // it was made by json.Marshal
	}
	return doc
}

// Open returns the store kept in the folder dir, which is created if need be. An empty dir means
// memory only: nothing is read and nothing survives Close. A folder can be open in one process at a
// time; in a second one it is ErrInUse.
func Open(dir string) (*Store, error) {
	s := &Store{entries: map[string]*entry{}, children: map[string]map[string]struct{}{}}
	if dir == "" {
		return s, nil
	}
	d, err := openDisk(dir)
	if err != nil {
		return nil, err
	}
	if err := d.load(s.insert); err != nil {
		return nil, errors.Join(err, d.close())
	}
	s.disk = d
	return s, nil
}

// Close ends the use of the folder, if there is one. Afterwards changes fail with ErrClosed, and a
// store in a folder is empty. Closing it twice is harmless.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.disk == nil {
		return nil
	}
	d := s.disk
	s.disk = nil
	clear(s.entries)
	clear(s.children)
	return d.close()
}

// Get returns a copy of the document stored under id.
func (s *Store) Get(id string) (Document, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e, ok := s.entries[fold(id)]
	if !ok {
		return nil, false
	}
	return s.document(e), true
}

// Put stores a copy of doc under id and reports whether the id is new. An existing document is
// replaced whole and keeps its place in the order of creation.
func (s *Store) Put(id string, doc Document) (created bool, err error) {
	err = s.Batch(func(b *Batch) error { created, err = b.Put(id, doc); return err })
	return created, err
}

// Update calls change with a copy of the document under id and stores the result, as one step:
// change must not call the store. If change fails, nothing is stored and its error is returned as
// it is. Update returns a copy of the new document, or ErrNotFound.
func (s *Store) Update(id string, change func(Document) error) (doc Document, err error) {
	err = s.Batch(func(b *Batch) error { doc, err = b.Update(id, change); return err })
	if err != nil {
		return nil, err
	}
	return doc, nil
}

// Delete removes the document under id, leaves documents below it alone, and reports whether there
// was one.
func (s *Store) Delete(id string) (found bool, err error) {
	err = s.Batch(func(b *Batch) error { found = b.Delete(id); return nil })
	return found, err
}

// DeleteTree removes the document under prefix and every document whose id begins with prefix and a
// slash. It is no error if there are none.
func (s *Store) DeleteTree(prefix string) error {
	return s.Batch(func(b *Batch) error {
		root := fold(prefix)
		for key := range s.entries {
			if key == root || strings.HasPrefix(key, root+"/") {
				b.Delete(key)
			}
		}
		return nil
	})
}

// List returns copies of the documents whose ids are prefix, a slash and one more segment, in the
// order of their creation.
func (s *Store) List(prefix string) []Document {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.inOrder(s.below(prefix))
}

// below returns the entries directly below prefix, in no particular order.
func (s *Store) below(prefix string) []*entry {
	var found []*entry
	for key := range s.children[fold(prefix)] {
		found = append(found, s.entries[key])
	}
	return found
}

// inOrder returns copies of the documents of entries in the order of creation.
func (s *Store) inOrder(entries []*entry) []Document {
	slices.SortFunc(entries, func(a, b *entry) int { return cmp.Compare(a.sequence, b.sequence) })
	docs := make([]Document, len(entries))
	for i, e := range entries {
		docs[i] = s.document(e)
	}
	return docs
}

// Newest yields copies of the documents that List returns, the newest first, each with its place in
// the order of creation. It leaves out those from the place before on; 0 leaves out none. Only what
// the loop reaches is copied, as it is then.
func (s *Store) Newest(prefix string, before uint64) iter.Seq2[uint64, Document] {
	return func(yield func(uint64, Document) bool) {
		s.mu.RLock()
		entries := s.below(prefix)
		s.mu.RUnlock()
		if before > 0 {
			entries = slices.DeleteFunc(entries, func(e *entry) bool { return e.sequence >= before })
		}
		slices.SortFunc(entries, func(a, b *entry) int { return cmp.Compare(b.sequence, a.sequence) })
		for _, e := range entries {
			if doc, found := s.Get(e.id); found && !yield(e.sequence, doc) {
				return
			}
		}
	}
}

// Tree returns copies of all documents below prefix, at any depth, in the order of their creation.
func (s *Store) Tree(prefix string) []Document {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var found []*entry
	for key, e := range s.entries {
		if strings.HasPrefix(key, fold(prefix)+"/") {
			found = append(found, e)
		}
	}
	return s.inOrder(found)
}

// insert puts an entry in memory.
func (s *Store) insert(e *entry) {
	key := fold(e.id)
	s.entries[key] = e
	s.sequence = max(s.sequence, e.sequence)
	parent := ParentID(key)
	if s.children[parent] == nil {
		s.children[parent] = map[string]struct{}{}
	}
	s.children[parent][key] = struct{}{}
}

// remove takes an entry out of memory.
func (s *Store) remove(key string) {
	delete(s.entries, key)
	parent := ParentID(key)
	delete(s.children[parent], key)
	if len(s.children[parent]) == 0 {
		delete(s.children, parent)
	}
}

// fold is the form in which ids are compared.
func fold(id string) string { return strings.ToLower(strings.TrimSuffix(id, "/")) }
