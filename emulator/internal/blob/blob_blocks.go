package blob

import (
	"cmp"
	"encoding/base64"
	"encoding/xml"
	"io"
	"net/http"
	"strconv"
)

const (
	maxBlock          = 4000 << 20 // bytes, since version 2019-12-12
	maxBlocks         = 50000      // of one blob
	maxStaged         = 100000     // of one blob, not committed
	maxBlockID        = 64         // bytes, decoded
	maxBlockListBytes = 16 << 20   // of the XML body: 50000 of the longest names, and more
)

// stagedBlocks are the uncommitted blocks of one blob.
type stagedBlocks struct {
	order  []string // IDs, in the order of their first Put Block
	blocks map[string]content
}

// putBlock is Put Block.
func (r *request) putBlock(w http.ResponseWriter) error {
	id := r.queryParam("blockid")
	raw, err := base64.StdEncoding.DecodeString(id)
	if err != nil || len(raw) == 0 || len(raw) > maxBlockID {
		return errQueryValue("blockid", id, "Not a valid base64 string.")
	}
	cond, err := r.conditions()
	if err != nil {
		return err
	}
	c, err := r.openContainer()
	if err != nil {
		return err
	}
	if err := cond.checkBlockTarget(c.lookup(r.blob)); err != nil {
		return err
	}
	got, err := r.receive(c, maxBlock)
	if err != nil {
		return err
	}
	if err := c.stage(r.blob, id, got.content); err != nil {
		got.content.discard()
		return err
	}
	got.setHashes(w.Header())
	if r.header.Get("Content-Md5") == "" {
		w.Header().Del("Content-Md5")
	}
	w.Header().Set("X-Ms-Request-Server-Encrypted", "true")
	answerEmpty(w, http.StatusCreated)
	return nil
}

// checkBlockTarget refuses blocks for a blob that cannot take them. Put Block has no conditions but
// the lease.
func (c conditions) checkBlockTarget(current *record) error {
	if err := c.checkLease(current, true); err != nil {
		return err
	}
	switch {
	case current == nil:
		return nil
	case current.seeded:
		return errSeeded()
	case current.Kind != blockBlob:
		return errBlobType()
	}
	return nil
}

// stage stores a block. A second block with the same ID replaces the first.
func (c *container) stage(name, id string, data content) error {
	defer c.writers.lock(name)() // a commit may be reading the block that this one replaces
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return errContainerNotFound()
	}
	s, ok := c.staged[name]
	if !ok {
		s = &stagedBlocks{blocks: map[string]content{}}
		c.staged[name] = s
	}
	if len(s.order) > 0 && len(s.order[0]) != len(id) {
		return newFault(400, "InvalidBlobOrBlock", "The specified blob or block content is invalid.")
	}
	old, again := s.blocks[id]
	switch {
	case again:
		old.discard()
	case len(s.order) >= maxStaged:
		return newFault(409, "BlockCountExceedsLimit", "The uncommitted block count cannot exceed the maximum limit of 100,000 blocks.")
	default:
		s.order = append(s.order, id)
	}
	s.blocks[id] = data
	return nil
}

// dropStaged removes the uncommitted blocks of a blob, as every write of the whole blob does.
func (c *container) dropStaged(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, ok := c.staged[name]; ok {
		for _, b := range s.blocks {
			b.discard()
		}
		delete(c.staged, name)
	}
}

// stagedOf returns a copy of the uncommitted blocks of a blob.
func (c *container) stagedOf(name string) ([]block, map[string]content) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var list []block
	blocks := map[string]content{}
	if s, ok := c.staged[name]; ok {
		for _, id := range s.order {
			list = append(list, block{id, s.blocks[id].size()})
			blocks[id] = s.blocks[id]
		}
	}
	return list, blocks
}

// putBlockList is Put Block List: it builds the blob from uncommitted blocks and from those that
// the blob has already.
func (r *request) putBlockList(w http.ResponseWriter) error {
	next, err := r.newRecord(blockBlob)
	if err != nil {
		return err
	}
	next.Headers.Type = cmp.Or(next.Headers.Type, defaultContentType)
	c, check, err := r.openForCreate()
	if err != nil {
		return err
	}
	in := newHasher(&contextReader{r.Context(), io.LimitReader(r.body(), maxBlockListBytes)})
	list, err := parseBlockList(in)
	if err != nil {
		return err
	}
	if err := r.checkHashes(in.md5.Sum(nil), in.crc()); err != nil {
		return err
	}
	if err := c.commit(next, list, check); err != nil {
		return err
	}
	setWritten(w.Header(), next)
	w.Header().Set("X-Ms-Content-Crc64", base64.StdEncoding.EncodeToString(in.crc()))
	answerEmpty(w, http.StatusCreated)
	return nil
}

// commit builds next from the listed blocks.
func (c *container) commit(next *record, list []listedBlock, check func(*record) error) error {
	_, err := c.change(next.Name, func(current *record) (*record, error) {
		if err := check(current); err != nil {
			return nil, err
		}
		if current != nil && current.Kind != blockBlob {
			return nil, errBlobType()
		}
		_, staged := c.stagedOf(next.Name)
		parts, err := resolveBlocks(list, current, staged)
		if err != nil {
			return nil, err
		}
		for i, p := range parts {
			next.Blocks = append(next.Blocks, block{list[i].id, p.n})
		}
		next.content, err = c.store.join(c.key, parts)
		return next, err
	})
	if err != nil {
		if next.content != nil {
			next.content.discard()
		}
		return err
	}
	c.dropStaged(next.Name)
	return nil
}

// resolveBlocks finds the bytes of each listed block.
func resolveBlocks(list []listedBlock, current *record, staged map[string]content) ([]part, error) {
	committed := map[string]part{}
	if current != nil {
		var off int64
		for _, b := range current.Blocks {
			committed[b.ID] = part{current.content, off, b.Size}
			off += b.Size
		}
	}
	parts := make([]part, len(list))
	for i, b := range list {
		p, ok := committed[b.id]
		if b.from == "Committed" && !ok {
			return nil, errBlockList()
		}
		if s, isStaged := staged[b.id]; isStaged && b.from != "Committed" {
			p, ok = part{s, 0, s.size()}, true
		} else if b.from == "Uncommitted" {
			return nil, errBlockList()
		}
		if !ok {
			return nil, errBlockList()
		}
		parts[i] = p
	}
	return parts, nil
}

func errBlockList() *fault {
	return newFault(400, "InvalidBlockList", "The specified block list is invalid.")
}

// listedBlock is one entry of a block list: where to look for the block (Committed, Uncommitted,
// Latest), and its ID.
type listedBlock struct{ from, id string }

// parseBlockList reads the body of Put Block List. The order of its elements is the order of the
// blob.
func parseBlockList(body io.Reader) ([]listedBlock, error) {
	var doc struct {
		XMLName xml.Name `xml:"BlockList"`
		Blocks  []struct {
			XMLName xml.Name
			ID      string `xml:",chardata"`
		} `xml:",any"`
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	if err := xml.Unmarshal(data, &doc); err != nil {
		return nil, errXML()
	}
	if len(doc.Blocks) > maxBlocks {
		return nil, newFault(400, "BlockListTooLong", "The block list may not contain more than 50,000 blocks.")
	}
	list := make([]listedBlock, len(doc.Blocks))
	for i, b := range doc.Blocks {
		switch b.XMLName.Local {
		case "Committed", "Uncommitted", "Latest":
			list[i] = listedBlock{b.XMLName.Local, b.ID}
		default:
			return nil, newFault(400, "UnsupportedXmlNode",
				"One of the XML nodes specified in the request body is not supported.", detail{"XmlNodeName", b.XMLName.Local})
		}
	}
	return list, nil
}

// getBlockList is Get Block List.
func (r *request) getBlockList(w http.ResponseWriter) error {
	kind := cmp.Or(r.queryParam("blocklisttype"), "committed")
	if kind != "committed" && kind != "uncommitted" && kind != "all" {
		return errQueryValue("blocklisttype", kind, "Invalid value")
	}
	cond, err := r.conditions()
	if err != nil {
		return err
	}
	c, err := r.openContainer()
	if err != nil {
		return err
	}
	rec := c.lookup(r.blob)
	staged, _ := c.stagedOf(r.blob)
	if err := checkHasBlocks(rec, staged); err != nil {
		return err
	}
	if err := cond.checkLease(rec, false); err != nil {
		return err
	}
	var x xmlWriter
	x.begin("BlockList")
	if kind != "uncommitted" {
		var committed []block
		if rec != nil {
			committed = rec.Blocks
		}
		x.blocks("CommittedBlocks", committed)
	}
	if kind != "committed" {
		x.blocks("UncommittedBlocks", staged)
	}
	x.end("BlockList")
	if rec != nil {
		setChange(w.Header(), rec.ETag, rec.Modified)
		w.Header().Set("X-Ms-Blob-Content-Length", strconv.FormatInt(rec.Size, 10))
	}
	answerXML(w, x.String())
	return nil
}

// checkHasBlocks refuses a blob that cannot have blocks, and one that does not exist.
func checkHasBlocks(rec *record, staged []block) error {
	switch {
	case rec == nil && staged == nil:
		return errBlobNotFound()
	case rec != nil && rec.Kind != blockBlob:
		return errBlobType()
	}
	return nil
}

func (x *xmlWriter) blocks(name string, list []block) {
	if len(list) == 0 {
		x.empty(name)
		return
	}
	x.begin(name)
	for _, b := range list {
		x.begin("Block")
		x.leaf("Name", b.ID)
		x.leaf("Size", strconv.FormatInt(b.Size, 10))
		x.end("Block")
	}
	x.end(name)
}
