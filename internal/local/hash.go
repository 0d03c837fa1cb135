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
// lower-case path. Equal to recordings of azure-sdk-for-python (test_download_directory_code, test_create_and_get, 2023).
//
// Sums may be nil.
func (t *Tree) CodeHash(ctx context.Context, sums *Sums) (string, error) {
	order := make([]int32, len(t.Files))
	for i := range order {
		order[i] = int32(i) //nolint:gosec // no folder has so many files
	}
	slices.SortStableFunc(order, func(a, b int32) int {
		return cmp.Compare(strings.ToLower(t.Files[a].Name), strings.ToLower(t.Files[b].Name))
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
// test_models_get_latest_label and test_data_auto_delete_setting 2026). No recording shows folders in folders or links;
// these follow the recipe in the source of azure-ai-ml.
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

func writeText(h hash.Hash, s string) { _, _ = io.WriteString(h, s) } // a hash never fails
