package azmlbatch

// JobStatus is the state of a job. A status that this package does not know means that the job still goes on.
type JobStatus string

// The statuses that the service documents. Completed, Failed and Canceled are the ends of a batch job.
const (
	JobStatusNotStarted      JobStatus = "NotStarted"      // taken by the service, nothing done yet
	JobStatusStarting        JobStatus = "Starting"        // being set up
	JobStatusProvisioning    JobStatus = "Provisioning"    // waiting for compute to be made
	JobStatusPreparing       JobStatus = "Preparing"       // the state of the answer to an invocation; images are built and data is mounted
	JobStatusQueued          JobStatus = "Queued"          // waiting for nodes; free ones, or ones that have to start first
	JobStatusRunning         JobStatus = "Running"         // of a batch job it says nothing about the script: its step may still be queued
	JobStatusFinalizing      JobStatus = "Finalizing"      // outputs and logs are collected
	JobStatusCancelRequested JobStatus = "CancelRequested" // somebody has asked for its end
	JobStatusCompleted       JobStatus = "Completed"       // ended; files may have failed all the same, see [JobsClient.Counts]
	JobStatusFailed          JobStatus = "Failed"          // ended; [JobFailedError] says why
	JobStatusCanceled        JobStatus = "Canceled"        // ended because somebody asked for it, or the nodes were lost
	JobStatusNotResponding   JobStatus = "NotResponding"   // the nodes have not been heard of; it may come back
	JobStatusPaused          JobStatus = "Paused"          // stopped for the time being
	JobStatusUnknown         JobStatus = "Unknown"         // the service does not know
)

// Done reports whether the job has ended: Completed, Failed or Canceled.
func (s JobStatus) Done() bool {
	return s == JobStatusCompleted || s == JobStatusFailed || s == JobStatusCanceled
}
