package azmlbatch

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSpellingsOfInputsAndOutputs reads every kind in both spellings, and writes it in that of the
// view it stands in.
func TestSpellingsOfInputsAndOutputs(t *testing.T) {
	for _, tt := range []struct {
		input      Input
		batch, arm string
	}{
		{URIFolder{URI: "u"}, "UriFolder", "uri_folder"},
		{URIFile{URI: "u"}, "UriFile", "uri_file"},
		{MLTable{URI: "u"}, "MLTable", "mltable"},
		{CustomModel{URI: "u"}, "CustomModel", "custom_model"},
		{MLFlowModel{URI: "u"}, "MLFlowModel", "mlflow_model"},
		{TritonModel{URI: "u"}, "TritonModel", "triton_model"},
		{Literal{Value: "7"}, "Literal", "literal"},
	} {
		more := `"uri":"u"`
		if _, ok := tt.input.(Literal); ok {
			more = `"value":"7"`
		}
		output, _ := tt.input.(Output)
		if output == nil { // among outputs a literal is of no known kind
			output = UnknownData{Type: tt.batch, Raw: json.RawMessage(`{"jobOutputType":"` + tt.batch + `",` + more + `}`)}
		}
		for _, spelling := range []string{tt.batch, tt.arm, strings.ToUpper(tt.batch)} {
			in := `{"i":{"jobInputType":"` + spelling + `",` + more + `}}`
			out := `{"o":{"jobOutputType":"` + spelling + `",` + more + `}}`
			var batch BatchJob
			var job Job
			unmarshal(t, `{"properties":{"inputData":`+in+`,"outputData":`+out+`}}`, &batch)
			unmarshal(t, `{"properties":{"inputs":`+in+`,"outputs":`+out+`}}`, &job)
			if u, ok := output.(UnknownData); ok {
				u.Type, u.Raw = spelling, json.RawMessage(strings.Trim(strings.TrimPrefix(out, `{"o":`), "}")+"}")
				output = u
			}
			wantIn, wantOut := Inputs{"i": tt.input}, Outputs{"o": output}
			if diff := cmp.Diff([]any{wantIn, wantOut, wantIn, wantOut}, []any{batch.Inputs, batch.Outputs, job.Inputs, job.Outputs}); diff != "" {
				t.Errorf("%s (-want +got):\n%s", spelling, diff)
			}
			if got, want := marshal(t, batch), `"i":{"jobInputType":"`+tt.batch+`",`+more+`}`; !strings.Contains(got, want) {
				t.Errorf("a batch job is written as %s, want %s in it", got, want)
			}
			if got, want := marshal(t, job), `"i":{"jobInputType":"`+tt.arm+`",`+more+`}`; !strings.Contains(got, want) {
				t.Errorf("a job is written as %s, want %s in it", got, want)
			}
			if _, unknown := output.(UnknownData); !unknown && !strings.Contains(marshal(t, job), `"o":{"jobOutputType":"`+tt.arm+`",`+more+`}`) {
				t.Errorf("a job is written as %s, want its output as %s", marshal(t, job), tt.arm)
			}
		}
	}
}

func TestInputsKeepWhatTheyDoNotKnow(t *testing.T) {
	const in = `{"properties":{"inputs":{"a":{"jobInputType":"uri_folder","uri":"u","mode":"ReadOnlyMount","new":1},"b":{"jobInputType":"Hologram","x":[1]},"c":{"jobInputType":"Literal","value":"7"}}}}`
	var job Job
	unmarshal(t, in, &job)
	want := Inputs{
		"a": URIFolder{URI: "u", Mode: DataModeReadOnlyMount, Extra: map[string]json.RawMessage{"/new": json.RawMessage(`1`)}},
		"b": UnknownData{Type: "Hologram", Raw: json.RawMessage(`{"jobInputType":"Hologram","x":[1]}`)},
		"c": Literal{Value: "7"},
	}
	if diff := cmp.Diff(want, job.Inputs); diff != "" {
		t.Errorf("Inputs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(compactJSON(strings.Replace(in, "Literal", "literal", 1)), compactJSON(marshal(t, job))); diff != "" {
		t.Errorf("in ARM's spelling (-want +got):\n%s", diff)
	}
}

// TestLiteralKeepsTheDigitsOfALargeInteger reads and writes what a float64 would round.
func TestLiteralKeepsTheDigitsOfALargeInteger(t *testing.T) {
	for _, text := range []string{`9007199254740993`, `7`, `-0.5`, `"007"`, `true`, `[9007199254740993]`} {
		sent := `{"properties":{"inputs":{"n":{"value":` + text + `,"jobInputType":"literal"}}}}`
		var in Job
		unmarshal(t, sent, &in)
		if got := marshal(t, in); !strings.Contains(got, `"value":`+text) {
			t.Errorf("%s came back as %s", sent, got)
		}
	}
}

func TestInputsAndOutputsByPointer(t *testing.T) {
	for _, tt := range []struct {
		value any
		want  string
	}{
		{BatchJob{Inputs: Inputs{"a": &URIFolder{URI: "https://h/x"}}}, `{"properties":{"inputData":{"a":{"jobInputType":"UriFolder","uri":"https://h/x"}}}}`},
		{BatchJob{Inputs: Inputs{"a": &Literal{Value: 1}}}, `{"properties":{"inputData":{"a":{"jobInputType":"Literal","value":1}}}}`},
		{Job{Outputs: Outputs{"a": &UnknownData{Type: "New", Raw: json.RawMessage(`{"b":1}`)}}}, `{"properties":{"outputs":{"a":{"b":1}}}}`},
		{BatchJob{Outputs: Outputs{"a": nil}}, ""},
		{Job{Inputs: Inputs{"a": (*URIFile)(nil)}}, ""},
		{Job{Inputs: Inputs{"a": LocalPath{Path: "x"}}}, ""},
	} {
		b, err := json.Marshal(tt.value)
		if string(b) != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("Marshal(%T) = %s, %v; want %s", tt.value, b, err, tt.want)
		}
	}
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func unmarshal(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("Unmarshal(%s) = %v", text, err)
	}
}
