package wire

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// vase has one field of every kind that the codec treats in a way of its own.
type vase struct {
	Label
	Name     string            `wire:"name,readonly"`
	Glaze    string            `wire:"properties/glaze"`
	Hold     time.Duration     `wire:"properties/hold"`
	Cooling  *time.Duration    `wire:"properties/cooling"`
	Fired    time.Time         `wire:"properties/fired"`
	Height   int               `wire:"properties/height"`
	Weight   float64           `wire:"properties/weight"`
	Handles  *int              `wire:"properties/handles"`
	MinNodes int               `wire:"properties/minNodes,always"`
	Cracked  bool              `wire:"properties/cracked"`
	Labels   map[string]string `wire:"properties/labels"`
	Foot     foot              `wire:"properties/foot"`
	State    string            `wire:"properties/state,readonly"`
	Extra    map[string]json.RawMessage
}

// Label is embedded, as what all resources share is.
type Label struct {
	ID   string `wire:"id,readonly"`
	Mark foot   `wire:"systemData,readonly"`
}

type foot struct {
	Width int    `wire:"width"`
	Mark  string `wire:"mark,readonly"`
	Extra map[string]json.RawMessage
}

func (v *vase) UnmarshalJSON(b []byte) error { return Decode(b, v) }
func (v vase) MarshalJSON() ([]byte, error)  { return Encode(v, ForCaller) }

func TestDecode(t *testing.T) {
	tests := []struct {
		name, in string
		want     vase
	}{
		{"flat from nested", `{"id":"/x","properties":{"glaze":"celadon","height":12}}`,
			vase{Label: Label{ID: "/x"}, Glaze: "celadon", Height: 12}},
		{"names in any case", `{"ID":"/x","Properties":{"GLAZE":"celadon"}}`, vase{Label: Label{ID: "/x"}, Glaze: "celadon"}},
		{"null is absent", `{"properties":{"glaze":null,"handles":null,"foot":null},"systemData":null}`, vase{}},
		{"an empty text is nothing", `{"properties":{"glaze":""}}`, vase{}},
		{"numbers and booleans as text", `{"properties":{"height":"7","handles":"0","cracked":"True","weight":"1.5E+1"}}`,
			vase{Height: 7, Handles: new(0), Cracked: true, Weight: 15}},
		{"numbers in every form", `{"new":[-0,0.5,-1e3,1E-3,1e+3],"properties":{"height":-7,"weight":2.5e-1}}`,
			vase{Height: -7, Weight: 0.25, Extra: map[string]json.RawMessage{"/new": json.RawMessage(`[-0,0.5,-1e3,1E-3,1e+3]`)}}},
		{"what is no number or boolean is kept", `{"properties":{"height":"-","handles":1.5,"weight":"1e999","cracked":1,"minNodes":9223372036854775808}}`,
			vase{Extra: map[string]json.RawMessage{"/properties/height": json.RawMessage(`"-"`), "/properties/handles": json.RawMessage(`1.5`),
				"/properties/weight": json.RawMessage(`"1e999"`), "/properties/cracked": json.RawMessage(`1`), "/properties/minNodes": json.RawMessage(`9223372036854775808`)}}},
		{"texts of a map", `{"properties":{"labels":{"a":"b","c":null,"":""}}}`, vase{Labels: map[string]string{"a": "b", "c": "", "": ""}}},
		{"no map of texts is kept", `{"properties":{"labels":7}}`, vase{Extra: map[string]json.RawMessage{"/properties/labels": json.RawMessage(`7`)}}},
		{"a map with what is no text is kept", `{"properties":{"labels":{"a":1}}}`, vase{Extra: map[string]json.RawMessage{"/properties/labels": json.RawMessage(`{"a":1}`)}}},
		{"white space, words and hexadecimal digits", "{\t\r\n \"id\" : \"\\u00e9\\u00E9\" ,\n\"new\":[true , false,null]}\n",
			vase{Label: Label{ID: "éé"}, Extra: map[string]json.RawMessage{"/new": json.RawMessage(`[true , false,null]`)}}},
		{"a member without a name", `{"":1}`, vase{Extra: map[string]json.RawMessage{"/": json.RawMessage(`1`)}}},
		{"durations and times", `{"properties":{"hold":"PT1M40S","cooling":"PT0S","fired":"2026-02-27T17:05:24.3638539+00:00"}}`,
			vase{Hold: 100 * time.Second, Cooling: new(time.Duration(0)), Fired: time.Date(2026, 2, 27, 17, 5, 24, 363853900, time.UTC)}},
		{"unknown members at every level", `{"etag":"e","properties":{"hue":{"a":1},"foot":{"width":3,"ring":true}}}`,
			vase{Foot: foot{Width: 3, Extra: map[string]json.RawMessage{"/ring": json.RawMessage(`true`)}},
				Extra: map[string]json.RawMessage{"/etag": json.RawMessage(`"e"`), "/properties/hue": json.RawMessage(`{"a":1}`)}}},
		{"a kind that does not fit is kept", `{"properties":{"height":{"cm":3},"glaze":5,"foot":[1]}}`,
			vase{Extra: map[string]json.RawMessage{"/properties/height": json.RawMessage(`{"cm":3}`),
				"/properties/glaze": json.RawMessage(`5`), "/properties/foot": json.RawMessage(`[1]`)}}},
		{"slash and tilde in an unknown name", `{"a/b~c":1}`, vase{Extra: map[string]json.RawMessage{"/a~1b~0c": json.RawMessage(`1`)}}},
		{"properties that are no object", `{"properties":"gone"}`, vase{Extra: map[string]json.RawMessage{"/properties": json.RawMessage(`"gone"`)}}},
		{"escapes", `{"properties":{"glaze":"a\"\u00e9\n"}}`, vase{Glaze: "a\"é\n"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got vase
			if err := json.Unmarshal([]byte(tt.in), &got); err != nil {
				t.Fatalf("Unmarshal(%s) = %v", tt.in, err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Unmarshal(%s) (-want +got):\n%s", tt.in, diff)
			}
		})
	}
}

func TestEncode(t *testing.T) {
	full := vase{
		Label: Label{ID: "/x"}, Name: "raku", Glaze: "celadon", Hold: 90 * time.Second, Handles: new(0), State: "Ready",
		Foot:  foot{Width: 2, Mark: "kiln", Extra: map[string]json.RawMessage{"/ring": json.RawMessage(`true`)}},
		Extra: map[string]json.RawMessage{"/properties/hue": json.RawMessage(`1`), "/properties/glaze": json.RawMessage(`"old"`), "/etag": json.RawMessage(`"e"`)},
	}
	tests := []struct {
		name string
		in   vase
		mode Mode
		want string
	}{
		{"zero", vase{}, ForCaller, `{"properties":{"minNodes":0}}`},
		{"for the caller", full, ForCaller,
			`{"id":"/x","name":"raku","etag":"e","properties":{"glaze":"celadon","hold":"PT1M30S","handles":0,"minNodes":0,"foot":{"width":2,"mark":"kiln","ring":true},"state":"Ready","hue":1}}`},
		{"for a request", full, ForRequest,
			`{"etag":"e","properties":{"glaze":"celadon","hold":"PT1M30S","handles":0,"minNodes":0,"foot":{"width":2,"ring":true},"hue":1}}`},
		{"a read-only member does not come back through Extra", vase{Extra: map[string]json.RawMessage{"/properties/state": json.RawMessage(`{"odd":1}`)}},
			ForRequest, `{"properties":{"minNodes":0}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Encode(tt.in, tt.mode)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(compactJSON(tt.want), compactJSON(string(got))); diff != "" {
				t.Errorf("encode (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEncodeNothing(t *testing.T) {
	got, err := Encode(foot{}, ForCaller)
	if err != nil || string(got) != "{}" {
		t.Errorf("encode of a struct without values = %q, %v, want {}", got, err)
	}
}

// TestDecodeChecksByItself: nothing runs before an UnmarshalJSON of ours when an answer is decoded.
func TestDecodeChecksByItself(t *testing.T) {
	tests := []struct{ in, want string }{
		{`{"id":"/x"`, "unexpected end of JSON input"},
		{`{"id":"/x`, "unexpected end of JSON input"},
		{`{"id":"/x"} <html>`, "JSON, byte 12: the end was expected"},
		{`{"id":"/x",}`, "JSON, byte 11: a name was expected"},
		{`{"id" "/x"}`, "JSON, byte 6: a colon was expected"},
		{`{"new":[1 2]}`, "JSON, byte 10: a comma or the end of the object or array was expected"},
		{`{"properties":{"foot":{"ring":nul}}}`, "JSON, byte 30: a value was expected"},
		{`["id"]`, "JSON, byte 0: an object was expected"},
		{`nonsense`, "JSON, byte 0: a value was expected"},
		{``, "unexpected end of JSON input"},
		{`{"id":"\n`, "unexpected end of JSON input"},
		{`{"id":"\u0041`, "unexpected end of JSON input"},
		{`{"id":"\`, "JSON, byte 7: an escape of JSON was expected"},
		{`{"id":"\u004`, "JSON, byte 7: an escape of JSON was expected"},
		{`{"id":"\u004g"}`, "JSON, byte 7: an escape of JSON was expected"},
		{`{"id":"\u004@"}`, "JSON, byte 7: an escape of JSON was expected"},
		{`{"id":"\v"}`, "JSON, byte 7: an escape of JSON was expected"},
		{"{\"id\":\"\t\"}", "JSON, byte 7: an escaped control character was expected"},
		{`{"new":-}`, "JSON, byte 8: a digit was expected"},
		{`{"new":1.}`, "JSON, byte 9: a digit was expected"},
		{`{"new":1e+}`, "JSON, byte 10: a digit was expected"},
		{`{"new":01}`, "JSON, byte 8: a comma or the end of the object or array was expected"},
		{`{"new":1`, "unexpected end of JSON input"},
		{`{id:1}`, "JSON, byte 1: a name was expected"},
		{`{"new":` + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth) + `}`, "JSON, byte 10006: less depth was expected"},
	}
	for _, tt := range tests {
		if err := new(vase).UnmarshalJSON([]byte(tt.in)); err == nil || err.Error() != tt.want {
			t.Errorf("UnmarshalJSON(%.40s) = %v, want %s", tt.in, err, tt.want)
		}
	}
}

func TestEachMember(t *testing.T) {
	var got []string
	stop := errors.New("stop")
	err := EachMember([]byte(` {"a":1,"\u0062": {"c":[]} ,"d":null}`), func(name string, value []byte) error {
		got = append(got, name+" "+string(value))
		if name == "b" {
			return stop
		}
		return nil
	})
	if diff := cmp.Diff([]string{"a 1", `b {"c":[]}`}, got); !errors.Is(err, stop) || diff != "" {
		t.Errorf("EachMember = %v, want the error of the function at once (-want +got):\n%s", err, diff)
	}
	for text, want := range map[string]string{`{"a":1,"b":}`: "JSON, byte 11: a value was expected", `{"a":1} 2`: "JSON, byte 8: the end was expected"} {
		calls := 0
		if err := EachMember([]byte(text), func(string, []byte) error { calls++; return nil }); calls != 1 || errorText(err) != want {
			t.Errorf("EachMember(%s) = %v after %d calls, want %s after 1", text, err, calls, want)
		}
	}
}

func TestEveryCharacterIsWrittenAsEncodingJSONDoes(t *testing.T) {
	for r := range rune(0x250) {
		want, err := json.Marshal("a" + string(r))
		if got := appendString([]byte("x"), "a"+string(r)); err != nil || string(got) != "x"+string(want) {
			t.Errorf("%q is written as %s, want %s", r, got, want)
		}
	}
}

func TestExtraIsWrittenInOrder(t *testing.T) {
	in := foot{Extra: map[string]json.RawMessage{"/a~1b": json.RawMessage(`1`), "/a~0b": json.RawMessage(`2`), "/c": json.RawMessage(`3`), "/d": json.RawMessage(`4`), "/e": json.RawMessage(`5`)}}
	if got, err := Encode(in, ForCaller); err != nil || string(got) != `{"a~b":2,"a/b":1,"c":3,"d":4,"e":5}` {
		t.Errorf("Encode = %s, %v", got, err)
	}
}

// FuzzCodec holds the codec to its promise: what it reads, it writes with the same meaning, and
// reads again as the same.
func FuzzCodec(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"properties":{"glaze":"x","hold":"PT1S","height":1}}`, `{"properties":{"foot":{"ring":[1,{"a":null}]}}}`,
		`{"a~1b":{"c":"}"},"properties":{"new":"\\\""}}`, `{"properties":[],"Name":" "}`, ` { "id" : "x" , "y" : -1.5e3 } `,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var first vase
		if json.Unmarshal(data, &first) != nil {
			return
		}
		out, err := json.Marshal(first)
		if err != nil {
			t.Fatalf("Marshal after Unmarshal(%q) = %v", data, err)
		}
		var second vase
		if err := json.Unmarshal(out, &second); err != nil {
			t.Fatalf("Unmarshal(%s) = %v", out, err)
		}
		again, err := json.Marshal(second)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(compactJSON(string(out)), compactJSON(string(again))); diff != "" {
			t.Errorf("a second round trip of %q changes it (-first +second):\n%s", data, diff)
		}
	})
}

// FuzzEachMember compares the scanner with encoding/json: what is an object, and what its members
// are.
func FuzzEachMember(f *testing.F) {
	for _, seed := range []string{`{"a":1,"b":{"c":[1,2,"}"]},"d":"\\"}`, ` {"a" : true , "b":-1e9}`, "{\"\xcc\":1}", `{"a":01}`, `{"a":1,}`, `{"a":.5}`, `{"a":-}`,
		`{"a":"\u12g4"}`, `{"a":"\x"}`, "{\"a\":\"\n\"}", `{"a":nul}`, `{"a":[1 2]}`, `{"a":{]}`, `{} {}`, `{"a":"`, `null`, `[]`, `{"a":1e}`, `{"\u0061":1,"a":2}`,
		strings.Repeat(`{"a":`, 10_001) + "1" + strings.Repeat("}", 10_001)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		want := map[string]json.RawMessage{}
		isObject := json.Unmarshal(data, &want) == nil && want != nil
		got := map[string]json.RawMessage{}
		err := EachMember(data, func(name string, value []byte) error {
			got[name] = value
			return nil
		})
		if (err == nil) != isObject {
			t.Fatalf("EachMember(%q) = %v, an object for encoding/json: %v", data, err, isObject)
		}
		if diff := cmp.Diff(want, got); isObject && diff != "" {
			t.Errorf("EachMember(%q) (-encoding/json +ours):\n%s", data, diff)
		}
	})
}

// compactJSON is a JSON text without white space and with its members in order.
func compactJSON(s string) string {
	var v any
	if json.Unmarshal([]byte(s), &v) != nil {
		return s
	}
	b, _ := json.Marshal(v)
	return string(b)
}
