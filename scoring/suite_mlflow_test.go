package scoring

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// suiteModels creates the models and inputs of testdata/suite_models.py.
func suiteModels(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	script, err := filepath.Abs(filepath.Join("testdata", "suite_models.py"))
	if err != nil {
		t.Fatal(err)
	}
	suiteOutput(t, script, folder)
	return folder
}

// suiteOutput runs Python and returns what it prints. MLflow leaves a folder mlruns in the working
// directory.
func suiteOutput(t *testing.T, arguments ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), suitePython(t), arguments...)
	var stderr strings.Builder
	cmd.Dir, cmd.Stderr = t.TempDir(), &stderr
	cmd.Env = append(os.Environ(), "MLFLOW_DISABLE_TELEMETRY=true")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("python: %v\n%s", err, &stderr)
	}
	return string(out)
}

// mlflowJob returns a job without a script, with a model and an input of the folder.
func mlflowJob(t *testing.T, folder, model, input string) Job {
	dir := t.TempDir()
	return Job{Model: filepath.Join(folder, model, "model"), Input: filepath.Join(folder, input), Python: suitePython(t),
		Output: filepath.Join(dir, "output"), Logs: filepath.Join(dir, "logs"), MaxRetries: new(1), Timeout: 5 * time.Minute}
}

// TestSuiteMLflow scores models without a script.
func TestSuiteMLflow(t *testing.T) {
	folder := suiteModels(t)
	const values = `,"(1, 1099511627776, 0.10000000149011612, 0.1, '007', True, Timestamp('2024-01-02 00:00:00'))",int32;int64;float32;float64;object;bool;datetime64[ns],`
	const others = `,"(2, -1, 2.0, 1e+300, 'b c', False, Timestamp('2024-03-04 05:06:07'))",int32;int64;float32;float64;object;bool;datetime64[ns],`
	tests := []struct {
		name, model, input string
		want               []string
	}{
		{"a CSV file gets the types of the column signature", "types", "table", []string{"0" + values + "good.csv", "1" + others + "good.csv"}},
		{"and so does a Parquet file", "types", "columns", []string{"0" + values + "good.parquet", "1" + others + "good.parquet"}},
		{"a signature without names goes by position", "unnamed", "table", []string{`0,"(1.0, '1099511627776')",float64;object,good.csv`, `1,"(2.0, '-1')",float64;object,good.csv`}},
		{"without a signature pandas chooses", "untyped", "kinds/list.csv", []string{`0,"(1,)",int64,list.csv`, `1,"(2,)",int64,list.csv`}},
		{"predictions of all kinds", "given", "kinds", []string{
			"0,0.0,array1.csv", "1,0.1,array1.csv", "0,0,1,array2.csv", "1,2,3,array2.csv", `0,"[[0, 1]]",array3.csv`, `1,"[[2, 3]]",array3.csv`,
			"0,x,0,dict.csv", "1,x,1,dict.csv", "0,5,two words,frame.csv", "1,6,two words,frame.csv",
			`0,"comma, ""quote""",list.csv`, "1,,list.csv", "0,0,series.csv", "1,1,series.csv"}},
		{"an image has one row and no number", "given", "heights", []string{"7,1.png", "one text,2.png", "0.5,0.25,0.25,3.png"}},
		{"without a signature an image comes as it is", "pixels", "digits", []string{"- 8x8 uint8 294,0.png", "- 8x8 uint8 313,1.png"}},
		{"a palette is made colours", "pixels", "colours", []string{"- 2x4x3 uint8 48,palette.gif", "- 2x4x3 uint8 48,rgb.bmp"}},
		{"a tensor signature gives axes and type", "batch", "colours", []string{"- 1x2x4x3 float32 48.0,palette.gif", "- 1x2x4x3 float32 48.0,rgb.bmp"}},
		{"or reshapes", "flat", "digits", []string{"- 1x64 uint8 294,0.png", "- 1x64 uint8 313,1.png"}},
		{"or names the tensor", "named", "digits", []string{"image 1x8x8x1 float64 294.0,0.png", "image 1x8x8x1 float64 313.0,1.png"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			job := mlflowJob(t, folder, tt.model, tt.input)
			job.MiniBatchSize = 1
			got, err := Run(t.Context(), job)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Join(tt.want, "\n")+"\n", readFile(t, got.OutputFile)); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("a classifier", func(t *testing.T) { t.Parallel(); scoreIris(t, folder) })
	t.Run("a script loads it, too", func(t *testing.T) { t.Parallel(); loadInScript(t, folder) })
	t.Run("what cannot be read", func(t *testing.T) { t.Parallel(); refuseFiles(t, folder) })
	t.Run("one bad file in a mini-batch", func(t *testing.T) { t.Parallel(); refuseOne(t, folder) })
	t.Run("the threshold", func(t *testing.T) { t.Parallel(); exceedThreshold(t, folder) })
}

// scoreIris compares with what the model predicts without the engine, with two processes.
func scoreIris(t *testing.T, folder string) {
	job := mlflowJob(t, folder, "iris", "iris/input")
	job.MiniBatchSize, job.MaxConcurrencyPerInstance = 2, 2
	got, err := Run(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	var predictions map[string][]int
	if err := json.Unmarshal([]byte(readFile(t, filepath.Join(folder, "iris", "expected.json"))), &predictions); err != nil {
		t.Fatal(err)
	}
	var want []string
	for name, values := range predictions {
		for row, value := range values {
			want = append(want, fmt.Sprintf("%d,%d,%s", row, value, name))
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, lines(t, got.OutputFile)); diff != "" || len(want) != 150 {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	// Rows beyond the number of files do not count.
	if diff := cmp.Diff(Items{3, 3, 0}, got.Items); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
}

// loadInScript: MLflow accepts the folder that AZUREML_MODEL_DIR names.
func loadInScript(t *testing.T, folder string) {
	job := newJob(t, "import glob, os\nimport mlflow.pyfunc\nimport pandas\ndef init():\n    global model\n    model = mlflow.pyfunc.load_model(glob.glob(os.environ['AZUREML_MODEL_DIR'] + '/*/')[0])\n"+
		"def run(mini_batch):\n    return [len(model.predict(pandas.read_csv(path))) for path in mini_batch]\n", 0)
	job.Python, job.Model, job.Input = suitePython(t), filepath.Join(folder, "iris", "model"), filepath.Join(folder, "iris", "input", "a.csv")
	job.Timeout = 5 * time.Minute
	got, err := Run(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("50\n", readFile(t, got.OutputFile)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// refuseFiles: no file can be read, and the log has a line for each.
func refuseFiles(t *testing.T, folder string) {
	model := map[string]string{"unreadable": "untyped", "misfit": "types"}
	first := map[string]string{"unreadable": "broken.PNG'. Exception: cannot identify image file", "misfit": "day.csv'. Exception: "}
	for input, want := range map[string]map[string]string{
		"unreadable": {
			"data.avro": "File type 'avro' is not supported\n", "no extension": "File type '' is not supported\n",
			"empty.csv": "Exception: No columns to parse from file\n", "broken.PNG": "Exception: cannot identify image file",
			"broken.parquet": "Exception: ", "deep.png": "Exception: Cannot cast array data from dtype('uint16') to dtype('uint8')",
		},
		"misfit": {
			"word.csv": "Exception: invalid literal for int() with base 10: 'value'\n", "half.csv": "Exception: ", "missing.csv": "Exception: ", "day.csv": "Exception: ",
			"large.csv": "Exception: column 'whole' holds values that are not int32\n", "half.pqt": "Exception: column 'whole' holds values that are not int32\n",
			"single.csv": "Exception: column 'single' holds values that are not float32\n",
		},
	} {
		job := mlflowJob(t, folder, model[input], input)
		got, err := Run(t.Context(), job)
		var failure *Failure
		if !errors.As(err, &failure) || failure.Reason != noSuccess || failure.Cause == nil {
			t.Fatalf("Run = %v", err)
		}
		if got, head := failure.Cause.Message, "ValueError: Error processing input file: '"+filepath.Join(job.Input, first[input]); !strings.HasPrefix(got, head) || !strings.HasSuffix(got, " (No objects to concatenate)") {
			t.Errorf("cause %q, want %q… (No objects to concatenate)", got, head)
		}
		if diff := cmp.Diff(Items{len(want), 0, len(want)}, got.Items); diff != "" {
			t.Errorf("items (-want +got):\n%s", diff)
		}
		log := logText(t, job, "logs/user/stdout/0/process000.stdout.txt")
		for name, reason := range want {
			line := fmt.Sprintf("ERROR:azureml:Error processing input file: '%s'. %s", filepath.Join(job.Input, name), reason)
			if !strings.Contains(log, line) {
				t.Errorf("no %q in\n%s", line, log)
			}
		}
	}
}

// refuseOne: one bad file fails its whole mini-batch, and the error names it.
func refuseOne(t *testing.T, folder string) {
	input := t.TempDir()
	for _, name := range []string{"a.csv", "c.csv"} {
		writeFile(t, filepath.Join(input, name), readFile(t, filepath.Join(folder, "iris", "input", "a.csv")))
	}
	writeFile(t, filepath.Join(input, "b.avro"), "")
	job := mlflowJob(t, folder, "iris", "iris")
	job.Input, job.MaxRetries, job.MiniBatchSize = input, new(2), 2 // a.csv and b.avro; c.csv
	got, err := Run(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{Items{3, 1, 2}, MiniBatches{2, 1, 1}, 2}, []any{got.Items, got.MiniBatches, got.ScriptErrors}); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	bad := filepath.Join(input, "b.avro")
	first := got.FirstError
	if want := "Exception: Error processing input file: '" + bad + "'. File type 'avro' is not supported"; first.Message != want || first.File != bad || first.Traceback != "Traceback (most recent call last):\n"+want+"\n" {
		t.Errorf("first error: message %q, file %q, traceback %q", first.Message, first.File, first.Traceback)
	}
}

func exceedThreshold(t *testing.T, folder string) {
	job := mlflowJob(t, folder, "untyped", "unreadable")
	job.MiniBatchSize, job.ErrorThreshold = 1, new(1)
	_, err := Run(t.Context(), job)
	var failure *Failure
	if !errors.As(err, &failure) || failure.Reason != "The number of failed items is 2, which exceeds error threshold 1." {
		t.Errorf("Run = %v", err)
	}
}

// TestSuiteMLflowFiles pins which files the driver reads, and as what.
func TestSuiteMLflowFiles(t *testing.T) {
	lib, err := filepath.Abs(filepath.Join("python", "lib"))
	if err != nil {
		t.Fatal(err)
	}
	out := suiteOutput(t, "-c", "import sys\nsys.dont_write_bytecode = True\nsys.path.insert(0, sys.argv[1])\nimport azmlbatch_mlflow as driver\n"+
		"for extension, reader in sorted(driver.READERS.items()):\n    print(extension, reader.__name__)", lib)
	want := ".bmp read_image\n.csv read_csv\n.gif read_image\n.jpeg read_image\n.jpg read_image\n.parquet read_parquet\n.png read_image\n.pqt read_parquet\n.tiff read_image\n"
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("readers (-want +got):\n%s", diff)
	}
}

// TestSuiteHeartClassifier runs Microsoft's own sample as its deployment does, with its pickled
// model and its data.
func TestSuiteHeartClassifier(t *testing.T) {
	python, corpus := suitePython(t), os.Getenv("AZMLBATCH_CORPUS_DIR")
	if corpus == "" {
		t.Skip("AZMLBATCH_CORPUS_DIR names no folder with public samples")
	}
	sample := filepath.Join(corpus, "azureml-examples", "cli", "endpoints", "batch", "deploy-models", "heart-classifier-mlflow")
	const direct = "import glob, os, sys\nimport mlflow.pyfunc, pandas\nmodel = mlflow.pyfunc.load_model(sys.argv[1])\nfor path in glob.glob(sys.argv[2] + '/*.csv'):\n" +
		"    for row, value in enumerate(model.predict(pandas.read_csv(path))):\n        print(row, value, os.path.basename(path), sep=',')\n"
	model, data := filepath.Join(sample, "deployment-simple", "model"), filepath.Join(sample, "data")
	want := strings.Split(strings.TrimSuffix(suiteOutput(t, "-c", direct, model, data), "\n"), "\n")
	slices.Sort(want)

	dir := t.TempDir()
	got, err := Run(t.Context(), Job{Model: model, Input: data, Output: filepath.Join(dir, "output"), Python: python,
		InstanceCount: 2, MaxConcurrencyPerInstance: 2, MiniBatchSize: 2, Timeout: 5 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, lines(t, got.OutputFile)); diff != "" || len(want) != 303 {
		t.Errorf("%d rows (-want +got):\n%s", len(want), diff)
	}
}
