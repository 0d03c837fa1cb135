package azmlbatch

// JobStatus is the state of a job. A status that this package does not know means that the job still goes on.
type JobStatus string

// The statuses that the service documents. Completed, Failed and Canceled are the ends of a batch job.
const (
	JobNotStarted      JobStatus = "NotStarted"      // taken by the service, nothing done yet
	JobStarting        JobStatus = "Starting"        // being set up
	JobProvisioning    JobStatus = "Provisioning"    // waiting for compute to be made
	JobPreparing       JobStatus = "Preparing"       // the state of the answer to an invocation; images are built and data is mounted
	JobQueued          JobStatus = "Queued"          // waiting for nodes; free ones, or ones that have to start first
	JobRunning         JobStatus = "Running"         // of a batch job it says nothing about the script: its child may still be queued
	JobFinalizing      JobStatus = "Finalizing"      // outputs and logs are collected
	JobCancelRequested JobStatus = "CancelRequested" // somebody has asked for its end
	JobCompleted       JobStatus = "Completed"       // ended; files may have failed all the same, see [JobsClient.Counts]
	JobFailed          JobStatus = "Failed"          // ended; [JobFailedError] says why
	JobCanceled        JobStatus = "Canceled"        // ended because somebody asked for it, or the nodes were lost
	JobNotResponding   JobStatus = "NotResponding"   // the nodes have not been heard of; it may come back
	JobPaused          JobStatus = "Paused"          // stopped for the time being
	JobUnknown         JobStatus = "Unknown"         // the service does not know
)

// Done reports whether the job has ended: Completed, Failed or Canceled.
func (s JobStatus) Done() bool { return s == JobCompleted || s == JobFailed || s == JobCanceled }
