package arm

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// pageSize is the number of items on a page when the caller does not choose one (component lists of
// 2022 and 2026).
const pageSize = 50

// page answers one page of items, with a link to the next page if there is one. size 0 means
// pageSize.
func (c *call) page(items []store.Document, size int) answer {
	skip, err := readSkipToken(c.skipToken())
	if err != nil {
		return c.invalidToken()
	}
	if size <= 0 {
		size = pageSize
	}
	skip = min(skip, len(items))
	end := skip + min(size, len(items)-skip)
	value := make([]any, 0, end-skip)
	for _, item := range items[skip:end] {
		value = append(value, item)
	}
	body := store.Document{"value": value}
	if end < len(items) {
		body["nextLink"] = c.nextLink(newSkipToken(end, len(items)))
	}
	return ok(body)
}

func (c *call) invalidToken() answer {
	return c.fail(http.StatusBadRequest, "UserError", "The continuation token is invalid.", withInner("BadArgument"))
}

// skipToken says where the page begins. Links of the service say $skipToken; generated clients call
// the same parameter $skip.
func (c *call) skipToken() string {
	if token := c.query.Get("$skiptoken"); token != "" {
		return token
	}
	return c.query.Get("$skip")
}

// top is the page size that the request asks for by one of the names, 0 if it does not.
func (c *call) top(names ...string) int {
	for _, name := range names {
		if n, err := strconv.Atoi(c.query.Get(name)); err == nil && n > 0 {
			return n
		}
	}
	return 0
}

// nextLink repeats the request's query, names with their dollar signs unescaped, and adds the
// token.
func (c *call) nextLink(token string) string {
	var link strings.Builder
	link.WriteString(c.origin() + c.request.URL.EscapedPath())
	separator := byte('?')
	for pair := range strings.SplitSeq(c.request.URL.RawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, _ = url.QueryUnescape(name)
		value, _ = url.QueryUnescape(value)
		if name == "" || strings.EqualFold(name, "$skipToken") || strings.EqualFold(name, "$skip") {
			continue
		}
		link.WriteByte(separator)
		link.WriteString(name + "=" + url.QueryEscape(value))
		separator = '&'
	}
	link.WriteByte(separator)
	link.WriteString("$skipToken=" + token)
	return link.String()
}

// continuation is what the service packs into the tokens of its container lists.
type continuation struct {
	ShardToShardContinuationToken map[string]shardState
}

type shardState struct {
	NextSkip                  int
	IsShardDone, DidShardFail bool
	TotalCount                int
}

// newSkipToken encodes a position in a list as the service does: unpadded base64url of gzip of
// JSON.
func newSkipToken(skip, total int) string {
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, _ = zip.Write(encodeJSON(continuation{map[string]shardState{"Multitenant": {NextSkip: skip, TotalCount: total}}}))
	_ = zip.Close() // writing to memory cannot fail
	return base64.RawURLEncoding.EncodeToString(packed.Bytes())
}

// readSkipToken decodes a token, or a plain number. No token means 0.
func readSkipToken(token string) (int, error) {
	if token == "" {
		return 0, nil
	}
	if n, err := strconv.Atoi(token); err == nil {
		return max(n, 0), nil
	}
	packed, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return 0, err
	}
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return 0, err
	}
	var place continuation
	if err := json.NewDecoder(io.LimitReader(zip, 4096)).Decode(&place); err != nil {
		return 0, err
	}
	return max(place.ShardToShardContinuationToken["Multitenant"].NextSkip, 0), nil
}

// view says whether a list shows active items, archived ones or both.
type view struct{ active, archived bool }

// listView reads listViewType; without it only active items are listed.
func (c *call) listView() view {
	switch strings.ToLower(c.query.Get("listviewtype")) {
	case "all":
		return view{active: true, archived: true}
	case "archivedonly":
		return view{archived: true}
	}
	return view{active: true}
}

func (v view) shows(doc store.Document) bool {
	if store.IsTrue(doc, "properties", "isArchived") {
		return v.archived
	}
	return v.active
}
