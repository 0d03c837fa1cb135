package emulator

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
)

// TestKilledInTheMiddleOfAPipeline kills an emulator while a step runs. Nothing of the step lives
// on, and the next emulator on the data folder shows the job as failed, says why, and has removed
// the folder of the step.
func TestKilledInTheMiddleOfAPipeline(t *testing.T) {
	data, temp, fifo := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "fifo")
	if err := exec.CommandContext(t.Context(), "mkfifo", fifo).Run(); err != nil { // package syscall has none on Windows
		t.Fatal(err)
	}
	s := startLoaded(t, data, "TMPDIR="+temp)
	client := s.client(t).sdk
	deploySteps(t, client, "echo begun && sleep 1000", fifo)
	job, err := client.Endpoints().Invoke(t.Context(), "kiln", azmlbatch.Invocation{Inputs: azmlbatch.Inputs{}})
	if err != nil {
		t.Fatal(err)
	}
	pipe, err := os.Open(fifo) // waits for the step
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	said := bufio.NewReader(pipe)
	if line, err := said.ReadString('\n'); line != "begun\n" {
		t.Fatalf("the step said %q, %v", line, err)
	}
	s.kill(t)
	if rest, err := io.ReadAll(said); len(rest) > 0 || err != nil { // waits for the end of the step and of what it has started
		t.Fatalf("the step said %q, %v", rest, err)
	}

	again := startLoaded(t, data, "TMPDIR="+temp)
	left, err := filepath.Glob(filepath.Join(temp, "azmlbatch-job-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("the folders %v are left, %v", left, err)
	}
	client = again.client(t).sdk
	_, err = client.Jobs().Wait(t.Context(), job.Name, nil)
	var failed *azmlbatch.JobFailedError
	if !errors.As(err, &failed) || !strings.Contains(err.Error(), "The emulator was stopped before this job ended.") {
		t.Errorf("the job ended with %v, want why it failed", err)
	}
	got := map[string]azmlbatch.JobStatus{}
	for step, err := range client.Jobs().ListSteps(t.Context(), job.Name) {
		if err != nil {
			t.Fatal(err)
		}
		got[step.Name] = step.Status
	}
	if diff := cmp.Diff(map[string]azmlbatch.JobStatus{"fire": azmlbatch.JobStatusFailed, "cool": azmlbatch.JobStatusFailed}, got); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	again.end(t)
}

// deploySteps deploys a pipeline of two steps to the endpoint kiln. The first runs the command and
// writes to the file what it says.
func deploySteps(t *testing.T, client *azmlbatch.Client, command, file string) {
	t.Helper()
	component := func(name, spec string) string {
		c, err := client.Components().CreateOrUpdate(t.Context(), name, azmlbatch.Component{Version: "1", Spec: []byte(spec)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Ref()
	}
	fire := component("fire", `{"type": "command", "command": "(`+command+`) > `+file+`", "outputs": {"out": {"type": "uri_folder"}}}`)
	cool := component("cool", `{"type": "command", "command": "ls ${{inputs.in}}", "inputs": {"in": {"type": "uri_folder"}}}`)
	both := component("both", `{"type": "pipeline", "jobs": {
		"fire": {"type": "command", "componentId": "`+fire+`"},
		"cool": {"type": "command", "componentId": "`+cool+`", "inputs": {"in": {"job_input_type": "literal", "value": "${{parent.jobs.fire.outputs.out}}"}}}}}`)
	if _, err := client.Endpoints().CreateOrUpdate(t.Context(), "kiln", azmlbatch.Endpoint{}, nil); err != nil {
		t.Fatal(err)
	}
	deployment := azmlbatch.Deployment{Configuration: azmlbatch.PipelineComponentDeployment{ComponentID: both}}
	if _, err := client.Deployments("kiln").CreateOrUpdate(t.Context(), "steps", deployment, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Endpoints().SetDefaultDeployment(t.Context(), "kiln", "steps", nil); err != nil {
		t.Fatal(err)
	}
}
