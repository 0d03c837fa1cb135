// Package scoring runs a batch scoring script over a folder of files by the rules of Azure Machine
// Learning's batch endpoints, on this machine, without an Azure account.
//
// A batch endpoint splits its input into mini-batches, hands them to worker processes that have
// imported the user's script, retries what fails, counts what succeeded and joins the rows into one
// file. This package does the same. A script that would fail in the cloud after ten minutes with
// "exit code 42" fails here in a second, and the error says why:
//
//	result, err := scoring.Run(ctx, scoring.Job{
//		Code:   "code",          // folder with score.py and what it imports
//		Script: "score.py",      // has run(mini_batch), and may have init() and shutdown()
//		Model:  "model",         // the script finds it as $AZUREML_MODEL_DIR/model
//		Input:  "images",        // every file at the top level of this folder
//		Output: "scored",        // gets predictions.csv
//	})
//	fmt.Println(err)             // the service's message and the script's own traceback
//	var cause *scoring.ScriptError
//	if errors.As(err, &cause) {
//		fmt.Println(cause.File)  // the input file that the script was working on
//	}
//
// # What a script can rely on
//
// The script is imported by module name (sub/score.py as sub.score), with the code folder first on
// sys.path. init is called once in every worker process, before its first mini-batch. run gets a
// list of full paths and returns a list, a tuple or a pandas DataFrame. shutdown is called once in
// every process when the job ends normally. Settings that are not given have the service's
// defaults. AZUREML_MODEL_DIR, AZUREML_BI_OUTPUT_PATH, the driver's options in sys.argv and
// azureml_user.parallel_run.EntryScript are available.
//
// A script sees only part of this process's environment: the variables that every program needs,
// such as PATH and HOME, and those named in [Job.ScriptEnv]. This keeps secrets out of scripts and
// their logs. It is not a sandbox: a script runs as the user of this process and can read that
// user's files.
//
// A Go function can replace the script: see [Func].
//
// # MLflow models without a script
//
// Without Code and Script, a Model that is a folder with an MLmodel file is scored by Python's own
// mlflow. predict is called once per file. A .csv, .parquet or .pqt file is passed as a DataFrame
// with the types of the model's column signature. A .png, .jpg, .jpeg, .tiff, .bmp or .gif file is
// passed as an array with the shape of its tensor signature, or as bytes without one. Any other
// type of file, or a value that does not fit, fails its mini-batch; the error and the worker's
// stdout log name the file. The output is comma-separated: the row number within its file (tabular
// files only), the columns of the prediction, the name of the file.
//
// # The environment
//
// Scripts use the packages of this machine's Python. With [Job.Environment] they run in a virtual
// environment with the packages of a deployment's conda file or requirements.txt. It is built once
// and cached.
//
// # What ends a job
//
// A mini-batch uses up one try when run raises an exception, returns a wrong type, takes longer
// than [Job.Timeout], or when its process dies. When no tries are left, all its files count as
// failed. If run returns fewer rows than files, the files without a row count as failed and there
// is no further try.
//
// The job fails when the script cannot be imported, when init keeps failing, when more files failed
// than [Job.ErrorThreshold] allows, when AppendRow got no row at all, and when nothing happens for
// a long time. It returns a [*Failure] then. With the default threshold of -1 a job with failed
// files completes: check [Result.Items].
//
// # What a job leaves behind
//
// Worker processes run in process groups of their own and end with the job, together with what they
// started. On Linux, a child that left its process group is found by an environment variable; one
// that was started with an empty environment and left the group survives.
//
// Code and model folders are only read. Temporary folders are removed. A failed or cancelled job
// has no output file. What its processes had written stays in the output folder, in files named
// temp_…, as with the service.
//
// If the engine itself is killed, a small Python process beside it kills the workers and their
// children and removes the temporary folder. If that process is killed too, the next job on this
// machine does both. This works on Linux; on other systems only the temporary folder is removed,
// and a worker ends when it asks for its next mini-batch.
//
// # Limits
//
// Instances are simulated: each is another set of processes on this machine. Docker images are not
// run, and only the pip part of a conda file is installed. Scripts need process groups, so they run
// on Unix systems only. [Func] runs everywhere.
package scoring
