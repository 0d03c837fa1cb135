package ui

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/azmlbatch/azmlbatch"
)

// logsPage shows the logs of a job as a tree.
var logsPage = page{pattern: "/jobs/{job}/logs", template: "logs.html", load: loadLogs}

// logsView is what the tree of logs shows.
type logsView struct {
	Job   string
	Done  bool
	Tree  logFolder
	Count int
}

// A logFolder is a folder of the tree.
type logFolder struct {
	Name    string
	Folders []logFolder
	Files   []logFile
	// Open says that its content shows at first. The engine's own logs are for rare days.
	Open bool
}

// A logFile is a log in a folder.
type logFile struct {
	Job, Path, Name string
	Size            int64
}

func loadLogs(ctx context.Context, h *Handler, v visit) (view, error) {
	job := v.path("job")
	logs, done, err := h.logsOf(ctx, job)
	if err != nil {
		return view{}, err
	}
	files := make([]logFile, len(logs))
	for i, l := range logs {
		files[i] = logFile{Job: job, Path: l.Name, Size: l.Size}
	}
	data := logsView{Job: job, Done: done, Tree: newLogFolder("", "", files), Count: len(files)}
	return view{title: "Logs", section: "Jobs", live: !done, data: data}, nil
}

// logsOf lists the logs of a job, or of a step of a pipeline, and says whether they are complete. A job
// whose script has not started has none. Of a step the service tells no status here, so that its logs
// count as complete: they are as they were when the page was opened.
func (h *Handler) logsOf(ctx context.Context, job string) ([]azmlbatch.JobLog, bool, error) {
	j, err := h.client.Jobs().Get(ctx, job)
	if err != nil {
		return nil, false, err
	}
	var logs []azmlbatch.JobLog
	for l, err := range h.client.Jobs().ListLogs(ctx, job) {
		if errors.Is(err, azmlbatch.ErrNotFound) {
			break
		}
		if err != nil {
			return nil, false, err
		}
		logs = append(logs, l)
	}
	return logs, j.Status.Done() || j.Status == "", nil
}

// newLogFolder makes the tree of the files below a folder.
func newLogFolder(name, prefix string, files []logFile) logFolder {
	folder := logFolder{Name: name, Open: prefix != "logs/sys/" && prefix != "logs/azureml/"}
	below := map[string][]logFile{}
	for _, f := range files {
		first, _, deeper := strings.Cut(strings.TrimPrefix(f.Path, prefix), "/")
		if deeper {
			below[first] = append(below[first], f)
			continue
		}
		f.Name = first
		folder.Files = append(folder.Files, f)
	}
	for first, inside := range below {
		folder.Folders = append(folder.Folders, newLogFolder(first, prefix+first+"/", inside))
	}
	slices.SortFunc(folder.Folders, func(a, b logFolder) int { return cmp.Compare(a.Name, b.Name) })
	return folder
}
