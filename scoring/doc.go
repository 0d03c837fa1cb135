// Package scoring runs a batch scoring script over a folder of files by the rules of Azure Machine Learning's batch
// endpoints, on this machine, without an Azure account.
//
// A batch endpoint cuts its input into mini-batches, hands them to worker processes that have imported the user's
// script, retries what fails, counts what succeeded and joins what came back into one file. This package does the
// same, so that a script that would end in the cloud after ten minutes with "exit code 42" ends here in a second, with
// the cause:
//
//	result, err := scoring.Run(ctx, scoring.Job{
//		Code:   "code",          // folder with score.py and what it imports
//		Script: "score.py",      // has run(mini_batch), and init() and shutdown() if it likes
//		Model:  "model",         // shown to the script as $AZUREML_MODEL_DIR/model
//		Input:  "images",        // every file at the top level of this folder
//		Output: "scored",        // gets predictions.csv
//	})
//	var failure *scoring.Failure
//	if errors.As(err, &failure) {
//		fmt.Println(failure)              // the service's sentence and the user's own traceback
//		fmt.Println(failure.Cause.File)   // the input file that the script was at
//	}
//
// # What a script may rely on
//
// The script is imported by module name (sub/score.py as sub.score) with the code folder first on sys.path. init is
// called once in every worker process, before its first mini-batch; run is called with a list of full paths and
// returns a list, a tuple or a pandas DataFrame; shutdown is called once in every process at a normal end. Settings
// not given take the service's defaults. AZUREML_MODEL_DIR, AZUREML_BI_OUTPUT_PATH, the driver's options in sys.argv
// and azureml_user.parallel_run.EntryScript are there.
//
// Of the environment of this process a script sees the variables that every program needs, such as
// PATH and HOME, and those that [Job.ScriptEnv] names. That keeps secrets from slipping into scripts and
// their logs. It is no wall: a script runs as the user of this process and can read what that user can.
//
// A Go function can take the script's place: see [Func].
//
// # MLflow models without a script
//
// A job with neither Code nor Script whose Model is a folder with a file MLmodel is scored by Python's own mlflow: predict
// is called once for each file. A .csv, .parquet or .pqt file comes as a DataFrame with the types of the model's column
// signature; a .png, .jpg, .jpeg, .tiff, .bmp or .gif file as an array in the shape of its tensor signature, else as bytes. A
// file of another type, or with a value that does not fit, fails its mini-batch, and the worker's stdout log says which. The
// output is comma-separated: the row's number in its file (tabular files only), the prediction's columns, the file's name.
//
// # The environment
//
// Scripts get the host's Python with the packages that it has. With [Job.Environment] they get a virtual environment with
// the packages of a deployment's own conda file or requirements.txt, built once and kept.
//
// # What ends a job
//
// An exception, a wrong return type, a call that takes longer than [Job.Timeout] and a process that dies each use up
// one try of the mini-batch; a mini-batch without tries left counts all its files as failed. The job fails when the
// script cannot be imported, when init keeps failing, when more files failed than [Job.ErrorThreshold] allows, when
// append_row got not one row, and when nothing moves for a long time. It returns a [*Failure] then. With the default
// threshold of -1 a job with failed files completes: look at [Result.Items].
//
// # What it leaves behind
//
// Worker processes run in process groups of their own and end with the job, together with what they
// started. On Linux a child that has left its process group is found by the environment that it was
// started with; one that was started with an empty environment and has left the group survives.
//
// Code and model folders are only read. Temporary folders are removed. A failed or cancelled job has
// no output file; what its processes had written stays in the output folder in files named temp_…,
// as the service leaves it.
//
// When the engine itself is killed, a small Python process beside it ends the workers and their
// children and removes the temporary folder. Should that process be killed as well, the next job on
// this machine does both.
//
// # Limits
//
// Instances are simulated: each is a further set of processes on this machine. Docker images are not run, and of a conda
// file only the pip part is installed. The engine needs process groups, so it runs scripts on Unix systems only; [Func] runs
// everywhere.
package scoring
