package local

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf16"
)

// Ignore files follow git's wild-match rules with one exception that the Azure ML clients make: the
// last matching line decides about each file on its own, so "!out/keep.txt" after "out/" brings the
// file back, which git would not.
//
// The matcher is our own because neither library at hand gives git's answers: go-git's
// plumbing/format/gitignore is wrong on "[!ab].txt" and on "a/**/b/c" with a/b/x/b/c (it does not
// try again after the first b), and needs nine further packages; moby/patternmatcher, made for
// .dockerignore, is wrong on "/a.txt" and more. TestIgnorePatterns has git's own answers. This one
// differs on the exception above, drops all blanks at the end of a line as az ml does, and knows no
// classes of characters by name, such as [[:digit:]].

// ignoreFiles are the names of ignore files in the root folder of an upload. Only the first that
// exists counts, and none in sub-folders.
var ignoreFiles = []string{".amlignore", ".gitignore"}

// ignoreRules are the lines of an ignore file. Nil ignores nothing.
type ignoreRules []ignorePattern

type ignorePattern struct {
	segments []string // "**" stands for any number of folders
	negated  bool     // the line began with "!"
	dirOnly  bool     // the line ended in "/"
}

// readIgnoreRules reads the ignore file of the root folder, if there is one.
func readIgnoreRules(files source) (ignoreRules, error) {
	for _, name := range ignoreFiles {
		f, err := files.open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		defer f.Close()
		content, err := io.ReadAll(f)
		if err != nil {
			return nil, err
		}
		text := ignoreText(content)
		if strings.ContainsRune(text, 0) { // UTF-16 without a mark, or UTF-32: its lines would ignore nothing
			return nil, errNotText
		}
		var rules ignoreRules
		for line := range strings.Lines(text) {
			if p, ok := parseIgnorePattern(strings.TrimSuffix(line, "\n")); ok {
				rules = append(rules, p)
			}
		}
		return rules, nil
	}
	return nil, nil
}

var errNotText = errors.New("it is not UTF-8, nor UTF-16 with a byte order mark")

// ignoreText is the text of an ignore file: UTF-8, or UTF-16 as Windows PowerShell writes it. A
// byte order mark is no part of the first line.
func ignoreText(content []byte) string {
	switch {
	case bytes.HasPrefix(content, []byte("\xff\xfe")):
		return decodeUTF16(content[2:], binary.LittleEndian)
	case bytes.HasPrefix(content, []byte("\xfe\xff")):
		return decodeUTF16(content[2:], binary.BigEndian)
	}
	return string(bytes.TrimPrefix(content, []byte("\ufeff")))
}

func decodeUTF16(content []byte, order binary.ByteOrder) string {
	units := make([]uint16, len(content)/2)
	for i := range units {
		units[i] = order.Uint16(content[2*i:])
	}
	return string(utf16.Decode(units))
}

// goClasses gives classes of characters Go's spelling: ^ negates, and a bracket that comes first or a
// hyphen at either end must be escaped.
func goClasses(pattern string) string {
	var b strings.Builder
	for inside, first := false, false; pattern != ""; {
		n := 1
		switch c := pattern[0]; {
		case c == '\\' && len(pattern) > 1:
			n = 2
		case !inside && c == '[':
			inside, first = true, true
			b.WriteByte('[')
			if pattern = pattern[1:]; strings.HasPrefix(pattern, "!") || strings.HasPrefix(pattern, "^") {
				b.WriteByte('^')
				pattern = pattern[1:]
			}
			continue
		case inside && c == '-' && (first || strings.HasPrefix(pattern, "-]")), inside && c == ']' && first:
			b.WriteByte('\\')
		case c == ']':
			inside = false
		}
		b.WriteString(pattern[:n])
		pattern, first = pattern[n:], false
	}
	return b.String()
}

func parseIgnorePattern(line string) (ignorePattern, bool) {
	line = trimBlanks(line)
	var p ignorePattern
	switch {
	case line == "" || line[0] == '#':
		return p, false
	case line[0] == '!':
		p.negated, line = true, line[1:]
	}
	line, p.dirOnly = strings.CutSuffix(line, "/")
	anchored := strings.Contains(line, "/")
	line = goClasses(strings.TrimPrefix(line, "/"))
	if line == "" {
		return p, false
	}
	if !anchored {
		p.segments = []string{"**"}
	}
	p.segments = append(p.segments, strings.Split(line, "/")...)
	return p, true
}

// trimBlanks drops the blanks at the end of a line, but for one that is escaped and so part of the
// name.
func trimBlanks(line string) string {
	trimmed := strings.TrimRight(line, " \t\r")
	escapes := len(trimmed) - len(strings.TrimRight(trimmed, `\`))
	if escapes%2 == 1 && strings.HasPrefix(line[len(trimmed):], " ") {
		return trimmed + " "
	}
	return trimmed
}

// excludes reports whether a path is ignored. It is relative to the ignore file, with "/".
func (r ignoreRules) excludes(name string) bool { return r.last(name, false) }

// excludesInside reports whether the content of a folder is ignored, unless a later line includes
// it again.
func (r ignoreRules) excludesInside(name string) bool { return r.last(name, true) }

// last returns what the last matching line says.
func (r ignoreRules) last(name string, inside bool) bool {
	if r == nil {
		return false
	}
	segments := strings.Split(name, "/")
	for _, p := range slices.Backward(r) {
		if p.matches(segments, inside) {
			return !p.negated
		}
	}
	return false
}

// mayIncludeIn reports whether a line could include something in a folder again. If not, an ignored
// folder is not read.
func (r ignoreRules) mayIncludeIn(name string) bool {
	segments := strings.Split(name, "/")
	return slices.ContainsFunc(r, func(p ignorePattern) bool { return p.negated && mayMatchIn(p.segments, segments) })
}

// mayMatchIn reports whether a pattern could match the folder or something in it.
func mayMatchIn(pattern, folder []string) bool {
	for i, segment := range folder {
		if i == len(pattern) || pattern[i] == "**" {
			return true // it matches a folder above, or anything
		}
		if ok, err := path.Match(pattern[i], segment); err != nil || !ok {
			return false
		}
	}
	return true
}

// matches reports whether the pattern matches the path or a folder above it. isDir says that the
// path is a folder.
func (p ignorePattern) matches(name []string, isDir bool) bool {
	for n := len(name); n > 0; n-- {
		if p.dirOnly && !isDir && n == len(name) {
			continue
		}
		if matchSegments(p.segments, name[:n]) {
			return true
		}
	}
	return false
}

func matchSegments(pattern, name []string) bool {
	for len(pattern) > 0 {
		if pattern[0] == "**" {
			for skip := range name {
				if matchSegments(pattern[1:], name[skip:]) {
					return true
				}
			}
			return len(pattern) == 1 && len(name) > 0
		}
		if len(name) == 0 {
			return false
		}
		if ok, err := path.Match(pattern[0], name[0]); err != nil || !ok {
			return false // git, too, lets a malformed pattern match nothing
		}
		pattern, name = pattern[1:], name[1:]
	}
	return len(name) == 0
}
