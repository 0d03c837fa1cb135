package blob

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestNeedsOfOperations: what a signature must permit for each operation (Microsoft Learn: Create
// an account SAS, Create a service SAS).
func TestNeedsOfOperations(t *testing.T) {
	type asked struct{ room, method, comp string }
	rooms := map[string]func(method, comp string) (operation, bool){
		"account": func(_, comp string) (operation, bool) { return accountInfoOperation(comp) },
		"service": serviceOperation, "container": containerOperation, "blob": blobOperation,
	}
	want := map[asked]need{
		{"account", "GET", "properties"}: {level: 's', any: "rlwdcau"},
		{"service", "GET", "list"}:       {level: 's', any: "l"}, {"service", "POST", "userdelegationkey"}: {level: 's', token: true},
		{"container", "GET", ""}: {level: 'c', any: "r"}, {"container", "HEAD", ""}: {level: 'c', any: "r"},
		{"container", "PUT", ""}: {level: 'c', any: "cw"}, {"container", "DELETE", ""}: {level: 'c', any: "d"},
		{"container", "GET", "metadata"}: {level: 'c', any: "r"}, {"container", "HEAD", "metadata"}: {level: 'c', any: "r"},
		{"container", "PUT", "metadata"}: {level: 'c', any: "w"}, {"container", "GET", "list"}: {level: 'c', any: "l"},
		{"container", "PUT", "lease"}: {level: 'c', any: "wd"},
		{"blob", "GET", ""}:           {level: 'o', any: "r"}, {"blob", "HEAD", ""}: {level: 'o', any: "r"},
		{"blob", "PUT", ""}: {level: 'o', any: "cw"}, {"blob", "DELETE", ""}: {level: 'o', any: "d"},
		{"blob", "GET", "metadata"}: {level: 'o', any: "r"}, {"blob", "HEAD", "metadata"}: {level: 'o', any: "r"},
		{"blob", "PUT", "metadata"}: {level: 'o', any: "w"}, {"blob", "PUT", "properties"}: {level: 'o', any: "w"},
		{"blob", "PUT", "block"}: {level: 'o', any: "cw"}, {"blob", "GET", "blocklist"}: {level: 'o', any: "r"},
		{"blob", "PUT", "blocklist"}: {level: 'o', any: "cw"}, {"blob", "PUT", "lease"}: {level: 'o', any: "wd"},
		{"blob", "PUT", "appendblock"}: {level: 'o', any: "aw"},
	}
	for room, find := range rooms {
		for _, method := range []string{"GET", "HEAD", "PUT", "POST", "DELETE"} {
			for _, comp := range []string{"", "properties", "list", "userdelegationkey", "metadata", "lease", "block", "blocklist", "appendblock"} {
				if room == "account" && (method != "GET" || comp != "properties") {
					continue // any method asks it
				}
				op, known := find(method, comp)
				if expected, ok := want[asked{room, method, comp}]; ok != (known && op.run != nil) {
					t.Errorf("%s %s comp=%s: played %t, want %t", room, method, comp, known && op.run != nil, ok)
				} else if diff := cmp.Diff(expected, op.need, cmp.AllowUnexported(need{})); ok && diff != "" {
					t.Errorf("%s %s comp=%s needs (-want +got):\n%s", room, method, comp, diff)
				}
			}
		}
	}
}
