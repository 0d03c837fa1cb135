package emulator

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/emulator/internal/golden"
)

func TestFaultsThatCannotBe(t *testing.T) {
	texts := map[string]string{}
	for spec, says := range map[string]string{
		"":                                    "HOST METHOD PATH ACTION",
		"scoring POST /jobs":                  "HOST METHOD PATH ACTION",
		"scoring POST /jobs explode":          `unknown action "explode"`,
		"kiln POST /jobs refuse":              `unknown host "kiln"`,
		"* * * refuse=1":                      "refuse takes no value",
		"* * * fail-before=299":               "status 299 must be between 300 and 599",
		"* * * fail-before=200":               "status 200 must be between 300 and 599",
		"* * * fail-before=600":               "status 600 must be between 300 and 599",
		"* * * fail-before=soon":              `"soon" is not an HTTP status`,
		"* * * throttle=soon":                 `"soon" is not an HTTP status`,
		"* * * throttle=429,soon":             `"soon" is not a number of seconds`,
		"* * * throttle=429,-1":               "must not be negative",
		"* * * cut-during=all":                `"all" is not a number of bytes`,
		"* * * truncate=-1":                   "must not be negative",
		"* * * slow":                          "slow needs a pause",
		"* * * slow=long":                     `"long" is not a duration`,
		"* * * slow=-1s":                      "must not be negative",
		"* * * slow=1ms,many":                 `"many" is not a number of bytes`,
		"* * * refuse times":                  `"times" is not times=N or skip=N`,
		"* * * refuse times=x":                `"times=x" is not times=N or skip=N`,
		"* * * refuse times=-1":               `"times=-1" is not times=N or skip=N`,
		"* * * refuse often=1":                `"often=1" is not times=N or skip=N`,
		"blob GET /a cut-after skip=1 skip=x": `"skip=x"`,
	} {
		_, err := ParseFault(spec)
		if err == nil || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), fmt.Sprintf("fault %q", spec)) {
			t.Errorf("ParseFault(%q) = %v, want an error that says %s", spec, err, says)
			continue
		}
		texts[spec] = err.Error()
	}
	for says, f := range map[string]Fault{
		"refuse takes no status": {Action: ActionRefuse, Status: 500},
		"unknown action":         {},
		"must not be negative":   {Action: ActionRefuse, Skip: -1},
		"slow needs a pause":     {Action: ActionSlow},
	} {
		if e, err := New(&Options{Faults: []Fault{f}}); err == nil || !strings.Contains(err.Error(), says) {
			if err == nil {
				_ = e.Close()
			}
			t.Errorf("New with %+v: %v, want an error that says %s", f, err, says)
		}
		e := NewTest(t, nil)
		if err := e.Inject(Fault{Action: ActionHang}, f); err == nil || !strings.HasPrefix(err.Error(), "emulator: fault: ") {
			t.Errorf("Inject of %+v: %v", f, err)
		}
		if len(e.faults.list) != 0 {
			t.Error("a refused Inject has left a fault")
		}
		_, err := f.check()
		texts[says] = fmt.Sprint(err)
	}
	for _, role := range []string{"", "batchEndpoints", " batchEndpoints/write"} {
		_, err := ParseDeny(role)
		texts["role "+role] = fmt.Sprint(err)
	}
	golden.Check(t, "faults_that_cannot_be", texts)
}

// TestFaultsAtTheLimits: the first and the last status that is one, and nothing at all.
func TestFaultsAtTheLimits(t *testing.T) {
	for spec, want := range map[string]Fault{
		"* * * fail-before=300":           {Host: "*", Method: "*", Path: "*", Action: ActionFailBefore, Status: 300},
		"* * * fail-before=599":           {Host: "*", Method: "*", Path: "*", Action: ActionFailBefore, Status: 599},
		"* * * fail-before=0":             {Host: "*", Method: "*", Path: "*", Action: ActionFailBefore},
		"* * * cut-during=0":              {Host: "*", Method: "*", Path: "*", Action: ActionCutDuring},
		"* * * throttle=,0":               {Host: "*", Method: "*", Path: "*", Action: ActionThrottle},
		"* * * slow=1ns,0":                {Host: "*", Method: "*", Path: "*", Action: ActionSlow, Pause: 1},
		"Kiln.example put /a times=0":     {},
		"a.b put /a refuse times=0":       {Host: "a.b", Method: "PUT", Path: "/a", Action: ActionRefuse},
		"* * * refuse skip=0 times=1":     {Host: "*", Method: "*", Path: "*", Action: ActionRefuse, Times: 1},
		"REGISTRY * ** late-list=1ms":     {Host: "REGISTRY", Method: "*", Path: "**", Action: ActionLateList, Pause: time.Millisecond},
		"schemas * * conflict=412 skip=2": {Host: "schemas", Method: "*", Path: "*", Action: ActionConflict, Status: 412, Skip: 2},
	} {
		got, err := ParseFault(spec)
		if diff := cmp.Diff(want, got); diff != "" || (err == nil) != (want.Action != "") {
			t.Errorf("ParseFault(%q): %v (-want +got):\n%s", spec, err, diff)
		}
	}
}
