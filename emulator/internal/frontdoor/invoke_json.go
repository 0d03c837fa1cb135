package frontdoor

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/loosejson"
)

// object is a JSON object. Members are found without regard to case, and numbers may be text:
// Microsoft's samples send both.
type object map[string]any

// readObject decodes the body of an invocation.
func readObject(raw []byte) (object, error) {
	body, err := loosejson.Object(raw)
	if err == nil && body == nil {
		err = errors.New("the body is not a JSON object but null")
	}
	return body, err
}

// member returns the value of a member, nil when it is absent or null.
func (o object) member(name string) any {
	if value, ok := o[name]; ok {
		return value
	}
	for key, value := range o {
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return nil
}

// object returns a member that is an object, nil when it is absent.
func (o object) object(name string) (object, error) {
	switch value := o.member(name).(type) {
	case nil:
		return nil, nil
	case map[string]any:
		return value, nil
	}
	return nil, fmt.Errorf("%s is not a JSON object", name)
}

// text returns a member that is a text, "" when it is absent. A number is taken as its digits.
func (o object) text(name string) (string, error) {
	switch value := o.member(name).(type) {
	case nil:
		return "", nil
	case string:
		return value, nil
	case json.Number:
		return value.String(), nil
	}
	return "", fmt.Errorf("%s is not a text", name)
}

// integer returns a member that is a whole number, nil when it is absent.
func (o object) integer(name string) (*int, error) {
	text, err := o.text(name)
	if err != nil {
		return nil, fmt.Errorf("%s is not a number", name)
	}
	if text == "" {
		return nil, nil
	}
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32)
	if err != nil {
		return nil, fmt.Errorf("%s is %q, not a whole number", name, text)
	}
	i := int(n)
	return &i, nil
}
