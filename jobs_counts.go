package azmlbatch

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// JobCounts are the files and mini-batches of a job. A number that is not known is -1.
//
// With an error threshold of -1, the default, a job with failed files ends as Completed, and its
// predictions lack them: only FilesFailed shows it.
type JobCounts struct {
	// Files is the number of files of the input.
	Files int
	// FilesDone is the number of files processed, including failed ones.
	FilesDone int
	// FilesFailed is the number of files for which the script gave no result.
	FilesFailed int
	// MiniBatches is the number of mini-batches of the input.
	MiniBatches int
	// MiniBatchesDone is the number of mini-batches processed, including failed ones.
	MiniBatchesDone int
}

// String gives, for example, "3 of 10 files done, 1 failed; 1 of 4 mini-batches done", with ? for
// unknown numbers.
func (c JobCounts) String() string {
	text := func(n int) string {
		if n < 0 {
			return "?"
		}
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s of %s files done, %s failed; %s of %s mini-batches done",
		text(c.FilesDone), text(c.Files), text(c.FilesFailed), text(c.MiniBatchesDone), text(c.MiniBatches))
}

func unknownCounts() JobCounts { return JobCounts{-1, -1, -1, -1, -1} }

// Counts reads how many files of a job are done and how many failed, during the job and after it.
// It makes two requests, and a few more if the job's metrics are incomplete and it must read the
// logs. A job that has not started, or that has neither, is [ErrNotFound].
func (j JobsClient) Counts(ctx context.Context, name string) (JobCounts, error) {
	op := operation{"count files of", "job", name}
	if err := cmp.Or(checkName(op, "name", name), j.c.ready(op)); err != nil {
		return unknownCounts(), err
	}
	return inSpan(ctx, j.c, op, func(ctx context.Context) (JobCounts, error) {
		counts, err := (&jobCounter{jobs: j, name: name}).read(ctx, "")
		if err == nil && counts == unknownCounts() {
			err = op.found(ErrNotFound, "neither the job's metrics nor its logs have counts", "its script may not have started yet")
		}
		return counts, err
	})
}

// jobCounter counts the files of one job, repeatedly while it runs.
type jobCounter struct {
	jobs     JobsClient
	name     string
	step     *JobStep  // that runs the script, once found
	fromLogs JobCounts // the last from the logs
	logsRead time.Time
}

// logsKeep is how long counts from a running job's logs stay valid: the engine writes its overview
// every ten seconds.
const logsKeep = 10 * time.Second

// read asks for the step's metrics: one request, once the step is found. If they have no counts it
// reads the logs; if they are incomplete and the job has ended, the engine's report. An empty
// status means the step's.
func (k *jobCounter) read(ctx context.Context, status JobStatus) (JobCounts, error) {
	if k.step == nil {
		step, err := k.jobs.scoringStep(ctx, k.name)
		if err != nil {
			return unknownCounts(), err
		}
		k.step = &step
	}
	status = JobStatus(cmp.Or(string(status), string(k.step.Status)))
	counts, err := k.jobs.metricCounts(ctx, k.step.artifacts())
	counts = counts.whole(status)
	switch now := k.jobs.c.clock.now(); {
	case counts.Files >= 0 && counts.FilesFailed >= 0, counts != unknownCounts() && !status.Done():
		return counts, nil
	case !status.Done() && !k.logsRead.IsZero() && now.Sub(k.logsRead) < logsKeep:
		return k.fromLogs, nil
	default:
		k.logsRead = now
	}
	fromLogs, logErr := k.jobs.logCounts(ctx, k.name, *k.step, status.Done())
	k.fromLogs = fromLogs
	if counts = fromLogs.or(counts).whole(status); counts != unknownCounts() {
		return counts, nil
	}
	if err != nil && logErr != nil {
		return counts, &alsoError{logErr, err, "reading the metrics failed"}
	}
	return counts, cmp.Or(err, logErr)
}

// whole counts everything as done if the job is Completed, because its last metrics may come late.
func (c JobCounts) whole(status JobStatus) JobCounts {
	if status == JobStatusCompleted {
		c.Files, c.MiniBatches = max(c.Files, c.FilesDone), max(c.MiniBatches, c.MiniBatchesDone)
		c.FilesDone, c.MiniBatchesDone = c.Files, c.MiniBatches
	}
	return c
}

// or fills in unknown numbers from another source.
func (c JobCounts) or(other JobCounts) JobCounts {
	pick := func(own, other int) int {
		if own < 0 {
			return other
		}
		return own
	}
	return JobCounts{pick(c.Files, other.Files), pick(c.FilesDone, other.FilesDone), pick(c.FilesFailed, other.FilesFailed),
		pick(c.MiniBatches, other.MiniBatches), pick(c.MiniBatchesDone, other.MiniBatchesDone)}
}

// metricCounts reads the metrics of a run through MLflow's REST API, which gives the last value of
// all of them at once. The engine of 2020 logs "Failed Items", "Total Items", "Remaining Items",
// "Remaining Mini Batches" and "Total MiniBatches", which a user saw as "Total Mini Batches" in
// 2022 (MachineLearningNotebooks issue 1703). The remaining numbers are logged from the first
// finished mini-batch on, above a thousand mini-batches less often, so a running job's counts may
// lag.
func (j JobsClient) metricCounts(ctx context.Context, run string) (JobCounts, error) {
	counts := unknownCounts()
	u, err := j.c.dataPlaneURL(ctx, "mlflow/v1.0", "api", "2.0", "mlflow", "runs", "get")
	if err != nil {
		return counts, err
	}
	answer, err := do[struct {
		Run struct {
			Data struct {
				Metrics []struct {
					Key   string `json:"key"`
					Value number `json:"value"`
				} `json:"metrics"`
			} `json:"data"`
		} `json:"run"`
	}](ctx, j.c, request{op: operation{"read metrics of", "run", run}, plane: j.c.data, method: http.MethodGet, url: u,
		query: url.Values{"run_id": {run}}})
	if err != nil {
		return counts, err
	}
	metrics := map[string]int{}
	for _, m := range answer.Run.Data.Metrics {
		if m.Value < 0 || m.Value > maxCount {
			continue
		}
		metrics[strings.ToLower(strings.ReplaceAll(m.Key, " ", ""))] = int(m.Value)
	}
	counts.Files, counts.FilesDone = totalAndDone(metrics, "totalitems", "remainingitems")
	counts.MiniBatches, counts.MiniBatchesDone = totalAndDone(metrics, "totalminibatches", "remainingminibatches")
	if failed, ok := metrics["faileditems"]; ok {
		counts.FilesFailed = failed
	}
	return counts, nil
}

const maxCount = 1e15 // beyond it a float is no count

func totalAndDone(metrics map[string]int, total, remaining string) (int, int) {
	all, ok := metrics[total]
	if !ok {
		return -1, -1
	}
	left, ok := metrics[remaining]
	if !ok {
		left = all
	}
	return all, max(0, all-left)
}

// logCounts reads the counts from a step's logs: if the job has ended, from the engine's report,
// which has a line for each try of a mini-batch; else from the newest overview.
func (j JobsClient) logCounts(ctx context.Context, job string, step JobStep, ended bool) (JobCounts, error) {
	logs, err := j.listLogs(ctx, job, step)
	if err != nil {
		return unknownCounts(), err
	}
	if at := slices.IndexFunc(logs, func(l JobLog) bool { return l.Name == miniBatchReport }); at >= 0 && ended {
		r, err := j.OpenLog(ctx, logs[at])
		if err != nil {
			return unknownCounts(), err
		}
		defer r.Close()
		report, err := readReport(r)
		return report.counts, err
	}
	newest := JobLog{}
	for _, l := range logs {
		if strings.HasPrefix(l.Name, overviewPrefix) && l.Name > newest.Name {
			newest = l
		}
	}
	if newest.Name == "" {
		return unknownCounts(), nil
	}
	r, err := j.openLogAt(ctx, newest, max(0, newest.Size-overviewTail))
	if err != nil {
		return unknownCounts(), err
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, 2*overviewTail))
	return overviewCounts(string(text)), err
}

const (
	overviewPrefix = "logs/job_progress_overview" // .{yyyymmddhh}.txt; a new one each day
	overviewTail   = 16 << 10
)

var (
	processedPattern    = regexp.MustCompile(`(?i)processed\s+(\d+)\s+of\s+(\d+)`)
	allProcessedPattern = regexp.MustCompile(`(?i)all\s+(\d+)\s+[a-z\s-]*processed`)
)

// overviewCounts finds the last count of mini-batches in the engine's wording of 2020. Today's is
// not documented; lines that look different are skipped.
func overviewCounts(text string) JobCounts {
	counts := unknownCounts()
	for line := range strings.Lines(text) {
		if m := processedPattern.FindStringSubmatch(line); m != nil {
			counts.MiniBatchesDone, counts.MiniBatches = count(m[1]), count(m[2])
		} else if m := allProcessedPattern.FindStringSubmatch(line); m != nil {
			counts.MiniBatchesDone, counts.MiniBatches = count(m[1]), count(m[1])
		}
	}
	return counts
}

// count reads a number; -1 if the text is not one.
func count(text string) int {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 0 || float64(n) > maxCount {
		return -1
	}
	return n
}

// number is a JSON number, also when it comes as text.
type number float64

// UnmarshalJSON reads 12, 12.5 and "12".
func (n *number) UnmarshalJSON(b []byte) error {
	var f json.Number
	if err := json.Unmarshal([]byte(strings.Trim(string(b), `"`)), &f); err != nil {
		return nil //nolint:nilerr // a metric that cannot be read is no reason to fail
	}
	v, _ := f.Float64()
	*n = number(v)
	return nil
}
