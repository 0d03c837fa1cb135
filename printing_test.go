package azmlbatch

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestPrinting shows the structs that people print first, as %+v, %v and Println do.
func TestPrinting(t *testing.T) {
	extra := map[string]json.RawMessage{"/properties/newer": json.RawMessage(`{"a":1}`)}
	meta := Meta{ID: "/w/x", SystemData: SystemData{CreatedAt: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}}
	const metaText = "Meta:{ID:/w/x SystemData:{CreatedAt:2026-03-01T12:00:00Z}}"
	tests := []struct {
		value any
		want  string
	}{
		{Endpoint{Meta: meta, Name: "digits", Tags: map[string]string{"team": "post", "floor": "2"}, Extra: extra},
			`Endpoint{Name:digits Tags:map[floor:2 team:post] Extra:map[/properties/newer:{"a":1}] ` + metaText + `}`},
		{Deployment{Name: "blue", Model: &ModelByID{AssetID: "azureml:digits:1"}, ErrorThreshold: new(0),
			RetrySettings: RetrySettings{MaxRetries: new(3), Timeout: time.Minute}},
			"Deployment{Name:blue Model:ModelByID{AssetID:azureml:digits:1} ErrorThreshold:0 RetrySettings:{MaxRetries:3 Timeout:1m0s}}"},
		{Job{Meta: meta, Name: "batchjob-1", Status: JobStatusCompleted,
			Services: map[string]JobService{"Studio": {Endpoint: "https://ml.azure.com/runs/x?tid=1"}}},
			"Job{Name:batchjob-1 Status:Completed Services:map[Studio:{Endpoint:https://ml.azure.com/runs/x}] " + metaText + "}"},
		{BatchJob{Name: "batchjob-1", Inputs: Inputs{"x": URIFolder{URI: "https://s.blob.core.windows.net/c/x?sv=1&sig=hush"}},
			Outputs: Outputs{"score": &URIFile{URI: "azureml://datastores/d/paths/p.csv"}}},
			"BatchJob{Name:batchjob-1 Inputs:map[x:URIFolder{URI:https://s.blob.core.windows.net/c/x}] " +
				"Outputs:map[score:URIFile{URI:azureml://datastores/d/paths/p.csv}]}"},
		{Compute{Name: "raku", Properties: AmlCompute{VMSize: "S", EnableNodePublicIP: new(false),
			Administrator: NodeAdministrator{UserName: "u", Password: "hush"}}},
			"Compute{Name:raku Properties:AmlCompute{VMSize:S Administrator:{UserName:u Password:REDACTED} EnableNodePublicIP:false}}"},
		{Component{Name: "glaze", Spec: json.RawMessage(`{"type":"pipeline"}`)}, `Component{Name:glaze Spec:{"type":"pipeline"}}`},
		{Progress{Status: "Running", Elapsed: 12 * time.Second, Polls: 4,
			Counts: &JobCounts{Files: 10, FilesDone: 3, FilesFailed: 0, MiniBatches: -1, MiniBatchesDone: -1}},
			"Progress{Status:Running Elapsed:12s Polls:4 Counts:3 of 10 files done, 0 failed; ? of ? mini-batches done}"},
		{JobCounts{Files: 10, FilesDone: 3, FilesFailed: 1, MiniBatches: 4, MiniBatchesDone: 1},
			"3 of 10 files done, 1 failed; 1 of 4 mini-batches done"},
		{Uploaded{URI: "azureml://datastores/d/paths/p", IsFolder: true}, "Uploaded{URI:azureml://datastores/d/paths/p IsFolder:true}"},
		{[]Endpoint{{Name: "a"}, {Name: "b"}}, "[Endpoint{Name:a} Endpoint{Name:b}]"},
		{&Endpoint{Name: "a"}, "Endpoint{Name:a}"},
	}
	for _, tt := range tests {
		for _, got := range []string{fmt.Sprintf("%+v", tt.value), fmt.Sprintf("%v", tt.value), strings.TrimSuffix(fmt.Sprintln(tt.value), "\n")} {
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%T (-want +got):\n%s", tt.value, diff)
			}
		}
	}
}

// TestPrintingShortensLongJSON keeps what a newer service puts into Extra from filling the screen.
func TestPrintingShortensLongJSON(t *testing.T) {
	text := fmt.Sprint(Job{Extra: map[string]json.RawMessage{"/properties/newer": json.RawMessage(`"` + strings.Repeat("x", 5000) + `"`)}})
	if len(text) > 400 || !strings.Contains(text, "…") {
		t.Errorf("%d bytes: %.100s", len(text), text)
	}
}

func TestLongTextsAreClipped(t *testing.T) {
	long := strings.Repeat("é", maxMessage)
	for text, want := range map[string]string{" a \n": "a", strings.Repeat("a", maxMessage): strings.Repeat("a", maxMessage),
		strings.Repeat("a", maxMessage+1): strings.Repeat("a", maxMessage) + "…", long: long[:maxMessage] + "…"} {
		if got := clip(text); got != want {
			t.Errorf("clip(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestRedact(t *testing.T) {
	got := Redact("see https://a.blob.core.windows.net/c/b?sv=1&sig=abc and AccountKey=c2VjcmV0;")
	if strings.Contains(got, "abc") || strings.Contains(got, "c2VjcmV0") || !strings.Contains(got, "https://a.blob.core.windows.net/c/b") {
		t.Errorf("Redact = %q", got)
	}
}

// TestPrintingOfEveryShape prints lists, pointers and interfaces, also empty ones.
func TestPrintingOfEveryShape(t *testing.T) {
	type shape struct {
		List  []string
		Point *int
		Kind  Input
		Kinds []Input
	}
	for want, v := range map[string]shape{
		"{}":                             {},
		"{List:[a b] Point:3}":           {List: []string{"a", "b"}, Point: new(3)},
		"{Kind:URIFile{URI:u}}":          {Kind: &URIFile{URI: "u"}},
		"{Kinds:[nil Literal{Value:1}]}": {Kinds: []Input{nil, Literal{Value: 1}}},
		"{List:[https://h.example/c/a]}": {List: []string{"https://h.example/c/a?sv=1&sig=hush"}},
	} {
		var b strings.Builder
		printValue(&b, reflect.ValueOf(v))
		if diff := cmp.Diff(want, b.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
