package jobs

import (
	"testing"
)

// TestParallelSizes: a number of files, one if there is none.
func TestParallelSizes(t *testing.T) {
	for text, want := range map[string]int{"": 1, "1": 1, "10": 10, "0": 0, "-1": 0, "10kb": 0, "2.5": 0} {
		got, err := parallelSize(text)
		refusal := `mini_batch_size is "` + text + `"; the emulator takes a number of files`
		if got != want || (err == nil) != (want > 0) || err != nil && err.Error() != refusal {
			t.Errorf("parallelSize(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
}

// TestBoundPaths: a member of a parallel step names one input or output by an expression.
func TestBoundPaths(t *testing.T) {
	step := &task{}
	paths := map[string]string{"images": "/in/images"}
	for text, want := range map[string]string{
		"${{inputs.images}}": "/in/images", " ${{ inputs.images }} ": "/in/images",
		"${{inputs.other}}":    "input_data: ${{inputs.other}} has no value",
		"":                     `input_data is "", not ${{inputs.NAME}} or ${{outputs.NAME}}`,
		"a/${{inputs.images}}": `input_data is "a/${{inputs.images}}", not ${{inputs.NAME}} or ${{outputs.NAME}}`,
	} {
		got, err := step.bound("input_data", text, paths)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("bound(%q) = %q, want %q", text, got, want)
		}
	}
}
