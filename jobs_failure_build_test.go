package azmlbatch

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestImageThatCannotBeBuilt: the service only names the log of a build that failed; pip's, conda's
// or docker's own line is in it.
func TestImageThatCannotBeBuilt(t *testing.T) {
	const said = "Image build failed. For more details, check log file azureml-logs/20_image_build_log.txt."
	const stamp = "2026-02-28T15:26:38: "
	tests := []struct{ name, log, want string }{
		{"pip", stamp + "ERROR: Could not find a version that satisfies the requirement glaze==9 (from versions: 1.0)\n" + stamp +
			"ERROR: No matching distribution found for glaze==9\n\n" + stamp + "CondaEnvException: Pip failed\nERROR: process \"/bin/sh -c ldconfig\" did not complete successfully: exit code: 1\n",
			"No matching distribution found for glaze==9"},
		{"packages that contradict each other", "ERROR: Cannot install glaze==1 and kiln==2 because these package versions have conflicting dependencies.\nERROR: ResolutionImpossible: for help visit https://pip.pypa.io\n",
			"Cannot install glaze==1 and kiln==2 because these package versions have conflicting dependencies."},
		{"conda", "Solving environment: failed\n\nResolvePackageNotFound: \n  - glaze=9\n\n", "ResolvePackageNotFound: - glaze=9"},
		{"conda with mamba", "LibMambaUnsatisfiableError: Encountered problems while solving:\n  - nothing provides requested glaze 9**\n\nCould not solve", "LibMambaUnsatisfiableError: Encountered problems while solving: - nothing provides requested glaze 9**"},
		{"docker", "failed to pull\nmanifest for mcr.microsoft.com/glaze:9 not found: manifest unknown\n", "manifest for mcr.microsoft.com/glaze:9 not found: manifest unknown"},
		{"another error", "ERROR: disk is full\n", "disk is full"},
		{"an error above the part that is read", strings.Repeat("noise\n", maxLogRead/6+1) + "ERROR: No matching distribution found for glaze\n", "No matching distribution found for glaze"},
		{"no error at all", "all went well\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newRunService(t)
			s.status, s.logs = func(int) string { return "Failed" }, map[string]string{buildLog: tt.log}
			s.step = `Failed","error":{"error":{"message":"` + said + `"}},"x":"`
			_, err := newTestClient(t, s.ServeHTTP).Jobs().Wait(t.Context(), "job-1", nil)
			var got *JobFailedError
			if !errors.As(err, &got) || got.Err != nil {
				t.Fatalf("Wait = %v", err)
			}
			if diff := cmp.Diff(strings.TrimSpace(said+" "+tt.want), got.Message); diff != "" || !strings.HasSuffix(got.Log, buildLog) ||
				!strings.Contains(got.Hint, "conda file") {
				t.Errorf("log %q, hint %q, message (-want +got):\n%s", got.Log, got.Hint, diff)
			}
		})
	}
}
