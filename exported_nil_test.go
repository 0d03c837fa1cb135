package azmlbatch

import (
	"archive/zip"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// nilFuncs are interfaces that hold a nil function.
type (
	nilReader     func([]byte) (int, error)
	nilCredential func() azcore.AccessToken
	nilTransport  func(*http.Request) (*http.Response, error)
)

func (r nilReader) Read(p []byte) (int, error) { return r(p) }

func (c nilCredential) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return c(), nil
}

func (t nilTransport) Do(r *http.Request) (*http.Response, error) { return t(r) }

// wantArgument runs a call that gets nothing where it needs something.
func wantArgument(t *testing.T, said texts, name string, call func(c *Client) error) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("%s panics: %v", name, p)
		}
	}()
	err := call(newTestClient(t, wholeService))
	said.add(name, err)
	if !errors.As(err, new(*ArgumentError)) {
		t.Errorf("%s = %v, want an ArgumentError", name, err)
	}
}

func TestInterfacesThatHoldNil(t *testing.T) {
	said := newTexts(t)
	for name, call := range map[string]func(c *Client) error{
		"a credential that is a nil function": func(*Client) error {
			_, err := NewClient(testWorkspace, nilCredential(nil), nil)
			return err
		},
		"a transport that is a nil pointer": func(*Client) error {
			o := &ClientOptions{}
			o.Transport = (*http.Client)(nil)
			_, err := NewClient(testWorkspace, &fakeCredential{}, o)
			return err
		},
		"a transport that is a nil function": func(*Client) error {
			o := &ClientOptions{}
			o.Transport = nilTransport(nil)
			_, err := NewClient(testWorkspace, &fakeCredential{}, o)
			return err
		},
		"a policy that is nil": func(*Client) error {
			o := &ClientOptions{}
			o.PerCallPolicies = []policy.Policy{nil}
			_, err := NewClient(testWorkspace, &fakeCredential{}, o)
			return err
		},
		"a policy per try that is nil": func(*Client) error {
			o := &ClientOptions{}
			o.PerRetryPolicies = []policy.Policy{nil}
			_, err := NewClient(testWorkspace, &fakeCredential{}, o)
			return err
		},
		"rows of a reader that is a nil function": func(*Client) error {
			var err error
			for _, err = range ReadRows[string](nilReader(nil), "p.csv", nil) {
			}
			return err
		},
		"an upload of a reader that is a nil function": func(c *Client) error {
			_, err := c.UploadReader(t.Context(), nilReader(nil), "model.pkl", nil)
			return err
		},
		"an upload of a reader that is a nil pointer": func(c *Client) error {
			_, err := c.UploadReader(t.Context(), (*strings.Reader)(nil), "model.pkl", nil)
			return err
		},
		"an upload of no file system": func(c *Client) error {
			_, err := c.UploadFS(t.Context(), (fs.FS)(nil), "model", nil)
			return err
		},
		"an upload of a file system that is a nil pointer": func(c *Client) error {
			_, err := c.UploadFS(t.Context(), (*zip.Reader)(nil), "model", nil)
			return err
		},
	} {
		wantArgument(t, said, name, call)
	}
}

func TestPollersThatNobodyMade(t *testing.T) {
	said := newTexts(t)
	for name, p := range map[string]*Poller[Job]{"nil": nil, "zero": {}} {
		wantArgument(t, said, name+" Poll", func(*Client) error { _, err := p.Poll(t.Context()); return err })
		wantArgument(t, said, name+" PollUntilDone", func(*Client) error { _, err := p.PollUntilDone(t.Context(), nil); return err })
		wantArgument(t, said, name+" Result", func(*Client) error { _, err := p.Result(); return err })
		wantArgument(t, said, name+" ResumeToken", func(*Client) error { _, err := p.ResumeToken(); return err })
		func() {
			defer func() {
				if r := recover(); r != nil || p.Done() {
					t.Errorf("%s poller: Done panics: %v, or says true", name, r)
				}
			}()
			_ = p.Done()
		}()
	}
}

// TestFieldsThatHoldNil puts nil, and then a nil pointer, into every field of an argument that is one of several kinds.
func TestFieldsThatHoldNil(t *testing.T) {
	for i, e := range exportedCalls(newTestClient(t, http.NotFound), newCallPaths(t)) {
		for at, v := range e.arguments() {
			for n := range len(kindFields(v)) {
				for _, pointer := range []bool{false, true} {
					call := exportedCalls(newTestClient(t, wholeService), newCallPaths(t))[i]
					arg := reflect.New(v.Type()).Elem()
					arg.Set(call.arguments()[at])
					field := kindFields(arg)[n]
					empty := reflect.Zero(field.Type())
					if pointer {
						empty = reflect.Zero(reflect.PointerTo(field.Elem().Type()))
					}
					if !empty.Type().AssignableTo(field.Type()) {
						continue
					}
					field.Set(empty)
					call.args[at] = arg.Interface()
					if err := ended(t.Context(), call); err != nil && (strings.Contains(err.Error(), "panics") || checkMould(err) != nil) {
						t.Errorf("%s with %v in argument %d: %v", e.name, empty.Type(), at, err)
					}
				}
			}
		}
	}
}

// kindFields are the fields of a struct that hold one of several kinds, which are interfaces of this package.
func kindFields(v reflect.Value) (fields []reflect.Value) {
	if v.Kind() != reflect.Struct {
		return nil
	}
	for field, value := range v.Fields() {
		switch {
		case !field.IsExported():
		case value.Kind() == reflect.Interface && !value.IsNil() && strings.HasSuffix(value.Type().PkgPath(), "azmlbatch"):
			fields = append(fields, value)
		case value.Kind() == reflect.Struct:
			fields = append(fields, kindFields(value)...)
		}
	}
	return fields
}

// TestMapsThatHoldNil has inputs and outputs without a value.
func TestMapsThatHoldNil(t *testing.T) {
	said := newTexts(t)
	for name, inv := range map[string]Invocation{
		"no input":                        {Inputs: Inputs{"a": nil}},
		"an input that is a nil pointer":  {Inputs: Inputs{"a": (*URIFolder)(nil)}},
		"no output":                       {Input: URIFolder{URI: callPlace}, Outputs: Outputs{"score": nil}},
		"an output that is a nil pointer": {Input: URIFolder{URI: callPlace}, Outputs: Outputs{"score": (*URIFile)(nil)}},
		"nothing":                         {},
	} {
		wantArgument(t, said, "Invoke with "+name, func(c *Client) error {
			_, err := c.Endpoints().Invoke(t.Context(), "digits", inv)
			return err
		})
	}
}

var _ io.Reader = nilReader(nil)
