package azmlbatch

import (
	"context"
	"io"
	"iter"
	"regexp"
	"strings"
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

// artifactStore is the datastore that holds the logs of every job, and artifactPrefix the folder of one run.
const artifactStore = "workspaceartifactstore"

func artifactPrefix(run string) string { return "ExperimentRun/dcid." + run + "/" }

// ListLogs iterates over the log files of the step that runs the script; the job itself has only orchestration lines. It works while
// the job runs and after.
func (j JobsClient) ListLogs(ctx context.Context, name string) iter.Seq2[JobLog, error] {
	return func(yield func(JobLog, error) bool) {
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
	}
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

// OpenLog reads a log from its beginning to where it ends now. The caller closes it.
func (j JobsClient) OpenLog(ctx context.Context, l JobLog) (io.ReadCloser, error) {
	return j.openLogAt(ctx, l, 0)
}

// openLogAt reads a log from an offset to where it ends now. An offset at the end or behind it is an error of storage,
// code InvalidRange.
func (j JobsClient) openLogAt(ctx context.Context, l JobLog, offset int64) (io.ReadCloser, error) {
	op := operation{"read log", "of job", l.Name}
	at, err := j.c.blobPlace(ctx, op, l.URI)
	if err != nil {
		return nil, err
	}
	return j.c.openBlobAt(ctx, op, at, offset)
}
