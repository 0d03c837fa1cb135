// Package wiretest compares JSON texts by what they mean to the service.
package wiretest

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// Gist is what a JSON text means to the service: absent, null, false, zero and empty are the same, names and kinds are
// read in any case, numbers and booleans may be text, a time is an instant. Unique is false when an object has two members
// of one name.
func Gist(data []byte) (value any, unique bool) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	g := gister{d: d, unique: true}
	return g.value(""), g.unique && g.failed == nil
}

type gister struct {
	d      *json.Decoder
	unique bool
	failed error
}

func (g *gister) token() json.Token {
	token, err := g.d.Token()
	if err != nil {
		g.failed = err
	}
	return token
}

func (g *gister) value(name string) any {
	switch token := g.token().(type) {
	case json.Delim:
		if token == '{' {
			return g.object()
		}
		return g.array(name)
	case bool:
		return orNil(token)
	case json.Number:
		return gistOfNumber(token.String())
	case string:
		return gistOfText(name, token)
	}
	return nil
}

func (g *gister) object() any {
	m, seen := map[string]any{}, map[string]bool{}
	for g.failed == nil && g.d.More() {
		name, _ := g.token().(string)
		name = foldName(name)
		g.unique = g.unique && !seen[name]
		seen[name] = true
		if v := g.value(name); v != nil {
			m[name] = v
		}
	}
	g.token()
	if len(m) == 0 {
		return nil
	}
	return m
}

func (g *gister) array(name string) any {
	var all []any
	for g.failed == nil && g.d.More() {
		all = append(all, g.value(name))
	}
	g.token()
	if len(all) == 0 {
		return nil
	}
	return all
}

// foldName gives equal names in any case one form.
func foldName(name string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		return least
	}, name)
}

func gistOfNumber(text string) any {
	if x, err := strconv.ParseFloat(text, 64); err == nil {
		return orNil(x)
	}
	return text
}

func gistOfText(name, text string) any {
	switch lower := strings.ToLower(text); {
	case lower == "true" || lower == "false":
		return orNil(lower == "true")
	case lower != "" && strings.ContainsRune("-0123456789", rune(lower[0])) && json.Valid([]byte(lower)):
		return gistOfNumber(lower)
	case strings.HasSuffix(name, "TYPE"):
		return orNil(strings.ReplaceAll(lower, "_", ""))
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return orNil(strings.TrimPrefix(at.UTC().Format(time.RFC3339Nano), "0001-01-01T00:00:00Z"))
	}
	if d, err := wire.ParseDuration(text); err == nil {
		return orNil(d)
	}
	return orNil(text)
}

func orNil[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}
