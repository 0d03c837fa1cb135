package transfer

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"unicode"
	"unicode/utf16"
)

// A NameError says why blobs cannot be files in one folder. Nothing was written.
type NameError struct {
	Name    string
	Problem string
}

// Error names the blob and the problem.
func (e *NameError) Error() string { return fmt.Sprintf("the blob %q %s", e.Name, e.Problem) }

// Is makes the error match fs.ErrInvalid.
func (e *NameError) Is(target error) bool { return target == fs.ErrInvalid }

// checkNames refuses names that cannot be files in one folder on this operating system, or that
// collide with the work folder.
func checkNames(blobs []Blob, work string) error {
	for _, b := range blobs {
		if problem := nameProblem(b.Name, runtime.GOOS); problem != "" {
			return &NameError{b.Name, problem}
		}
		if top, _, _ := strings.Cut(b.Name, "/"); strings.EqualFold(top, work) {
			return &NameError{b.Name, "lies where the download keeps unfinished files"}
		}
	}
	if a, b, ok := clash(blobs, func(name string) string { return name }); ok {
		return &NameError{a, fmt.Sprintf("cannot be a file, because %q lies in a folder of that name", b)}
	}
	return nil
}

// maxFileName is the longest name of a file or folder on all common file systems, in bytes, and in
// UTF-16 code units on Windows. Storage allows longer ones.
const maxFileName = 255

// nameProblem says why a name cannot be a file on an operating system; "" if it can.
func nameProblem(name, goos string) string {
	for segment := range strings.SplitSeq(name, "/") {
		switch {
		case segment == "":
			return "would be written outside of the folder: a part of its name is empty"
		case segment == "..":
			return "would be written outside of the folder"
		case segment == ".":
			return "has a part in its name that means the folder itself"
		case strings.ContainsRune(segment, 0):
			return "has a name that no file can have"
		case goos == "windows" && len(utf16.Encode([]rune(segment))) > maxFileName, goos != "windows" && len(segment) > maxFileName:
			return "has a part in its name that is too long for a file"
		case goos == "windows":
			if problem := windowsProblem(segment); problem != "" {
				return problem
			}
		}
	}
	if goos == runtime.GOOS && !filepath.IsLocal(filepath.FromSlash(name)) {
		return "would be written outside of the folder"
	}
	return ""
}

// windowsProblem says why a name cannot be that of a file on Windows (learn.microsoft.com, "Naming
// Files, Paths, and Namespaces").
func windowsProblem(segment string) string {
	base, _, _ := strings.Cut(segment, ".")
	base = strings.ToUpper(strings.TrimRight(base, " "))
	switch base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return "has the name of a device of Windows"
	}
	if rest, ok := strings.CutPrefix(base, "COM"); ok && isDeviceNumber(rest) {
		return "has the name of a device of Windows"
	}
	if rest, ok := strings.CutPrefix(base, "LPT"); ok && isDeviceNumber(rest) {
		return "has the name of a device of Windows"
	}
	switch {
	case strings.ContainsAny(segment, `<>:"|?*\`) || strings.ContainsFunc(segment, unicode.IsControl):
		return "has a character in its name that Windows does not allow"
	case strings.TrimRight(segment, ". ") != segment:
		return "has a name that ends in a dot or a blank, which Windows drops"
	}
	return ""
}

func isDeviceNumber(s string) bool {
	return strings.ContainsAny(s, "0123456789¹²³") && len([]rune(s)) == 1
}

// clash finds two names that cannot both be files: equal after folding, or one a folder of the
// other.
func clash(blobs []Blob, fold func(string) string) (a, b string, found bool) {
	files, folders := make(map[string]string, len(blobs)), map[string]string{}
	for _, blob := range blobs {
		name := fold(blob.Name)
		if other, ok := files[name]; ok {
			return other, blob.Name, true
		}
		files[name] = blob.Name
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, ok := folders[dir]; ok {
				break
			}
			folders[dir] = blob.Name
		}
	}
	for dir, inside := range folders {
		if file, ok := files[dir]; ok {
			return file, inside, true
		}
	}
	return "", "", false
}

// checkCase refuses names that differ only in case, if the file system ignores case.
func checkCase(blobs []Blob, root *os.Root) error {
	a, b, ok := clash(blobs, strings.ToLower)
	if !ok {
		return nil
	}
	one, err := foldsCase(root)
	if err != nil {
		return &DirError{Problem: err.Error(), Err: err}
	}
	if one {
		return &NameError{a, fmt.Sprintf("and %q differ in upper and lower case only, and are one file here", b)}
	}
	return nil
}

// foldsCase reports whether the file system ignores case. It creates a file for a moment to find
// out.
func foldsCase(root *os.Root) (bool, error) {
	name := workPrefix + rand.Text()
	f, err := root.Create(name)
	if err != nil {
		return false, err
	}
	defer func() { _ = root.Remove(name) }()
	if err := f.Close(); err != nil {
		return false, err
	}
	_, err = root.Stat(strings.ToLower(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
