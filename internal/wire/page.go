package wire

import "strings"

// Page is one page of a list. The list of a cluster's nodes calls its value "nodes". The last page
// has no NextLink.
type Page[T any] struct {
	Value    []T    `json:"value"`
	NextLink string `json:"nextLink"`
}

// UnmarshalJSON implements [json.Unmarshaler]. It reuses the memory of Value.
func (p *Page[T]) UnmarshalJSON(data []byte) error {
	p.Reset()
	c := cursor{data: data}
	if c.peek() == 'n' {
		c.skip()
		return c.end()
	}
	for name := range c.members {
		switch null := c.peek() == 'n'; {
		case (strings.EqualFold(string(name), "value") || strings.EqualFold(string(name), "nodes")) && !null:
			for range c.elements {
				var zero T
				p.Value = append(p.Value, zero)
				if item := c.skip(); c.err != nil {
					break
				} else if err := Unmarshal(item, &p.Value[len(p.Value)-1]); err != nil {
					return err
				}
			}
		case strings.EqualFold(string(name), "nextLink") && !null:
			link, err := Unquote(c.skip())
			if err != nil {
				return err
			}
			p.NextLink = link
		default:
			c.skip()
		}
	}
	return c.end()
}

// Reset empties the page and keeps the memory of Value.
func (p *Page[T]) Reset() { p.Value, p.NextLink = p.Value[:0], "" }
