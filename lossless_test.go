package azmlbatch

import (
	"encoding/json"
	"testing"

	"github.com/azmlbatch/azmlbatch/internal/wire/wiretest"
	"github.com/google/go-cmp/cmp"
)

// richDocuments have every kind of member in which models differ.
var richDocuments = map[string]string{
	"Endpoint": `{"id":"/e","name":"e","location":"l","tags":{"a":"b"},"identity":{"type":"SystemAssigned","userAssignedIdentities":{"/u":{"clientId":"c"}}},
		"systemData":{"createdAt":"2026-02-27T17:05:24.36Z","createdBy":"p"},"properties":{"authMode":"AADToken","defaults":{"deploymentName":"d"},"provisioningState":"Updating"}}`,
	"Deployment": `{"name":"d","properties":{"model":{"referenceType":"Id","assetId":"m","new":1},"codeConfiguration":{"codeId":"c","scoringScript":"s"},
		"deploymentConfiguration":{"deploymentConfigurationType":"PipelineComponent","componentId":{"referenceType":"Id","assetId":"x"},"settings":{"a":"b"}},"errorThreshold":-1,
		"retrySettings":{"maxRetries":3,"timeout":"PT30S"},"miniBatchSize":10,"resources":{"instanceCount":1,"properties":{"p":{"q":1}}},"environmentVariables":{"E":"1"}}}`,
	"Job": `{"name":"j","properties":{"jobType":"Pipeline","status":"Running","services":{"Studio":{"endpoint":"u","port":1,"new":null}},"isArchived":true,
		"inputs":{"i":{"jobInputType":"uri_folder","uri":"u","mode":"Direct","new":[1]},"l":{"jobInputType":"literal","value":"1","new":2},"n":{"jobInputType":"newer","x":1}},
		"outputs":{"o":{"jobOutputType":"uri_file","uri":"u"}}}}`,
	"BatchJob": `{"name":"b","properties":{"name":"n","inputData":{"i":{"jobInputType":"UriFile","uri":"u"}},"outputData":{"o":{"jobOutputType":"UriFolder","uri":"u"}},
		"compute":{"target":"t","instanceCount":2,"isLocal":true,"properties":{"p":1}},"interactionEndpoints":{"Studio":{"endpoint":"u","port":2}},"retrySettings":{"timeout":"PT1M"}}}`,
	"Compute": `{"name":"c","properties":{"computeType":"AmlCompute","createdOn":"2026-02-27T17:05:24Z","provisioningErrors":[{"a":1}],"properties":{"vmSize":"s",
		"scaleSettings":{"maxNodeCount":4,"minNodeCount":1,"nodeIdleTimeBeforeScaleDown":"PT2M"},"subnet":{"id":"s"},"enableNodePublicIp":true,"nodeStateCounts":{"idleNodeCount":1},"errors":[1]}}}`,
	"Datastore":   `{"name":"d","properties":{"datastoreType":"AzureBlob","credentials":{"credentialsType":"AccountKey","secrets":{"secretsType":"AccountKey","key":"k"}},"accountName":"a","isDefault":true}}`,
	"Model":       `{"id":"/m/versions/1","name":"1","properties":{"flavors":{"python":{"data":{"a":"b"}}},"isArchived":true,"modelType":"mlflow_model","modelUri":"u"}}`,
	"Data":        `{"name":"1","properties":{"dataType":"uri_folder","dataUri":"u","isAnonymous":true}}`,
	"Environment": `{"name":"1","properties":{"image":"i","condaFile":"c","build":{"contextUri":"u"},"inferenceConfig":{"scoringRoute":{"path":"/","port":1}}}}`,
	"Code":        `{"name":"1","properties":{"codeUri":"u","isArchived":true}}`,
	"Component":   `{"name":"1","properties":{"componentSpec":{"name":"n","inputs":{"a":{}}}}}`,
}

// TestNothingIsLostWhateverStandsWhere puts every odd value in the place of every value of every model, reads that and writes
// it: a newer service may answer anything.
func TestNothingIsLostWhateverStandsWhere(t *testing.T) {
	odd := []string{`null`, `""`, `"x"`, `"7"`, `"True"`, `"PT1S"`, `"P10675199DT2H48M5.4775807S"`, `"2026-02-27T17:05:24"`, `7`, `-1`, `7.5`, `1e3`, `12345678901234567890`,
		`true`, `[]`, `[{"x":1}]`, `{}`, `{"x":{"y":1}}`, `{"x":"y"}`}
	tried := 0
	for name, text := range richDocuments {
		var document any
		if err := json.Unmarshal([]byte(text), &document); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		everyPlace(document, func(place string, put func(any)) {
			for _, value := range odd {
				put(json.RawMessage(value))
				in, err := json.Marshal(document)
				if err != nil {
					t.Fatal(err)
				}
				v := fuzzedModels[name]()
				if err := v.UnmarshalJSON(in); err != nil {
					t.Errorf("%s with %s at %s: %v", name, value, place, err)
					continue
				}
				out, err := json.Marshal(v)
				if err != nil {
					t.Errorf("%s with %s at %s cannot be written: %v", name, value, place, err)
					continue
				}
				want, _ := wiretest.Gist(in)
				got, _ := wiretest.Gist(out)
				if diff := cmp.Diff(withoutFilled(want), withoutFilled(got)); diff != "" {
					t.Errorf("%s with %s at %s (-read +written):\n%s", name, value, place, diff)
				}
				tried++
			}
		})
	}
	if tried < 1000 {
		t.Errorf("only %d documents were tried", tried)
	}
}

// withoutFilled leaves out the kinds that the models fill in by themselves, whatever stood there.
func withoutFilled(v any) any {
	if m, ok := v.(map[string]any); ok {
		delete(m, "REFERENCETYPE")
		delete(m, "SECRETSTYPE")
		for name, value := range m {
			if m[name] = withoutFilled(value); m[name] == nil {
				delete(m, name)
			}
		}
		if len(m) == 0 {
			return nil
		}
	}
	return v
}

// everyPlace visits every member of a document, with a function that puts another value there until the next visit.
func everyPlace(document any, visit func(place string, put func(any))) {
	switch d := document.(type) {
	case map[string]any:
		for name, value := range d {
			visitPlace("/"+name, value, func(v any) { d[name] = v }, visit)
		}
	case []any:
		for i, value := range d {
			visitPlace("/-", value, func(v any) { d[i] = v }, visit)
		}
	}
}

func visitPlace(step string, value any, put func(any), visit func(string, func(any))) {
	visit(step, put)
	put(value)
	everyPlace(value, func(place string, put func(any)) { visit(step+place, put) })
}

func TestExtraDoesNotRepeatAKnownMemberInAnotherCase(t *testing.T) {
	job := Job{DisplayName: "vase", Extra: map[string]json.RawMessage{
		"/properties/DisplayName": json.RawMessage(`"other"`), "/properties/glaze": json.RawMessage(`2`)}}
	b, err := json.Marshal(job)
	if want := `{"properties":{"displayName":"vase","glaze":2}}`; err != nil || string(b) != want {
		t.Errorf("Marshal = %s, %v; want %s", b, err, want)
	}
}
