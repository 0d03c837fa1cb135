package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// server is as much of Blob storage as the benchmark needs, as fast as a server in Go can be: it reads requests by hand and
// keeps sizes and metadata, not content. What is downloaded from it is noise.
type server struct {
	noise []byte
	file  string // the noise, too; the kernel sends from it without a copy
	far   bool

	mu         sync.Mutex
	containers map[string]*container
}

// A far server answers after a delay, and a connection carries no more than so much.
const (
	farDelay = 20 * time.Millisecond
	farSpeed = 60e6 // bytes a second
)

type container struct {
	blobs  map[string]*stored
	staged map[string]map[string]int64 // blocks of a blob, by id
	counts counts
}

// counts is what a container was asked for.
type counts struct {
	Requests, Puts int
	Received, Sent int64
}

type stored struct {
	size     int64
	metadata map[string]string
	blocks   []string
}

// request is what the server reads of a request's head.
type request struct {
	method, path   string
	query          url.Values
	length         int64
	ranged         string
	metadata       map[string]string
	onlyIfAbsent   bool
	container, key string
}

// newServer makes a server. It writes a file into the folder.
func newServer(far bool, dir string) (*server, error) {
	s := &server{noise: make([]byte, 4<<20), far: far, containers: map[string]*container{}}
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // noise, not a secret
	for i := range s.noise {
		s.noise[i] = byte(r.Uint32())
	}
	s.file = filepath.Join(dir, fmt.Sprintf("noise-%v", far))
	return s, os.WriteFile(s.file, s.noise, 0o600)
}

// serve answers connections until the listener is closed.
func (s *server) serve(l net.Listener) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer func() { _ = c.Close() }()
			s.connection(c)
		}()
	}
}

// connection answers requests one after another until the client hangs up.
func (s *server) connection(c net.Conn) {
	in := bufio.NewReaderSize(c, 64<<10)
	out := output{Writer: bufio.NewWriterSize(c, 64<<10), conn: c}
	var err error
	if out.noise, err = os.Open(s.file); err != nil {
		return
	}
	defer func() { _ = out.noise.Close() }()
	for {
		r, err := readHead(in)
		if err != nil {
			return
		}
		if s.answer(r, in, out) != nil || out.Flush() != nil {
			return
		}
	}
}

// output is where an answer goes.
type output struct {
	*bufio.Writer
	conn  net.Conn
	noise *os.File
}

// send sends a part of the noise without a copy.
func (o output) send(offset, n int64) error {
	err := o.Flush()
	if err == nil {
		_, err = o.noise.Seek(offset, io.SeekStart)
	}
	if err == nil {
		_, err = io.CopyN(o.conn, o.noise, n)
	}
	return err
}

var errHead = errors.New("not a request")

func readHead(in *bufio.Reader) (*request, error) {
	line, err := readLine(in)
	if err != nil {
		return nil, err
	}
	method, rest, _ := strings.Cut(line, " ")
	target, _, ok := strings.Cut(rest, " ")
	if !ok {
		return nil, errHead
	}
	r := &request{method: method}
	path, query, _ := strings.Cut(target, "?")
	if r.path, err = url.PathUnescape(path); err != nil {
		return nil, err
	}
	r.container, r.key, _ = strings.Cut(strings.TrimPrefix(r.path, "/"), "/")
	if query != "" {
		if r.query, err = url.ParseQuery(query); err != nil {
			return nil, err
		}
	}
	for {
		line, err := readLine(in)
		if err != nil || line == "" {
			return r, err
		}
		if err := r.header(line); err != nil {
			return nil, err
		}
	}
}

func (r *request) header(line string) (err error) {
	name, value, _ := strings.Cut(line, ":")
	value = strings.TrimSpace(value)
	switch name = strings.ToLower(name); name {
	case "content-length":
		r.length, err = strconv.ParseInt(value, 10, 64)
	case "x-ms-range", "range":
		r.ranged = value
	case "if-none-match":
		r.onlyIfAbsent = value == "*"
	case "transfer-encoding":
		err = errHead
	default:
		if name, ok := strings.CutPrefix(name, "x-ms-meta-"); ok {
			if r.metadata == nil {
				r.metadata = map[string]string{}
			}
			r.metadata[name] = value
		}
	}
	return err
}

func readLine(in *bufio.Reader) (string, error) {
	b, err := in.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

// answer reads the rest of a request and writes what storage would.
func (s *server) answer(r *request, in *bufio.Reader, out output) error {
	if strings.HasPrefix(r.path, "/!") {
		return s.control(r, out.Writer)
	}
	pace := s.pace()
	var list []byte
	if r.query.Get("comp") == "blocklist" && r.method == http.MethodPut {
		list = make([]byte, r.length)
		if _, err := io.ReadFull(in, list); err != nil {
			return err
		}
	} else if err := skip(in, r.length, pace); err != nil {
		return err
	}
	if s.far {
		time.Sleep(farDelay)
	}
	status, header, body := s.work(r, list)
	fmt.Fprintf(out, "HTTP/1.1 %d %s\r\nServer: Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0\r\nX-Ms-Request-Id: 3c7d0b1e-601e-0046-55f4-2b\r\nX-Ms-Version: 2026-10-06\r\n"+
		"Date: Mon, 30 Nov 2026 10:00:00 GMT\r\nContent-Length: %d\r\n%s\r\n", status, http.StatusText(status), body.size(), header)
	if r.method == http.MethodHead {
		return nil
	}
	return body.write(out, s.pace())
}

// pace returns what holds a connection to the speed of a far one: it is told how many bytes went through it.
func (s *server) pace() func(int) {
	if !s.far {
		return func(int) {}
	}
	began, done := time.Now(), 0
	return func(n int) {
		done += n
		time.Sleep(time.Duration(float64(done)/farSpeed*float64(time.Second)) - time.Since(began))
	}
}

func skip(in *bufio.Reader, n int64, pace func(int)) error {
	for n > 0 {
		b, err := in.Peek(int(min(n, int64(max(1, in.Buffered())))))
		if err != nil {
			return err
		}
		k, err := in.Discard(int(min(n, int64(max(len(b), in.Buffered())))))
		if err != nil {
			return err
		}
		n -= int64(k)
		pace(k)
	}
	return nil
}

// content is the body of an answer: text, or a part of the noise.
type content struct {
	text   []byte
	noise  []byte
	offset int64
	n      int64
}

func (c content) size() int64 {
	if c.noise != nil {
		return c.n
	}
	return int64(len(c.text))
}

func (c content) write(out output, pace func(int)) error {
	if c.noise == nil {
		_, err := out.Write(c.text)
		return err
	}
	const step = 256 << 10
	for n := c.n; n > 0; {
		at := c.offset % int64(len(c.noise))
		k := min(n, step, int64(len(c.noise))-at)
		var err error
		if k <= int64(out.Size()) { // head and body leave in one piece
			_, err = out.Write(c.noise[at : at+k])
		} else {
			err = out.send(at, k)
		}
		if err != nil {
			return err
		}
		c.offset += k
		n -= k
		pace(int(k))
	}
	return nil
}

const blobHeader = "Etag: \"0x8DD3\"\r\nLast-Modified: Mon, 30 Nov 2026 09:00:00 GMT\r\n"

func (s *server) work(r *request, list []byte) (status int, header string, body content) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.containers[r.container]
	if c == nil {
		c = &container{blobs: map[string]*stored{}, staged: map[string]map[string]int64{}}
		s.containers[r.container] = c
	}
	c.counts.Requests++
	c.counts.Received += r.length
	switch {
	case r.method == http.MethodPut:
		c.counts.Puts++
		return c.put(r, list)
	case r.query.Get("comp") == "list":
		return http.StatusOK, "Content-Type: application/xml\r\n", content{text: c.list(r)}
	}
	b := c.blobs[r.key]
	if r.query.Get("comp") == "blocklist" {
		return c.blockList(r.key)
	}
	if b == nil {
		return failure(http.StatusNotFound, "BlobNotFound")
	}
	header = blobHeader + "X-Ms-Blob-Type: BlockBlob\r\nAccept-Ranges: bytes\r\nContent-Type: application/octet-stream\r\n"
	for name, value := range b.metadata {
		header += "X-Ms-Meta-" + name + ": " + value + "\r\n"
	}
	status, body = http.StatusOK, content{noise: s.noise, n: b.size}
	if from, to, ok := parseRange(r.ranged, b.size); ok && b.size > 0 {
		status, body.offset, body.n = http.StatusPartialContent, from, to-from
		header += fmt.Sprintf("Content-Range: bytes %d-%d/%d\r\n", from, to-1, b.size)
	}
	if r.method == http.MethodGet {
		c.counts.Sent += body.n
	}
	return status, header, body
}

func failure(status int, code string) (int, string, content) {
	body := content{text: fmt.Appendf(nil, `<?xml version="1.0" encoding="utf-8"?><Error><Code>%s</Code><Message>no</Message></Error>`, code)}
	return status, "X-Ms-Error-Code: " + code + "\r\nContent-Type: application/xml\r\n", body
}

func parseRange(ranged string, size int64) (from, to int64, ok bool) {
	first, last, _ := strings.Cut(strings.TrimPrefix(ranged, "bytes="), "-")
	from, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return 0, 0, false
	}
	if to, err = strconv.ParseInt(last, 10, 64); err != nil {
		to = size - 1
	}
	return from, min(to+1, size), from < size
}

func (c *container) put(r *request, list []byte) (int, string, content) {
	switch r.query.Get("comp") {
	case "block":
		if c.staged[r.key] == nil {
			c.staged[r.key] = map[string]int64{}
		}
		c.staged[r.key][r.query.Get("blockid")] = r.length
		return http.StatusCreated, "", content{}
	case "metadata":
		if c.blobs[r.key] == nil {
			return failure(http.StatusNotFound, "BlobNotFound")
		}
		c.blobs[r.key].metadata = r.metadata
		return http.StatusOK, blobHeader, content{}
	}
	if r.onlyIfAbsent && c.blobs[r.key] != nil {
		return failure(http.StatusConflict, "BlobAlreadyExists")
	}
	b := &stored{size: r.length, metadata: r.metadata}
	if list != nil {
		b.size = 0
		for part := range strings.SplitSeq(string(list), "<Latest>") {
			if id, _, ok := strings.Cut(part, "</Latest>"); ok {
				n, staged := c.staged[r.key][id]
				if !staged {
					return failure(http.StatusBadRequest, "InvalidBlockList")
				}
				b.size += n
				b.blocks = append(b.blocks, id)
			}
		}
		delete(c.staged, r.key)
	}
	c.blobs[r.key] = b
	return http.StatusCreated, blobHeader, content{}
}

func (c *container) blockList(key string) (int, string, content) {
	if c.blobs[key] == nil && c.staged[key] == nil {
		return failure(http.StatusNotFound, "BlobNotFound")
	}
	var x strings.Builder
	x.WriteString(`<?xml version="1.0" encoding="utf-8"?><BlockList><CommittedBlocks/><UncommittedBlocks>`)
	for id, n := range c.staged[key] {
		fmt.Fprintf(&x, "<Block><Name>%s</Name><Size>%d</Size></Block>", id, n)
	}
	x.WriteString(`</UncommittedBlocks></BlockList>`)
	return http.StatusOK, "Content-Type: application/xml\r\n", content{text: []byte(x.String())}
}

const pageSize = 5000

// list answers List Blobs with prefix, delimiter and marker.
func (c *container) list(r *request) []byte {
	prefix, delimiter, marker := r.query.Get("prefix"), r.query.Get("delimiter"), r.query.Get("marker")
	keys := make([]string, 0, len(c.blobs))
	for k := range c.blobs {
		if strings.HasPrefix(k, prefix) && k > marker {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	x := []byte("\ufeff" + `<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="c"><Blobs>`)
	next, last := "", ""
	for i, n := 0, 0; i < len(keys); i++ {
		if n == pageSize {
			next = keys[i-1]
			break
		}
		if folder, _, ok := strings.Cut(keys[i][len(prefix):], delimiter); ok && delimiter != "" {
			if folder != last {
				x = fmt.Appendf(x, "<BlobPrefix><Name>%s</Name></BlobPrefix>", escape(prefix+folder+delimiter))
				last = folder
				n++
			}
			continue
		}
		x = fmt.Appendf(x, "<Blob><Name>%s</Name><Properties><Creation-Time>Mon, 30 Nov 2026 09:00:00 GMT</Creation-Time><Last-Modified>Mon, 30 Nov 2026 09:00:00 GMT</Last-Modified>"+
			"<Etag>0x8DD3</Etag><Content-Length>%d</Content-Length><Content-Type>application/octet-stream</Content-Type><BlobType>BlockBlob</BlobType>"+
			"<AccessTier>Hot</AccessTier><LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState></Properties></Blob>", escape(keys[i]), c.blobs[keys[i]].size)
		n++
	}
	return fmt.Appendf(x, "</Blobs><NextMarker>%s</NextMarker></EnumerationResults>", escape(next))
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;")

func escape(s string) string { return escaper.Replace(s) }

// control is for the benchmark itself: "!seed" fills a container, "!counts" tells what it was asked for.
func (s *server) control(r *request, out *bufio.Writer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var answer []byte
	name := r.query.Get("container")
	switch r.path {
	case "/!seed":
		var files []seedFile
		if err := json.Unmarshal([]byte(r.query.Get("files")), &files); err != nil {
			return err
		}
		c := &container{blobs: map[string]*stored{}, staged: map[string]map[string]int64{}}
		for _, f := range files {
			for i := range f.Count {
				c.blobs[f.name(i)] = &stored{size: f.Size}
			}
		}
		s.containers[name] = c
	case "/!counts":
		if c := s.containers[name]; c != nil {
			answer, _ = json.Marshal(c.counts)
			c.counts = counts{}
		} else {
			answer = []byte("{}")
		}
	}
	_, err := fmt.Fprintf(out, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer)
	return err
}
