package jobs

// Statuses of a job and of its runs.
const (
	NotStarted      = "NotStarted"
	Starting        = "Starting"
	Queued          = "Queued"
	Preparing       = "Preparing"
	Running         = "Running"
	CancelRequested = "CancelRequested"
	Completed       = "Completed"
	Failed          = "Failed"
	Canceled        = "Canceled"
)

// IsTerminal reports whether a job with this status has ended.
func IsTerminal(status string) bool {
	switch status {
	case Completed, Failed, Canceled:
		return true
	}
	return false
}
