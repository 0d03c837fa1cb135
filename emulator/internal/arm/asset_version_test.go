package arm

import (
	"net/http"
	"strings"
	"testing"
)

// TestWhatAVersionCannotChange: the place and the kind of the content stay, the rest is the last writer's.
func TestWhatAVersionCannotChange(t *testing.T) {
	const place = "azureml://datastores/workspaceblobstore/paths/kiln"
	const long = "azureml://subscriptions/" + testSubscription + "/resourcegroups/pottery/workspaces/kilns/datastores/workspaceblobstore/paths/kiln"
	const refused = "Asset paths cannot be updated."
	for _, test := range []struct {
		name, path, first, second string
		status                    int
		message                   string
	}{
		{"another place of code", "codes/a/versions/1", `"codeUri": "https://h/c/a"`, `"codeUri": "https://h/c/b"`, 400, refused},
		{"another place of a model", "models/a/versions/1", `"modelUri": "` + place + `"`, `"modelUri": "` + place + `2"`, 400, refused},
		{"another place of data", "data/a/versions/1", `"dataUri": "` + place + `"`, `"dataUri": "` + place + `2"`, 400, refused},
		{"another kind of data", "data/a/versions/1", `"dataUri": "https://h/c/a", "dataType": "uri_file"`, `"dataUri": "https://h/c/a", "dataType": "uri_folder"`, 400, refused},
		{"other code of a component", "components/a/versions/1", `"componentSpec": {"code": "azureml:a"}`, `"componentSpec": {"code": "azureml:b"}`, 400,
			`Failed to update component a since field "code" is immutable, try specifying a new version.`},
		{"the place of a model, spelt in full", "models/a/versions/1", `"modelUri": "` + place + `"`, `"modelUri": "` + long + `/"`, 200, ""},
		{"the place of data, spelt in full", "data/a/versions/1", `"dataUri": "` + place + `"`, `"dataUri": "` + long + `"`, 200, ""},
		{"tags of code", "codes/a/versions/1", `"codeUri": "https://h/c/a"`, `"codeUri": "https://h/c/a", "tags": {"x": "1"}`, 200, ""},
		{"flavors of a model", "models/a/versions/1", `"modelUri": "` + place + `"`, `"modelUri": "` + place + `", "flavors": {"python_function": {"data": {}}}`, 200, ""},
		{"the description of data", "data/a/versions/1", `"dataUri": "` + place + `"`, `"dataUri": "` + place + `", "description": "new"`, 200, ""},
		{"the command of a component", "components/a/versions/1", `"componentSpec": {"code": "azureml:a"}`, `"componentSpec": {"code": "azureml:a", "command": "x"}`, 200, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHost(t)
			h.put(test.path, `{"properties": {`+test.first+`}}`).wants(http.StatusCreated)
			r := h.put(test.path, `{"properties": {`+test.second+`}}`).wants(test.status)
			if test.status != http.StatusOK {
				r.has(map[string]any{"error/code": "UserError", "error/message": test.message})
			}
		})
	}
}

func TestVersionsOfData(t *testing.T) {
	h := newHost(t)
	put := func(version string) response {
		return h.put("data/shards/versions/"+version, `{"properties": {"dataUri": "https://h/c/a"}}`)
	}
	for _, version := range []string{"1", "2026.11-rc_1", strings.Repeat("7", 50)} {
		put(version).wants(http.StatusCreated)
	}
	for _, version := range []string{strings.Repeat("7", 51), "a b", "a:b", "ä", "@latest"} {
		put(strings.NewReplacer(" ", "%20", "ä", "%C3%A4").Replace(version)).wants(http.StatusBadRequest).has(map[string]any{
			"error/code": "UserError",
			"error/message": "dataVersion is invalid. It can only contain alphanumeric characters, dashes, underscores, and periods, " +
				"with a limit of 50 characters.",
		})
	}
}

// TestContainers: the container of a name has the words of its first version until it gets its own.
func TestContainers(t *testing.T) {
	for kind, version := range map[string]string{
		"codes": `"codeUri": "https://h/c/a"`, "models": `"modelUri": "https://h/c/a"`, "environments": `"image": "kiln:1"`,
		"components": `"componentSpec": {"code": "azureml:a"}`,
	} {
		t.Run(kind, func(t *testing.T) {
			h := newHost(t)
			h.get(kind + "/glaze").wants(http.StatusNotFound)
			h.put(kind+"/glaze/versions/4", `{"properties": {`+version+`, "tags": {"kiln": "raku"}}}`).wants(http.StatusCreated)
			h.put(kind+"/glaze", `{"properties": {"description": "blue", "tags": {"fired": "yes"}, "properties": {"p": "1"}}}`).
				has(map[string]any{"properties/description": "blue", "properties/tags": map[string]any{"fired": "yes"}, "properties/properties/p": "1"})
			h.get(kind + "/glaze").wants(http.StatusOK).has(map[string]any{
				"name": "glaze", "properties/description": "blue", "properties/tags": map[string]any{"fired": "yes"}, "properties/properties/p": "1",
			})
			h.put(kind+"/glaze", `{"properties": {"isArchived": true}}`).has(map[string]any{
				"properties/isArchived": true, "properties/tags": map[string]any{"fired": "yes"}, // what is not sent stays
			})
			h.get(kind).hasNames()
			h.get(kind + "?listViewType=ArchivedOnly").hasNames("glaze")
			h.get(kind + "?listViewType=All").hasNames("glaze")
			h.put(kind+"/glaze", `{"properties": {"isArchived": false}}`)
			h.get(kind).hasNames("glaze")
			h.do(http.MethodDelete, kind+"/glaze", "").wants(http.StatusOK)
			h.get(kind + "/glaze/versions/4").wants(http.StatusNotFound)
			h.do(http.MethodDelete, kind+"/glaze", "").wants(http.StatusNoContent)
		})
	}
}

func TestListsOfVersions(t *testing.T) {
	h := newHost(t)
	for _, v := range []struct{ version, more string }{
		{"1", `, "tags": {"fired": "yes"}, "stage": "Production"`}, {"3", `, "tags": {"fired": "no"}`}, {"2", `, "properties": {"p": "1"}`}, {"old", `, "isArchived": true`},
	} {
		h.put("models/mugs/versions/"+v.version, `{"properties": {"modelUri": "https://h/c/a"`+v.more+`}}`).wants(http.StatusCreated)
	}
	for query, want := range map[string][]string{
		"":                                  {"2", "3", "1"},
		"?$orderBy=createdtime%20asc":       {"1", "3", "2"},
		"?listViewType=All":                 {"old", "2", "3", "1"},
		"?listViewType=ArchivedOnly":        {"old"},
		"?tags=fired":                       {"3", "1"},
		"?tags=fired%3Dyes":                 {"1"},
		"?tags=fired%3Dyes,unknown":         {},
		"?properties=p%3D1":                 {"2"},
		"?stage=production":                 {"1"},
		"?version=3":                        {"3"},
		"?$orderBy=createdtime+desc&$top=1": {"2"},
	} {
		h.get("models/mugs/versions" + query).wants(http.StatusOK).hasNames(want...)
	}
	h.get("models/none/versions").wants(http.StatusNotFound)
	h.get("codes/none/versions").wants(http.StatusOK).hasNames()
}

func TestDeletedVersions(t *testing.T) {
	h := newHost(t)
	for _, version := range []string{"1", "2", "3"} {
		h.put("models/mugs/versions/"+version, `{"properties": {"modelUri": "https://h/c/a"}}`).wants(http.StatusCreated)
	}
	h.get("models/mugs").has(map[string]any{"properties/latestVersion": "3", "properties/nextVersion": "4"})
	h.do(http.MethodDelete, "models/mugs/versions/3", "").wants(http.StatusOK)
	h.do(http.MethodDelete, "models/mugs/versions/3", "").wants(http.StatusNoContent)
	h.get("models/mugs").has(map[string]any{"properties/latestVersion": "2", "properties/nextVersion": "3"})
	h.get("models/mugs/versions").hasNames("2", "1")
	h.get("models/mugs/labels/latest").has(map[string]any{"name": "2"})
}

// TestVersionsWithoutContent: a version says where its content is.
func TestVersionsWithoutContent(t *testing.T) {
	for kind, member := range map[string]string{"codes": "CodeUri", "models": "ModelUri", "data": "DataUri", "environments": "Image"} {
		for _, body := range []string{``, `{}`, `{"properties": {}}`, `{"properties": {"` + strings.ToLower(member[:1]) + member[1:] + `": ""}}`} {
			h := newHost(t)
			r := h.put(kind+"/clay/versions/1", body).wants(http.StatusBadRequest)
			if message, _ := r.at("error/message").(string); !strings.Contains(message, "'"+member+"' must not be empty.") {
				t.Errorf("%s %q: message = %q", kind, body, message)
			}
			h.get(kind + "/clay/versions/1").wants(http.StatusNotFound)
		}
	}
}

// TestNextVersion is one more than the highest number, whatever else the versions are called.
func TestNextVersion(t *testing.T) {
	for _, tt := range []struct {
		versions []string
		next     string
	}{{[]string{"blue"}, "1"}, {[]string{"0"}, "1"}, {[]string{"1"}, "2"}, {[]string{"7", "blue", "3"}, "8"}} {
		h := newHost(t)
		for _, version := range tt.versions {
			h.put("models/glaze/versions/"+version, `{"properties": {"modelUri": "https://h/c/a"}}`).wants(http.StatusCreated)
		}
		h.get("models/glaze").has(map[string]any{"properties/nextVersion": tt.next, "properties/latestVersion": tt.versions[len(tt.versions)-1]})
	}
}
