package local

import (
	"cmp"
	"context"
	"crypto/md5" //nolint:gosec // the service's clients name uploads by it; not a protection
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"path"
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
// lower-case path. Equal to recordings of azure-sdk-for-python (test_download_directory_code, test_create_and_get, 2023)
// and to azure-ai-ml's own function, but for a link that is itself uploaded: azure-ai-ml counts the name
// of its target, and so takes code of another file name for equal.
//
// Sums may be nil.
func (t *Tree) CodeHash(ctx context.Context, sums *Sums) (string, error) {
	order := make([]int32, len(t.Files))
	for i := range order {
		order[i] = int32(i) //nolint:gosec // no folder has so many files
	}
	slices.SortStableFunc(order, func(a, b int32) int {
		return cmp.Compare(lower(t.Files[a].Name), lower(t.Files[b].Name))
	})
	h := sha256.New()
	writeText(h, strconv.Itoa(len(order)))
	for _, i := range order {
		writeText(h, "#"+t.Files[i].Name+"#"+strconv.FormatInt(t.Files[i].Size, 10))
	}
	return t.sum(ctx, order, func(int32) {}, h, sums)
}

// UploadHash is the hash by which az ml names uploads to a datastore since 2025: SHA-256 over the bytes of files and the
// names in a folder. A file counts by its content alone; a folder by the names and contents of its entries, in the order of
// their lower-case names, without its own name.
//
// Equal to recordings for files and for folders of one file (azure-sdk-for-python, test_create_autoincrement 2022,
// test_models_get_latest_label and test_data_auto_delete_setting 2026), and to azure-ai-ml's own
// functions for folders in folders, links, odd names and empty files (interop/hashes_test.go).
//
// Sums may be nil.
func (t *Tree) UploadHash(ctx context.Context, sums *Sums) (string, error) {
	return t.uploadHash(ctx, sha256.New(), sums)
}

// OldUploadHash is the hash by which az ml named uploads until 2025: MD5 over the same bytes.
func (t *Tree) OldUploadHash(ctx context.Context) (string, error) {
	return t.uploadHash(ctx, md5.New(), nil) //nolint:gosec // see above
}

// OldUploadHashLength is how many hexadecimal digits OldUploadHash has.
const OldUploadHashLength = 2 * md5.Size

func (t *Tree) uploadHash(ctx context.Context, h hash.Hash, sums *Sums) (string, error) {
	writeText(h, uploadHashSeed)
	if !t.IsFolder {
		return t.sum(ctx, []int32{0}, func(int32) {}, h, sums)
	}
	files := make([]int32, 0, len(t.Files))
	for _, o := range t.order {
		if o >= 0 {
			files = append(files, o)
		}
	}
	rest := t.order
	names := func() { // of the folders that come before a file
		for ; len(rest) > 0 && rest[0] < 0; rest = rest[1:] {
			writeText(h, t.names[^rest[0]])
		}
	}
	text, err := t.sum(ctx, files, func(i int32) {
		names()
		writeText(h, path.Base(t.Files[i].Name))
		rest = rest[1:]
	}, h, sums)
	if err != nil {
		return "", err
	}
	if len(rest) > 0 { // folders without files, after the last file
		names()
		text = hex.EncodeToString(h.Sum(nil))
	}
	return text, nil
}

// sum hashes files, and returns the hash as text.
func (t *Tree) sum(ctx context.Context, order []int32, before func(int32), h hash.Hash, sums *Sums) (string, error) {
	if sums != nil {
		if err := sums.layOut(t); err != nil {
			return "", err
		}
	}
	if err := t.hashFiles(ctx, order, before, h, sums); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// lower is the lower case by which az ml sorts, which is Python's. It differs from that of Go in the
// dotted İ, and in a Σ at the end of a word. The latter is left out: it matters only for names that are
// equal up to it, and then costs one upload of what is there.
func lower(name string) string { return strings.ToLower(strings.ReplaceAll(name, "İ", "i\u0307")) }

func writeText(h hash.Hash, s string) { _, _ = io.WriteString(h, s) } // a hash never fails
