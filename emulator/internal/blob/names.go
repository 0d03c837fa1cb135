package blob

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of Microsoft Learn, "Naming and Referencing Containers, Blobs, and Metadata".
const (
	maxBlobNameLength   = 1024 // characters
	maxBlobNameSegments = 254
)

func validAccountName(name string) bool {
	return len(name) >= 3 && len(name) <= 24 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// checkContainerName returns the service's refusal of a name that no container can have.
func checkContainerName(name string) error {
	switch name {
	case "$root", "$web", "$logs":
		return nil
	}
	if len(name) < 3 || len(name) > 63 {
		return newFault(400, "OutOfRangeInput", "The specified resource name length is not within the permissible limits.")
	}
	bad := strings.HasPrefix(name, "-") || strings.HasSuffix(name, "-") || strings.Contains(name, "--")
	if bad || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		// The misspelling is the service's own.
		return newFault(400, "InvalidResourceName", "The specifed resource name contains invalid characters.") //nolint:misspell // as the service has it
	}
	return nil
}

// blobName returns the name under which the service stores a blob that a request names, or the
// service's refusal. The service drops the dots at the end of every segment
// (github.com/Azure/azure-sdk-for-java issue 36674) and refuses control characters
// (Azure/azure-sdk-for-python issue 11577).
//
// What it does with a segment of dots alone or with a blank at the end of a segment is not
// documented. Both are refused, so that no blob is stored under another name than the caller's.
func blobName(name string) (string, error) {
	segments := strings.Split(name, "/")
	for i, segment := range segments {
		kept := strings.TrimRight(segment, ".")
		if kept == "" && segment != "" || strings.HasSuffix(kept, " ") {
			return "", errInvalidURI()
		}
		segments[i] = kept
	}
	name = strings.Join(segments, "/")
	if name == "" || utf8.RuneCountInString(name) > maxBlobNameLength || len(segments) > maxBlobNameSegments ||
		!utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return "", errInvalidURI()
	}
	return name, nil
}

// Names on disk. A blob "Score/a b.csv" is in its container's folder at !score~/a%20b.csv followed
// by ~ and a suffix. So blobs "x" and "x/y" never need the same path, no name leaves the folder,
// and names that differ only in case stay apart on file systems that ignore case. Names are never
// read back from paths: the record has them.
const (
	maxDiskSegment = 180
	maxDiskPath    = 2000
)

// diskStem is the path of a blob in its container's folder, without the suffix that distinguishes
// content from record.
func diskStem(name string) string {
	segments := strings.Split(name, "/")
	for i, segment := range segments {
		segments[i] = diskSegment(segment)
	}
	stem := strings.Join(segments, "~"+string(filepath.Separator))
	if len(stem) > maxDiskPath {
		return "+" + digest(name)
	}
	return stem
}

func diskSegment(segment string) string {
	var b strings.Builder
	for i := range len(segment) {
		c := segment[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_', c == '.' && i < len(segment)-1 && i > 0:
			b.WriteByte(c)
		case 'A' <= c && c <= 'Z':
			b.WriteByte('!')
			b.WriteByte(c + 'a' - 'A')
		default:
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	if b.Len() > maxDiskSegment {
		return b.String()[:maxDiskSegment/2] + "+" + digest(segment)
	}
	return b.String()
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}
