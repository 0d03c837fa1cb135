package wire_test

import (
	"encoding/json"
	"testing"

	"github.com/azmlbatch/azmlbatch/internal/wire"
	"github.com/azmlbatch/azmlbatch/internal/wire/wiretest"
	"github.com/google/go-cmp/cmp"
)

// FuzzPage compares the decoding of pages with encoding/json.
func FuzzPage(f *testing.F) {
	for _, seed := range []string{`{"value":[{"name":"a"},{"name":"b"}],"nextLink":"https://h/x"}`, `{"VALUE":[null,{}],"nextLink":null}`,
		`{"value":null}`, `{"value":{}}`, `{"nextLink":1}`, `{"value":[{"name":"a"},]}`, `null`, `{"value":[]} x`, `[]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		type plainPage struct {
			Value    []jar  `json:"value"`
			NextLink string `json:"nextLink"`
		}
		if _, unique := wiretest.Gist(data); !unique {
			return
		}
		var want plainPage
		var got wire.Page[jar]
		wantErr, gotErr := json.Unmarshal(data, &want), got.UnmarshalJSON(data)
		if (wantErr == nil) != (gotErr == nil) {
			t.Fatalf("page %q: %v, encoding/json says %v", data, gotErr, wantErr)
		}
		if gotErr == nil && (!cmp.Equal(append([]jar{}, want.Value...), append([]jar{}, got.Value...)) || want.NextLink != got.NextLink) {
			t.Errorf("page %q (-encoding/json +ours):\n%s", data, cmp.Diff(want, plainPage(got)))
		}
	})
}

// jar is an item of a page.
type jar struct {
	Name  string `wire:"name"`
	Extra map[string]json.RawMessage
}

func (j *jar) UnmarshalJSON(b []byte) error { return wire.Decode(b, j) }
