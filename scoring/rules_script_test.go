package scoring

import "testing"

// own is a script that returns its module name.
const own = "def run(b):\n    return [__name__]"

// TestRulesLoading: how the script is imported, and what it must have.
func TestRulesLoading(t *testing.T) {
	checkRules(t, []rule{
		{name: "the path becomes a module name", code: map[string]string{"sub/deep/score.py": own}, change: func(j *Job) { j.Script = "sub/deep/score.py" },
			text: "sub.deep.score\n"},
		{name: "a backslash separates too", code: map[string]string{"sub/score.py": own}, change: func(j *Job) { j.Script = `sub\score.py` }, text: "sub.score\n"},
		{name: "a path that is not clean", code: map[string]string{"sub/score.py": own}, change: func(j *Job) { j.Script = "./x/../sub//score.py" }, text: "sub.score\n"},
		{name: "a dash in the name", code: map[string]string{"my-score.py": own}, change: func(j *Job) { j.Script = "my-score.py" }, text: "my-score\n"},
		{name: "it is not __main__", script: own, text: "score\n"},
		{name: "the code folder comes first on sys.path", script: "import json, sys\ndef run(b):\n    return [json.NAME, sys.path.index(__file__.rpartition('/')[0])]",
			code: map[string]string{"json.py": "NAME = 'own'"}, text: "own\n0\n"},
		{name: "the code folder comes first with Python's safe path", script: "import json, os\ndef run(b):\n    return [json.NAME, os.sep]",
			code: map[string]string{"json.py": "NAME = 'own'"}, change: func(j *Job) { j.Env["PYTHONSAFEPATH"] = "1" }, text: "own\n/\n"},
		{name: "siblings import by plain name", script: "from helper import names\ndef run(b):\n    return names(b)", text: "a00.txt\n"},
		{name: "a script in a sub-folder imports from the code folder", code: map[string]string{"sub/score.py": echo}, change: func(j *Job) { j.Script = "sub/score.py" }, text: "a00.txt\n"},
		{name: "__file__ anchors the script", script: "import os\ndef run(b):\n    return [open(os.path.join(os.path.dirname(__file__), 'data.txt')).read()]",
			code: map[string]string{"data.txt": "beside"}, text: "beside\n"},
		{name: "imported once in every process", script: "import helper\nhelper.note('imported')\n" + meeting, files: 2,
			change: func(j *Job) { j.MiniBatchSize, j.MaxConcurrencyPerInstance = 1, 2 }, notes: []string{"imported", "imported"}},
		{name: "init and shutdown are optional", script: "def run(b):\n    return b", items: Items{1, 1, 0}},
		{name: "names are in lower case", script: "import helper\ndef Init():\n    helper.note('Init')\ndef run(b):\n    return b\ndef Shutdown():\n    helper.note('Shutdown')", notes: []string{}},
		{name: "run is required", script: "def init():\n    pass", reason: "Entry script validation failed for AttributeError", cause: "has no run(mini_batch)"},
		{name: "run must be callable", script: "run = 1", reason: "Entry script validation failed", cause: "has no run(mini_batch)"},
		{name: "an import that fails ends the job before the first mini-batch", script: "import helper, no_such_module\ndef run(b):\n    helper.note('ran')", files: 3, notes: []string{},
			reason: "Entry script validation failed for ModuleNotFoundError: No module named 'no_such_module'. Details Traceback (most recent call last):",
			cause:  `score.py", line 1, in <module>`, items: Items{3, 0, 0}, batches: MiniBatches{1, 0, 0}},
		{name: "a syntax error does", script: "def run(b):\n    return [", reason: "Entry script validation failed for SyntaxError", cause: "Traceback (most recent call last):\n  File \""},
		{name: "sys.exit on import does", script: "import sys\nsys.exit(3)", reason: "Entry script validation failed for SystemExit: 3"},
		{name: "a process that ends on import does", script: "import os\nos._exit(7)", reason: "Entry script validation failed for the process ended by itself, returncode 7"},
		{name: "the name of a module that Python has loaded does", code: map[string]string{"sys.py": echo}, change: func(j *Job) { j.Script = "sys.py" },
			reason: "Entry script validation failed", cause: "rename the script"},
	})
}

// TestRulesCalls: when init, run and shutdown are called, and with what.
func TestRulesCalls(t *testing.T) {
	const calls = "import helper, os\nn = 0\ndef init():\n    global n\n    n += 1\n    helper.note('init', n)\ndef shutdown():\n    helper.note('shutdown', n)\n"
	checkRules(t, []rule{
		{name: "init, then run for every mini-batch, then shutdown", script: calls + "def run(b):\n    helper.note('run', n)\n    return b", files: 3,
			change: func(j *Job) { j.MiniBatchSize = 1 }, notes: []string{"init 1", "run 1", "run 1", "run 1", "shutdown 1"}},
		{name: "init and shutdown in every process", script: calls + "def run(b):\n    helper.meet()\n    return b", files: 2,
			change: func(j *Job) { j.MiniBatchSize, j.MaxConcurrencyPerInstance = 1, 2 }, notes: []string{"init 1", "init 1", "shutdown 1", "shutdown 1"}},
		{name: "a replacement calls init again", script: calls + "def run(b):\n    if helper.once():\n        os._exit(1)\n    return b",
			notes: []string{"init 1", "init 1", "shutdown 1"}, tries: 1, items: Items{1, 1, 0}},
		{name: "an exception leaves the process as it is", script: calls + "def run(b):\n    if helper.once():\n        raise ValueError('once')\n    return b",
			notes: []string{"init 1", "shutdown 1"}, tries: 1, items: Items{1, 1, 0}},
		{name: "init is not called without a mini-batch", script: calls + "def run(b):\n    return b", change: func(j *Job) { j.MaxConcurrencyPerInstance = 3 },
			notes: []string{"init 1", "shutdown 1"}},
		{name: "run gets a plain list of full paths", script: "import os\ndef run(b):\n    return [type(b) is list and type(p) is str and os.path.isabs(p) and open(p).read() for p in b]", files: 2,
			text: "0\n1\n"},
		{name: "each call gets a list of its own", script: "kept = []\ndef run(b):\n    kept.append(b)\n    return [len(kept[0])]", files: 2, change: func(j *Job) { j.MiniBatchSize = 1 }, text: "1\n1\n"},
		{name: "one process calls run on one thread at a time", script: "import threading\ndef run(b):\n    return [threading.current_thread() is threading.main_thread()]", text: "True\n"},
		{name: "what shutdown raises is logged and changes nothing", script: echo + "def shutdown():\n    raise ValueError('too late')", text: "a00.txt\n", tries: 1, cause: "shutdown() failed in process000"},
		{name: "a global of init serves run", script: "import os\ndef init():\n    global model\n    model = open(os.path.join(os.environ['AZUREML_MODEL_DIR'], 'model', 'weights.txt')).read()\ndef run(b):\n    return [model]", text: "42\n"},
	})
}

// refused is the message for a value that run must not return.
func refused(pythonType string) string {
	return "The run() method in the entry script should return a list or a pandas DataFrame. " +
		"The length of returned result is considered as succeeded number of items. " +
		"For --output_action=append_row, the returned result is what to write into the result file. " +
		"The actual type of output is " + pythonType + "."
}

// TestRulesReturnValues: what run can return. DataFrames are in the suite, because they need
// pandas.
func TestRulesReturnValues(t *testing.T) {
	rules := []rule{
		{name: "a list", script: "def run(b):\n    return ['x', 'y']", files: 2, text: "x\ny\n", items: Items{2, 2, 0}},
		{name: "a subclass of list", script: "class L(list):\n    pass\ndef run(b):\n    return L(['x'])", text: "x\n", items: Items{1, 1, 0}},
		{name: "a tuple is a list", script: "def run(b):\n    return ('x', 'y')", files: 2, text: "x\ny\n", items: Items{2, 2, 0}},
		{name: "the elements need not match the files", script: "def run(b):\n    return ['x', 'y', 'z'] if '0' in b[0] else []", files: 1, text: "x\ny\nz\n"},
	}
	for value, pythonType := range map[string]string{"None": "NoneType", "'text'": "str", "{'a': 1}": "dict", "7": "int", "(x for x in b)": "generator",
		"range(3)": "range", "{1}": "set", "b''": "bytes", "map(str, b)": "map"} {
		rules = append(rules, rule{name: pythonType + " is an error as if run had raised", script: "def run(b):\n    return " + value, reason: noSuccess, cause: refused(pythonType),
			tries: 3, items: Items{1, 0, 1}, batches: MiniBatches{1, 0, 1}})
	}
	rules = append(rules, rule{name: "a run that yields is wrong", script: "def run(b):\n    yield 'x'", reason: noSuccess, cause: refused("generator")})
	checkRules(t, rules)
}
