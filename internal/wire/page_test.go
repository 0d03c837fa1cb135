package wire_test

import (
	"encoding/json"
	"testing"

	"github.com/azmlbatch/azmlbatch/internal/wire"
	"github.com/azmlbatch/azmlbatch/internal/wire/wiretest"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestPage decodes one page after the other into the same value, as a list does.
func TestPage(t *testing.T) {
	var page wire.Page[jar]
	for _, tt := range []struct {
		in   string
		want []jar
		link string
		err  string
	}{
		{`{"value":[{"name":"a"},{"name":"b","new":1}],"nextLink":"https://h/x"}`,
			[]jar{{Name: "a"}, {Name: "b", Extra: map[string]json.RawMessage{"/new": json.RawMessage(`1`)}}}, "https://h/x", ""},
		{`{"Value":[{}],"count":1}`, []jar{{}}, "", ""}, // nothing of the page before
		{`{"nodes":[{"name":"n"}],"nextLink":null}`, []jar{{Name: "n"}}, "", ""},
		{`{"value":null,"NextLink":"https://h/y"}`, nil, "https://h/y", ""},
		{`null`, nil, "", ""},
		{`{}`, nil, "", ""},
		{`{"value":{}}`, nil, "", "JSON, byte 9: an array was expected"},
		{`{"value":[{"name":"a"}`, []jar{{Name: "a"}}, "", "unexpected end of JSON input"},
		{`{"value":[7]}`, []jar{{}}, "", "JSON, byte 0: an object was expected"},
		{`{"value":[x]}`, []jar{{}}, "", "JSON, byte 10: a value was expected"},
		{`{"nextLink":7}`, nil, "", "not a text: \"7\""},
		{`null x`, nil, "", "JSON, byte 5: the end was expected"},
		{`[]`, nil, "", "JSON, byte 0: an object was expected"},
	} {
		err := page.UnmarshalJSON([]byte(tt.in))
		if (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
			t.Errorf("page %s = %v, want %q", tt.in, err, tt.err)
		}
		if diff := cmp.Diff(wire.Page[jar]{Value: tt.want, NextLink: tt.link}, page, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("page %s (-want +got):\n%s", tt.in, diff)
		}
	}
	first := &page.Value[:1][0]
	if err := page.UnmarshalJSON([]byte(`{"value":[{"name":"again"}]}`)); err != nil || &page.Value[0] != first {
		t.Errorf("a page does not use the memory of the page before (%v)", err)
	}
}

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
