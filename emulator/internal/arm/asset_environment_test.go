package arm

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestCondaFiles: every valid conda file is answered as the JSON that the service makes of it.
func TestCondaFiles(t *testing.T) {
	for _, test := range []struct{ name, sent, want string }{
		{"none", "", ""},
		{"blanks only", " \n\t\n", ""},
		{"as azure-ai-ml writes it", "channels:\n- conda-forge\ndependencies:\n- python=3.10\n- pip\n- pip:\n  - mlflow==2.9.2\n  - pandas<3\nname: clay\n",
			`{
  "channels": [
    "conda-forge"
  ],
  "dependencies": [
    "python=3.10",
    "pip",
    {
      "pip": [
        "mlflow==2.9.2",
        "pandas<3"
      ]
    }
  ],
  "name": "clay"
}`},
		{"in its own order", "name: clay\ndependencies: []\nchannels: []\n", "{\n  \"name\": \"clay\",\n  \"dependencies\": [],\n  \"channels\": []\n}"},
		{"JSON on one line, as Microsoft's REST sample sends it", `{ "name": "clay", "channels": [ "conda-forge" ] }`, "{\n  \"name\": \"clay\",\n  \"channels\": [\n    \"conda-forge\"\n  ]\n}"},
		{"comments and a document mark", "# the kiln's\n---\nname: clay # and no other\n", "{\n  \"name\": \"clay\"\n}"},
		{"a byte order mark", "\ufeffname: clay\n", "{\n  \"name\": \"clay\"\n}"},
		{"lines of Windows", "name: clay\r\ndependencies:\r\n- pip\r\n", "{\n  \"name\": \"clay\",\n  \"dependencies\": [\n    \"pip\"\n  ]\n}"},
		{"quotes and signs", `name: "clay & <glaze>"`, "{\n  \"name\": \"clay & <glaze>\"\n}"},
		{"an anchor", "base: &base\n- pip\ndependencies: *base\n", "{\n  \"base\": [\n    \"pip\"\n  ],\n  \"dependencies\": [\n    \"pip\"\n  ]\n}"},
		{"values of every kind", "text: a\nnumber: 3\nyes: true\nnothing: null\nempty: {}\n",
			"{\n  \"text\": \"a\",\n  \"number\": 3,\n  \"yes\": true,\n  \"nothing\": null,\n  \"empty\": {}\n}"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHost(t)
			put := `{"properties": {"image": "kiln:1", "condaFile": ` + string(encodeJSON(test.sent)) + `}}`
			for range 2 { // what comes back can be sent again
				h.put("environments/clay/versions/1", put).wants(http.StatusCreated).has(map[string]any{"properties/condaFile": test.want})
				h.get("environments/clay/versions/1").wants(http.StatusOK).has(map[string]any{"properties/condaFile": test.want})
				put = `{"properties": {"image": "kiln:1", "condaFile": ` + string(encodeJSON(test.want)) + `}}`
			}
		})
	}
}

// TestCondaFilesAtTheirLimits: a value may be a hundred steps below the file, whatever the steps
// are, and a file of a mebibyte may be the last that is written.
func TestCondaFilesAtTheirLimits(t *testing.T) {
	for _, test := range []struct {
		name string
		file func(deep int) string
	}{
		{"lists", func(deep int) string { return "a: " + strings.Repeat("[", deep-1) + "x" + strings.Repeat("]", deep-1) }},
		{"objects", func(deep int) string { return strings.Repeat("{a: ", deep) + "x" + strings.Repeat("}", deep) }},
		{"an alias at the end", func(deep int) string {
			return "b: &x y\na: " + strings.Repeat("[", deep-2) + "*x" + strings.Repeat("]", deep-2)
		}},
	} {
		if _, err := condaJSON(test.file(100)); err != nil {
			t.Errorf("%s of a hundred: %v", test.name, err)
		}
		if _, err := condaJSON(test.file(101)); err == nil {
			t.Errorf("%s of a hundred and one are valid", test.name)
		}
	}
	const before = len(`{"a":["`)
	for size, valid := range map[int]bool{1 << 20: true, 1<<20 + 1: false} { // written before the last item
		_, err := condaJSON(`a: [` + strings.Repeat("x", size-before-len(`",`)) + `, y]`)
		if (err == nil) != valid {
			t.Errorf("an item after %d bytes: %v", size, err)
		}
	}
}

func TestCondaFilesThatAreNone(t *testing.T) {
	for name, sent := range map[string]string{
		"a list": "- pip\n", "a word": "pip", "a comment": "# nothing\n", "no YAML": "a: [", "a tab": "a:\n\t- b\n", "infinity": "a: .inf\n",
		"an alias within its anchor": "a: &a\n- *a\n", "aliases that double": "a: &a [x]\n" + doubled(30),
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			r := h.put("environments/clay/versions/1", `{"properties": {"condaFile": `+string(encodeJSON(sent))+`}}`).wants(http.StatusBadRequest)
			if message, _ := r.at("error/message").(string); !strings.HasPrefix(message, "The conda file is not valid: ") {
				t.Errorf("message = %q", message)
			}
			h.get("environments/clay/versions/1").wants(http.StatusNotFound)
		})
	}
}

// doubled has n lines, each of which names the one before it twice.
func doubled(n int) string {
	var b strings.Builder
	before := "a"
	for i := range n {
		name := fmt.Sprintf("a%d", i)
		fmt.Fprintf(&b, "%s: &%s [*%s, *%s]\n", name, name, before, before)
		before = name
	}
	return b.String()
}

// TestContentOfAnEnvironmentStays: what the image is made of cannot change in a version, the words about it can.
func TestContentOfAnEnvironmentStays(t *testing.T) {
	const content = `"image": "kiln:1", "condaFile": "name: clay\ndependencies: [pip]\n"`
	for _, test := range []struct{ name, properties string }{
		{"another image", `"image": "kiln:2", "condaFile": "name: clay\ndependencies: [pip]\n"`},
		{"no image", `"condaFile": "name: clay\ndependencies: [pip]\n"`},
		{"another conda file", `"image": "kiln:1", "condaFile": "name: clay\ndependencies: [pip, numpy]\n"`},
		{"no conda file", `"image": "kiln:1"`},
		{"a build", content + `, "build": {"contextUri": "https://kilnstore.blob.core.windows.net/c/b/"}`},
		{"another operating system", content + `, "osType": "Windows"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHost(t)
			h.put("environments/clay/versions/1", `{"properties": {`+content+`}}`).wants(http.StatusCreated)
			h.put("environments/clay/versions/1", `{"properties": {`+test.properties+`}}`).wants(http.StatusConflict).has(map[string]any{
				"error/code": "UserError", "error/message": "Environment clay with version 1 is already registered and cannot be changed.",
			})
			h.get("environments/clay/versions/1").has(map[string]any{"properties/image": "kiln:1", "properties/build": "absent", "properties/osType": "Linux"})
			h.put("environments/clay/versions/2", `{"properties": {`+test.properties+`}}`).wants(http.StatusCreated)
		})
	}
	h := newHost(t)
	h.put("environments/clay/versions/1", `{"properties": {`+content+`}}`).wants(http.StatusCreated)
	// The same content in other words.
	h.put("environments/clay/versions/1", `{"properties": {"image": "kiln:1", "condaFile": "{\"name\": \"clay\", \"dependencies\": [\"pip\"]}",
		"description": "for bowls", "tags": {"glaze": "blue"}, "osType": "linux"}}`).wants(http.StatusCreated)
	h.get("environments/clay/versions/1").has(map[string]any{"properties/description": "for bowls", "properties/tags/glaze": "blue"})
	const build = `{"properties": {"build": {"contextUri": "https://kilnstore.blob.core.windows.net/c/b/"%s}}}`
	h.put("environments/built/versions/1", fmt.Sprintf(build, "")).wants(http.StatusCreated).has(map[string]any{"properties/build/dockerfilePath": "Dockerfile"})
	h.put("environments/built/versions/1", fmt.Sprintf(build, `, "dockerfilePath": "Dockerfile"`)).wants(http.StatusCreated)
	h.put("environments/built/versions/1", fmt.Sprintf(build, `, "dockerfilePath": "gpu/Dockerfile"`)).wants(http.StatusConflict)
}

func TestLatestLabelOfEnvironments(t *testing.T) {
	h := newHost(t)
	for _, version := range []string{"2", "10", "b"} {
		h.put("environments/clay/versions/"+version, `{"properties": {"image": "kiln:1"}}`).wants(http.StatusCreated)
	}
	for version, want := range map[string]string{"2": "", "10": "", "b": "latest"} {
		h.get("environments/clay/versions/" + version).has(map[string]any{"properties/properties": map[string]any{"azureml.labels": want}})
	}
	h.get("environments/clay/labels/latest").wants(http.StatusOK).has(map[string]any{"name": "b"})
	h.get("environments/clay/labels/newest").wants(http.StatusNotFound)
	h.get("environments/clay").wants(http.StatusOK).has(map[string]any{"properties/latestVersion": "b", "properties/nextVersion": "11"})
}
