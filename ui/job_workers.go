package ui

import (
	"cmp"
	"context"
	"regexp"
	"slices"

	"github.com/azmlbatch/azmlbatch"
)

// A worker is a process that runs the script.
type worker struct {
	Node, Process string
	Now           string // the last line of what the engine writes about it
	Tally         tally
	HasTally      bool
	Log           string // of what the script printed there; empty if there is none

	seen int64 // size of the log that Now is from
}

// workerLog is the name of a log of one process: the kind, the node and the process.
var workerLog = regexp.MustCompile(`^logs/(sys/node|user/stdout)/([^/]+)/(process\d+)`)

// maxWorkerLogs is how many logs of workers one look reads; the next look reads others.
const maxWorkerLogs = 6

// workers are all workers of a job by node and process.
type workers map[string]*worker

// look finds the workers among the logs of a job, and reads what some of them do now.
func (w workers) look(ctx context.Context, jobs azmlbatch.JobsClient, logs []azmlbatch.JobLog) error {
	reads := 0
	for _, l := range logs {
		m := workerLog.FindStringSubmatch(l.Name)
		if m == nil {
			continue
		}
		key := m[2] + "/" + m[3]
		one := w[key]
		if one == nil {
			one = &worker{Node: m[2], Process: m[3]}
			w[key] = one
		}
		if m[1] == "user/stdout" {
			one.Log = l.Name
			continue
		}
		if l.Size == one.seen || reads >= maxWorkerLogs {
			continue
		}
		reads++
		line, err := lastLine(ctx, jobs, l)
		if err != nil {
			return err
		}
		one.Now, one.seen = line, l.Size
	}
	return nil
}

// list is the workers in their order, with what the report says of each. The report names processes
// without their node, so it says nothing if two nodes have a process of the same name.
func (w workers) list(r *report) []worker {
	names := map[string]int{}
	for _, one := range w {
		names[one.Process]++
	}
	all := make([]worker, 0, len(w))
	for key, one := range w {
		row := *one
		row.Tally, row.HasTally = r.tally[key]
		if !row.HasTally && names[row.Process] == 1 {
			row.Tally, row.HasTally = r.tally[row.Process]
		}
		all = append(all, row)
	}
	slices.SortFunc(all, func(a, b worker) int {
		return cmp.Or(cmp.Compare(len(a.Node), len(b.Node)), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Process, b.Process))
	})
	return all
}
