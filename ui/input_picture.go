package ui

import (
	"bufio"
	"errors"
	"image"
	"image/color"
	"io"
	"path"
	"strings"
)

// maxPixels of a picture that is converted, which bounds the memory of a request.
const maxPixels = 4 << 20

// maxHeader is how many bytes the header of such a picture may have, with its comments.
const maxHeader = 64 << 10

// isNetpbm reports whether a file is a picture that browsers do not know, and that is converted for
// them: the portable graymaps and pixmaps of many data sets.
func isNetpbm(name string) bool {
	extension := strings.ToLower(path.Ext(name))
	return extension == ".pgm" || extension == ".ppm"
}

var errPicture = errors.New("not a binary graymap or pixmap of 8 bits")

// readNetpbm reads a picture in the formats P5 (gray) and P6 (red, green, blue) with one byte a value
// (netpbm.sourceforge.net/doc/pgm.html).
func readNetpbm(content io.Reader) (image.Image, error) {
	r := bufio.NewReader(content)
	var magic [2]byte
	if _, err := io.ReadFull(r, magic[:]); err != nil {
		return nil, errPicture
	}
	var width, height, highest int
	header := &limited{r, maxHeader}
	for _, n := range []*int{&width, &height, &highest} {
		if err := readNetpbmNumber(header, n); err != nil {
			return nil, err
		}
	}
	values := map[string]int{"P5": 1, "P6": 3}[string(magic[:])]
	if values == 0 || width < 1 || height < 1 || width > maxPixels/height || highest < 1 || highest > 255 {
		return nil, errPicture
	}
	raw := make([]byte, width*height*values)
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, errPicture
	}
	scaled := func(v byte) uint8 { return uint8(min(int(v), highest) * 255 / highest) }
	picture := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := range width * height {
		pixel := raw[i*values : (i+1)*values]
		red, green, blue := pixel[0], pixel[values/2], pixel[values-1]
		picture.SetRGBA(i%width, i/width, color.RGBA{R: scaled(red), G: scaled(green), B: scaled(blue), A: 255})
	}
	return picture, nil
}

// readNetpbmNumber reads a number of the header, after spaces and comments, and the space that ends it.
func readNetpbmNumber(header io.ByteReader, n *int) error {
	digits, comment := 0, false
	for {
		c, err := header.ReadByte()
		switch space := c == ' ' || c == '\t' || c == '\r' || c == '\n'; {
		case err != nil:
			return errPicture
		case comment:
			comment = c != '\n'
		case c >= '0' && c <= '9' && *n <= maxPixels:
			*n, digits = *n*10+int(c-'0'), digits+1
		case space && digits > 0:
			return nil
		case c == '#' && digits == 0:
			comment = true
		case !space:
			return errPicture
		}
	}
}

// limited reads a few bytes at most, so that a header without an end is not read to the end.
type limited struct {
	io.ByteReader
	left int
}

func (l *limited) ReadByte() (byte, error) {
	if l.left--; l.left < 0 {
		return 0, errPicture
	}
	return l.ByteReader.ReadByte()
}
