package azmlbatch

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// list is the one paging engine. Nothing is fetched before the loop starts; leaving the loop
// fetches nothing more; an error is yielded once and ends the loop; ranging again starts over. A
// next link that leaves the plane's hosts or that came before is an error, because the token would
// go with it or the loop would never end.
func list[T any](ctx context.Context, c *Client, first request) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		r := first
		if r.method == "" {
			r.method = http.MethodGet
		}
		r.room = new(bytes.Buffer) // this and the page's room serve all pages
		seen := map[string]bool{}
		var p wire.Page[T]
		for {
			if r.pages != nil {
				*r.pages++
			}
			err := readPage(ctx, c, r, &p)
			if err != nil {
				yield(zero, err)
				return
			}
			for _, v := range p.Value {
				if !yield(v, nil) {
					return
				}
			}
			if p.NextLink == "" {
				return
			}
			if seen[p.NextLink] {
				yield(zero, &Error{Operation: r.op.String(), Message: "the service's next link leads to a page that was read already",
					Remedy: "list again; report it with the request id if it persists", Err: errRepeatedLink})
				return
			}
			seen[p.NextLink] = true
			if r, err = r.next(p.NextLink); err != nil {
				yield(zero, err)
				return
			}
		}
	}
}

// readPage asks for one page and decodes it. Nothing of a page points into the room that the pages
// share.
func readPage[T any](ctx context.Context, c *Client, r request, p *wire.Page[T]) error {
	resp, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	p.Reset()
	return decodeBody(r.op, resp, p)
}

var errRepeatedLink = fmt.Errorf("repeated next link")

// next is the request for the page behind a link, on the same host as the first. It is a GET even
// if the first was a POST, as in azcore's own paging.
func (r request) next(link string) (request, error) {
	from, err := url.Parse(r.url)
	if err != nil {
		return r, transportError(r.op, err)
	}
	to, err := from.Parse(link)
	if err != nil {
		return r, &Error{Operation: r.op.String(), Message: "the service's next link is not a URL", Err: err}
	}
	if !strings.EqualFold(to.Host, from.Host) {
		return r, &Error{Operation: r.op.String(), Err: errForeignHost,
			Message: fmt.Sprintf("the next link leads to another host (%s); no token is sent there", to.Host)}
	}
	r.method, r.url, r.query, r.body = http.MethodGet, to.String(), nil, nil
	return r, nil
}

// ListView selects archived or active assets and jobs.
type ListView string

// The views of a list. An empty view means the service's default, which is [ListViewActiveOnly].
const (
	ListViewActiveOnly   ListView = "ActiveOnly"   // leaves out what is archived
	ListViewArchivedOnly ListView = "ArchivedOnly" // shows only what is archived
	ListViewAll          ListView = "All"          // shows both
)

// collected is everything that a loop yields.
func collected[T any](items iter.Seq2[T, error]) (all []T, err error) {
	for v, err := range items {
		if err != nil {
			return all, err
		}
		all = append(all, v)
	}
	return all, nil
}
