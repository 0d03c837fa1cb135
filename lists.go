package azmlbatch

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
)

// page is the form of every list of the service. The last page has no nextLink.
type page[T any] struct {
	Value    []T    `json:"value"`
	NextLink string `json:"nextLink"`
}

// list is the one paging engine. Nothing is fetched before the loop starts; leaving the loop fetches nothing more; an
// error is yielded once and ends the loop; ranging again starts over. A next link that leaves the plane's hosts or that
// came before is an error, because the token would go with it or the loop would never end.
func list[T any](ctx context.Context, c *Client, first request) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		r := first
		if r.method == "" {
			r.method = http.MethodGet
		}
		seen := map[string]bool{}
		for {
			p, err := do[page[T]](ctx, c, r)
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

var errRepeatedLink = fmt.Errorf("repeated next link")

// next is the request for the page behind a link, on the same host as the first: links of the service are absolute.
func (r request) next(link string) (request, error) {
	from, err := url.Parse(r.url)
	if err != nil {
		return r, transportError(r.op, err)
	}
	to, err := from.Parse(link)
	if err != nil {
		return r, &Error{Operation: r.op.String(), Message: "the service's next link is not a URL", Err: err}
	}
	if to.Host != from.Host {
		return r, &Error{Operation: r.op.String(), Err: errForeignHost,
			Message: fmt.Sprintf("the next link leads to another host (%s); no token is sent there", to.Host)}
	}
	r.url, r.query = to.String(), nil
	return r, nil
}
