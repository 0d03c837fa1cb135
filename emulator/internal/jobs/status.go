package jobs

import (
	"encoding/json"
	"strings"
)

// Statuses of a job and of its runs.
const (
	Queued          = "Queued"
	Preparing       = "Preparing"
	Running         = "Running"
	CancelRequested = "CancelRequested"
	Completed       = "Completed"
	Failed          = "Failed"
	Canceled        = "Canceled"
)

// isTerminal tells whether a job with this status has ended.
func isTerminal(status string) bool {
	switch status {
	case Completed, Failed, Canceled:
		return true
	}
	return false
}

// next is the number after a revision.
func next(revision any) any {
	switch n := revision.(type) {
	case json.Number:
		if i, err := n.Int64(); err == nil {
			return i + 1
		}
	case int:
		return n + 1
	}
	return 1
}

func lastSegment(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }
