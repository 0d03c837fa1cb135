package scoring

// Status is how a job ended, in the service's words.
type Status string

const (
	// StatusCompleted means that every mini-batch was handled within the error threshold. Files may
	// have failed.
	StatusCompleted Status = "Completed"
	// StatusFailed means that the job ended with an error, such as a [*Failure].
	StatusFailed Status = "Failed"
	// StatusCanceled means that the context ended first.
	StatusCanceled Status = "Canceled"
)

// Items counts input files.
type Items struct {
	// Total is the number of files in the input.
	Total int `json:"total"`
	// Succeeded is the number of rows that run returned, at most one per file of the mini-batch.
	Succeeded int `json:"succeeded"`
	// Failed is the number of files without a row, including all files of a mini-batch that
	// ran out of tries.
	Failed int `json:"failed"`
}

// MiniBatches counts mini-batches.
type MiniBatches struct {
	// Total is the number of mini-batches in the input.
	Total int `json:"total"`
	// Processed counts those for which run returned, whatever it returned.
	Processed int `json:"processed"`
	// Failed counts those that ran out of tries.
	Failed int `json:"failed"`
}

// Progress is how far a job is.
type Progress struct {
	Items       Items       `json:"items"`
	MiniBatches MiniBatches `json:"miniBatches"`
}

// Result is the outcome of a job. If the job did not complete, the counts are those when it ended.
type Result struct {
	Status      Status      `json:"status"`
	Items       Items       `json:"items"`
	MiniBatches MiniBatches `json:"miniBatches"`
	// OutputFile is the path of the file with all rows. Empty with SummaryOnly and when the job did
	// not complete.
	OutputFile string `json:"outputFile"`
	// ScriptErrors is the number of calls of the script that failed or returned fewer rows than
	// files. It includes tries that later succeeded.
	ScriptErrors int `json:"scriptErrors"`
	// FirstError is the first call that failed. If none failed, it is the first that returned fewer
	// rows than files. Nil means that there is no such call. A completed job can have a FirstError.
	FirstError *ScriptError `json:"-"`
}
