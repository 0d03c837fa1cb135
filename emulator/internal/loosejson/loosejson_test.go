package loosejson

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestObjectIsForgiving(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       map[string]any
		fails      bool
	}{
		{name: "nothing", text: " \n", fails: true},
		{name: "null", text: "null"},
		{name: "byte order mark", text: "\ufeff{}", want: map[string]any{}},
		{name: "trailing commas", text: `{"a": [1, 2 ,], "b": {"c": "x" , } ,}`,
			want: map[string]any{"a": []any{json.Number("1"), json.Number("2")}, "b": map[string]any{"c": "x"}}},
		{name: "commas in texts stay", text: `{"a": ",}", "b": "\",]", "c": "\\",}`,
			want: map[string]any{"a": ",}", "b": "\",]", "c": `\`}},
		{name: "large numbers keep their digits", text: `{"a": 12345678901234567890}`,
			want: map[string]any{"a": json.Number("12345678901234567890")}},
		{name: "an array", text: `[]`, fails: true},
		{name: "two commas", text: `{"a": 1,,}`, fails: true},
		{name: "cut", text: `{"a": "x`, fails: true},
		{name: "more behind it", text: `{} {}`, fails: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Object([]byte(test.text))
			if (err != nil) != test.fails {
				t.Fatalf("Object error = %v, want error: %v", err, test.fails)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Object (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWordsOfWhatIsNoObject: the error says what the text is.
func TestWordsOfWhatIsNoObject(t *testing.T) {
	for text, want := range map[string]string{
		"": "the body is empty", "\ufeff \n": "the body is empty", "{": "the body is not JSON: unexpected EOF", "kiln": "the body is not JSON: invalid character 'k' looking for beginning of value",
		"{} 1": "the body has more than one JSON value", "[1]": "the body is not a JSON object but an array", `"a"`: "the body is not a JSON object but text", "7": "the body is not a JSON object but a number", "true": "the body is not a JSON object but true or false",
	} {
		if got, err := Object([]byte(text)); err == nil || err.Error() != want || got != nil {
			t.Errorf("Object(%q) = %v, %v; want the error %s", text, got, err, want)
		}
	}
}

func TestMemberNames(t *testing.T) {
	const text = "\ufeff" + `{"b": 1, "Tags": {"z": "1", "a": {"x": 1}, "m": [],}, "a": null,}`
	for _, test := range []struct {
		text string
		path []string
		want []string
	}{
		{text, nil, []string{"b", "Tags", "a"}},
		{text, []string{"tags"}, []string{"z", "a", "m"}},
		{text, []string{"Tags", "A"}, []string{"x"}},
		{text, []string{"none"}, nil},
		{text, []string{"b"}, nil},
		{`[1]`, nil, nil}, {``, nil, nil}, {`{"a"`, nil, nil}, {`{"a": {`, []string{"a"}, nil}, {`{"a": 1, 2`, nil, nil},
	} {
		if diff := cmp.Diff(test.want, MemberNames([]byte(test.text), test.path...)); diff != "" {
			t.Errorf("MemberNames of %s at %v (-want +got):\n%s", test.text, test.path, diff)
		}
	}
}

func FuzzObject(f *testing.F) {
	for _, text := range []string{`{"a": [1, 2,], "b": ",}",}`, "\ufeff{}", `{"a":"\\"}`, `,}`, `"`, `{"a":1,`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var strict map[string]any
		if strictly(raw, &strict) != nil || !json.Valid(raw) {
			_, _ = Object(raw) // must only not panic
			return
		}
		got, err := Object(raw)
		if err != nil {
			t.Fatalf("valid JSON %q is refused: %v", raw, err)
		}
		if diff := cmp.Diff(strict, got); diff != "" {
			t.Errorf("valid JSON %q reads differently (-want +got):\n%s", raw, diff)
		}
	})
}

func strictly(raw []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	return decoder.Decode(into)
}
