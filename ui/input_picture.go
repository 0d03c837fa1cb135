package ui

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
	"path"
	"strings"
)

// maxPixels of a picture that is converted, which bounds the memory of a request.
const maxPixels = 4 << 20

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
	for _, n := range []*int{&width, &height, &highest} {
		if err := readNetpbmNumber(r, n); err != nil {
			return nil, err
		}
	}
	if _, err := r.ReadByte(); err != nil { // the one space after the header
		return nil, errPicture
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

// readNetpbmNumber reads a number of the header, after spaces and comments.
func readNetpbmNumber(r *bufio.Reader, n *int) error {
	for {
		c, err := r.ReadByte()
		switch {
		case err != nil:
			return errPicture
		case c == '#':
			if _, err := r.ReadString('\n'); err != nil {
				return errPicture
			}
		case c != ' ' && c != '\t' && c != '\r' && c != '\n':
			if err := r.UnreadByte(); err != nil {
				return err
			}
			if _, err := fmt.Fscanf(r, "%d", n); err != nil {
				return errPicture
			}
			return nil
		}
	}
}
