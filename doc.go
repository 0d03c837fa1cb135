// Package azmlbatch is a client for batch scoring on Azure Machine Learning: put a model behind a
// batch endpoint, run it over any amount of data, and read the predictions as typed rows.
//
// # A client
//
// A [Client] is bound to one workspace, immutable and safe for concurrent use. It takes any
// credential of azidentity:
//
//	cred, err := azidentity.NewDefaultAzureCredential(nil)
//	ws, err := azmlbatch.FindWorkspace("") // config.json or the environment; or write azmlbatch.Workspace{…}
//	client, err := azmlbatch.NewClient(ws, cred, nil)
//
// Each kind of resource has an accessor with the calls for it: [Client.Endpoints],
// [Client.Deployments], [Client.Models], [Client.Codes], [Client.Environments], [Client.Data],
// [Client.Components], [Client.Computes], [Client.Datastores], [Client.Schedules] and [Client.Jobs].
//
// Resources are plain structs, given and returned by value. Members that this version does not know
// are kept in Extra, by JSON Pointer, and sent back unchanged, so that to get, change one thing and
// put damages nothing. Requests leave out members that only the service sets; json.Marshal includes
// them. Printing a resource shows the fields that are set, on one line, without secrets. A pointer
// field is one whose zero is a real setting; nil means the service's default.
//
// # From a model to predictions
//
//	model, err := client.Models().Upload(ctx, "digits", "./model", nil)
//	code, err := client.Codes().Upload(ctx, "score-digits", "./code", nil)
//	environment, err := client.Environments().CreateOrUpdate(ctx, "digits", azmlbatch.Environment{Image: image, CondaFile: conda}, nil)
//	cluster, err := client.Computes().CreateOrUpdate(ctx, "cluster", azmlbatch.Compute{
//		Properties: azmlbatch.AmlCompute{VMSize: "STANDARD_DS3_V2", MaxNodes: 2},
//	}, nil)
//	endpoint, err := client.Endpoints().CreateOrUpdate(ctx, "digits", azmlbatch.Endpoint{}, nil)
//	blue, err := client.Deployments("digits").CreateOrUpdate(ctx, "blue", azmlbatch.Deployment{
//		Model: azmlbatch.ModelByID{AssetID: model.Ref()}, EnvironmentID: environment.Ref(), Compute: cluster.Name,
//		CodeConfiguration: azmlbatch.CodeConfiguration{CodeID: code.Ref(), ScoringScript: "score.py"},
//	}, nil)
//	endpoint, err = client.Endpoints().SetDefaultDeployment(ctx, "digits", "blue", nil)
//	job, err := client.Endpoints().Invoke(ctx, "digits", azmlbatch.Invocation{
//		Input: azmlbatch.URIFolder{URI: "https://…/images"},
//	})
//	done, err := client.Jobs().Wait(ctx, job.Name, nil)
//	for row, err := range azmlbatch.Rows[Prediction](ctx, client, done.Name, nil) { … }
//
// # Lists
//
// Every list is an [iter.Seq2] of values and errors. Nothing is fetched before the loop starts, and
// leaving the loop fetches nothing more. An error is yielded once and ends the loop. Ranging again
// starts over. A next link that leaves the service's host, or that repeats, is an error.
//
// # Waiting
//
// CreateOrUpdate, Update, Scale, SetDefaultDeployment, Cancel and Delete wait until the work is
// done; [WaitOptions] set the interval and report the [Progress]. The Begin methods return once the
// service has accepted the request, with a [Poller], which works as in every Azure SDK. [Resume]
// makes a poller from its ResumeToken, even in another process. A status that this version does not
// know means that the work goes on. Cancelling the context stops the waiting, not the service's
// work.
//
// # Jobs
//
//   - [JobsClient.Wait] follows one job to its end, [JobsClient.Watch] many jobs with few requests.
//   - [EndpointsClient.InvokeMany] starts many jobs, a few at a time, and yields each as it ends.
//   - [JobsClient.FollowLogs] yields what a job writes while it runs; [JobsClient.ListLogs] and
//     [JobsClient.OpenLog] read its log files.
//   - [JobsClient.Counts] says how many files are done and how many failed. A Completed job may
//     have failed files, because the service's default threshold ignores them.
//   - [Rows] and [ReadRows] read predictions as typed rows; [JobsClient.ListOutputs],
//     [JobsClient.OpenOutput] and [JobsClient.Download] read the files as they are.
//   - [JobsClient.Cancel] stops a job.
//
// # Invoking once
//
// [EndpointsClient.Invoke] starts a job exactly once. The key of an invocation, the caller's or a
// new one, is part of the path of its output, which the service shows on the job. The POST is sent
// again only if it provably never arrived (a refused connection, 429, 503 with Retry-After). After
// any other failure the client looks for a job with that path and returns it; only if there is none
// is the error an [*AmbiguousInvokeError]. With a key of the caller, a restarted process gets the
// job that it had started.
//
// # Errors
//
// The text of an error begins with the call: operation and resource. If one of several requests of
// the call failed, that request follows: invoke endpoint "digits": get deployment "digits/blue":
// 404 … A deployment is named with its endpoint.
//
// A refusal of the service is an [*Error]: operation, status, code, message, request id and remedy
// on one line, never a query string or token. [errors.Is] answers the common questions
// ([ErrNotFound], [ErrForbidden], …), [HasCode] asks for the service's codes, and [errors.As]
// reaches *[azcore.ResponseError]. A mistake of the caller is an [*ArgumentError], found before
// anything is sent. A job that fails is a [*JobFailedError] with the traceback of the scoring
// script; a predictions file that does not fit the row type is a [*RowError].
//
// # Retries
//
// There is one retry layer, tuned by azcore's RetryOptions in [ClientOptions]: three retries by
// default, on failures of the network and on 408, 429, 500, 502, 503 and 504, with exponential
// waits from 0.8 to 60 seconds. A Retry-After is honoured without an upper bound; if the context
// would end before it, the call returns at once with the service's answer. Every request is
// repeated but the POST of an invocation, see above. Storage has the same options and honours
// Retry-After too. In uploads and downloads, a throttled request does not count as a try as long as
// others get through.
//
// # Storage
//
// Uploads go to the workspace's default datastore under the hash of their content, in the layout of
// az ml, so that equal content is not sent again, whichever tool sent it first. [UploadOutcome]
// tells what an upload of an asset did. The client's own credential comes first, a signature of the
// datastore second, an account key last. Tokens go only to hosts of their own plane: management,
// scoring, the workspace's data plane, and blob storage.
//
// # Roles
//
// What each call needs, on the workspace unless it says otherwise (learn.microsoft.com,
// how-to-assign-roles). Contributor and Owner of the workspace suffice for all but storage. A
// refusal is [ErrForbidden] and names the role; a new role takes up to an hour to work.
//
//	Every Get and List call but those of blobs below     Reader
//	Jobs().Wait, Watch, Counts, ListSteps                Reader; with the storage role for reading they also
//	                                                     find the cause of a failure and counts in logs
//	Assets: Upload, CreateOrUpdate, Archive, Restore,    AzureML Data Scientist; Upload also needs the
//	Delete                                               storage role for writing
//	Datastores: CreateOrUpdate, Delete, Secrets          AzureML Data Scientist
//	Endpoints, Deployments, Schedules: every change,     AzureML Data Scientist
//	Keys
//	Endpoints().Invoke, InvokeMany                       AzureML Data Scientist; LocalPath inputs also need
//	                                                     the storage role for writing
//	Jobs().Cancel, Delete                                AzureML Data Scientist
//	Computes: ListUsages, ListVMSizes, Quotas            Reader on the subscription
//	Computes: every change                               AzureML Compute Operator, Contributor or Owner;
//	                                                     with a user-assigned identity also Managed Identity
//	                                                     Operator
//	Client.Upload                                        the storage role for writing
//	Rows, Download, ListFiles, OpenFile, FindUpload,     the storage role for reading
//	Jobs().ListOutputs, OpenOutput, ListLogs, OpenLog,
//	FollowLogs
//
// The storage roles are Storage Blob Data Reader and, for writing, Storage Blob Data Contributor,
// on the storage account. A datastore with secrets needs neither: AzureML Data Scientist may use
// them.
//
// The job reads its input as the caller and as the cluster's managed identity: on storage without
// stored credentials the cluster needs Storage Blob Data Reader too.
//
// # Observing
//
// With [ClientOptions].TracingProvider (azotel makes one of an OpenTelemetry provider) every call
// is a span, such as "upload model" or "wait for job". The HTTP spans of its requests are its
// children; as in every Azure SDK, a span inside another one of this package is left out. With
// [ClientOptions].Logger the same steps are log records with their duration: steps of several
// requests at Info, single requests and retries at Debug. Neither holds a token, a key or a
// signature.
//
// # Testing
//
// Package emulator plays Azure ML, its storage and its token service in the test's own process, and
// really runs the scoring script:
//
//	client := emulator.NewClient(t, nil)
//
// # Escape hatches
//
// [policy.WithHTTPHeader] adds headers to one call, and [policy.WithCaptureResponse] captures its
// raw answer (of a list, the last page), whose body has been read. The embedded
// [azcore.ClientOptions] set policies, transport, logging and tracing.
package azmlbatch
