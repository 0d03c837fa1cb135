package ui

import (
	"errors"
	"image/color"
	"io"
	"strings"
	"testing"
)

func TestNetpbm(t *testing.T) {
	gray, err := readNetpbm(strings.NewReader("P5\n# made by hand\n2 1\n15\n\x00\x0f"))
	if err != nil {
		t.Fatal(err)
	}
	if size := gray.Bounds().Size(); size.X != 2 || size.Y != 1 || gray.At(0, 0) != (color.RGBA{A: 255}) || gray.At(1, 0) != (color.RGBA{255, 255, 255, 255}) {
		t.Errorf("the graymap is %v with %v and %v, want a black and a white pixel", size, gray.At(0, 0), gray.At(1, 0))
	}
	colored, err := readNetpbm(strings.NewReader("P6 1 1 255 \x01\x02\x03"))
	if err != nil {
		t.Fatal(err)
	}
	if got := colored.At(0, 0); got != (color.RGBA{1, 2, 3, 255}) {
		t.Errorf("the pixmap is %v, want 1, 2, 3", got)
	}
}

func TestNetpbmThatIsNone(t *testing.T) {
	for _, content := range []string{"", "P5", "P5 2", "P5 2 2 255", "P5 2 2 255 abc", "P2 1 1 255 1", "P5 1 1 65535 ab", "P5 0 1 255 ", "P5 -1 -1 255 ",
		"P5 99999999 99999999 255 a", "P5 x 1 255 a", "P5 # never ends", "\x89PNG\r\n"} {
		if _, err := readNetpbm(strings.NewReader(content)); !errors.Is(err, errPicture) {
			t.Errorf("readNetpbm(%q) = %v, want %v", content, err, errPicture)
		}
	}
}

// TestNetpbmWithoutEnd reads a bounded part of a header that goes on and on.
func TestNetpbmWithoutEnd(t *testing.T) {
	for _, begin := range []string{"P5 #", "P5 ", "P5 1"} {
		for _, filler := range []byte{'1', ' '} {
			rest := &filled{filler: filler}
			if _, err := readNetpbm(io.MultiReader(strings.NewReader(begin), rest)); !errors.Is(err, errPicture) {
				t.Errorf("readNetpbm(%q and many %q) = %v, want %v", begin, filler, err, errPicture)
			}
			if rest.read > 1<<20 {
				t.Errorf("readNetpbm(%q and many %q) reads %d bytes", begin, filler, rest.read)
			}
		}
	}
}

// filled is 8 MB of one byte.
type filled struct {
	filler byte
	read   int
}

func (f *filled) Read(p []byte) (int, error) {
	if f.read >= 8<<20 {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = f.filler
	}
	f.read += len(p)
	return len(p), nil
}

func FuzzNetpbm(f *testing.F) {
	f.Add("P5\n# made by hand\n2 1\n15\n\x00\x0f")
	f.Add("P6 1 1 255 \x01\x02\x03")
	f.Fuzz(func(t *testing.T, content string) {
		if picture, err := readNetpbm(strings.NewReader(content)); (picture == nil) == (err == nil) {
			t.Errorf("readNetpbm(%q) = %v, %v", content, picture, err)
		}
	})
}
