package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	sdk "github.com/azmlbatch/azmlbatch"
)

func TestJobList(t *testing.T) {
	p := newPottery(t, nil)
	p.fails(t, noJobs, []string{"job", "list", "--exit-code", "--json"}, "azmlbatch: there is no job")
	good := p.invoke(t)
	want := [][]string{{"NAME", "ENDPOINT", "STATUS"}, {good, "vases", "Completed"}}
	for _, args := range [][]string{{"job", "list"}, {"job", "list", "--endpoint", "vases", "--since", "1d", "--exit-code"}} {
		if diff := cmp.Diff(want, columns(p.ok(t, args...), 3)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", args, diff)
		}
	}
	p.write(t, "d.txt", "crack")
	_, _, _ = p.run(t, "invoke", "vases", "--input", p.input, "--wait", "--error-threshold", "0")
	code, out, stderr := p.run(t, "job", "list", "--endpoint", "vases", "--exit-code")
	if code != jobFailed || stderr != "azmlbatch: 1 of 2 jobs failed, 0 canceled\n" || strings.Count(out, "\n") != 3 {
		t.Errorf("with a failed job: exit code %d\n%s%s", code, out, stderr)
	}
	p.fails(t, noJobs, []string{"job", "list", "--json", "--exit-code", "--since", "1ns"}, "there is no job")
	p.fails(t, noJobs, []string{"job", "list", "--json", "--exit-code", "--endpoint", "vases", "--since", "1ns"}, "there is no job")
	p.fails(t, 2, []string{"job", "list", "-d", "blue"}, "--deployment needs --endpoint")
	p.fails(t, 1, []string{"job", "list", "--endpoint", "mugs", "--exit-code"}, "404 EndpointNotFound")
	for _, since := range []string{"soon", "-3h", "0d", "d"} {
		p.fails(t, 2, []string{"job", "list", "--since", since}, `--since: "`+since+`" is no age such as 30m, 12h or 7d`)
	}
}

// TestJobListJSON: what programs go by has the same place in both lists.
func TestJobListJSON(t *testing.T) {
	p := newPottery(t, nil)
	p.addGreen(t)
	green := p.invoke(t, "-d", "green")
	p.invoke(t)
	for want, args := range map[string][]string{"2": {}, "2 ": {"--endpoint", "vases"}, "1": {"--endpoint", "vases", "-d", "green"}} {
		var jobs []struct {
			Name       string
			Properties struct{ Status string }
			SystemData struct{ CreatedAt time.Time }
		}
		out := p.ok(t, append([]string{"job", "list", "--json"}, args...)...)
		if err := json.Unmarshal([]byte(out), &jobs); err != nil || fmt.Sprint(len(jobs)) != strings.TrimSpace(want) {
			t.Fatalf("%q: %v, want %s jobs\n%s", args, err, want, out)
		}
		last := jobs[len(jobs)-1]
		if last.Name != green || last.Properties.Status != "Completed" || time.Since(last.SystemData.CreatedAt) > time.Hour {
			t.Errorf("%q: %+v", args, last)
		}
	}
}

func TestYounger(t *testing.T) {
	now := time.Now()
	jobs := func(yield func(listedJob, error) bool) {
		for name, at := range map[string]time.Time{"new": now, "old": now.Add(-time.Hour)} {
			if !yield(listedJob{name: name, created: at, status: sdk.JobStatusFailed}, nil) {
				return
			}
		}
	}
	tally := map[sdk.JobStatus]int{}
	for job, err := range younger(jobs, 30*time.Minute, tally) {
		if err != nil || job.name != "new" {
			t.Errorf("%+v, %v", job, err)
		}
	}
	if tally[sdk.JobStatusFailed] != 1 {
		t.Errorf("counted %v, want one failed job", tally)
	}
}

func TestJobShow(t *testing.T) {
	p := newPottery(t, nil)
	good := p.invoke(t)
	shown := p.ok(t, "job", "show", good)
	for _, want := range []string{"status:         Completed\n", "deployment:     blue\n", "files:          3 of 3 files done, 0 failed; 3 of 3 mini-batches done\n", "predictions.csv\n"} {
		if !strings.Contains(shown, want) {
			t.Errorf("show lacks %q:\n%s", want, shown)
		}
	}
	var job sdk.Job
	if err := json.Unmarshal([]byte(p.ok(t, "job", "show", good, "--json")), &job); err != nil || job.Name != good || job.Status != sdk.JobStatusCompleted {
		t.Errorf("show --json: %v, %+v", err, job)
	}
	p.write(t, "d.txt", "crack")
	_, bad, _ := p.run(t, "invoke", "vases", "--input", p.input, "--wait", "--error-threshold", "0")
	shown = p.ok(t, "job", "show", strings.TrimSpace(bad))
	for _, want := range []string{"status:         Failed\n", "the glaze cracked\n", "log:            azureml://"} {
		if !strings.Contains(shown, want) {
			t.Errorf("show of a failed job lacks %q:\n%s", want, shown)
		}
	}
	p.fails(t, 1, []string{"job", "show", "nope"}, `get job "nope": 404 JobNotFound`)
	p.fails(t, 2, []string{"job", "show"}, "JOB is missing; see azmlbatch job show --help")
	p.fails(t, 2, []string{"job", "show", ""}, "JOB must not be empty")
}

func TestJobWait(t *testing.T) {
	p := newPottery(t, nil)
	good, other := p.invoke(t), p.invoke(t)
	if out := p.ok(t, "job", "wait", good); out != good+" Completed\n" {
		t.Errorf("one job: %q", out)
	}
	p.write(t, "d.txt", "crack")
	_, failed, _ := p.run(t, "invoke", "vases", "--input", p.input, "--error-threshold", "0")
	failed = strings.TrimSpace(failed)
	code, out, stderr := p.run(t, "job", "wait", good, failed, other, good)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	want := map[string]bool{good + " Completed": true, other + " Completed": true, failed + " Failed": true}
	for _, line := range lines {
		if !want[line] {
			t.Errorf("unexpected line %q", line)
		}
		delete(want, line)
	}
	if code != jobFailed || len(want) != 0 || !strings.Contains(stderr, "the glaze cracked") || !strings.HasSuffix(stderr, "azmlbatch: 1 of 3 jobs failed or were canceled\n") {
		t.Errorf("three jobs: exit code %d, missing %v\n%s%s", code, want, out, stderr)
	}
	code, out, _ = p.run(t, "job", "wait", failed, "--json")
	var jobs []sdk.Job
	if err := json.Unmarshal([]byte(out), &jobs); err != nil || code != jobFailed || len(jobs) != 1 || jobs[0].Status != sdk.JobStatusFailed {
		t.Errorf("wait --json: exit code %d, %v, %+v", code, err, jobs)
	}
}

// TestJobWaitOfNoJob says what is wrong in one line.
func TestJobWaitOfNoJob(t *testing.T) {
	p := newPottery(t, nil)
	code, out, stderr := p.run(t, "job", "wait", "none")
	if code != 1 || out != "" || !strings.HasPrefix(stderr, `azmlbatch: wait for job "none": 404 JobNotFound: `) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit code %d\n%s%s", code, out, stderr)
	}
}

func TestJobWaitInterrupted(t *testing.T) {
	p := newPottery(t, nil)
	good := p.invoke(t)
	code, _, stderr := interruptedAt(t, p, http.MethodGet, "/jobs", "job", "wait", "zinc", "clay")
	if want := "interrupted; clay, zinc go on in Azure: follow it with azmlbatch job wait clay zinc, or stop it with azmlbatch job cancel clay zinc\n"; code != interrupted || !strings.HasSuffix(stderr, want) {
		t.Errorf("exit code %d, want %d and %q\n%s", code, interrupted, want, stderr)
	}
	code, _, stderr = interruptedAt(t, p, http.MethodGet, "/", "job", "rows", good)
	if code != interrupted || strings.Count(stderr, "\n") != 1 {
		t.Errorf("job rows: exit code %d\n%s", code, stderr)
	}
}

// TestSecondInterrupt: after the first one, signals have their own effect again.
func TestSecondInterrupt(t *testing.T) {
	p := newPottery(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	released := make(chan struct{})
	a := &app{console: console{&bytes.Buffer{}, io.Discard, io.Discard}, release: func() { close(released) },
		connection: connection{transport: &canceled{Emulator: p.Emulator, method: http.MethodGet, path: "/", cancel: cancel}}}
	if code := a.run(ctx, []string{"job", "wait", "clay"}); code != interrupted {
		t.Errorf("exit code %d, want %d", code, interrupted)
	}
	<-released
}

func TestJobCancel(t *testing.T) {
	p := newPottery(t, nil)
	one, two := p.invoke(t), p.invoke(t)
	p.ok(t, "job", "cancel", one)
	ended := strings.Fields(p.ok(t, "invoke", "vases", "--input", p.input, "--wait"))[0]
	if code, _, stderr := p.run(t, "job", "cancel", ended); code != 0 || !strings.HasSuffix(stderr, ended+" had ended before: Completed\n") {
		t.Errorf("the cancellation of a job that has completed: exit code %d\n%s", code, stderr)
	}
	code, _, stderr := p.run(t, "job", "cancel", "nope", two)
	if code != 1 || !strings.Contains(stderr, `azmlbatch: cancel job "nope": 404`) || !strings.HasSuffix(stderr, "azmlbatch: 1 of 2 jobs failed\n") {
		t.Errorf("one of two is not there: exit code %d\n%s", code, stderr)
	}
}

func TestJobLogs(t *testing.T) {
	p := newPottery(t, nil)
	job := p.invoke(t)
	once, followed := p.ok(t, "job", "logs", job), p.ok(t, "job", "logs", "-f", job)
	if !strings.Contains(once, "==> logs/job_result.txt <==\n") || !strings.Contains(once, " 3 items: 3 succeeded, 0 failed.") || strings.Contains(once, "logs/sys/") {
		t.Errorf("logs:\n%s", once)
	}
	if diff := cmp.Diff(once, followed); diff != "" {
		t.Errorf("-f of a job that has ended (-once +followed):\n%s", diff)
	}
	if all := p.ok(t, "job", "logs", "--all", job); !strings.Contains(all, "==> logs/sys/") {
		t.Errorf("--all:\n%s", all)
	}
	if two := p.ok(t, "job", "logs", job, p.invoke(t)); !strings.Contains(two, "==> "+job+": logs/job_result.txt <==\n") {
		t.Errorf("of two jobs:\n%s", two)
	}
}

func TestJobRows(t *testing.T) {
	p := newPottery(t, nil)
	job := p.invoke(t)
	if out := p.ok(t, "job", "rows", job, job, "--columns", "file,size"); out != "file,size\na.txt,1\nb.txt,2.50\nc.txt,red\na.txt,1\nb.txt,2.50\nc.txt,red\n" {
		t.Errorf("rows of two jobs:\n%s", out)
	}
	p.write(t, "d.txt", "crack")
	_, failed, _ := p.run(t, "invoke", "vases", "--input", p.input, "--wait", "--error-threshold", "0")
	p.fails(t, 1, []string{"job", "rows", strings.TrimSpace(failed)}, "azmlbatch job wait says why; add --partial to read the rows that its workers wrote")
}

func TestJobDownload(t *testing.T) {
	p := newPottery(t, nil)
	job, dir := p.invoke(t), t.TempDir()
	into := filepath.Join(dir, job)
	if out := p.ok(t, "job", "download", job, "-p", dir); out != into+": 1 file, 29 bytes; 0 there already\n" {
		t.Errorf("printed %q", out)
	}
	file := filepath.Join(into, "predictions.csv")
	if b, err := os.ReadFile(file); err != nil || string(b) != "a.txt 1\nb.txt 2.50\nc.txt red\n" {
		t.Errorf("the file: %q, %v", b, err)
	}
	if out := p.ok(t, "job", "download", job, "--download-path", dir); out != into+": 0 files, 0 bytes; 1 there already\n" {
		t.Errorf("the second time: %q", out)
	}
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := p.run(t, "job", "download", job, "-p", dir)
	if code == 0 || !strings.Contains(stderr, "use an empty folder, or --overwrite") {
		t.Errorf("over another file: exit code %d\n%s", code, stderr)
	}
	p.ok(t, "job", "download", job, "-p", dir, "--overwrite")
}
