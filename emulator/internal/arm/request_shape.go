package arm

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"sort"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/emulator/internal/validation"
)

// shape says how a value in a request is read. Names and enum values in any case get their proper
// spelling, and text becomes a number where a number is meant. Members that a shape does not know
// are kept.
type shape interface {
	// read returns the canonical form of v, which is never null; path names v in complaints.
	read(v any, path string, complaints *[]validation.Violation) any
}

type (
	anything   struct{}
	text       struct{}
	integer    struct{}
	boolean    struct{}
	enum       []string
	list       struct{ of shape }
	dictionary struct{ of shape }
	// object has the members that it names, and any others.
	object map[string]shape
)

func (anything) read(v any, _ string, _ *[]validation.Violation) any { return v }

func (text) read(v any, path string, complaints *[]validation.Violation) any {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return map[bool]string{false: "False", true: "True"}[v]
	}
	return complain(v, path, "a string", complaints)
}

func (integer) read(v any, path string, complaints *[]validation.Violation) any {
	var literal string
	switch v := v.(type) {
	case string:
		literal = strings.TrimSpace(v)
	case json.Number:
		literal = v.String()
	}
	// A number may be written 4, 4.0 or 4e0.
	value, ok := new(big.Rat).SetString(literal)
	if literal == "" || len(literal) > 32 || !ok || !value.IsInt() || !value.Num().IsInt64() {
		return complain(v, path, "an integer", complaints)
	}
	return number(value.Num().Int64())
}

func (boolean) read(v any, path string, complaints *[]validation.Violation) any {
	switch v := v.(type) {
	case bool:
		return v
	case string:
		switch {
		case strings.EqualFold(v, "true"):
			return true
		case strings.EqualFold(v, "false"):
			return false
		}
	}
	return complain(v, path, "a boolean", complaints)
}

func (e enum) read(v any, path string, complaints *[]validation.Violation) any {
	if value, ok := v.(string); ok {
		for _, known := range e {
			if strings.EqualFold(value, known) {
				return known
			}
		}
	}
	return complain(v, path, "one of "+strings.Join(e, ", "), complaints)
}

func (l list) read(v any, path string, complaints *[]validation.Violation) any {
	items, ok := v.([]any)
	if !ok {
		return complain(v, path, "an array", complaints)
	}
	for i, item := range items {
		items[i] = readValue(l.of, item, fmt.Sprintf("%s[%d]", path, i), complaints)
	}
	return items
}

func (d dictionary) read(v any, path string, complaints *[]validation.Violation) any {
	members, ok := v.(store.Document)
	if !ok {
		return complain(v, path, "an object", complaints)
	}
	for name, member := range members {
		members[name] = readValue(d.of, member, path+"."+name, complaints)
	}
	return members
}

func (o object) read(v any, path string, complaints *[]validation.Violation) any {
	members, ok := v.(store.Document)
	if !ok {
		return complain(v, path, "an object", complaints)
	}
	canonical := make(store.Document, len(members))
	for name, member := range members {
		proper, of := o.find(name)
		if _, taken := canonical[proper]; taken && proper != name {
			continue // the properly spelled one wins
		}
		canonical[proper] = readValue(of, member, strings.TrimPrefix(path+"."+proper, "."), complaints)
	}
	return canonical
}

// find returns a member's name in its proper spelling, and its shape.
func (o object) find(name string) (string, shape) {
	if of, ok := o[name]; ok {
		return name, of
	}
	for known, of := range o {
		if strings.EqualFold(known, name) {
			return known, of
		}
	}
	return name, anything{}
}

func readValue(of shape, v any, path string, complaints *[]validation.Violation) any {
	if v == nil {
		return nil
	}
	return of.read(v, path, complaints)
}

func complain(v any, path, want string, complaints *[]validation.Violation) any {
	*complaints = append(*complaints, validation.Violation{
		PropertyName: path, ErrorMessage: "The value must be " + want + ".", AttemptedValue: v, ErrorCode: "InvalidValue",
	})
	return v
}

// read reads the body of a request for a resource (noun) by a shape. A missing body counts as an
// empty object.
//
// Not evidenced: that a value of the wrong kind is refused as a validation error; other bad
// arguments are.
func (c *call) read(of object, noun string) (store.Document, *answer) {
	var complaints []validation.Violation
	body, _ := of.read(orEmpty(c.body), "", &complaints).(store.Document)
	if len(complaints) > 0 {
		sort.Slice(complaints, func(i, j int) bool { return complaints[i].PropertyName < complaints[j].PropertyName })
		a := c.invalid(noun, complaints)
		return nil, &a
	}
	return body, nil
}

// locationRequired refuses a PUT of a tracked resource without location, as ARM's gateway does.
func locationRequired(body store.Document) *answer {
	if store.Text(body, "location") != "" {
		return nil
	}
	a := gatewayFailure(http.StatusBadRequest, "LocationRequired", "The location property is required for this definition.")
	return &a
}
