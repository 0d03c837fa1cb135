package emulator

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/azmlbatch/azmlbatch/emulator/internal/arm"
	"github.com/azmlbatch/azmlbatch/emulator/internal/blob"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// prepare puts into the store what a recorded answer shows and no earlier request of the story
// made.
func (w *world) prepare(t *testing.T, x recording) {
	t.Helper()
	if strings.HasSuffix(x.url.Host, ".blob.core.windows.net") {
		w.prepareBlobs(t, x)
		return
	}
	if strings.HasSuffix(x.url.Host, ".api.azureml.ms") {
		w.prepareRuns(t, x)
		return
	}
	m := workspacePattern.FindString(x.url.Path)
	body, _ := x.ResponseBody.(map[string]any)
	if m == "" || x.url.Host != "management.azure.com" {
		return
	}
	if x.Method == http.MethodGet && x.Status == http.StatusOK || x.Method == http.MethodPut && x.Status == http.StatusOK {
		w.put(t, body, x.Method == http.MethodGet)
		items, _ := body["value"].([]any)
		if !strings.HasSuffix(x.url.Path, "/models") { // the one list that is oldest first
			items = slices.Clone(items)
			slices.Reverse(items)
		}
		w.fill(t, m, x, body)
		for _, item := range items {
			d, _ := item.(map[string]any)
			w.put(t, d, false)
		}
	}
	w.prepareNeighbours(t, m, x)
}

// makeRegistries makes the registries that a story finds. Its hosts are those of a test cloud.
func (w *world) makeRegistries(t *testing.T, story []recording) {
	t.Helper()
	for _, x := range story {
		discovered, _ := x.ResponseBody.(map[string]any)
		name, _ := discovered["registryName"].(string)
		if name == "" {
			continue
		}
		region, _ := discovered["primaryRegion"].(string)
		subscription, _ := discovered["subscriptionId"].(string)
		group, _ := discovered["resourceGroup"].(string)
		if err := w.e.services.arm.CreateRegistry(arm.Registry{SubscriptionID: subscription, ResourceGroup: group, Name: name, Location: region, StorageAccount: "feedmaster2"}); err != nil {
			t.Fatal(err)
		}
		w.renamed["cert-master.experiments.azureml-test.net"] = w.e.cloud.RegistryHost(region)
		w.renamed["master.api.azureml-test.ms"] = w.e.cloud.APIHost(region)
	}
}

// put stores a document that the story has not made; a job moves on to the status that is recorded
// next.
func (w *world) put(t *testing.T, d map[string]any, moveOn bool) {
	t.Helper()
	id, _ := d["id"].(string)
	if !strings.Contains(id, "/workspaces/") || strings.Contains(id, "mfeOperation") {
		return
	}
	for from, to := range w.renamed {
		id = strings.ReplaceAll(id, from, to)
	}
	if _, found := w.e.services.store.Get(id); found && (!moveOn || !strings.Contains(id, "/jobs/")) {
		return
	}
	if _, err := w.e.services.store.Put(id, clone(d)); err != nil {
		t.Fatal(err)
	}
}

// withoutNodes are the properties of a cluster on which jobs wait: how far a job of a recording has
// come is told by the recording, and not by the real time that a run of it takes here.
var withoutNodes = map[string]any{"computeType": "AmlCompute", "properties": map[string]any{"scaleSettings": map[string]any{"maxNodeCount": 0}}}

func clone(d map[string]any) store.Document {
	var out store.Document
	decoder := json.NewDecoder(strings.NewReader(asJSON(d)))
	decoder.UseNumber()
	_ = decoder.Decode(&out)
	return out
}

// fill adds as many items as make the emulator page where the recording, an excerpt, has a next
// link.
func (w *world) fill(t *testing.T, ws string, x recording, body map[string]any) {
	t.Helper()
	if _, more := body["nextLink"]; !more || x.url.Query().Has("$top") {
		return
	}
	kind := strings.TrimPrefix(x.url.Path, ws)
	for i := range 60 {
		id := fmt.Sprintf("%s%s/filler%02d", ws, kind, i)
		w.put(t, map[string]any{"id": id, "name": fmt.Sprintf("filler%02d", i), "properties": map[string]any{"isArchived": false}}, false)
	}
}

// prepareNeighbours makes what a request refers to and no recorded answer shows.
func (w *world) prepareNeighbours(t *testing.T, ws string, x recording) {
	t.Helper()
	request := asJSON(x.RequestBody)
	for _, m := range regexp.MustCompile(`/((components|codes|models|environments)/[^/"]+/versions/[^/"]+|computes/[^/"]+)`).FindAllString(request, -1) {
		if !strings.Contains(m, "non_existent") && x.Status < http.StatusBadRequest {
			properties := map[string]any{}
			if strings.HasPrefix(m, "/computes/") {
				properties = withoutNodes
			}
			w.put(t, map[string]any{"id": ws + m, "name": m[strings.LastIndex(m, "/")+1:], "properties": properties}, false)
		}
	}
	for _, m := range regexp.MustCompile(`"environmentId":"azureml:([^/":]+):([^/":]+)"`).FindAllStringSubmatch(request, -1) {
		w.put(t, map[string]any{"id": ws + "/environments/" + m[1] + "/versions/" + m[2], "name": m[2], "properties": map[string]any{}}, false)
	}
	if m := regexp.MustCompile(`(/batchEndpoints/[^/]+)/deployments`).FindStringSubmatch(x.url.Path); m != nil {
		w.prepareEndpoint(t, ws+m[1])
	}
	target := strings.TrimSuffix(x.url.Path, "/cancel")
	if x.Method == http.MethodDelete || strings.HasSuffix(x.url.Path, "/cancel") {
		w.put(t, map[string]any{"id": target, "name": target[strings.LastIndex(target, "/")+1:], "properties": map[string]any{"status": "Running"}}, false)
	}
	if strings.HasSuffix(x.url.Path, "/listSecrets") && x.Status == http.StatusBadRequest {
		_, err := w.e.services.store.Update(strings.TrimSuffix(x.url.Path, "/listSecrets"), func(d store.Document) error {
			d["properties"].(map[string]any)["credentials"] = map[string]any{"credentialsType": "None"}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(asJSON(x.ResponseBody), "is immutable") {
		w.put(t, map[string]any{"id": x.url.Path, "name": "1", "properties": map[string]any{"componentSpec": map[string]any{"code": "azureml:other"}}}, false)
	}
}

// prepareEndpoint makes the endpoint of a deployment, as a later answer of the story shows it.
func (w *world) prepareEndpoint(t *testing.T, id string) {
	t.Helper()
	name := id[strings.LastIndex(id, "/")+1:]
	endpoint := map[string]any{"id": id, "name": name, "properties": map[string]any{}}
	for _, x := range w.story {
		if x.url.Path == id && x.Method == http.MethodGet && x.Status == http.StatusOK {
			endpoint = x.ResponseBody.(map[string]any)
		}
	}
	if _, found := w.e.services.store.Get(id); found {
		return
	}
	w.put(t, endpoint, false)
	region, _ := endpoint["location"].(string)
	if _, err := w.e.services.store.Put("endpointname:"+region+"/"+name, store.Document{"id": id}); err != nil {
		t.Fatal(err)
	}
}

// prepareBlobs makes the container, and the blobs that a recorded answer shows.
func (w *world) prepareBlobs(t *testing.T, x recording) {
	t.Helper()
	account, _, _ := strings.Cut(x.url.Host, ".")
	container, name, _ := strings.Cut(strings.TrimPrefix(x.url.Path, "/"), "/")
	blobs := w.e.services.blobs
	_ = blobs.AddAccount(blob.Account{Name: account, AllowSharedKey: true}) // there already, or made now
	_ = blobs.CreateContainer(account, container)
	put := func(name, content string, metadata map[string]string) {
		if err := blobs.Put(t.Context(), account, container, name, strings.NewReader(content), &blob.PutOptions{Metadata: metadata}); err != nil {
			t.Fatal(err)
		}
	}
	metadata := map[string]string{}
	for k, v := range x.ResponseHeaders {
		if m, ok := strings.CutPrefix(strings.ToLower(k), "x-ms-meta-"); ok {
			metadata[m] = v
		}
	}
	text, _ := x.ResponseBody.(string)
	switch {
	case x.Method == http.MethodHead && x.Status == http.StatusOK:
		put(name, strings.Repeat("x", 11), metadata)
	case x.Method == http.MethodGet && x.Status == http.StatusPartialContent:
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			b = []byte(text)
		}
		put(name, string(b), metadata)
	case x.url.Query().Get("comp") == "list":
		for _, m := range regexp.MustCompile(`<Name>([^<]+)</Name>`).FindAllStringSubmatch(text, -1) {
			put(m[1], "x", nil)
		}
	}
}

// prepareRuns puts recorded runs into run history.
func (w *world) prepareRuns(t *testing.T, x recording) {
	t.Helper()
	ws := workspacePattern.FindString(x.url.Path)
	body, _ := x.ResponseBody.(map[string]any)
	put := func(id string, v any) {
		d, _ := v.(map[string]any)
		if _, err := w.e.services.store.Put(id, clone(d)); err != nil {
			t.Fatal(err)
		}
	}
	run := func(v any) string {
		d, _ := v.(map[string]any)
		id, _ := d["runId"].(string)
		put("run:"+ws+"/"+id, v)
		return id
	}
	switch {
	case strings.HasSuffix(x.url.Path, "/children"):
		parent := regexp.MustCompile(`/runs/([^/]+)/children`).FindStringSubmatch(x.url.Path)[1]
		items, _ := body["value"].([]any)
		put("run:"+ws+"/"+parent, map[string]any{"runId": parent})
		for _, item := range items {
			id := run(item)
			put("runchildren:"+ws+"/"+parent+"/"+id, map[string]any{"runId": id})
		}
	case strings.Contains(x.url.Path, "/runs/"):
		run(body)
	case strings.HasSuffix(x.url.Path, "/rundata"):
		meta, _ := body["runMetadata"].(map[string]any)
		id := run(meta)
		put("runoutputs:"+ws+"/"+id, meta["outputs"])
		definition, _ := body["runDefinition"].(map[string]any)
		put("rundefinition:"+ws+"/"+id, definition)
	case strings.HasSuffix(x.url.Path, "/batchGetResolvedUris"):
		values, _ := body["values"].(map[string]any)
		for asset, v := range values {
			name := regexp.MustCompile(`/data/([^/]+)`).FindStringSubmatch(asset)
			if name != nil {
				put("outputasset:"+ws+"/"+name[1], v)
			}
		}
	}
}
