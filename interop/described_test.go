package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/azmlbatch/azmlbatch/emulator"
)

// described is a transport to an emulator that holds the answers of its management host against the
// public description of their api-version, as it stands in armmachinelearning, which is generated
// from it: each member has a name that the description has at that place, and each enum one of its
// values. What the description calls an object without naming its members is let pass.
type described struct {
	azure *emulator.Emulator
	description

	mu       sync.Mutex
	checked  map[string]int // answers by place
	findings map[string]bool
}

// description is what a major version of armmachinelearning knows of an api-version.
type description struct {
	version string
	answers []describedAnswer
	enums   map[reflect.Type][]string
}

// describedAnswer is the type of the answers at a place.
type describedAnswer struct {
	method, pattern string       // pattern of the path below the workspace or location
	kind            reflect.Type // nil: the description has none
}

// answering returns answers for a method and patterns with a zero value of their type; nil is for
// answers that the description does not have.
func answering(method string, kinds map[string]any) (answers []describedAnswer) {
	for pattern, zero := range kinds {
		answers = append(answers, describedAnswer{method, pattern, reflect.TypeOf(zero)})
	}
	return answers
}

// enumsOf returns the values of enums by type, given the functions that list them.
func enumsOf(possible ...any) map[reflect.Type][]string {
	enums := map[reflect.Type][]string{}
	for _, list := range possible {
		values := reflect.ValueOf(list).Call(nil)[0]
		for i := range values.Len() {
			enums[values.Type().Elem()] = append(enums[values.Type().Elem()], values.Index(i).String())
		}
	}
	return enums
}

const noMember = "the description has no such member"

// Do passes a request on and checks the answer.
func (d *described) Do(r *http.Request) (*http.Response, error) {
	answer, err := d.azure.Do(r)
	if err != nil || r.URL.Host != "management.azure.com" || r.URL.Query().Get("api-version") != d.version {
		return answer, err
	}
	_, place, ours := strings.Cut(r.URL.Path, "/providers/Microsoft.MachineLearningServices/")
	if !ours {
		return answer, nil
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.check(r.Method, place, answer.StatusCode, body)
	return answer, nil
}

func (d *described) check(method, place string, status int, body []byte) {
	if segments := strings.SplitN(place, "/", 3); len(segments) == 3 { // without the name of the workspace or location
		place = segments[2]
	}
	what := fmt.Sprintf("%s %s = %d", method, place, status)
	var sent any
	if len(body) == 0 {
		return
	}
	if err := json.Unmarshal(body, &sent); err != nil {
		d.find(what, "", err.Error())
		return
	}
	if sent == nil {
		return
	}
	kind := reflect.TypeFor[describedError]()
	if status < 400 {
		i := slices.IndexFunc(d.answers, func(a describedAnswer) bool {
			fits, err := path.Match(strings.ToLower(a.pattern), strings.ToLower(place))
			return err == nil && fits && a.method == method
		})
		if i < 0 {
			d.find(what, "", "the description has no such answer")
			return
		}
		d.checked[method+" "+d.answers[i].pattern]++
		if kind = d.answers[i].kind; kind == nil {
			return
		}
	}
	d.compare(what, kind, body, sent)
}

// compare decodes an answer into its type and writes it again: what is gone has no place there.
func (d *described) compare(what string, kind reflect.Type, body []byte, sent any) {
	value := reflect.New(kind)
	if err := json.Unmarshal(body, value.Interface()); err != nil {
		d.find(what, "", err.Error())
		return
	}
	text, err := json.Marshal(value.Interface())
	if err != nil {
		d.find(what, "", err.Error())
		return
	}
	var known any
	if err := json.Unmarshal(text, &known); err != nil {
		d.find(what, "", err.Error())
		return
	}
	d.compareMembers(what, "", sent, known)
	d.checkEnums(what, value)
}

func (d *described) compareMembers(what, at string, sent, known any) {
	switch sent := sent.(type) {
	case map[string]any:
		known, _ := known.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(sent)) {
			if sent[name] == nil {
				continue // generated types do not write null
			}
			if _, has := known[name]; !has {
				d.find(what, at+"/"+name, noMember)
				continue
			}
			d.compareMembers(what, at+"/"+name, sent[name], known[name])
		}
	case []any:
		known, _ := known.([]any)
		for i := range min(len(sent), len(known)) {
			d.compareMembers(what, at+"/"+fmt.Sprint(i), sent[i], known[i])
		}
	}
}

// checkEnums walks a decoded answer.
func (d *described) checkEnums(what string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			d.checkEnums(what, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				d.checkEnums(what, v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			d.checkEnums(what, v.Index(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			d.checkEnums(what, v.MapIndex(key))
		}
	case reflect.String:
		if strings.Contains(v.Type().PkgPath(), "armmachinelearning") && !slices.Contains(d.enums[v.Type()], v.String()) {
			d.find(what, "", fmt.Sprintf("%s has no value %q; it has %q", v.Type(), v, d.enums[v.Type()]))
		}
	}
}

func (d *described) find(what, at, finding string) { d.findings[what+" "+at+": "+finding] = true }

// describedError is the body of a refusal, in the words that all descriptions of Azure share.
type describedError struct {
	Error errorDetail `json:"error"`
}

type errorDetail struct {
	Code           string        `json:"code,omitempty"`
	Message        string        `json:"message,omitempty"`
	Target         string        `json:"target,omitempty"`
	Details        []errorDetail `json:"details"`
	AdditionalInfo []struct {
		Type string `json:"type"`
		Info any    `json:"info"`
	} `json:"additionalInfo"`
}
