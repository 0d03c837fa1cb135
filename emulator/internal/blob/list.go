package blob

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// maxPage is the maximum number of entries of a page.
const maxPage = 5000

// listing is what a request to list blobs asks for.
type listing struct {
	prefix, marker, delimiter, maxResults string // as sent
	from                                  string // the first name of the page
	limit                                 int
	metadata                              bool
}

// listBlobs is List Blobs.
func (r *request) listBlobs(w http.ResponseWriter) error {
	l, err := r.listing()
	if err != nil {
		return err
	}
	c, err := r.openContainer()
	if err != nil {
		return err
	}
	page, err := c.page(l)
	if err != nil {
		return err
	}
	answerXML(w, r.blobsXML(l, page))
	return nil
}

func (r *request) listing() (listing, error) {
	l := listing{
		prefix: r.queryParam("prefix"), marker: r.queryParam("marker"), delimiter: r.queryParam("delimiter"),
		maxResults: r.queryParam("maxresults"),
	}
	for _, part := range strings.Split(r.queryParam("include"), ",") {
		switch strings.ToLower(strings.TrimSpace(part)) {
		case "metadata":
			l.metadata = true
		case "", "copy", "deleted", "deletedwithversions", "immutabilitypolicy", "legalhold", "permissions", "snapshots", "tags",
			"uncommittedblobs", "versions": // the service has nothing of the kind to include
		default:
			return l, errQueryValue("include", r.queryParam("include"), "Invalid query parameter value.")
		}
	}
	var err error
	if l.limit, err = r.pageSize(l.maxResults); err != nil {
		return l, err
	}
	l.from, err = parseMarker(l.marker)
	return l, err
}

// pageSize reads maxresults. More than the service gives is not an error.
func (r *request) pageSize(text string) (int, error) {
	if text == "" {
		return maxPage, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, errQueryValue("maxresults", text, "Invalid query parameter value.")
	}
	if n < 1 {
		return 0, newFault(400, "OutOfRangeQueryParameterValue",
			"One of the query parameters specified in the request URI is outside the permissible range.",
			detail{"QueryParameterName", "maxresults"}, detail{"QueryParameterValue", text},
			detail{"MinimumAllowed", "1"}, detail{"MaximumAllowed", "2147483647"})
	}
	return min(n, maxPage), nil
}

// Markers look like the service's ("2!80!MDAw…"): a version, a length, and base64 of the name to
// continue with.
func formatMarker(name string) string {
	if name == "" {
		return ""
	}
	inner := fmt.Sprintf("%06d!%s!000028!9999-12-31T23:59:59.9999999Z!", len(name), name)
	text := strings.ReplaceAll(base64.StdEncoding.EncodeToString([]byte(inner)), "=", "-")
	return fmt.Sprintf("2!%d!%s", len(text), text)
}

func parseMarker(marker string) (name string, err error) {
	if marker == "" {
		return "", nil
	}
	bad := newFault(400, "OutOfRangeInput", "One of the request inputs is out of range.")
	parts := strings.SplitN(marker, "!", 3)
	if len(parts) != 3 {
		return "", bad
	}
	inner, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(parts[2], "-", "="))
	if err != nil {
		return "", bad
	}
	length, rest, ok := strings.Cut(string(inner), "!")
	n, err := strconv.Atoi(length)
	if !ok || err != nil || n < 1 || n > len(rest) {
		return "", bad
	}
	return rest[:n], nil
}

// listed is one entry of a page: a blob, or a prefix of several blobs.
type listed struct {
	blob   *record
	prefix string
}

// page is a part of a listing, in the order of names, and the name that the next page starts with.
type page struct {
	entries []listed
	next    string
}

// page collects one page. With a delimiter, names that continue after it are shown as one prefix.
func (c *container) page(l listing) (page, error) {
	limit := 0 // a prefix may hide any number of blobs
	if l.delimiter == "" {
		limit = l.limit + 1
	}
	var p page
	for rec, err := range c.ascend(l.prefix, l.from, limit) {
		if err != nil {
			return p, err
		}
		shared := l.sharedPrefix(rec.Name)
		if n := len(p.entries); shared != "" && n > 0 && p.entries[n-1].prefix == shared {
			continue
		}
		if len(p.entries) == l.limit {
			p.next = rec.Name
			break
		}
		if shared != "" {
			p.entries = append(p.entries, listed{prefix: shared})
		} else {
			p.entries = append(p.entries, listed{blob: rec})
		}
	}
	return p, nil
}

// sharedPrefix is the part of a name up to the first delimiter after the prefix, or "".
func (l listing) sharedPrefix(name string) string {
	if l.delimiter == "" {
		return ""
	}
	rest := name[len(l.prefix):]
	i := strings.Index(rest, l.delimiter)
	if i < 0 {
		return ""
	}
	return name[:len(l.prefix)+i+len(l.delimiter)]
}

// listContainers is List Containers.
func (r *request) listContainers(w http.ResponseWriter) error {
	limit, err := r.pageSize(r.queryParam("maxresults"))
	if err != nil {
		return err
	}
	// The marker of this listing is the path of the next container.
	from := strings.TrimPrefix(r.queryParam("marker"), "/"+r.accountID+"/")
	all := r.acct.all()
	all = slices.DeleteFunc(all, func(c *container) bool {
		return c.key.container < from || !strings.HasPrefix(c.key.container, r.queryParam("prefix"))
	})
	next := ""
	if len(all) > limit {
		next = "/" + r.accountID + "/" + all[limit].key.container
		all = all[:limit]
	}
	answerXML(w, r.containersXML(all, next))
	return nil
}
