package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

const (
	fileName = "documents.db"
	// lockWait is how long Open waits for another process to release the file.
	lockWait = time.Second
)

var bucketName = []byte("documents")

// disk is the file behind a store: one record per document, by folded id.
type disk struct{ db *bbolt.DB }

// record is the form of an entry in the file.
type record struct {
	ID       string          `json:"id"`
	Sequence uint64          `json:"sequence"`
	Document json.RawMessage `json:"document"`
}

func openDisk(dir string) (*disk, error) {
	// The documents hold account keys, so nobody else may read them.
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	db, err := bbolt.Open(filepath.Join(dir, fileName), 0o600, &bbolt.Options{Timeout: lockWait})
	if errors.Is(err, bbolterrors.ErrTimeout) {
		return nil, ErrInUse
	}
	if err != nil {
		return nil, fmt.Errorf("store: %s: %w", fileName, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(bucketName)
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store: %s: %w", fileName, err), db.Close())
	}
	return &disk{db: db}, nil
}

func (d *disk) close() error { return d.db.Close() }

// load calls each with every entry of the file, in no particular order.
func (d *disk) load(each func(*entry)) error {
	return d.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketName).ForEach(func(key, value []byte) error {
			var r record
			if err := Decode(value, &r); err != nil {
				return fmt.Errorf("store: document %q on disk: %w", key, err)
			}
			each(&entry{id: r.ID, sequence: r.Sequence})
			return nil
		})
	})
}

// read returns the document of a folded id that an entry has, as JSON.
func (d *disk) read(key string) []byte {
	var r record
	err := d.db.View(func(tx *bbolt.Tx) error { return Decode(tx.Bucket(bucketName).Get([]byte(key)), &r) })
	if err != nil {
		panic(fmt.Sprintf("store: document %q on disk: %v", key, err)) // load read it, or apply wrote it
	}
	return r.Document
}

// apply stores changes, by folded id, in one transaction. A nil entry is a deletion.
func (d *disk) apply(changes map[string]*entry) error {
	err := d.db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(bucketName)
		for key, e := range changes {
			if err := d.change(bucket, key, e); err != nil {
				return fmt.Errorf("%q: %w", key, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: write: %w", err)
	}
	return nil
}

func (*disk) change(bucket *bbolt.Bucket, key string, e *entry) error {
	if e == nil {
		return bucket.Delete([]byte(key))
	}
	value, err := json.Marshal(record{ID: e.id, Sequence: e.sequence, Document: e.text})
	if err != nil {
		return err
	}
	return bucket.Put([]byte(key), value)
}
