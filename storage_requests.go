package azmlbatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	azruntime "github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"

	"github.com/azmlbatch/azmlbatch/internal/transfer"
)

// Requests with content do not use azblob. In a Put Blob of 10 KiB to a server on the same machine,
// azblob and azcore take a quarter of the CPU time (61 µs with azblob 1.8.3, 58 µs with azcore's
// pipeline alone, 45 µs without). They also hide from net/http that a body is in memory, so that
// head and body leave in two pieces. Transfers repeat failed requests themselves, because only they
// know how many others are in flight.
//
// If the caller's options need azcore's pipeline (policies, tracing, logging), requests go through
// it.

// containerClient makes requests to the blobs of one container.
type containerClient struct {
	c        *Client
	op       operation
	at       place // of the container
	prefer   StorageCredential
	base     url.URL // of the container
	agent    string  // header User-Agent
	pipeline *azruntime.Pipeline
	pass     atomic.Pointer[pass]
}

// pass is what opens a container: a token, a signature, or nothing.
type pass struct {
	way       way
	token     string      // value of the header Authorization
	signature string      // query
	secret    storeSecret // that the signature was made of
	until     time.Time
}

// passTime is how long a pass is used. Tokens and signatures stay valid some minutes longer.
const passTime = time.Minute

func (c *Client) newContainerClient(op operation, at place, prefer StorageCredential) *containerClient {
	s := &containerClient{c: c, op: op, at: at.at(""), prefer: prefer, base: *at.at("").url(), agent: c.userAgent()}
	o := c.options.ClientOptions
	if len(o.PerCallPolicies)+len(o.PerRetryPolicies) > 0 || c.tracer.Enabled() || o.Logging.IncludeBody ||
		len(o.Logging.AllowedHeaders)+len(o.Logging.AllowedQueryParams) > 0 {
		o.Retry, o.APIVersion = policy.RetryOptions{MaxRetries: -1}, ""
		o.Transport = signing{c.storage.httpClient(c.transport())}
		p := azruntime.NewPipeline(moduleName, moduleVersion, azruntime.PipelineOptions{}, &o)
		s.pipeline = &p
	}
	return s
}

// blobRequest is one request about a blob.
type blobRequest struct {
	method string
	name   string // of the blob
	query  string
	header http.Header // becomes that of the request
	size   int64
	body   func() io.ReadCloser // nil sends none
	once   bool                 // the body can be read only once
}

// blobAPIVersion is the version of the Blob service that these requests are written for.
const blobAPIVersion = "2025-11-05"

// send makes the request with the first way in that storage accepts. An answer other than success
// is *[Error].
func (s *containerClient) send(ctx context.Context, r blobRequest) (resp *http.Response, err error) {
	ctx, end := s.c.begin(ctx, s.op, slog.LevelDebug)
	defer end(&err)
	defer func() { err = s.at.located(err) }()
	if p := s.pass.Load(); p != nil && s.c.clock.now().Before(p.until) {
		if resp, err = s.try(ctx, r, p); !refused(err, p.way) {
			return resp, err
		}
		s.pass.Store(nil)
		if rotated := s.c.rotated(ctx, s.op, s.at, p.secret, err); r.once {
			return nil, &refusedOnce{err, rotated}
		}
	}
	return s.open(ctx, r)
}

// open makes the request with each way in, until storage accepts one.
func (s *containerClient) open(ctx context.Context, r blobRequest) (resp *http.Response, err error) {
	var refusal error
	ways := s.c.storage.order(s.at, waysIn(s.at, s.prefer))
	for i := 0; i < len(ways); i++ {
		w := ways[i]
		p, err := s.c.newPass(ctx, s.op, w, s.at)
		if err == nil {
			resp, err = s.try(ctx, r, p)
			if !refused(err, w) {
				if err == nil || statusOf(err) != 0 {
					s.c.storage.remember(s.at, w)
					s.pass.Store(p)
				}
				return resp, err
			}
			rotated := s.c.rotated(ctx, s.op, s.at, p.secret, err)
			if r.once {
				return nil, &refusedOnce{err, rotated}
			}
			if rotated {
				ways = slices.Insert(ways, i+1, w)
			}
		}
		if ctx.Err() != nil {
			return nil, err
		}
		if refusal == nil || w == byIdentity {
			refusal = err
		}
	}
	return nil, refusal
}

// refusedOnce is the refusal of a request whose body cannot be read again here. If the secret was
// rotated, the transfer can repeat it.
type refusedOnce struct {
	error
	rotated bool
}

func (e *refusedOnce) Unwrap() error { return e.error }

// try makes the request with a pass.
func (s *containerClient) try(ctx context.Context, r blobRequest, p *pass) (*http.Response, error) {
	u := s.base
	u.Path += "/" + r.name
	u.RawPath += "/" + escapePath(r.name)
	u.RawQuery = r.query
	header := r.header.Clone()
	header["X-Ms-Version"] = []string{blobAPIVersion}
	if p.token != "" {
		header["Authorization"] = []string{p.token}
	}
	req := (&http.Request{Method: r.method, URL: &u, Host: u.Host, Header: header, ContentLength: r.size,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(ctx)
	if r.body != nil {
		req.Body = r.body()
		if !r.once {
			req.GetBody = func() (io.ReadCloser, error) { return r.body(), nil }
		}
	}
	resp, err := s.do(req, p)
	if err != nil {
		return nil, storageError(s.op, withoutQuery(err))
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		defer resp.Body.Close()
		e := newResponseError(s.op.String(), resp)
		if p.signature != "" {
			return nil, refusedSignature(e)
		}
		return nil, e
	}
	return resp, nil
}

// do hands the request to the transport, or to azcore's pipeline if there is one.
func (s *containerClient) do(req *http.Request, p *pass) (*http.Response, error) {
	if s.pipeline == nil {
		req.Header["User-Agent"] = []string{s.agent} // net/http does not send an empty one
		shown := req
		if p.signature != "" {
			u := *req.URL
			u.RawQuery = joinQuery(u.RawQuery, p.signature)
			req = req.WithContext(req.Context())
			req.URL = &u
		}
		resp, err := s.c.storage.roundTrip(s.c.transport(), req)
		if err != nil {
			return nil, err
		}
		resp.Request = shown // without the signature
		return resp, checkBlobPage(resp)
	}
	var t blobTarget
	if p.signature != "" {
		t.sign = func(context.Context) (string, error) { return p.signature, nil }
	}
	wrapped, err := azruntime.NewRequestFromRequest(req.WithContext(withTarget(req.Context(), t)))
	if err != nil {
		return nil, err
	}
	if req.Method == http.MethodGet {
		azruntime.SkipBodyDownload(wrapped)
	}
	return s.pipeline.Do(wrapped)
}

// newPass gets the pass for a way in.
func (c *Client) newPass(ctx context.Context, op operation, w way, at place) (*pass, error) {
	p := &pass{way: w, until: c.clock.now().Add(passTime)}
	switch w {
	case byIdentity:
		token, err := c.storageToken(ctx)
		if err != nil {
			return nil, storageError(op, endedBy(ctx, err))
		}
		p.token = "Bearer " + token.Token
	case bySecrets:
		name, err := c.secretsFor(ctx, op, at)
		if err != nil {
			return nil, err
		}
		secret, err := c.storeSecret(ctx, name)
		if err != nil {
			return nil, err
		}
		p.secret = secret
		if p.signature = string(secret.sas); secret.key != "" {
			p.signature, err = signatureByKey(at, string(secret.key), c.clock.now().Add(secretHours*time.Hour))
		}
		if err != nil {
			return nil, err
		}
	case bySignature:
		p.signature = at.sas
	}
	p.signature = strings.TrimPrefix(p.signature, "?")
	return p, nil
}

// storageScope is the audience of tokens for storage, in every cloud.
const storageScope = "https://storage.azure.com/.default"

// storageToken returns the caller's own token for storage.
func (c *Client) storageToken(ctx context.Context) (azcore.AccessToken, error) {
	valid := func(t azcore.AccessToken) bool {
		renew := t.RefreshOn
		if renew.IsZero() {
			renew = t.ExpiresOn.Add(-secretMargin)
		}
		return c.clock.now().Before(renew)
	}
	return c.storage.token.get(ctx, valid, func(ctx context.Context) (azcore.AccessToken, error) {
		return storageCredential{c.cred}.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{storageScope}})
	})
}

// signatureByKey makes a SAS for a container with the account's key, so that not every request must
// be signed.
func signatureByKey(at place, key string, until time.Time) (string, error) {
	cred, err := blob.NewSharedKeyCredential(at.account(), key)
	if err != nil {
		return "", err
	}
	permissions := sas.ContainerPermissions{Read: true, Create: true, Write: true, List: true}
	query, err := sas.BlobSignatureValues{Protocol: sas.ProtocolHTTPS, ExpiryTime: until.UTC(), ContainerName: at.container,
		Permissions: permissions.String()}.SignWithSharedKey(cred)
	return query.Encode(), err
}

// userAgent names this package as azcore does on the other planes.
func (c *Client) userAgent() string {
	if c.options.Telemetry.Disabled {
		return ""
	}
	id := strings.ReplaceAll(c.options.Telemetry.ApplicationID, " ", "/")
	return strings.TrimSpace(fmt.Sprintf("%.24s azsdk-go-%s/%s (%s; %s)", id, moduleName, moduleVersion, runtime.Version(), runtime.GOOS))
}

// TransferError lists the files of an upload or download that failed; all others were transferred.
// Call again to transfer the missing ones. [errors.Is] and [errors.As] look into the causes.
type TransferError struct {
	// Operation is what was tried, for example `upload path "./model"`.
	Operation string
	// Failed are the files that failed, sorted by name, at most a thousand.
	Failed []FileFailure
	// FilesFailed is the number of files that failed.
	FilesFailed int
	// Files is the number of files in all.
	Files int
}

// FileFailure is why one file was not transferred.
type FileFailure struct {
	// Name is the path within the folder, with slashes.
	Name string
	// Err is the cause, often *[Error].
	Err error
}

// Error names the first files with their causes on one line.
func (e *TransferError) Error() string {
	const shownFiles = 3
	own := e.Operation + ": "
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s%d of %d files failed: ", prefix, own, e.FilesFailed, e.Files)
	for i, f := range e.Failed[:min(shownFiles, len(e.Failed))] {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%q: %s", redact(f.Name), strings.TrimPrefix(bare(f.Err), own))
	}
	if more := e.FilesFailed - shownFiles; more > 0 {
		fmt.Fprintf(&b, "; and %d more", more)
	}
	b.WriteString("; call again to transfer what is missing")
	return b.String()
}

// Unwrap returns the causes.
func (e *TransferError) Unwrap() []error {
	causes := make([]error, len(e.Failed))
	for i, f := range e.Failed {
		causes[i] = f.Err
	}
	return causes
}

// transferError names the operation in what a transfer returns.
func transferError(op operation, err error) error {
	var files *transfer.Error
	if !errors.As(err, &files) {
		return storageError(op, err)
	}
	e := &TransferError{Operation: op.String(), FilesFailed: files.Count, Files: files.Files}
	for _, f := range files.Failed {
		e.Failed = append(e.Failed, FileFailure(f))
	}
	return e
}
