package ui

import (
	"testing"

	"github.com/azmlbatch/azmlbatch/emulator"
)

func TestJobs(t *testing.T) {
	client, endpoint := emulator.NewEndpoint(t, emulator.Func(score), nil)
	job := run(t, client, endpoint, "a.txt", "b.txt")
	p := newTestPage(t, client, nil)
	p.shows("/jobs", job.DisplayName, "Completed", endpoint)
	p.shows("/jobs/"+job.Name, job.DisplayName, "Completed")
}
