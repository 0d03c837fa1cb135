package azmlbatch

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An exportedCall is a function or method of this package that can fail, with arguments for which it does not.
type exportedCall struct {
	name string
	call any   // the function, or the method of a client
	args []any // without the options at the end
}

// callPaths are the local files that calls are given. Each file is new for each call.
type callPaths struct{ file, model, results string }

func newCallPaths(t *testing.T) callPaths {
	t.Helper()
	dir := t.TempDir()
	p := callPaths{filepath.Join(dir, "score.py"), filepath.Join(dir, "model"), filepath.Join(dir, "results")}
	if err := os.MkdirAll(p.model, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{p.file, filepath.Join(p.model, "Dockerfile"), filepath.Join(dir, "config.json")} {
		if err := os.WriteFile(file, []byte(`{"subscription_id":"s","resource_group":"g","workspace_name":"w"}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

const callPlace = "azureml://datastores/workspaceblobstore/paths/vases"

// exportedCalls are all calls of the package that can fail; TestEveryExportedCallIsWalked compares them with the source.
func exportedCalls(c *Client, p callPaths) []exportedCall {
	ctx := context.Background() // the walks put their own in its place
	calls := []exportedCall{
		{"NewClient", NewClient, []any{testWorkspace, &fakeCredential{}}},
		{"FindWorkspace", FindWorkspace, []any{filepath.Dir(p.file)}},
		{"ParseReference", ParseReference, []any{ReferenceKindModel, "azureml:vases:1"}},
		{"Check", Check[Endpoint], []any{Endpoint{Name: "vases"}}},
		{"Resume", Resume[Nothing], []any{c, `{"version":2,"verb":"delete","kind":"endpoint","name":"digits","result":"Nothing","poll":"` + strings.ReplaceAll(operationURL, "&", `\u0026`) + `"}`}},
		{"Rows", Rows[string], []any{ctx, c, "job-1"}},
		{"ReadRows", ReadRows[string], []any{io.Reader(strings.NewReader("a\n")), "predictions.csv"}},
		{"Client.Authenticate", c.Authenticate, []any{ctx}},
		{"Client.WorkspaceDetails", c.WorkspaceDetails, []any{ctx}},
		{"Client.Permissions", c.Permissions, []any{ctx, testWorkspace.ID()}},
		{"Client.Upload", c.Upload, []any{ctx, p.model}},
		{"Client.UploadFS", c.UploadFS, []any{ctx, os.DirFS(p.model), "model", (*UploadOptions)(nil)}},
		{"Client.UploadReader", c.UploadReader, []any{ctx, io.Reader(strings.NewReader("1")), "model.pkl", (*UploadOptions)(nil)}},
		{"Client.FindUpload", c.FindUpload, []any{ctx, p.file}},
		{"Client.Download", c.Download, []any{ctx, callPlace, p.results, (*DownloadOptions)(nil)}},
		{"Client.ListFiles", c.ListFiles, []any{ctx, callPlace}},
		{"Client.OpenFile", c.OpenFile, []any{ctx, callPlace + "/a"}},
		{"ComputesClient.Get", c.Computes().Get, []any{ctx, "cluster"}},
		{"ComputesClient.List", c.Computes().List, []any{ctx}},
		{"ComputesClient.CreateOrUpdate", c.Computes().CreateOrUpdate, []any{ctx, "cluster", Compute{Properties: AmlCompute{VMSize: "STANDARD_D2_V2", MaxNodes: 1}}}},
		{"ComputesClient.BeginCreateOrUpdate", c.Computes().BeginCreateOrUpdate, []any{ctx, "cluster", Compute{Properties: AmlCompute{VMSize: "STANDARD_D2_V2", MaxNodes: 1}}}},
		{"ComputesClient.Scale", c.Computes().Scale, []any{ctx, "cluster", 0, 1}},
		{"ComputesClient.ListUsages", c.Computes().ListUsages, []any{ctx}},
		{"ComputesClient.ListVMSizes", c.Computes().ListVMSizes, []any{ctx}},
		{"ComputesClient.Quotas", c.Computes().Quotas, []any{ctx}},
		{"ComputesClient.ListNodes", c.Computes().ListNodes, []any{ctx, "cluster"}},
		{"ComputesClient.Delete", c.Computes().Delete, []any{ctx, "cluster"}},
		{"ComputesClient.BeginDelete", c.Computes().BeginDelete, []any{ctx, "cluster"}},
		{"NewEndpointScheduleAction", NewEndpointScheduleAction, []any{"digits", Invocation{Input: URIFolder{URI: callPlace}}}},
		{"SchedulesClient.Get", c.Schedules().Get, []any{ctx, "nightly"}},
		{"SchedulesClient.List", c.Schedules().List, []any{ctx}},
		{"SchedulesClient.CreateOrUpdate", c.Schedules().CreateOrUpdate, []any{ctx, "nightly", callSchedule()}},
		{"SchedulesClient.BeginCreateOrUpdate", c.Schedules().BeginCreateOrUpdate, []any{ctx, "nightly", callSchedule()}},
		{"SchedulesClient.Enable", c.Schedules().Enable, []any{ctx, "nightly"}},
		{"SchedulesClient.Disable", c.Schedules().Disable, []any{ctx, "nightly"}},
		{"SchedulesClient.Delete", c.Schedules().Delete, []any{ctx, "nightly"}},
		{"SchedulesClient.BeginDelete", c.Schedules().BeginDelete, []any{ctx, "nightly"}},
		{"CodesClient.Upload", c.Codes().Upload, []any{ctx, "score", p.model}},
		{"DataClient.Upload", c.Data().Upload, []any{ctx, "vases", p.model}},
		{"ModelsClient.Upload", c.Models().Upload, []any{ctx, "vases", p.model}},
		{"EnvironmentsClient.Upload", c.Environments().Upload, []any{ctx, "plain", p.model}},
		{"DatastoresClient.Get", c.Datastores().Get, []any{ctx, "store"}},
		{"DatastoresClient.Default", c.Datastores().Default, []any{ctx}},
		{"DatastoresClient.List", c.Datastores().List, []any{ctx}},
		{"DatastoresClient.CreateOrUpdate", c.Datastores().CreateOrUpdate, []any{ctx, "store", Datastore{Type: DatastoreTypeAzureBlob, AccountName: "acc", ContainerName: "con", Credentials: AccountKeyCredentials{Key: "a2V5"}}}},
		{"DatastoresClient.Delete", c.Datastores().Delete, []any{ctx, "store"}},
		{"DatastoresClient.Secrets", c.Datastores().Secrets, []any{ctx, "store"}},
		{"DeploymentsClient.Get", c.Deployments("digits").Get, []any{ctx, "blue"}},
		{"DeploymentsClient.List", c.Deployments("digits").List, []any{ctx}},
		{"DeploymentsClient.CreateOrUpdate", c.Deployments("digits").CreateOrUpdate, []any{ctx, "blue", callDeployment()}},
		{"DeploymentsClient.BeginCreateOrUpdate", c.Deployments("digits").BeginCreateOrUpdate, []any{ctx, "blue", callDeployment()}},
		{"DeploymentsClient.Update", c.Deployments("digits").Update, []any{ctx, "blue", DeploymentPatch{Description: new("d")}}},
		{"DeploymentsClient.Delete", c.Deployments("digits").Delete, []any{ctx, "blue"}},
		{"DeploymentsClient.BeginDelete", c.Deployments("digits").BeginDelete, []any{ctx, "blue"}},
		{"EndpointsClient.Get", c.Endpoints().Get, []any{ctx, "digits"}},
		{"EndpointsClient.List", c.Endpoints().List, []any{ctx}},
		{"EndpointsClient.CreateOrUpdate", c.Endpoints().CreateOrUpdate, []any{ctx, "digits", Endpoint{}}},
		{"EndpointsClient.BeginCreateOrUpdate", c.Endpoints().BeginCreateOrUpdate, []any{ctx, "digits", Endpoint{}}},
		{"EndpointsClient.Delete", c.Endpoints().Delete, []any{ctx, "digits"}},
		{"EndpointsClient.BeginDelete", c.Endpoints().BeginDelete, []any{ctx, "digits"}},
		{"EndpointsClient.SetDefaultDeployment", c.Endpoints().SetDefaultDeployment, []any{ctx, "digits", "blue"}},
		{"EndpointsClient.Keys", c.Endpoints().Keys, []any{ctx, "digits"}},
		{"EndpointsClient.Invoke", c.Endpoints().Invoke, []any{ctx, "digits", callInvocation(p)}},
		{"EndpointsClient.InvokeMany", c.Endpoints().InvokeMany, []any{ctx, "digits", slices.Values([]Invocation{callInvocation(p)})}},
		{"EndpointsClient.GetJob", c.Endpoints().GetJob, []any{ctx, "digits", "job-1"}},
		{"EndpointsClient.ListJobs", c.Endpoints().ListJobs, []any{ctx, "digits"}},
		{"JobsClient.Get", c.Jobs().Get, []any{ctx, "job-1"}},
		{"JobsClient.List", c.Jobs().List, []any{ctx}},
		{"JobsClient.ListSummaries", c.Jobs().ListSummaries, []any{ctx}},
		{"JobsClient.Cancel", c.Jobs().Cancel, []any{ctx, "job-1"}},
		{"JobsClient.BeginCancel", c.Jobs().BeginCancel, []any{ctx, "job-1"}},
		{"JobsClient.Delete", c.Jobs().Delete, []any{ctx, "job-1"}},
		{"JobsClient.BeginDelete", c.Jobs().BeginDelete, []any{ctx, "job-1"}},
		{"JobsClient.Wait", c.Jobs().Wait, []any{ctx, "job-1"}},
		{"JobsClient.Poller", c.Jobs().Poller, []any{"job-1"}},
		{"JobsClient.Counts", c.Jobs().Counts, []any{ctx, "job-1"}},
		{"JobsClient.ListLogs", c.Jobs().ListLogs, []any{ctx, "job-1"}},
		{"JobsClient.OpenLog", c.Jobs().OpenLog, []any{ctx, JobLog{Name: "logs/job_result.txt", URI: callPlace + "/a"}}},
		{"JobsClient.OpenLogAt", c.Jobs().OpenLogAt, []any{ctx, JobLog{Name: "logs/job_result.txt", URI: callPlace + "/a"}, int64(0)}},
		{"JobsClient.FollowLogs", c.Jobs().FollowLogs, []any{ctx, "job-1"}},
		{"JobsClient.ListOutputs", c.Jobs().ListOutputs, []any{ctx, "job-1"}},
		{"JobsClient.OpenOutput", c.Jobs().OpenOutput, []any{ctx, OutputFile{Name: "predictions.csv", URI: callPlace + "/a"}}},
		{"JobsClient.Download", c.Jobs().Download, []any{ctx, "job-1", p.results}},
		{"JobsClient.ListSteps", c.Jobs().ListSteps, []any{ctx, "job-1"}},
		{"JobsClient.Watch", c.Jobs().Watch, []any{ctx, []string{"job-1", "job-2"}}},
	}
	calls = append(calls, assetCalls("CodesClient", c.Codes().AssetsClient, Code{Name: "score", Version: "1", CodeURI: "https://acc.blob.core.windows.net/con/a"}, p)...)
	calls = append(calls, assetCalls("ModelsClient", c.Models().AssetsClient, Model{Name: "vases", Version: "1", ModelURI: callPlace}, p)...)
	calls = append(calls, assetCalls("DataClient", c.Data().AssetsClient, Data{Name: "vases", Version: "1", DataURI: callPlace}, p)...)
	calls = append(calls, assetCalls("EnvironmentsClient", c.Environments().AssetsClient, Environment{Name: "plain", Version: "1", Image: "python"}, p)...)
	return append(calls, assetCalls("ComponentsClient", c.Components().AssetsClient, Component{Name: "glaze", Version: "1", Spec: []byte(`{"type":"pipeline"}`)}, p)...)
}

func assetCalls[T Asset](client string, a AssetsClient[T], asset T, p callPaths) []exportedCall {
	ctx, name := context.Background(), "vases"
	const of = "AssetsClient."
	calls := []exportedCall{
		{of + "Get", a.Get, []any{ctx, "vases", "1"}},
		{of + "Latest", a.Latest, []any{ctx, "vases"}},
		{of + "ListVersions", a.ListVersions, []any{ctx, "vases"}},
		{of + "CreateOrUpdate", a.CreateOrUpdate, []any{ctx, name, asset}},
		{of + "Archive", a.Archive, []any{ctx, "vases", "1"}},
		{of + "Restore", a.Restore, []any{ctx, "vases", "1"}},
		{of + "Delete", a.Delete, []any{ctx, "vases", "1"}},
		{of + "GetContainer", a.GetContainer, []any{ctx, "vases"}},
		{of + "ListContainers", a.ListContainers, []any{ctx}},
		{of + "ArchiveContainer", a.ArchiveContainer, []any{ctx, "vases"}},
		{of + "RestoreContainer", a.RestoreContainer, []any{ctx, "vases"}},
		{of + "DeleteContainer", a.DeleteContainer, []any{ctx, "vases"}},
	}
	if client != "ComponentsClient" { // which has no files
		calls = append(calls, exportedCall{of + "Download", a.Download, []any{ctx, "vases", "1", p.results}})
	}
	for i := range calls {
		calls[i].name = client + "." + calls[i].name
	}
	return calls
}

func callDeployment() Deployment {
	return Deployment{Model: ModelByID{AssetID: "azureml:vases:1"}, EnvironmentID: "azureml:plain:1", Compute: "cluster",
		CodeConfiguration: CodeConfiguration{CodeID: "azureml:score:1", ScoringScript: "score.py"}}
}

func callSchedule() Schedule {
	return Schedule{Trigger: CronTrigger{Expression: "0 2 * * *"}, Action: JobScheduleAction{Definition: []byte(`{"jobType":"Command"}`)}}
}

func callInvocation(p callPaths) Invocation { return Invocation{Input: LocalPath{Path: p.model}} }

// declaredCalls reads from the source which exported functions and methods can fail, by receiver and name.
func declaredCalls(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.IsExported() && canFail(fn.Type) && (fn.Recv == nil || ast.IsExported(receiver(fn))) {
				declared[receiver(fn)+fn.Name.Name] = true
			}
		}
	}
	return declared
}

// canFail reports whether a function gives an error, by itself or in a loop.
func canFail(f *ast.FuncType) bool {
	if f.Results == nil {
		return false
	}
	return slices.ContainsFunc(f.Results.List, func(r *ast.Field) bool {
		if loop, ok := r.Type.(*ast.IndexListExpr); ok {
			last, ok := loop.Indices[len(loop.Indices)-1].(*ast.Ident)
			return ok && last.Name == "error"
		}
		id, ok := r.Type.(*ast.Ident)
		return ok && id.Name == "error"
	})
}

func receiver(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return ""
	}
	t := fn.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if generic, ok := t.(*ast.IndexExpr); ok {
		t = generic.X
	}
	return t.(*ast.Ident).Name + "."
}

// TestEveryExportedCallIsWalked proves the table of calls complete. A new call fails here until it is in the table.
func TestEveryExportedCallIsWalked(t *testing.T) {
	declared := declaredCalls(t)
	for name := range declared {
		// Codecs and the errors' own methods ask nobody; a poller is what the Begin methods give, and is followed there.
		_, method, _ := strings.Cut(name, ".")
		if strings.HasSuffix(method, "JSON") || method == "Unwrap" || strings.HasPrefix(name, "Poller.") || name == "Reference.ID" {
			delete(declared, name)
		}
	}
	walked := map[string]bool{}
	for _, call := range exportedCalls(newTestClient(t, http.NotFound), newCallPaths(t)) {
		parts := strings.Split(call.name, ".")
		walked[strings.Join(parts[max(0, len(parts)-2):], ".")] = true
	}
	if diff := cmp.Diff(declared, walked); diff != "" {
		t.Errorf("calls (-declared +walked):\n%s", diff)
	}
}

// arguments are those of the table, each of the type that the call takes. What the table leaves out, which are options, is nil.
func (e exportedCall) arguments() []reflect.Value {
	types := reflect.TypeOf(e.call)
	in := make([]reflect.Value, types.NumIn())
	for i := range in {
		in[i] = reflect.New(types.In(i)).Elem()
		if i < len(e.args) {
			in[i].Set(reflect.ValueOf(e.args[i]))
		}
	}
	return in
}

// run makes the call with another context, and follows what it gives to its end: loops, pollers and readers.
func (e exportedCall) run(ctx context.Context) error {
	in := e.arguments()
	for i, v := range in {
		if v.Type() == reflect.TypeFor[context.Context]() {
			in[i] = reflect.ValueOf(ctx)
		}
	}
	out := reflect.ValueOf(e.call).Call(in)
	if last := out[len(out)-1]; last.Kind() == reflect.Interface {
		if err, ok := last.Interface().(error); ok {
			return err
		}
	}
	switch first := out[0]; v := first.Interface().(type) {
	case io.ReadCloser:
		_, err := io.ReadAll(v)
		_ = v.Close()
		return err
	case error:
		return v
	default:
		return follow(ctx, first)
	}
}

func follow(ctx context.Context, v reflect.Value) (err error) {
	switch {
	case v.Kind() == reflect.Func && v.Type().CanSeq2():
		for _, e := range v.Seq2() {
			if failed, ok := e.Interface().(error); ok {
				err = failed
			}
		}
	case v.Kind() == reflect.Pointer && v.MethodByName("PollUntilDone").IsValid():
		out := v.MethodByName("PollUntilDone").Call([]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf((*WaitOptions)(nil))})
		err, _ = out[1].Interface().(error)
	}
	return err
}

// wholeService answers every request of the package as if all that is asked for were there.
func wholeService(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	name := path[strings.LastIndexByte(path, '/')+1:]
	switch {
	case strings.Contains(r.Host, ".blob."):
		wholeStorage(w, r)
	case r.Method == http.MethodPost && strings.Contains(r.Host, ".inference."):
		writeJSON(w, 201, wholeThing("/jobs/job-1"))
	case strings.HasSuffix(path, "/discovery"):
		writeJSON(w, 200, `{"api":"https://r.api.azureml.ms"}`)
	case strings.HasSuffix(path, "/runs/get"):
		metrics(`{"key":"Failed Items","value":0},{"key":"Total Items","value":1},{"key":"Remaining Items","value":0}`)(w)
	case name == "children":
		writeJSON(w, 200, `{"value":[{"runId":"step-1","displayName":"batchscoring","status":"Completed"}]}`)
	case name == "listsecrets" || name == "listSecrets":
		writeJSON(w, 200, `{"secretsType":"Sas","sasToken":"sv=1&sig=hidden"}`)
	case name == "startPendingUpload":
		writeJSON(w, 200, `{"blobReferenceForConsumption":{"blobUri":"https://acc.blob.core.windows.net/new","credential":{"sasUri":"https://acc.blob.core.windows.net/new?sv=1&sig=hidden"}}}`)
	case name == "permissions" || name == "usages" || name == "vmSizes":
		writeJSON(w, 200, `{"value":[]}`)
	case name == "listNodes":
		writeJSON(w, 200, `{"nodes":[]}`)
	case r.Method == http.MethodDelete:
		answer(202, ``, "Location", operationURL)(w, r)
	case strings.Contains(path, "mfeOperationsStatus"):
		writeJSON(w, 200, `{"status":"Succeeded"}`)
	case r.Method == http.MethodGet && slices.Contains(collections, name):
		writeJSON(w, 200, `{"value":[`+wholeThing(path[:strings.LastIndexByte(path, '/')]+"/"+name+"/x")+`]}`)
	default:
		body, _ := io.ReadAll(r.Body)
		thing := wholeThing(path)
		if strings.Contains(string(body), `"isArchived":true`) {
			thing = strings.Replace(thing, `"properties":{`, `"properties":{"isArchived":true,`, 1)
		}
		writeJSON(w, 200, thing)
	}
}

var collections = []string{"jobs", "schedules", "batchEndpoints", "deployments", "datastores", "computes", "codes", "models", "data", "environments", "components", "versions"}

// wholeThing has the members of every kind of resource.
func wholeThing(path string) string {
	name := path[strings.LastIndexByte(path, '/')+1:]
	uri := callPlace
	if strings.Contains(path, "/codes/") {
		uri = "https://acc.blob.core.windows.net/con/vases"
	}
	return fmt.Sprintf(`{"id":%q,"name":%q,"location":"r","properties":{"provisioningState":"Succeeded","status":"Completed","latestVersion":"1","nextVersion":"2",
		"discoveryUrl":"https://r.api.azureml.ms/discovery","scoringUri":"https://digits.r.inference.ml.azure.com/jobs","defaults":{"deploymentName":"blue"},
		"isDefault":true,"datastoreType":"AzureBlob","accountName":"acc","containerName":"con","endpoint":"core.windows.net","protocol":"https",
		"credentials":{"credentialsType":"None"},"computeType":"AmlCompute","modelUri":%q,"codeUri":%q,"dataUri":%q,"dataType":"uri_folder","modelType":"custom_model",
		"build":{"contextUri":%q},"trigger":{"triggerType":"Cron","expression":"0 2 * * *"},"action":{"actionType":"CreateJob","jobDefinition":{}},
		"properties":{"vmSize":"STANDARD_D2_V2","azureml.parameters":"{\"output_uri\":\"azureml://datastores/workspaceblobstore/paths/out/predictions.csv\"}"}}}`,
		path, name, uri, uri, uri, uri)
}

func wholeStorage(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodPut:
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("x-ms-lease-id", "00000000-0000-0000-0000-000000000001")
		if r.URL.Query().Get("comp") == "metadata" {
			return
		}
		w.WriteHeader(http.StatusCreated)
	case r.Method == http.MethodHead && strings.HasSuffix(r.URL.Path, "/score.py"): // for FindUpload
		w.Header().Set("x-ms-meta-upload_status", "completed")
	case r.Method == http.MethodHead:
		w.Header().Set("x-ms-error-code", "BlobNotFound")
		w.WriteHeader(http.StatusNotFound)
	case r.URL.Query().Get("comp") == "list":
		prefix := r.URL.Query().Get("prefix")
		if strings.HasPrefix(prefix, "LocalUpload/") { // nothing has been uploaded before
			_, _ = io.WriteString(w, blobPageStart+`</Blobs></EnumerationResults>`)
			return
		}
		_, _ = io.WriteString(w, blobPageStart+`<Blob><Name>`+strings.TrimSuffix(prefix, "/")+`/a.txt</Name><Properties><Content-Length>2</Content-Length></Properties></Blob></Blobs></EnumerationResults>`)
	default:
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Content-Length", "2")
		_, _ = io.WriteString(w, "a\n")
	}
}

// walk makes every call, each with a client and files of its own.
func walk(t *testing.T, transport func() http.HandlerFunc, visit func(t *testing.T, e exportedCall)) {
	t.Helper()
	names := exportedCalls(newTestClient(t, http.NotFound), callPaths{file: "score.py"})
	for i := range names {
		t.Run(names[i].name, func(t *testing.T) {
			c := newTestClient(t, transport(), func(o *ClientOptions) { o.Retry.MaxRetries = -1 })
			visit(t, exportedCalls(c, newCallPaths(t))[i])
		})
	}
}

// TestWholeService holds the walks' own service against every call: none of them may fail for another reason.
func TestWholeService(t *testing.T) {
	walk(t, func() http.HandlerFunc { return wholeService }, func(t *testing.T, e exportedCall) {
		if err := e.run(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
