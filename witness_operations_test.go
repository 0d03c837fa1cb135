package azmlbatch

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// witnessOperation is one operation of the service: how a recording of it is recognised, and how the SDK is made to send it.
type witnessOperation struct {
	name   string
	method string
	path   *regexp.Regexp // of host and path
	query  string         // a parameter that the query must have
	open   string         // why the SDK does not do it (yet); such an operation is counted and not played
	play   func(context.Context, *stage) error
	answer func() any // what the answer decodes into; nil when the SDK reads no body
	rules  []queryRule
	drops  string // a member of properties that ours leaves out although the recorded client sends it; the reason stands beside it
	noBody bool   // the request's body differs on purpose, see the rules
	binary bool   // the body is a blob
}

const (
	wsPattern   = `^management\.azure\.com/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.MachineLearningServices/workspaces/[^/]+`
	blobPattern = `^[^/]+\.blob\.core\.windows\.net/`
	dataPattern = `^[^/]+\.api\.azureml\.ms/`
)

func atWorkspace(path string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)` + wsPattern + path + `$`)
}

// findOperation places a recording, the first operation that fits.
func findOperation(x exchange) (*witnessOperation, []string) {
	for i := range witnessOperations {
		op := &witnessOperations[i]
		if op.method != x.Method || op.query != "" && !x.url.Query().Has(op.query) {
			continue
		}
		if m := op.path.FindStringSubmatch(x.url.Host + x.url.Path); m != nil {
			return op, m[1:]
		}
	}
	return nil, nil
}

var witnessOperations = concat(endpointOperations, deploymentOperations, jobOperations, computeOperations, datastoreOperations,
	assetOperations[Code]("codes", func(c *Client) AssetsClient[Code] { return c.Codes().AssetsClient }),
	assetOperations[Model]("models", func(c *Client) AssetsClient[Model] { return c.Models().AssetsClient }),
	assetOperations[Environment]("environments", func(c *Client) AssetsClient[Environment] { return c.Environments().AssetsClient }),
	assetOperations[Data]("data", func(c *Client) AssetsClient[Data] { return c.Data().AssetsClient }),
	assetOperations[Component]("components", func(c *Client) AssetsClient[Component] { return c.Components().AssetsClient }),
	blobOperations, openOperations)

func concat(lists ...[]witnessOperation) (all []witnessOperation) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

func pageOf[T any]() any { return new(wire.Page[T]) }

// first reads what a list's first page holds.
func first[T any](items iter.Seq2[T, error]) error {
	for _, err := range items {
		if err != nil {
			return err
		}
	}
	return nil
}

// recordedBody is the request's body as a value of the SDK.
func recordedBody[T any](s *stage) T {
	s.t.Helper()
	var v T
	if err := wire.Unmarshal(bodyBytes(s.x.RequestBody, false), &v); err != nil {
		s.t.Fatalf("%s: the recorded request does not decode: %v", s.x.Name, err)
	}
	return v
}

var endpointOperations = []witnessOperation{
	{name: "endpoint put", method: http.MethodPut, path: atWorkspace(`/batchEndpoints/([^/]+)`), answer: func() any { return new(Endpoint) },
		play: func(ctx context.Context, s *stage) error {
			e := recordedBody[Endpoint](s)
			e.ID = "known" // recordings have names that were allowed once
			return ignoreResult(s.c.Endpoints().BeginCreateOrUpdate(ctx, s.m[0], e))
		}},
	{name: "endpoint get", method: http.MethodGet, path: atWorkspace(`/batchEndpoints/([^/]+)`), answer: func() any { return new(Endpoint) },
		play: func(ctx context.Context, s *stage) error { return ignoreResult(s.c.Endpoints().Get(ctx, s.m[0])) }},
	{name: "endpoint delete", method: http.MethodDelete, path: atWorkspace(`/batchEndpoints/([^/]+)`),
		play: func(ctx context.Context, s *stage) error {
			return ignoreResult(s.c.Endpoints().BeginDelete(ctx, s.m[0]))
		}},
	{name: "operation status", method: http.MethodGet, path: regexp.MustCompile(`^management\.azure\.com/.*/(mfeOperationsStatus|computeOperationsStatus)/`),
		play: func(ctx context.Context, s *stage) error {
			h := &operationHandler[Nothing]{client: s.c, state: resumeToken{Verb: "poll", Kind: "operation", Poll: s.x.URL}}
			state, err := h.poll(ctx)
			var body struct{ Status string }
			_ = json.Unmarshal(bodyBytes(s.x.ResponseBody, false), &body)
			if state.status != body.Status {
				s.t.Errorf("status %q, recorded %q", state.status, body.Status)
			}
			if body.Status == "Failed" && err != nil {
				return nil // a failed operation is a 200 that the SDK makes an error of
			}
			return err
		}},
	{name: "operation result", method: http.MethodGet, path: regexp.MustCompile(`^management\.azure\.com/.*/mfeOperationResults/`),
		play: func(ctx context.Context, s *stage) error {
			h := &operationHandler[Nothing]{client: s.c, state: resumeToken{Verb: "poll", Kind: "operation", Poll: s.x.URL, ByStatus: true}}
			state, err := h.poll(ctx)
			if err == nil && state.done != (s.x.Status == http.StatusOK) {
				s.t.Errorf("done %v after status %d", state.done, s.x.Status)
			}
			return err
		}},
}

var deploymentOperations = []witnessOperation{
	{name: "deployment put", method: http.MethodPut, path: atWorkspace(`/batchEndpoints/([^/]+)/deployments/([^/]+)`), answer: func() any { return new(Deployment) },
		play: func(ctx context.Context, s *stage) error {
			d := recordedBody[Deployment](s)
			// The caller's checks would refuse what one recording sends on purpose; the request itself is what is compared.
			r := s.c.Deployments(s.m[0]).request(http.MethodPut, "create", s.m[1])
			r.body = d
			return ignoreResult(beginOperation[Deployment](ctx, s.c, r))
		}},
	{name: "deployment get", method: http.MethodGet, path: atWorkspace(`/batchEndpoints/([^/]+)/deployments/([^/]+)`), answer: func() any { return new(Deployment) },
		play: func(ctx context.Context, s *stage) error {
			return ignoreResult(s.c.Deployments(s.m[0]).Get(ctx, s.m[1]))
		}},
	{name: "deployment list", method: http.MethodGet, path: atWorkspace(`/batchEndpoints/([^/]+)/deployments`), answer: pageOf[Deployment],
		play: func(ctx context.Context, s *stage) error { return first(s.c.Deployments(s.m[0]).List(ctx)) }},
	{name: "invoke", method: http.MethodPost, path: regexp.MustCompile(`^[^/]+\.inference\.ml\.azure\.com/jobs$`), answer: func() any { return new(BatchJob) },
		play: func(ctx context.Context, s *stage) error {
			t := invokeTarget{c: s.c, op: operation{"invoke", "endpoint", "e"}, uri: s.x.URL}
			if d := s.x.RequestHeaders["azureml-model-deployment"]; d != "" {
				t.named, t.deployment.Name = true, d
			}
			return ignoreResult(attempt{invokeTarget: t, key: "k", inv: recordedBody[Invocation](s)}.post(ctx))
		}},
}

var jobOperations = []witnessOperation{
	{name: "job cancel", method: http.MethodPost, path: atWorkspace(`/jobs/([^/]+)/cancel`),
		play: func(ctx context.Context, s *stage) error {
			return ignoreResult(s.c.Jobs().BeginCancel(ctx, s.m[0]))
		}},
	{name: "job get", method: http.MethodGet, path: atWorkspace(`/jobs/([^/]+)`), answer: func() any { return new(Job) },
		play: func(ctx context.Context, s *stage) error { return ignoreResult(s.c.Jobs().Get(ctx, s.m[0])) }},
	{name: "job list", method: http.MethodGet, path: atWorkspace(`/jobs`), answer: pageOf[Job],
		play: func(ctx context.Context, s *stage) error { return first(s.c.Jobs().List(ctx, nil)) }},
	{name: "discovery", method: http.MethodGet, path: regexp.MustCompile(dataPattern + `discovery$`),
		play: func(ctx context.Context, s *stage) error {
			s.c.api.value = nil
			return ignoreResult(s.c.dataPlaneBase(ctx))
		}},
	{name: "run children", method: http.MethodGet, path: regexp.MustCompile(dataPattern + `history/v1\.0/.*/runs/([^/]+)/children$`),
		play: func(ctx context.Context, s *stage) error { return first(s.c.Jobs().ListSteps(ctx, s.m[0])) }},
	{name: "run get", method: http.MethodGet, path: regexp.MustCompile(dataPattern + `history/v1\.0/.*/runs/([^/]+)$`),
		play: func(ctx context.Context, s *stage) error { return ignoreResult(s.c.Jobs().ownStep(ctx, s.m[0])) }},
	{name: "run data", method: http.MethodPost, path: regexp.MustCompile(dataPattern + `history/v1\.0/.*/rundata$`),
		play: func(ctx context.Context, s *stage) error {
			return ignoreResult(s.c.Jobs().runOutputs(ctx, operation{"list outputs of", "job", "j"}, recordedBody[runData](s).RunID))
		}},
	{name: "resolve data", method: http.MethodPost, path: regexp.MustCompile(dataPattern + `data/v1\.0/.*/batchGetResolvedUris$`),
		play: func(ctx context.Context, s *stage) error {
			assets := map[string]string{}
			for _, id := range recordedBody[assetIDs](s).Values {
				assets[id] = id
			}
			uris, err := s.c.Jobs().resolveAssets(ctx, operation{"list outputs of", "job", "j"}, assets)
			if len(uris) != len(assets) {
				s.t.Errorf("the places %v, want one for each of %v", uris, assets)
			}
			return err
		}},
	{name: "workspace get", method: http.MethodGet, path: atWorkspace(``), answer: func() any { return new(WorkspaceDetails) },
		play: func(ctx context.Context, s *stage) error { return ignoreResult(s.c.WorkspaceDetails(ctx)) }},
}

var computeOperations = []witnessOperation{
	{name: "compute put", method: http.MethodPut, path: atWorkspace(`/computes/([^/]+)`), answer: func() any { return new(Compute) },
		play: func(ctx context.Context, s *stage) error {
			c := recordedBody[Compute](s)
			r := s.c.Computes().request(http.MethodPut, "create", s.m[0])
			r.body = c
			return ignoreResult(beginOperation[Compute](ctx, s.c, r))
		}},
	{name: "compute get", method: http.MethodGet, path: atWorkspace(`/computes/([^/]+)`), answer: func() any { return new(Compute) },
		play: func(ctx context.Context, s *stage) error { return ignoreResult(s.c.Computes().Get(ctx, s.m[0])) }},
	{name: "compute list", method: http.MethodGet, path: atWorkspace(`/computes`), answer: pageOf[Compute],
		play: func(ctx context.Context, s *stage) error { return first(s.c.Computes().List(ctx)) }},
	{name: "compute delete", method: http.MethodDelete, path: atWorkspace(`/computes/([^/]+)`),
		play: func(ctx context.Context, s *stage) error {
			return ignoreResult(s.c.Computes().BeginDelete(ctx, s.m[0], &DeleteComputeOptions{Detach: s.x.url.Query().Get("underlyingResourceAction") == "Detach"}))
		}},
	{name: "compute nodes", method: http.MethodPost, path: atWorkspace(`/computes/([^/]+)/listNodes`),
		play: func(ctx context.Context, s *stage) error { return first(s.c.Computes().ListNodes(ctx, s.m[0])) }},
}

var datastoreOperations = []witnessOperation{
	{name: "datastore secrets", method: http.MethodPost, path: atWorkspace(`/datastores/([^/]+)/listSecrets`), noBody: true,
		rules: []queryRule{ignoring("a fixed version, the first that hands out a signature which ends; older recordings send no body", "api-version")},
		play:  func(ctx context.Context, s *stage) error { return ignoreResult(s.c.Datastores().Secrets(ctx, s.m[0])) }},
	{name: "datastore default", method: http.MethodGet, query: "isDefault", path: atWorkspace(`/datastores`), answer: pageOf[Datastore],
		rules: []queryRule{ignoring("wishes of the recorded client that change nothing for one item", "count", "orderByAsc")},
		play:  func(ctx context.Context, s *stage) error { return ignoreResult(s.c.Datastores().Default(ctx)) }},
	{name: "datastore list", method: http.MethodGet, path: atWorkspace(`/datastores`), answer: pageOf[Datastore],
		rules: []queryRule{ignoring("the recorded client asks for an order; ours takes the service's", "count", "orderByAsc")},
		play:  func(ctx context.Context, s *stage) error { return first(s.c.Datastores().List(ctx, nil)) }},
	{name: "datastore get", method: http.MethodGet, path: atWorkspace(`/datastores/([^/]+)`), answer: func() any { return new(Datastore) },
		play: func(ctx context.Context, s *stage) error { return ignoreResult(s.c.Datastores().Get(ctx, s.m[0])) }},
	{name: "datastore put", method: http.MethodPut, path: atWorkspace(`/datastores/([^/]+)`), answer: func() any { return new(Datastore) },
		play: func(ctx context.Context, s *stage) error {
			return ignoreResult(s.c.Datastores().CreateOrUpdate(ctx, s.m[0], recordedBody[Datastore](s), nil))
		}},
	{name: "datastore delete", method: http.MethodDelete, path: atWorkspace(`/datastores/([^/]+)`),
		play: func(ctx context.Context, s *stage) error { return s.c.Datastores().Delete(ctx, s.m[0]) }},
}

// assetOperations are the operations that all kinds of assets share.
func assetOperations[T Asset](kind string, of func(*Client) AssetsClient[T]) []witnessOperation {
	version, versions := atWorkspace(`/`+kind+`/([^/]+)/versions/([^/]+)`), atWorkspace(`/`+kind+`/([^/]+)/versions`)
	answer := func() any { return new(T) }
	return []witnessOperation{
		{name: kind + " pending upload", method: http.MethodPost, path: atWorkspace(`/` + kind + `/([^/]+)/versions/([^/]+)/startPendingUpload`),
			play: func(ctx context.Context, s *stage) error {
				r := of(s.c).request(operation{"upload", "code", s.m[0]}, http.MethodPost, s.m[0], s.m[1], "startPendingUpload")
				r.body = map[string]string{"pendingUploadType": "TemporaryBlobReference"}
				return ignoreResult(do[pendingUpload](ctx, s.c, r))
			}},
		// The stage of an environment is the service's own; ours never sends it back.
		{name: kind + " put", method: http.MethodPut, path: version, answer: answer, drops: map[string]string{"environments": "stage"}[kind],
			play: func(ctx context.Context, s *stage) error {
				asset := recordedBody[T](s)
				v := viewOf(&asset)
				*v.name, *v.version = s.m[0], s.m[1]
				return ignoreResult(of(s.c).put(ctx, of(s.c).op("create", s.m[0]), asset))
			}},
		{name: kind + " get", method: http.MethodGet, path: version, answer: answer,
			play: func(ctx context.Context, s *stage) error { return ignoreResult(of(s.c).Get(ctx, s.m[0], s.m[1])) }},
		{name: kind + " search by hash", method: http.MethodGet, query: "hash", path: versions, answer: pageOf[T],
			play: func(ctx context.Context, s *stage) error {
				_, _, err := s.c.Codes().byHash(ctx, operation{"upload", "code", s.m[0]}, s.m[0], s.x.url.Query().Get("hash"))
				return err
			}},
		{name: kind + " latest", method: http.MethodGet, query: "$top", path: versions, answer: pageOf[T],
			rules: []queryRule{ignoring("an archived version is never the latest for us", "listViewType")},
			play:  func(ctx context.Context, s *stage) error { return ignoreResult(of(s.c).Latest(ctx, s.m[0])) }},
		{name: kind + " versions", method: http.MethodGet, path: versions, answer: pageOf[T],
			rules: []queryRule{{name: "listViewType", reason: "ours says what the service's default is", apply: func(recorded, sent url.Values) {
				if !recorded.Has("listViewType") {
					sent.Del("listViewType")
				}
			}}},
			play: func(ctx context.Context, s *stage) error {
				return first(of(s.c).ListVersions(ctx, s.m[0], &ListAssetsOptions{View: ListView(s.x.url.Query().Get("listViewType"))}))
			}},
		{name: kind + " container get", method: http.MethodGet, path: atWorkspace(`/` + kind + `/([^/]+)`), answer: func() any { return new(AssetContainer) },
			play: func(ctx context.Context, s *stage) error { return ignoreResult(of(s.c).GetContainer(ctx, s.m[0])) }},
		{name: kind + " container put", method: http.MethodPut, path: atWorkspace(`/` + kind + `/([^/]+)`), answer: func() any { return new(AssetContainer) },
			play: func(ctx context.Context, s *stage) error {
				r := of(s.c).container(of(s.c).op("archive", s.m[0]), http.MethodPut, s.m[0])
				r.body = recordedBody[AssetContainer](s)
				return ignoreResult(do[AssetContainer](ctx, s.c, r))
			}},
		{name: kind + " containers", method: http.MethodGet, path: atWorkspace(`/` + kind), answer: pageOf[AssetContainer],
			play: func(ctx context.Context, s *stage) error {
				return first(of(s.c).ListContainers(ctx, &ListAssetsOptions{View: ListView(s.x.url.Query().Get("listViewType"))}))
			}},
	}
}

// blobOf is the place of a recorded blob, opened by a signature where the recording has one.
func (s *stage) blobOf() place {
	s.t.Helper()
	at, err := s.c.urlPlace(operation{"find", "blob", ""}, "https://"+s.x.url.Host+s.x.url.Path)
	if err != nil {
		s.t.Fatal(err)
	}
	if s.x.url.Query().Has("sig") || s.x.url.Query().Has("skoid") {
		q := s.x.url.Query()
		for _, ours := range []string{"comp", "restype", "prefix", "include"} {
			q.Del(ours)
		}
		at.sas = q.Encode()
	}
	return at
}

// uploadOf is the upload of one file with the recorded content to the recorded blob.
func (s *stage) uploadOf() *upload {
	s.t.Helper()
	content := bodyBytes(s.x.RequestBody, true)
	file := filepath.Join(s.t.TempDir(), "file")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		s.t.Fatal(err)
	}
	files, err := scanLocal(operation{"upload", "file", file}, file)
	if err != nil {
		s.t.Fatal(err)
	}
	u := s.c.newUpload(operation{"upload", "file", file}, files, nil)
	u.root, u.to = s.blobOf().at(""), s.blobOf()
	if _, err := files.UploadHash(s.t.Context(), u.sums); err != nil {
		s.t.Fatal(err)
	}
	_, u.named = s.x.RequestHeaders["If-None-Match"]
	return u
}

var blobOperations = []witnessOperation{
	{name: "blob marker", method: http.MethodHead, path: regexp.MustCompile(blobPattern),
		play: func(ctx context.Context, s *stage) error {
			first, err := s.uploadOf().readMarkerAt(ctx, s.blobOf())
			if complete := s.x.ResponseHeaders["x-ms-meta-upload_status"] == "completed"; first.complete != complete {
				s.t.Errorf("the upload is complete: %v, recorded %v", first.complete, complete)
			}
			if s.x.Status == http.StatusNotFound && err == nil {
				return &Error{StatusCode: http.StatusNotFound} // that nothing is there is no failure of the call
			}
			return err
		}},
	{name: "blob confirm", method: http.MethodPut, query: "comp", path: regexp.MustCompile(blobPattern), noBody: true,
		play: func(ctx context.Context, s *stage) error {
			metadata := map[string]*string{}
			for k, v := range s.x.RequestHeaders {
				if name, ok := strings.CutPrefix(strings.ToLower(k), "x-ms-meta-"); ok {
					metadata[name] = new(v)
				}
			}
			return s.uploadOf().confirm(ctx, metadata)
		}},
	{name: "blob put", method: http.MethodPut, path: regexp.MustCompile(blobPattern), binary: true,
		play: func(ctx context.Context, s *stage) error {
			return s.uploadOf().send(ctx)
		}},
	{name: "blob list", method: http.MethodGet, query: "restype", path: regexp.MustCompile(blobPattern),
		play: func(ctx context.Context, s *stage) error {
			at := s.blobOf().at(s.x.url.Query().Get("prefix"))
			return ignoreResult(s.c.blobPage(ctx, operation{"list", "blobs", ""}, at, "", listOptions{}))
		}},
	{name: "blob get", method: http.MethodGet, path: regexp.MustCompile(blobPattern),
		play: func(ctx context.Context, s *stage) error {
			return s.c.blobCall(ctx, operation{"read", "blob", ""}, s.blobOf(), StorageCredentialAuto, func(ctx context.Context, b *blockblob.Client) error {
				resp, err := b.DownloadStream(ctx, nil)
				if err == nil {
					err = resp.Body.Close()
				}
				return err
			})
		}},
}

// openOperations are those that the SDK does not do. The list only shrinks.
var openOperations = []witnessOperation{
	{name: "job put", method: http.MethodPut, path: atWorkspace(`/jobs/([^/]+)`), open: "command and pipeline jobs are not the SDK's subject"},
	{name: "registry", method: http.MethodGet, path: regexp.MustCompile(`registr|/environment/v1\.0/operations/`), open: "the SDK refers to the assets of registries by their ids, and neither reads nor uploads them"},
	{name: "registry", method: http.MethodPut, path: regexp.MustCompile(`/registries/`), open: "the SDK refers to the assets of registries by their ids, and neither reads nor uploads them"},
}
