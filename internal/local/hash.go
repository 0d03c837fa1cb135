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
	// CodeHashVersion tells the service which recipe CodeHash follows.
	CodeHashVersion = "202208"
	// uploadHashSeed is what az ml hashes first.
	uploadHashSeed = "Initialize for october 2021 AML CLI version"
)

// CodeHash is the hash by which the service finds registered code of equal content: SHA-256 over
// the number of files, then for each file "#", its path, "#" and its size, then the bytes of all
// files, in the order of the lower-case path. It equals recordings of azure-sdk-for-python
// (test_download_directory_code, test_create_and_get, 2023) and azure-ai-ml's own function
// (interop/hashes_test.go). One case differs on purpose: for a link given as the path, azure-ai-ml
// hashes the name of the target, and so finds code whose file has another name.
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

// UploadHash is the hash by which az ml names uploads to a datastore since 2025. The hash of a file
// is the SHA-256 of its content. That of a folder covers the names and contents of its entries, in
// the order of their lower-case names, but not its own name.
//
// It equals recordings of files and of folders with one file (azure-sdk-for-python,
// test_create_autoincrement 2022, test_models_get_latest_label and test_data_auto_delete_setting
// 2026), and azure-ai-ml's own functions for subfolders, links, odd names and empty files
// (interop/hashes_test.go).
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

// lower is Python's lower case, by which az ml sorts. Go's differs in the dotted İ, and in a Σ at
// the end of a word. The latter is left out: it matters only between names that are equal up to it,
// and then costs one more upload.
func lower(name string) string { return strings.ToLower(strings.ReplaceAll(name, "İ", "i\u0307")) }

func writeText(h hash.Hash, s string) { _, _ = io.WriteString(h, s) } // a hash never fails
