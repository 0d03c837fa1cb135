package arm

import "testing"

// TestPermissions: everything but what is denied, for management and data alike.
func TestPermissions(t *testing.T) {
	path := workspaceID(testSubscription, "pottery", "kilns") + "/providers/Microsoft.Authorization/permissions"
	newHost(t).get(path).has(map[string]any{"value/0/actions/0": "*", "value/0/dataActions/0": "*", "value/0/notActions/0": "absent"})
	h := newHost(t, func(o *Options) {
		o.Denied = func() []string { return []string{"batchEndpoints/write", "Microsoft.Storage/*/blobs/write"} }
	})
	h.get(path).has(map[string]any{
		"value/0/notActions/0":     "Microsoft.MachineLearningServices/workspaces/batchEndpoints/write",
		"value/0/notDataActions/1": "Microsoft.Storage/*/blobs/write",
	})
}
