package azmlbatch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"regexp"
	"strings"
	"time"
)

// A JobLog is one log file of a job.
type JobLog struct {
	// Name is the path within the job's logs, for example "logs/job_result.txt".
	Name string
	// Size in bytes when it was listed; logs grow while the job runs.
	Size int64
	// URI is the place, azureml://datastores/workspaceartifactstore/paths/….
	URI string
}

var nodePattern = regexp.MustCompile(`/([^/]+)/(process\d+)[^/]*$`)

func (l JobLog) node() string {
	if m := nodePattern.FindStringSubmatch(l.Name); m != nil {
		return m[1]
	}
	return ""
}

func (l JobLog) process() string {
	if m := nodePattern.FindStringSubmatch(l.Name); m != nil {
		return m[2]
	}
	return ""
}

// artifactStore is the datastore that holds the logs of every job, and artifactPrefix the folder of
// one run.
const artifactStore = "workspaceartifactstore"

func artifactPrefix(run string) string { return "ExperimentRun/dcid." + run + "/" }

// ListLogs iterates over the log files of the step that runs the script; the job itself has only
// orchestration lines. It works while the job runs and after. A job whose step has not started yet
// is [ErrNotFound]. For a pipeline of several steps, name is the RunID of one of
// [JobsClient.ListSteps].
func (j JobsClient) ListLogs(ctx context.Context, name string) iter.Seq2[JobLog, error] {
	return inLoop(j.c, operation{"list logs of", "job", name}, func(yield func(JobLog, error) bool) {
		step, err := j.scoringStep(ctx, name)
		if err != nil {
			yield(JobLog{}, err)
			return
		}
		logs, err := j.listLogs(ctx, name, step)
		if err != nil {
			yield(JobLog{}, err)
			return
		}
		for _, l := range logs {
			if !yield(l, nil) {
				return
			}
		}
	})
}

// listLogs lists the logs of a step of a job.
func (j JobsClient) listLogs(ctx context.Context, job string, step JobStep) ([]JobLog, error) {
	op := operation{"list logs of", "job", job}
	prefix := artifactPrefix(step.artifacts())
	at, err := j.c.blobPlace(ctx, op, placeURI(artifactStore, prefix))
	if err != nil {
		return nil, err
	}
	var logs []JobLog
	for b, err := range j.c.listBlobs(ctx, op, at) {
		if err != nil {
			return nil, err
		}
		name := strings.TrimPrefix(b.Name, prefix)
		logs = append(logs, JobLog{Name: name, Size: b.Size, URI: placeURI(artifactStore, b.Name)})
	}
	return logs, nil
}

// OpenLog reads a log from its beginning to its present end. The caller closes it. A broken
// connection is resumed where it broke. A missing log is [ErrNotFound].
func (j JobsClient) OpenLog(ctx context.Context, l JobLog) (io.ReadCloser, error) {
	return j.openLogAt(ctx, l, 0)
}

// OpenLogAt reads a log from an offset in bytes to its present end, so that a part of a long log can
// be read. An offset at or after the end gives an empty reader; a negative one is an
// [*ArgumentError]. The caller closes the reader.
func (j JobsClient) OpenLogAt(ctx context.Context, l JobLog, offset int64) (io.ReadCloser, error) {
	if offset < 0 {
		return nil, operation{"read", "log", l.Name}.invalid("offset", fmt.Sprintf("is %d", offset), "count bytes from the beginning")
	}
	r, err := j.openLogAt(ctx, l, offset)
	if HasCode(err, "InvalidRange") {
		return io.NopCloser(strings.NewReader("")), nil
	}
	return r, err
}

// openLogAt reads a log from an offset to its present end. An offset at or after the end is an
// error of storage with the code InvalidRange.
func (j JobsClient) openLogAt(ctx context.Context, l JobLog, offset int64) (io.ReadCloser, error) {
	op := operation{"read", "log", l.Name}
	at, err := j.c.blobPlace(ctx, op, l.URI)
	if err != nil {
		return nil, err
	}
	return j.c.openBlobAt(ctx, op, at, offset)
}

// FollowLogsOptions tune [JobsClient.FollowLogs]. Nil means the defaults.
type FollowLogsOptions struct {
	// Match chooses logs by their names, such as "logs/user/stdout/0/process000.stdout.txt". Nil
	// chooses what the script prints and logs, its errors, and the engine's progress and result in
	// words; the engine's own logs in logs/sys are left out, and so is logs/user/error, whose lines
	// are in job_error too.
	Match func(log string) bool
	// Interval between two looks. Zero, or less, means a quarter of a second at first, and more up to
	// five seconds for long jobs.
	Interval time.Duration
	// Once ends the loop after one look: with the lines that there are now. While the job runs,
	// the last line of a log may be missing because it is not complete.
	Once bool
}

// A LogLine is a line of one of a job's logs.
type LogLine struct {
	// Log is the name of the log, as in [JobLog].
	Log string
	// Text is the line without its end. A line longer than 64 KiB comes in pieces, and the last
	// line of a job comes whether it has an end or not.
	Text string
}

// scriptLogs are the logs that people read. Names of the older runtime are among them.
var scriptLogs = regexp.MustCompile(`^(logs/(job_error|job_progress_overview|job_result)|logs/user/(stdout|stderr|entry_script_log)/|user_logs/std_log|azureml-logs/70_driver_log)`)

// FollowLogs yields the lines of a job's logs as they are written, until the job has ended and
// everything is read. It can start at any time: a queued job has no lines yet, and a job that has
// ended has all of them at once. Lines of one log come in their order; new lines of several logs
// come log by log, in the order of the logs' names. New logs, such as the overview of the next day,
// are picked up; a truncated log is read from the start.
//
// Each look makes two requests, and one for each log that has grown. Only the new part of a log is
// read. A job that fails is no error here, see [JobsClient.Wait]. Leaving the loop, or the end of
// ctx, stops the reading and not the job.
func (j JobsClient) FollowLogs(ctx context.Context, name string, options *FollowLogsOptions) iter.Seq2[LogLine, error] {
	o := orZero(options)
	if o.Match == nil {
		o.Match = scriptLogs.MatchString
	}
	return func(yield func(LogLine, error) bool) {
		op := operation{"follow logs of", "job", name}
		if err := j.c.ready(op); err != nil {
			yield(LogLine{}, err)
			return
		}
		var last error
		ctx, end := j.c.begin(ctx, op, slog.LevelInfo)
		defer end(&last)
		if err := checkName(op, "name", name); err != nil {
			yield(LogLine{}, err)
			return
		}
		f := &logFollower{jobHandler: jobHandler{jobs: j, name: name, verb: op.verb}, match: o.Match, places: map[string]logPlace{}}
		for _, err := range newPoller(j.c, op, f, jobSchedule).polls(ctx, o.Interval) {
			if err == nil {
				err = f.news(ctx, func(l LogLine) bool { return yield(l, nil) })
			}
			if errors.Is(err, errLeft) {
				return
			}
			if last = op.failed(err); err != nil {
				yield(LogLine{}, last)
			}
			if err != nil || o.Once && f.job.Name != "" {
				return
			}
		}
	}
}

// logFollower polls a job as a wait does. It does not look for the cause of a failure, because the
// caller reads the logs anyway.
type logFollower struct {
	jobHandler
	match  func(string) bool
	step   *JobStep // that runs the script, once it is there
	places map[string]logPlace
}

// logPlace says how far a log has been read.
type logPlace struct {
	read int64 // what the caller has
	size int64 // of the log when it was read
}

func (f *logFollower) poll(ctx context.Context) (pollState, error) { return f.ask(ctx) }

// errLeft says that the caller left the loop.
var errLeft = errors.New("left")

// news yields what has been added to the logs since the last look.
func (f *logFollower) news(ctx context.Context, yield func(LogLine) bool) error {
	if f.step == nil {
		if _, err := f.jobs.c.dataPlaneBase(ctx); err != nil {
			return err // a workspace that is not found is not a job without steps
		}
		step, err := f.jobs.scoringStep(ctx, f.name)
		if errors.Is(err, ErrNotFound) {
			return nil // not yet; of a job that has ended, never
		}
		if err != nil {
			return err
		}
		f.step = &step
	}
	logs, err := f.jobs.listLogs(ctx, f.name, *f.step)
	if err != nil {
		return err
	}
	for _, l := range logs {
		if !f.match(l.Name) {
			continue
		}
		at := f.places[l.Name]
		if l.Size < at.size {
			at = logPlace{}
			f.places[l.Name] = at // also if there is nothing to read yet: next time it may be longer than it ever was
		}
		if l.Size == at.read || l.Size == at.size && !f.job.Status.Done() {
			continue
		}
		f.places[l.Name] = logPlace{at.read, l.Size}
		if err := f.lines(ctx, l, yield); err != nil && !errors.Is(err, ErrNotFound) && !HasCode(err, "InvalidRange") {
			return err // a log that was cut or deleted since the listing is read at the next look
		}
	}
	return nil
}

// maxLogLine limits the memory for a line without an end.
const maxLogLine = 64 << 10

// lines yields the new lines of one log. A line without an end is left for the next look.
func (f *logFollower) lines(ctx context.Context, l JobLog, yield func(LogLine) bool) error {
	at := f.places[l.Name]
	r, err := f.jobs.openLogAt(ctx, l, at.read)
	if err != nil {
		return err
	}
	defer r.Close()
	lines := bufio.NewReaderSize(r, maxLogLine)
	for {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			if len(line) == 0 || !f.job.Status.Done() {
				return nil
			}
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return storageError(operation{"read", "log", l.Name}, err)
		}
		at.read += int64(len(line))
		f.places[l.Name] = at
		if !yield(LogLine{Log: l.Name, Text: strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")}) {
			return errLeft
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
	}
}
