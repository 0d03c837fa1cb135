package transfer

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/minio/crc64nvme"
)

// A block's id holds its offset in the file and its CRC64. So a staged block is known to be right,
// even if it has another block size.
//
// All blocks of a blob must have ids of one length. Ours have the length of azure-storage-blob for
// Python, which az ml uses. If another tool left blocks with ids of another length, ours take that.
//
// Blocks that azcopy staged are sent again. Their ids hold the job and the number of the block
// (Azure/azure-storage-azcopy, getBlockNamePrefix in ste/sender-blockBlob.go): neither the offset,
// for which only the job's plan has the block size, nor the content, and the file may have changed
// since the job began. azcopy itself resumes only with blocks of the same job.
const (
	idOffset = 14 // digits
	idCRC    = 16 // hexadecimal digits
	idLength = 46 // before Base64
	idFill   = "-"
)

func blockID(offset int64, crc uint64, length int) string {
	text := fmt.Sprintf("%0*d%0*x", idOffset, offset, idCRC, crc)
	text += strings.Repeat(idFill, max(0, length-len(text)))
	return base64.StdEncoding.EncodeToString([]byte(text[:length]))
}

func (f *blockFile) id(b *block) string {
	if b.foreign != "" {
		return b.foreign
	}
	return blockID(b.offset, b.crc, f.idLength)
}

// place is what an id says about its block.
type place struct {
	offset int64
	crc    uint64
	ours   bool
}

// parseBlockID reads an id of ours or of azure-storage-blob for Python.
func parseBlockID(id string) (p place, ok bool) {
	text, err := base64.StdEncoding.DecodeString(id)
	if err != nil {
		return p, false
	}
	if len(text) >= idOffset+idCRC && strings.Trim(string(text[idOffset+idCRC:]), idFill) == "" {
		offset, err := strconv.ParseInt(string(text[:idOffset]), 10, 64)
		crc, crcErr := strconv.ParseUint(string(text[idOffset:idOffset+idCRC]), 16, 64)
		return place{offset, crc, true}, err == nil && crcErr == nil
	}
	quoted, err := url.QueryUnescape(string(text))
	if err != nil {
		return p, false
	}
	digits, err := base64.StdEncoding.DecodeString(quoted)
	if err != nil || len(digits) != 32 {
		return p, false
	}
	p.offset, err = strconv.ParseInt(string(digits), 10, 64)
	return p, err == nil
}

// makePlan plans the blocks of the file, around those that storage has.
func (f *blockFile) makePlan(ctx context.Context, w *worker, content, staged []Block) error {
	in, err := f.u.Tree.Open(f.File)
	if err != nil {
		return err
	}
	defer in.Close()
	s := &summer{file: f, in: in.ReaderAt(), space: w.buffer(smallBuffer)}
	if f.complete, err = s.isContent(content); f.complete || err != nil {
		return err
	}
	if f.complete, err = f.isThere(ctx, w); f.complete || err != nil { // of another tool, or sent in one request
		return err
	}
	f.idLength = idLength
	for _, b := range slices.Concat(content, staged) {
		if text, err := base64.StdEncoding.DecodeString(b.ID); err == nil && len(text) >= idOffset {
			f.idLength = len(text)
		}
	}
	there, err := s.usable(staged)
	if err != nil {
		return err
	}
	if f.plan, err = s.cover(there); err != nil {
		return err
	}
	if len(f.plan) > maxBlocks {
		f.plan, err = s.cover(nil)
	}
	return err
}

// summer computes checksums of parts of a file.
type summer struct {
	file  *blockFile
	in    io.ReaderAt
	space []byte
}

// sum returns the CRC64 of a part. For a regular part it was computed along with the hash.
func (s *summer) sum(offset, size int64) (crc uint64, err error) {
	f := s.file
	part := f.u.Sums.Part(f.index)
	if offset%part == 0 && size == min(part, f.Size-offset) {
		return f.u.Sums.Sum(f.index, int(offset/part)), nil
	}
	r := io.NewSectionReader(s.in, offset, size)
	for {
		n, err := r.Read(s.space)
		crc = crc64nvme.Update(crc, s.space[:n])
		if err == io.EOF {
			return crc, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// isContent reports whether the blocks together are the file.
func (s *summer) isContent(blocks []Block) (bool, error) {
	offset := int64(0)
	for _, b := range blocks {
		if fits, err := s.fits(b, offset); !fits || err != nil {
			return false, err
		}
		offset += b.Size
	}
	return offset == s.file.Size, nil
}

// fits reports whether a block is the part of the file at an offset. A block of another tool is
// trusted only if the blob's name names the content.
func (s *summer) fits(b Block, offset int64) (bool, error) {
	p, ok := parseBlockID(b.ID)
	if !ok || p.offset != offset || b.Size <= 0 || offset+b.Size > s.file.Size {
		return false, nil
	}
	if !p.ours {
		return s.file.u.Named, nil
	}
	crc, err := s.sum(offset, b.Size)
	return crc == p.crc, err
}

// usable returns the staged blocks that are parts of the file, by their offsets.
func (s *summer) usable(staged []Block) (map[int64]block, error) {
	usable := map[int64]block{}
	for _, b := range staged {
		p, ok := parseBlockID(b.ID)
		if !ok {
			continue
		}
		fits, err := s.fits(b, p.offset)
		if err != nil {
			return nil, err
		}
		if fits && b.Size > usable[p.offset].size {
			usable[p.offset] = block{offset: p.offset, size: b.Size, crc: p.crc, there: true}
			if !p.ours {
				usable[p.offset] = block{offset: p.offset, size: b.Size, foreign: b.ID, there: true}
			}
		}
	}
	return usable, nil
}

// cover cuts the file into the blocks that storage has, and parts between them.
func (s *summer) cover(there map[int64]block) (plan []block, err error) {
	f := s.file
	part := f.u.Sums.Part(f.index)
	starts := make([]int64, 0, len(there))
	for offset := range there {
		starts = append(starts, offset)
	}
	slices.Sort(starts)
	for offset := int64(0); offset < f.Size; {
		if b, ok := there[offset]; ok {
			plan = append(plan, b)
			offset += b.size
			continue
		}
		for len(starts) > 0 && starts[0] <= offset {
			starts = starts[1:]
		}
		end := min(f.Size, (offset/part+1)*part)
		if len(starts) > 0 {
			end = min(end, starts[0])
		}
		b := block{offset: offset, size: end - offset}
		if b.crc, err = s.sum(b.offset, b.size); err != nil {
			return nil, err
		}
		plan = append(plan, b)
		offset = end
	}
	return plan, nil
}
