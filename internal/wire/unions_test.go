package wire

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tile is a sealed interface whose objects name their kind; inlay one whose kind stands beside the
// object.
type (
	tile  interface{ tile() }
	inlay interface{ inlay() }

	square struct {
		Side  int   `wire:"side"`
		Worn  int   `wire:"worn,readonly"`
		Inner grout `wire:"inner"`
		Extra map[string]json.RawMessage
	}
	blankTile struct {
		Extra map[string]json.RawMessage
	}
	brokenTile struct{} // no kind of a tile
	newerTile  struct {
		Type string
		Raw  json.RawMessage
	}
	grout struct {
		Color string `wire:"color"`
		Extra map[string]json.RawMessage
	}
	newerInlay struct {
		Type string
		Raw  json.RawMessage
	}
	note interface{ note() } // is only written
	memo struct {
		Text string `wire:"text"`
	}
)

func (square) tile()      {}
func (blankTile) tile()   {}
func (brokenTile) tile()  {}
func (newerTile) tile()   {}
func (square) inlay()     {}
func (newerInlay) inlay() {}
func (memo) note()        {}

var (
	tiles = OneOf[tile]("tileType", newerTile{}, Kind(square{}, "SquareTile", "square_tile"), Kind(blankTile{}, "Blank"))
	_     = OneOf[inlay]("", newerInlay{}, Kind(square{}, "Square"))
	_     = OneOf[note]("noteType", nil, Kind(memo{}, "Memo"))
)

type floor struct {
	First tile             `wire:"first"`
	Tiles map[string]tile  `wire:"tiles,snake"`
	Shape string           `wire:"shape"`
	Inlay inlay            `wire:"properties/inlay,kind=Shape"`
	Gaps  map[string]grout `wire:"gaps"`
	Spare *grout           `wire:"spare"`
	Note  note             `wire:"note"`
	Any   any              `wire:"any"`
	Key   string           `wire:"lock/key,with=lockType:Key"`
	Extra map[string]json.RawMessage
}

func raw(s string) json.RawMessage { return json.RawMessage(s) }

// TestUnions reads each text, compares, and writes it again. Where the texts differ, written is
// what comes out.
func TestUnions(t *testing.T) {
	tests := []struct {
		name, in string
		want     floor
		written  string
	}{
		{"a kind", `{"first":{"tileType":"SquareTile","side":3}}`, floor{First: square{Side: 3}}, ""},
		{"without regard to case", `{"first":{"TileType":"SQUARETILE","side":3}}`, floor{First: square{Side: 3}}, `{"first":{"tileType":"SquareTile","side":3}}`},
		{"in the other spelling", `{"first":{"tileType":"square_tile"}}`, floor{First: square{}}, `{"first":{"tileType":"SquareTile"}}`},
		{"the discriminator last", `{"first":{"side":3,"tileType":"SquareTile"}}`, floor{First: square{Side: 3}}, `{"first":{"tileType":"SquareTile","side":3}}`},
		{"a kind without fields", `{"first":{"tileType":"Blank","new":1}}`, floor{First: blankTile{Extra: map[string]json.RawMessage{"/new": raw(`1`)}}}, ""},
		{"what a kind does not know, at two levels", `{"first":{"tileType":"SquareTile","inner":{"new":1},"new":{}}}`,
			floor{First: square{Inner: grout{Extra: map[string]json.RawMessage{"/new": raw(`1`)}}, Extra: map[string]json.RawMessage{"/new": raw(`{}`)}}}, ""},
		{"a discriminator deeper within is a member like others", `{"first":{"tileType":"SquareTile","inner":{"tileType":"x"}}}`,
			floor{First: square{Inner: grout{Extra: map[string]json.RawMessage{"/tileType": raw(`"x"`)}}}}, ""},
		{"a newer kind", `{"first":{"tileType":"Hexagon","x":[1]}}`, floor{First: newerTile{Type: "Hexagon", Raw: raw(`{"tileType":"Hexagon","x":[1]}`)}}, ""},
		{"no kind", `{"first":{"x":1}}`, floor{First: newerTile{Raw: raw(`{"x":1}`)}}, ""},
		{"a kind that is no text", `{"first":{"tileType":5}}`, floor{First: newerTile{Raw: raw(`{"tileType":5}`)}}, ""},
		{"no object", `{"first":7}`, floor{Extra: map[string]json.RawMessage{"/first": raw(`7`)}}, ""},
		{"a map, in the second spelling", `{"tiles":{"a":{"tileType":"square_tile","side":1},"b":{"tileType":"Blank"},"c":{"tileType":"new"}}}`,
			floor{Tiles: map[string]tile{"a": square{Side: 1}, "b": blankTile{}, "c": newerTile{Type: "new", Raw: raw(`{"tileType":"new"}`)}}}, ""},
		{"a map with what is no object", `{"tiles":{"a":{"tileType":"Blank"},"b":7,"c":null}}`,
			floor{Tiles: map[string]tile{"a": blankTile{}, "b": newerTile{Raw: raw(`7`)}, "c": newerTile{Raw: raw(`null`)}}}, ""},
		{"no map", `{"tiles":[1]}`, floor{Extra: map[string]json.RawMessage{"/tiles": raw(`[1]`)}}, ""},
		{"a kind beside the object", `{"shape":"square","properties":{"inlay":{"side":2,"tileType":"x"}}}`,
			floor{Shape: "square", Inlay: square{Side: 2, Extra: map[string]json.RawMessage{"/tileType": raw(`"x"`)}}}, ""},
		{"a kind behind the object", `{"properties":{"inlay":{"side":2}},"shape":"Square"}`, floor{Shape: "Square", Inlay: square{Side: 2}},
			`{"shape":"Square","properties":{"inlay":{"side":2}}}`},
		{"a newer kind beside the object", `{"shape":"star","properties":{"inlay":{"side":2}}}`, floor{Shape: "star", Inlay: newerInlay{Type: "star", Raw: raw(`{"side":2}`)}}, ""},
		{"a kind beside no object", `{"shape":"Square","properties":{"inlay":[]}}`,
			floor{Shape: "Square", Extra: map[string]json.RawMessage{"/properties/inlay": raw(`[]`)}}, ""},
		{"a union that is only written", `{"note":{"noteType":"Memo","text":"x"}}`, floor{Note: memo{Text: "x"}}, ""},
		{"a newer kind of it", `{"note":{"noteType":"Card"}}`, floor{Extra: map[string]json.RawMessage{"/note": raw(`{"noteType":"Card"}`)}}, ""},
		{"structs in a map and behind a pointer", `{"gaps":{"a":{"color":"red","new":1},"b":{}},"spare":{"color":"blue"}}`,
			floor{Gaps: map[string]grout{"a": {Color: "red", Extra: map[string]json.RawMessage{"/new": raw(`1`)}}, "b": {}}, Spare: &grout{Color: "blue"}}, ""},
		{"a map of structs with what is none", `{"gaps":{"a":{},"b":7}}`, floor{Extra: map[string]json.RawMessage{"/gaps": raw(`{"a":{},"b":7}`)}}, ""},
		{"no struct behind a pointer", `{"spare":"none"}`, floor{Extra: map[string]json.RawMessage{"/spare": raw(`"none"`)}}, ""},
		{"a text of any type", `{"any":"7"}`, floor{Any: "7"}, ""},
		{"a number of any type", `{"any":-1.5e3}`, floor{Any: -1500.0}, `{"any":-1500}`},
		{"a number that is too long", `{"any":9007199254740993}`, floor{Any: json.Number("9007199254740993")}, ""},
		{"a number that is too large", `{"any":1e999}`, floor{Any: json.Number("1e999")}, ""},
		{"a list of any type", `{"any":[9007199254740993,true]}`, floor{Any: []any{json.Number("9007199254740993"), true}}, ""},
		{"a constant is written with its member", `{"lock":{"key":"k"}}`, floor{Key: "k"}, `{"lock":{"key":"k","lockType":"Key"}}`},
		{"a constant that was read", `{"lock":{"key":"k","LockType":"Other"}}`,
			floor{Key: "k", Extra: map[string]json.RawMessage{"/lock/LockType": raw(`"Other"`)}}, `{"lock":{"key":"k","lockType":"Key"}}`},
		{"a constant without its member", `{"lock":{"lockType":"Key"}}`, floor{Extra: map[string]json.RawMessage{"/lock/lockType": raw(`"Key"`)}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got floor
			if err := Decode([]byte(tt.in), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Decode(%s) (-want +got):\n%s", tt.in, diff)
			}
			if tt.written == "" {
				tt.written = tt.in
			}
			if out, err := Encode(&got, ForCaller); err != nil || string(out) != tt.written {
				t.Errorf("Encode = %s, %v; want %s", out, err, tt.written)
			}
		})
	}
}

func TestUnionsInRequests(t *testing.T) {
	worn := square{Side: 1, Worn: 2}
	f := floor{First: &worn, Tiles: map[string]tile{"b": worn, "a": &newerTile{}}, Inlay: worn,
		Extra: map[string]json.RawMessage{"/first": raw(`"old"`)}}
	const want = `{"first":{"tileType":"SquareTile","side":1},"tiles":{"a":null,"b":{"tileType":"square_tile","side":1}},"properties":{"inlay":{"side":1}}}`
	if got, err := Encode(f, ForRequest); err != nil || string(got) != want {
		t.Errorf("Encode = %s, %v; want %s without the read-only member", got, err, want)
	}
	twice := square{Side: 1, Extra: map[string]json.RawMessage{"/TileType": raw(`"x"`)}}
	if got, err := Encode(floor{First: twice}, ForCaller); err != nil || string(got) != `{"first":{"tileType":"SquareTile","side":1}}` {
		t.Errorf("Encode = %s, %v; want the discriminator once", got, err)
	}
}

func TestEncodeRefuses(t *testing.T) {
	extra := func(key string) map[string]json.RawMessage {
		return map[string]json.RawMessage{"/new": raw(`1`), key: raw(`1`)}
	}
	tests := []struct {
		in   any
		want string
	}{
		{floor{First: (*square)(nil)}, "/first: is nil"},
		{floor{Tiles: map[string]tile{"a": nil}}, `/tiles: "a": is nil`},
		{floor{First: brokenTile{}}, "/first: a wire.brokenTile cannot be sent here"},
		{floor{Extra: extra("new")}, `key "new" of Extra is no place for a member of wire.floor`},
		{floor{Extra: extra("/Properties/new")}, `key "/Properties/new" of Extra is no place for a member of wire.floor`},
		{floor{Extra: extra("/lock/other/new")}, `key "/lock/other/new" of Extra is no place for a member of wire.floor`},
		{floor{First: square{Inner: grout{Extra: extra("")}}}, `/first: /inner: key "" of Extra is no place for a member of wire.grout`},
		{floor{Extra: map[string]json.RawMessage{"/new": raw(`{"a":}`)}}, `member "/new" of Extra: JSON, byte 5: a value was expected`},
		{floor{Extra: map[string]json.RawMessage{"/lock/new": raw(``)}}, `member "/lock/new" of Extra: unexpected end of JSON input`},
		{floor{First: newerTile{Raw: raw(`{} {}`)}}, `/first: its Raw: JSON, byte 3: the end was expected`},
		{floor{Any: func() {}}, "/any: json: unsupported type: func()"},
		{vase{Labels: map[string]string{}, Foot: foot{Extra: extra("x")}}, `/properties/foot: key "x" of Extra is no place for a member of wire.foot`},
	}
	for _, tt := range tests {
		if got, err := Encode(tt.in, ForCaller); err == nil || err.Error() != tt.want {
			t.Errorf("Encode(%+v) = %s, %v; want the error %s", tt.in, got, err, tt.want)
		}
	}
}

func TestUnmarshal(t *testing.T) {
	tests := []struct {
		in      string
		into    any // a pointer
		want    any // what it points to then
		wantErr string
	}{
		{`{"color":"red"}`, new(grout), grout{Color: "red"}, ""},
		{` {"tileType":"Blank"} `, new(tile), blankTile{}, ""},
		{`7`, new(tile), newerTile{Raw: raw(`7`)}, ""},
		{`{"tileType":"Blank"} x`, new(tile), nil, "JSON, byte 21: the end was expected"},
		{``, new(tile), nil, "unexpected end of JSON input"},
		{`{"id":"/x"}`, new(vase), vase{Label: Label{ID: "/x"}}, ""},
		{`{"a" : 1}`, new(json.RawMessage), raw(`{"a" : 1}`), ""},
		{`{`, new(json.RawMessage), json.RawMessage(nil), "unexpected end of JSON input"},
		{`["a"]`, new([]string), []string{"a"}, ""},
	}
	for _, tt := range tests {
		err := Unmarshal([]byte(tt.in), tt.into)
		if text := errorText(err); text != tt.wantErr {
			t.Errorf("Unmarshal(%q) = %q, want %q", tt.in, text, tt.wantErr)
		}
		if diff := cmp.Diff(tt.want, reflect.ValueOf(tt.into).Elem().Interface()); diff != "" {
			t.Errorf("Unmarshal(%q) (-want +got):\n%s", tt.in, diff)
		}
	}
}

func TestMarshal(t *testing.T) {
	for _, tt := range []struct {
		in   any
		want string
	}{
		{square{Side: 1, Worn: 2}, `{"side":1}`},
		{&square{Side: 1, Worn: 2}, `{"side":1}`},
		{map[string]any{"a": 1}, `{"a":1}`},
		{&[]int{1}, `[1]`},
	} {
		if got, err := Marshal(tt.in, ForRequest); err != nil || string(got) != tt.want {
			t.Errorf("Marshal(%+v) = %s, %v; want %s", tt.in, got, err, tt.want)
		}
	}
	if got, err := Marshal(func() {}, ForRequest); err == nil {
		t.Errorf("Marshal of a function = %s", got)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestNamesOfKinds(t *testing.T) {
	for want, v := range map[string]tile{"SquareTile": square{}, "Blank": &blankTile{}, "Hexagon": newerTile{Type: "Hexagon"}, "": brokenTile{}} {
		if got := tiles.Name(v); got != want {
			t.Errorf("Name(%T) = %q, want %q", v, got, want)
		}
	}
	if got := tiles.Name((*square)(nil)); got != "" {
		t.Errorf("Name of a nil pointer = %q", got)
	}
}

func TestIndirect(t *testing.T) {
	for _, tt := range []struct{ in, want any }{{square{Side: 1}, square{Side: 1}}, {&square{Side: 1}, square{Side: 1}}, {(*square)(nil), nil}, {nil, nil}} {
		if got := Indirect(tt.in); !cmp.Equal(got, tt.want) {
			t.Errorf("Indirect(%#v) = %#v, want %#v", tt.in, got, tt.want)
		}
	}
}

// TestMistakesOfTheProgrammer: what the codec could not write correctly stops the first test that
// uses it.
func TestMistakesOfTheProgrammer(t *testing.T) {
	for want, mistake := range map[string]func(){
		"wire: a list of wire.grout is not supported": func() {
			hasLayout(reflect.TypeFor[struct {
				A []grout `wire:"a"`
			}]())
		},
		"wire: OneOf has not been told what stands behind json.Marshaler": func() {
			hasLayout(reflect.TypeFor[struct {
				A json.Marshaler `wire:"a"`
			}]())
		},
		"wire: unknown option sometimes": func() {
			hasLayout(reflect.TypeFor[struct {
				A int `wire:"a,sometimes"`
			}]())
		},
		"wire: wire.grout is no wire.tile": func() { OneOf[tile]("x", newerTile{}, Kind(grout{}, "Grout")) },
	} {
		func() {
			defer func() {
				if got, _ := recover().(string); got != want {
					t.Errorf("panic %q, want %q", got, want)
				}
			}()
			mistake()
		}()
	}
}

// FuzzUnions holds the codec to its promise where kinds differ: what is read is written with the
// same meaning.
func FuzzUnions(f *testing.F) {
	for _, seed := range []string{`{"first":{"tileType":"SquareTile","side":1,"tiletype":"x"}}`, `{"tiles":{"a":{"tileType":"blank"},"b":[]}}`,
		`{"properties":{"inlay":{"side":"2"}},"shape":"square"}`, `{"lock":{"key":"k","lockType":null}}`, `{"any":{"a":1e3}}`, `{"note":{"noteType":"Memo"}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var first, second floor
		err := Decode(data, &first)
		if valid := json.Valid(data) && strings.ContainsAny(string(data), "{n"); err == nil && !json.Valid(data) || err != nil && valid && strings.HasPrefix(strings.TrimSpace(string(data)), "{") {
			t.Fatalf("Decode(%q) = %v", data, err)
		}
		if err != nil {
			return
		}
		out, err := Encode(first, ForCaller)
		if err != nil {
			t.Fatalf("Encode after Decode(%q) = %v", data, err)
		}
		if err := Decode(out, &second); err != nil {
			t.Fatalf("Decode(%s) = %v", out, err)
		}
		again, err := Encode(second, ForCaller)
		if diff := cmp.Diff(compactJSON(string(out)), compactJSON(string(again))); err != nil || diff != "" {
			t.Errorf("a second round trip of %q changes it, %v (-first +second):\n%s", data, err, diff)
		}
	})
}
