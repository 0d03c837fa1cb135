package wire

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"
)

// A cursor reads a JSON text once, from left to right. It checks everything, including what it
// skips, and allocates nothing. It keeps the first error, which ends every loop:
//
//	c := cursor{data: data}
//	for name := range c.members {
//		value := c.skip()
//		…
//	}
//	return c.end()
type cursor struct {
	data  []byte
	at    int
	depth int
	err   error
}

const maxDepth = 10_000 // as in encoding/json

// peek moves to the next value or punctuation and returns its first byte, 0 at the end of the text
// and after an error.
func (c *cursor) peek() byte {
	for ; c.at < len(c.data); c.at++ {
		switch b := c.data[c.at]; b {
		case ' ', '\n', '\r', '\t':
		default:
			return b
		}
	}
	return 0
}

func (c *cursor) fail(want string) {
	switch {
	case c.err != nil:
	case c.at >= len(c.data):
		c.err = errors.New("unexpected end of JSON input")
	default:
		c.err = fmt.Errorf("JSON, byte %d: %s was expected", c.at, want)
	}
	c.at = len(c.data)
}

// end returns the first error. Only white space may follow the value.
func (c *cursor) end() error {
	if c.peek() != 0 || c.at < len(c.data) {
		c.fail("the end")
	}
	return c.err
}

// members yields the name of each member of the object at the cursor. The loop body must read the
// value or skip it.
func (c *cursor) members(yield func(name []byte) bool) {
	if !c.open('{', "an object") {
		return
	}
	for first := true; c.more(first, '}'); first = false {
		if name, ok := c.name(); !ok || !yield(name) {
			return
		}
	}
}

// elements yields once for each element of the array at the cursor. The loop body must read the
// element or skip it.
func (c *cursor) elements(yield func() bool) {
	if !c.open('[', "an array") {
		return
	}
	for first := true; c.more(first, ']'); first = false {
		if !yield() {
			return
		}
	}
}

func (c *cursor) open(bracket byte, want string) bool {
	switch {
	case c.peek() != bracket:
		c.fail(want)
	case c.depth == maxDepth:
		c.fail("less depth")
	default:
		c.at++
		c.depth++
		return true
	}
	return false
}

// more moves to the next member or element and returns true, or moves past the closing bracket.
func (c *cursor) more(first bool, bracket byte) bool {
	switch b := c.peek(); {
	case c.err != nil:
	case b == bracket:
		c.at++
		c.depth--
	case first:
		return true
	case b == ',':
		c.at++
		return true
	default:
		c.fail("a comma or the end of the object or array")
	}
	return false
}

func (c *cursor) name() (name []byte, ok bool) {
	if c.peek() != '"' {
		c.fail("a name")
		return nil, false
	}
	raw := c.skip()
	if c.peek() != ':' {
		c.fail("a colon")
		return nil, false
	}
	c.at++
	if isPlain(raw) {
		return raw[1 : len(raw)-1], true
	}
	text, err := Unquote(raw)
	return []byte(text), err == nil
}

// skip moves past the value at the cursor and returns its text, nil after an error.
func (c *cursor) skip() []byte {
	b := c.peek()
	start := c.at
	switch {
	case b == '{':
		for range c.members {
			c.skip()
		}
	case b == '[':
		for range c.elements {
			c.skip()
		}
	case b == '"':
		c.skipString()
	case b == '-' || isDigit(b):
		c.skipNumber()
	default:
		c.skipWord()
	}
	if c.err != nil {
		return nil
	}
	return c.data[start:c.at]
}

func (c *cursor) skipString() {
	for i := c.at + 1; i < len(c.data); i++ {
		switch b := c.data[i]; {
		case b == '"':
			c.at = i + 1
			return
		case b == '\\':
			n := escapeLength(c.data[i:])
			if n == 0 {
				c.at = i
				c.fail("an escape of JSON")
				return
			}
			i += n - 1
		case b < ' ':
			c.at = i
			c.fail("an escaped control character")
			return
		}
	}
	c.at = len(c.data)
	c.fail("the end of a text")
}

// escapeLength is the length of the escape sequence at the start of text, 0 if there is none.
func escapeLength(text []byte) int {
	switch {
	case len(text) < 2:
		return 0
	case text[1] != 'u':
		if bytes.IndexByte([]byte(`"\/bfnrt`), text[1]) < 0 {
			return 0
		}
		return 2
	case len(text) < 6:
		return 0
	}
	for _, b := range text[2:6] {
		if !isDigit(b) && (b|0x20 < 'a' || b|0x20 > 'f') {
			return 0
		}
	}
	return 6
}

func (c *cursor) skipNumber() {
	if c.data[c.at] == '-' {
		c.at++
	}
	if c.at < len(c.data) && c.data[c.at] == '0' { // no further digit may follow
		c.at++
	} else {
		c.digits()
	}
	if c.at < len(c.data) && c.data[c.at] == '.' {
		c.at++
		c.digits()
	}
	if c.at < len(c.data) && c.data[c.at]|0x20 == 'e' {
		c.at++
		if c.at < len(c.data) && (c.data[c.at] == '+' || c.data[c.at] == '-') {
			c.at++
		}
		c.digits()
	}
}

func (c *cursor) digits() {
	start := c.at
	for c.at < len(c.data) && isDigit(c.data[c.at]) {
		c.at++
	}
	if c.at == start {
		c.fail("a digit")
	}
}

func (c *cursor) skipWord() {
	for _, word := range []string{"null", "true", "false"} {
		if bytes.HasPrefix(c.data[c.at:], []byte(word)) {
			c.at += len(word)
			return
		}
	}
	c.fail("a value")
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// isNumber reports whether text is a JSON number.
func isNumber(text []byte) bool {
	if len(text) == 0 || text[0] != '-' && !isDigit(text[0]) {
		return false
	}
	c := cursor{data: text}
	c.skipNumber()
	return c.end() == nil
}

// isPlain reports whether a quoted text has nothing to decode between its quotes.
func isPlain(quoted []byte) bool {
	return bytes.IndexByte(quoted, '\\') < 0 && utf8.Valid(quoted)
}

// check reports what is wrong with a JSON text, nil for a valid one.
func check(text []byte) error {
	c := cursor{data: text}
	c.skip()
	return c.end()
}

// EachMember calls fn for each member of a JSON object, with the text of its value. It stops at the
// first error.
func EachMember(data []byte, fn func(name string, value []byte) error) error {
	c := cursor{data: data}
	for name := range c.members {
		value := c.skip()
		if c.err != nil {
			break
		}
		if err := fn(string(name), value); err != nil {
			return err
		}
	}
	return c.end()
}
