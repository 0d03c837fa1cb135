package store

import (
	"encoding/json"
	"fmt"
)

// Batch is a set of changes that are stored together. It is valid until the function that
// [Store.Batch] calls returns.
type Batch struct {
	store    *Store
	changes  map[string]*entry // by folded id; nil is a deletion
	sequence uint64            // of the last document created
}

// Batch calls change and stores what it did as one step: all of it, or nothing if change or the
// disk fails. A process that is killed leaves all of it or nothing too. change must not call the
// store.
func (s *Store) Batch(change func(*Batch) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	b := &Batch{store: s, changes: map[string]*entry{}, sequence: s.sequence}
	if err := change(b); err != nil {
		return err
	}
	if len(b.changes) == 0 {
		return nil
	}
	if s.disk != nil {
		if err := s.disk.apply(b.changes); err != nil {
			return err
		}
	}
	for key, e := range b.changes {
		if e != nil && s.disk != nil {
			e.text = nil
		}
		if e == nil {
			s.remove(key)
		} else {
			s.insert(e)
		}
	}
	return nil
}

// find returns the entry of a folded id as the batch has it, nil if there is none.
func (b *Batch) find(key string) *entry {
	if e, changed := b.changes[key]; changed {
		return e
	}
	return b.store.entries[key]
}

// Put is [Store.Put].
func (b *Batch) Put(id string, doc Document) (created bool, err error) {
	text, err := json.Marshal(doc)
	if err != nil {
		return false, fmt.Errorf("store: put %q: %w", id, err)
	}
	old := b.find(fold(id))
	if old != nil {
		b.changes[fold(id)] = &entry{id: old.id, sequence: old.sequence, text: text}
		return false, nil
	}
	b.sequence++
	b.changes[fold(id)] = &entry{id: id, sequence: b.sequence, text: text}
	return true, nil
}

// Update is [Store.Update]. If change fails, the batch has no change of this document, and goes on
// if its function returns no error.
func (b *Batch) Update(id string, change func(Document) error) (Document, error) {
	old := b.find(fold(id))
	if old == nil {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	doc := b.document(old)
	if err := change(doc); err != nil {
		return nil, err
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("store: update %q: %w", id, err)
	}
	b.changes[fold(id)] = &entry{id: old.id, sequence: old.sequence, text: text}
	return decode(text), nil
}

// document returns the document of an entry of the batch or of its store.
func (b *Batch) document(e *entry) Document {
	if e.text != nil {
		return decode(e.text)
	}
	return b.store.document(e)
}

// Delete removes the document under id, leaves documents below it alone, and reports whether there
// was one.
func (b *Batch) Delete(id string) bool {
	if b.find(fold(id)) == nil {
		return false
	}
	b.changes[fold(id)] = nil
	return true
}
