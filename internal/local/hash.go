package local

import (
	"cmp"
	"crypto/md5" //nolint:gosec // the service's clients name uploads by it; not a protection
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

const (
	// CodeHashVersion names the recipe of CodeHash to the service.
	CodeHashVersion = "202208"
	// uploadHashSeed is what az ml feeds to its upload hash before anything else.
	uploadHashSeed = "Initialize for october 2021 AML CLI version"
)

// CodeHash is the hash by which the service finds registered code of equal content, whatever its name: SHA-256 over the
// number of files, then for each file "#", its path, "#" and its size, then the bytes of all files; in the order of the
// lower-case path. Equal to recordings of azure-sdk-for-python (test_download_directory_code, test_create_and_get, 2023).
func CodeHash(files Tree) (string, error) {
	sorted := slices.Clone(files.Files)
	slices.SortStableFunc(sorted, func(a, b File) int {
		return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	h := newHasher(sha256.New())
	h.text(strconv.Itoa(len(sorted)))
	for _, f := range sorted {
		h.text("#" + f.Name + "#" + strconv.FormatInt(f.Size, 10))
	}
	for _, f := range sorted {
		if err := h.file(f); err != nil {
			return "", err
		}
	}
	return h.sums()[0], nil
}

// UploadHashes are the hashes by which az ml names uploads to a datastore: MD5 until 2025 and SHA-256 since, over the
// same bytes, both in one pass. A file counts by its content alone; a folder by the names and contents of its entries,
// in the order of their lower-case names, without its own name.
//
// Equal to recordings for files and for folders of one file (azure-sdk-for-python, test_create_autoincrement 2022,
// test_models_get_latest_label and test_data_auto_delete_setting 2026). Not evidenced by one: sub-folders and links.
func UploadHashes(files Tree) (md5Hex, sha256Hex string, err error) {
	h := newHasher(md5.New(), sha256.New()) //nolint:gosec // see above
	h.text(uploadHashSeed)
	if files.IsFolder {
		err = h.entries(files.entries)
	} else {
		err = h.file(files.Files[0])
	}
	if err != nil {
		return "", "", err
	}
	sums := h.sums()
	return sums[0], sums[1], nil
}

// hasher feeds several hashes at once, a buffer at a time.
type hasher struct {
	hashes []hash.Hash
	all    io.Writer
	buffer []byte
}

func newHasher(hashes ...hash.Hash) *hasher {
	writers := make([]io.Writer, len(hashes))
	for i, h := range hashes {
		writers[i] = h
	}
	return &hasher{hashes: hashes, all: io.MultiWriter(writers...), buffer: make([]byte, 256<<10)}
}

func (h *hasher) text(s string) { _, _ = io.WriteString(h.all, s) } // a hash never fails

func (h *hasher) entries(entries []entry) error {
	for _, e := range entries {
		h.text(e.name)
		err := h.entries(e.children)
		if e.file != nil {
			err = h.file(*e.file)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (h *hasher) file(f File) error {
	r, err := os.Open(f.Path)
	if err != nil {
		return err
	}
	defer r.Close()
	// Hidden behind plain interfaces, or io would use a buffer of its own for each file.
	if _, err := io.CopyBuffer(struct{ io.Writer }{h.all}, struct{ io.Reader }{r}, h.buffer); err != nil {
		return err
	}
	return f.Unchanged(r)
}

func (h *hasher) sums() []string {
	sums := make([]string, len(h.hashes))
	for i, one := range h.hashes {
		sums[i] = hex.EncodeToString(one.Sum(nil))
	}
	return sums
}
