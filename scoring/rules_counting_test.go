package scoring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// quick makes calls time out soon. Even on a busy machine a process must be able to answer in time.
func quick(j *Job) { j.Timeout, j.TimeoutGrace = 3*time.Second, time.Millisecond }

const (
	oneAtATime = "import helper, os, signal, time\ncalls = 0\ndef run(b):\n    global calls\n    calls += 1\n"
)

// TestRulesCounting: what counts as succeeded, and what is tried again.
func TestRulesCounting(t *testing.T) {
	checkRules(t, []rule{
		{name: "returned as many as files", script: echo, files: 3, items: Items{3, 3, 0}, batches: MiniBatches{1, 1, 0}},
		{name: "returned more than files: capped, and all are written", script: "def run(b):\n    return ['x'] * 7", files: 2, text: strings.Repeat("x\n", 7), items: Items{2, 2, 0}, batches: MiniBatches{1, 1, 0}},
		{name: "returned fewer than files: the rest failed, no other try", script: "import helper\ndef run(b):\n    helper.note('run')\n    return ['x']", files: 3, text: "x\n",
			items: Items{3, 1, 2}, batches: MiniBatches{1, 1, 0}, notes: []string{"run"}},
		{name: "returned an empty list: all failed, no other try", script: "import helper\ndef run(b):\n    helper.note('run')\n    return ['x'] if 'a00' in b[0] else []", files: 2,
			change: func(j *Job) { j.MiniBatchSize = 1 }, text: "x\n", items: Items{2, 1, 1}, batches: MiniBatches{2, 2, 0}, notes: []string{"run", "run"}},
		{name: "raised: another try", script: oneAtATime + "    if helper.once():\n        raise ValueError('once')\n    return [calls]", text: "2\n", tries: 1, cause: "ValueError: once",
			items: Items{1, 1, 0}, batches: MiniBatches{1, 1, 0}},
		{name: "returned a wrong type: another try", script: oneAtATime + "    return None if helper.once() else [calls]", text: "2\n", tries: 1, cause: refused("NoneType"), items: Items{1, 1, 0}},
		{name: "sys.exit is an exception", script: oneAtATime + "    if helper.once():\n        raise SystemExit(1)\n    return [calls]", text: "2\n", tries: 1, items: Items{1, 1, 0}},
		{name: "took too long: another try in another process", script: oneAtATime + "    if helper.once():\n        signal.pause()\n    return [calls]", change: quick,
			text: "1\n", tries: 1, cause: "run() took longer than the timeout", items: Items{1, 1, 0}, batches: MiniBatches{1, 1, 0}},
		{name: "killed: another try in another process", script: oneAtATime + "    if helper.once():\n        os.kill(os.getpid(), signal.SIGKILL)\n    return [calls]", text: "1\n", tries: 1,
			cause: "the process ended by signal 9 (killed), returncode -9", items: Items{1, 1, 0}, batches: MiniBatches{1, 1, 0}},
		{name: "attempts used up: given up, all its files failed", script: "def run(b):\n    if 'a02' in b[0]:\n        raise ValueError('cracked')\n    return b", files: 5,
			change: func(j *Job) { j.MiniBatchSize = 2 }, tries: 3, items: Items{5, 3, 2}, batches: MiniBatches{3, 2, 1}},
		{name: "timed out on every try: its files failed, and the job goes on", script: "import signal\ndef run(b):\n    if 'a01' in b[0]:\n        signal.pause()\n    return b", files: 3,
			change: func(j *Job) { quick(j); j.MiniBatchSize, j.MaxRetries = 1, new(2) }, tries: 2, items: Items{3, 2, 1}, batches: MiniBatches{3, 2, 1}},
	})
}

// TestRulesTries: maxRetries counts tries in total.
func TestRulesTries(t *testing.T) {
	always := "import helper\ndef run(b):\n    helper.note('run')\n    raise ValueError('always')"
	var rules []rule
	for _, r := range []struct {
		set   *int
		tries int
	}{{nil, 3}, {new(3), 3}, {new(1), 1}, {new(0), 1}, {new(5), 5}} {
		name := "not set"
		if r.set != nil {
			name = fmt.Sprint("maxRetries ", *r.set)
		}
		rules = append(rules, rule{name: name, script: always, change: func(j *Job) { j.MaxRetries = r.set }, reason: noSuccess, tries: r.tries,
			notes: slices.Repeat([]string{"run"}, r.tries)})
	}
	checkRules(t, rules)
}

// TestRulesTime: the time limit of a call.
func TestRulesTime(t *testing.T) {
	checkRules(t, []rule{
		{name: "init is held to the limit", script: "import helper, signal\ndef init():\n    if helper.once():\n        signal.pause()\ndef run(b):\n    return b", change: quick,
			tries: 1, cause: "init() took longer than the timeout", items: Items{1, 1, 0}},
		{name: "shutdown is held to the limit", script: echo + "import signal\ndef shutdown():\n    signal.pause()", change: quick,
			tries: 1, cause: "shutdown() took longer than the timeout", items: Items{1, 1, 0}},
		{name: "the traceback of a call that hangs", script: "import signal\ndef stuck():\n    signal.pause()\ndef run(b):\n    stuck()", change: func(j *Job) { quick(j); j.MaxRetries = new(1) },
			reason: noSuccess, cause: "in stuck"},
	})
}

// TestRulesNoProgress: a job in which nothing happens fails.
func TestRulesNoProgress(t *testing.T) {
	job := newJob(t, "import signal\nsignal.pause()", 1)
	s, err := newSettings(job)
	if err != nil {
		t.Fatal(err)
	}
	if want := 3 * (30*time.Second + 30*time.Second); s.noProgress != want {
		t.Errorf("patience of %v, want %v", s.noProgress, want)
	}
	s.noProgress = time.Second
	_, err = s.run(t.Context())
	var failure *Failure
	if !errors.As(err, &failure) || failure.Reason != "No progress update in 1 seconds." {
		t.Errorf("run = %v", err)
	}
}

// TestRulesInitFailures: init fails again and again.
func TestRulesInitFailures(t *testing.T) {
	const always = "import helper\ndef init():\n    helper.note('init')\n    raise OSError('no model')\ndef run(b):\n    helper.note('run')\n    return b"
	checkRules(t, []rule{
		{name: "once: a replacement tries again, and no try of the mini-batch is used up", script: "import helper\ndef init():\n    if helper.once():\n        raise OSError('once')\ndef run(b):\n    return b",
			change: func(j *Job) { j.MaxRetries = new(1) }, tries: 1, items: Items{1, 1, 0}},
		{name: "a node gives up after three failures of its process", script: always, reason: runFailed, cause: "OSError: no model", tries: 3, notes: []string{"init", "init", "init"},
			items: Items{1, 0, 0}, batches: MiniBatches{1, 0, 0}},
		{name: "a process that ends in init", script: "import os\ndef init():\n    os._exit(3)\ndef run(b):\n    return b", reason: runFailed, cause: "returncode 3", tries: 3},
		{name: "an import that fails on the other node only", script: "import os\nif os.environ['AZ_BATCH_IS_CURRENT_NODE_MASTER'] == 'false':\n    raise OSError('no disk')\ndef run(b):\n    return b",
			files: 8, change: func(j *Job) { j.MiniBatchSize, j.InstanceCount = 1, 2 }, cause: "import failed in process000 on node 1: OSError: no disk", items: Items{8, 8, 0}},
		{name: "the other node goes on", script: "import helper, os\ndef init():\n    if os.environ['AZ_BATCH_IS_CURRENT_NODE_MASTER'] == 'false':\n        raise OSError('no disk')\n    helper.note('init')\ndef run(b):\n    return b",
			files: 8, change: func(j *Job) { j.MiniBatchSize, j.InstanceCount = 1, 2 }, notes: []string{"init"}, items: Items{8, 8, 0}},
	})
}

// TestRulesInitFailuresOfAJob: a job that has run for more than two minutes gives up after two
// failures per process.
func TestRulesInitFailuresOfAJob(t *testing.T) {
	tests := []struct {
		name                       string
		spent                      time.Duration
		nodes, processes, failures int
		node, job                  bool // gives up
	}{
		{"early", time.Minute, 1, 1, 2, false, false},
		{"early, the node", time.Minute, 1, 1, 3, true, false},
		{"late", 121 * time.Second, 1, 1, 2, false, true},
		{"late, one failure", 121 * time.Second, 1, 1, 1, false, false},
		{"late, more processes", 121 * time.Second, 1, 3, 5, false, false},
		{"late, more processes failed", 121 * time.Second, 1, 3, 6, false, true},
		{"late, more nodes", 121 * time.Second, 2, 2, 7, true, false},
		{"at two minutes", 2 * time.Minute, 1, 1, 2, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			now := time.Unix(1_700_000_000, 0)
			e := &engine{settings: &settings{Job: Job{InstanceCount: tt.nodes, MaxConcurrencyPerInstance: tt.processes}}, started: now}
			e.now = func() time.Time { return now.Add(tt.spent) }
			ctx, abort := context.WithCancelCause(t.Context())
			e.abort = abort
			n, gaveUp := &node{}, false
			for range tt.failures {
				gaveUp = e.initFailed(n)
			}
			var failure *Failure
			job := errors.As(context.Cause(ctx), &failure)
			if diff := cmp.Diff([]bool{tt.node, tt.job}, []bool{gaveUp, job}); diff != "" {
				t.Errorf("limits of node and job (-want +got):\n%s", diff)
			}
			if job && failure.Detail != "init() keeps failing" {
				t.Errorf("detail %q", failure.Detail)
			}
		})
	}
}

// TestRulesErrorThreshold counts failed files over the whole input.
func TestRulesErrorThreshold(t *testing.T) {
	const half = "def run(b):\n    return [p for p in b if int(open(p).read()) % 2]"
	threshold := func(n int) func(*Job) {
		return func(j *Job) { j.MiniBatchSize, j.MaxRetries, j.ErrorThreshold = 2, new(1), &n }
	}
	checkRules(t, []rule{
		{name: "-1 ignores all", script: half, files: 8, change: threshold(-1), items: Items{8, 4, 4}},
		{name: "as many as the threshold may fail", script: half, files: 8, change: threshold(4), items: Items{8, 4, 4}},
		{name: "one more may not", script: half, files: 8, change: threshold(3), reason: "The number of failed items is 4, which exceeds error threshold 3.", items: Items{8, 4, 4}},
		{name: "0 ends the job at the first failure, while it runs", script: half, files: 80, change: threshold(0),
			reason: "The number of failed items is 1, which exceeds error threshold 0.", items: Items{80, 1, 1}, batches: MiniBatches{40, 1, 0}},
		{name: "the files of a mini-batch that was given up count", script: "def run(b):\n    raise ValueError('cracked')", files: 4, change: threshold(1),
			reason: "The number of failed items is 2, which exceeds error threshold 1.", cause: "ValueError: cracked", items: Items{4, 0, 2}, batches: MiniBatches{2, 0, 1}},
		{name: "append_row without one success fails at any threshold", script: "def run(b):\n    return []", files: 4, change: threshold(-1), reason: noSuccess, items: Items{4, 0, 4}},
		{name: "append_row without one success fails at a threshold that allows it", script: "def run(b):\n    raise ValueError('cracked')", files: 4, change: threshold(100), reason: noSuccess, cause: "ValueError: cracked"},
		{name: "summary_only without one success completes", script: "def run(b):\n    return []", files: 4, change: func(j *Job) { j.OutputAction = OutputActionSummaryOnly }, items: Items{4, 0, 4}},
	})
}

// TestRulesAtLeastOnce: a mini-batch whose result was not received runs again, and what the script
// wrote stays.
func TestRulesAtLeastOnce(t *testing.T) {
	checkRules(t, []rule{
		{name: "a process that dies while its rows are written", script: "import helper, os\nclass Row:\n    def __str__(self):\n        if helper.once():\n            os._exit(1)\n        return 'last'\n" +
			"def run(b):\n    helper.note('run')\n    return ['x'] * 20000 + [Row()]", text: strings.Repeat("x\n", 20000) + "last\n", notes: []string{"run", "run"}, tries: 1},
		{name: "an element that has no text", script: "import helper\nclass Row:\n    def __str__(self):\n        if helper.once():\n            raise ValueError('no text')\n        return 'last'\n" +
			"def run(b):\n    helper.note('run')\n    return ['x'] * 20000 + [Row()]", text: strings.Repeat("x\n", 20000) + "last\n", notes: []string{"run", "run"}, tries: 1, cause: "no text"},
		{name: "files of the script's own are written again", script: "import helper, os\ndef run(b):\n    with open(os.path.join(os.environ['AZUREML_BI_OUTPUT_PATH'], 'own.txt'), 'a') as f:\n        f.write('once\\n')\n" +
			"    if helper.once():\n        raise ValueError('after the work')\n    helper.note(open(f.name).read().count('once'))\n    return b", notes: []string{"2"}, tries: 1},
	})
}

func TestRulesMoreRowsThanFilesIsAWarning(t *testing.T) {
	job := newJob(t, "def run(b):\n    return ['x'] * 7", 2)
	if _, err := Run(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	if text := logText(t, job, "logs/sys/node/0/process000.txt"); !strings.Contains(text, "|WARNING|") || !strings.Contains(text, "run() returned 7 items for 2 files") {
		t.Errorf("no warning in\n%s", text)
	}
}
