package azmlbatch

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
)

// The blob plane is azblob's: its pipeline, its retries (ClientOptions.Retry), its token policy.
// Only its packages blob and blockblob are used. Its package container would link Apache Arrow into
// every program: 4.9 MB (13.3 to 18.2) and nine modules more, measured with azblob 1.8.3 and Go
// 1.26; so the listing is our own (storage_list.go).
//
// azblob makes a client, with a pipeline and a token cache, for each blob. Ours has one for each
// kind of credential: its first policy aims the request at the blob that the context names.

// blobTarget is where a request of the blob plane goes.
type blobTarget struct {
	url    *url.URL // never signed
	accept string   // overrides azblob's header
	query  string   // replaces azblob's, with header, to make another request of it
	header http.Header
	whole  bool // the answer is read below azblob's retries, so that they repeat one that is cut off
	sign   func(context.Context) (string, error)
}

type blobTargetKey struct{}

func withTarget(ctx context.Context, t blobTarget) context.Context {
	return context.WithValue(ctx, blobTargetKey{}, t)
}

// aim replaces the URL that the client was made with, and keeps the query that azblob added.
type aim struct{}

// aimless is the URL that clients are made with. No request goes there.
const aimless = "https://blob.invalid/container/blob"

func (aim) Do(req *policy.Request) (*http.Response, error) {
	raw := req.Raw()
	t := raw.Context().Value(blobTargetKey{}).(blobTarget) // set by blobCall, the only way here
	u := *t.url
	u.RawQuery = joinQuery(u.RawQuery, cmp.Or(t.query, raw.URL.RawQuery))
	raw.URL, raw.Host = &u, u.Host
	for name, values := range t.header {
		raw.Header[name] = values
	}
	if t.accept != "" {
		raw.Header.Set("Accept", t.accept)
	}
	countTries(req)
	return req.Next()
}

// signing adds a SAS below azblob's pipeline, so that azblob's logs, spans and errors never contain
// it. A renewed SAS is used at once, also by a download that resumes.
type signing struct{ next policy.Transporter }

func (s signing) Do(req *http.Request) (*http.Response, error) {
	t := req.Context().Value(blobTargetKey{}).(blobTarget)
	resp, err := s.send(req, t)
	if err == nil {
		err = checkBlobPage(resp)
	}
	switch {
	case err != nil:
		return nil, err
	case t.whole:
		err = readWhole(resp, new(bytes.Buffer), t.accept == acceptList)
	case resp.ContentLength > 0 && req.Method == http.MethodGet:
		resp.Body = &declaredBody{resp.Body, resp.ContentLength}
	}
	return resp, err
}

// declaredBody returns an error if a body ends before its declared length, so that the read
// resumes. net/http does that; another transport may not.
type declaredBody struct {
	io.ReadCloser
	left int64
}

func (b *declaredBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); errors.Is(err, io.EOF) && b.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (s signing) send(req *http.Request, t blobTarget) (*http.Response, error) {
	if t.sign == nil {
		return s.next.Do(req)
	}
	sas, err := t.sign(req.Context())
	if err != nil {
		return nil, err
	}
	signed := req.Clone(req.Context())
	signed.URL.RawQuery = joinQuery(signed.URL.RawQuery, strings.TrimPrefix(sas, "?"))
	resp, err := s.next.Do(signed)
	if err != nil {
		return nil, withoutQuery(err)
	}
	resp.Request = req
	return resp, nil
}

type storageCredential struct{ azcore.TokenCredential }

func (s storageCredential) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	t, err := s.TokenCredential.GetToken(ctx, o)
	if err != nil && ctx.Err() == nil {
		err = &tokenError{err}
	}
	return t, err
}

// cachedToken gives azblob the client's own token for storage. azblob asks within the time of one try,
// which may be too short for a sign-in that is retried, and retries no sign-in itself.
type cachedToken struct{ c *Client }

func (t cachedToken) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if o.Claims != "" { // the service wants another token than this one
		return storageCredential{t.c.cred}.GetToken(ctx, o)
	}
	return t.c.storageToken(ctx)
}

// blobOptions are the caller's options for azblob, with the first policy and the last transport
// being ours.
func (c *Client) blobOptions() *blockblob.ClientOptions {
	o := c.options.ClientOptions
	o.APIVersion = "" // that of the management plane, if any
	o.PerCallPolicies = append([]policy.Policy{aim{}}, o.PerCallPolicies...)
	o.PerRetryPolicies = append([]policy.Policy{patience{c.retry}}, o.PerRetryPolicies...)
	o.Transport = signing{c.storage.httpClient(c.transport())}
	return &blockblob.ClientOptions{ClientOptions: o}
}

func (c *Client) newIdentityClient() (*blockblob.Client, error) {
	return blockblob.NewClient(aimless, cachedToken{c}, c.blobOptions())
}

// newOpenClient makes the client for requests without a credential in the header: signed ones and
// anonymous ones.
func (c *Client) newOpenClient() (*blockblob.Client, error) {
	return blockblob.NewClientWithNoCredential(aimless, c.blobOptions())
}

func (c *Client) newKeyClient(account string, key Secret) (*blockblob.Client, error) {
	cred, err := blob.NewSharedKeyCredential(account, string(key))
	if err != nil {
		return nil, err
	}
	return blockblob.NewClientWithSharedKeyCredential(aimless, cred, c.blobOptions())
}

// openBlob reads a blob from the beginning. A broken connection is resumed where it broke.
func (c *Client) openBlob(ctx context.Context, op operation, at place) (io.ReadCloser, error) {
	return c.openBlobAt(ctx, op, at, 0)
}

// openBlobAt reads a blob from an offset to its end.
func (c *Client) openBlobAt(ctx context.Context, op operation, at place, offset int64) (io.ReadCloser, error) {
	var body io.ReadCloser
	err := c.blobCall(ctx, op, at, StorageCredentialAuto, func(ctx context.Context, b *blockblob.Client) error {
		resp, err := b.DownloadStream(ctx, &blob.DownloadStreamOptions{Range: blob.HTTPRange{Offset: offset}})
		if err == nil {
			body = blobBody{resp.NewRetryReader(ctx, &blob.RetryReaderOptions{}), op}
		}
		return err
	})
	return body, err
}

// blobBody is the content of a blob. Its errors are those of this package.
type blobBody struct {
	io.ReadCloser
	op operation
}

func (b blobBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = storageError(b.op, err)
	}
	return n, err
}

// blobCall makes one azblob call for the place, with the first way in that storage accepts. The
// call may run several times and must start over each time. If all ways are refused, the error is
// that of the caller's identity, because it has a remedy.
func (c *Client) blobCall(ctx context.Context, op operation, at place, prefer StorageCredential, call func(context.Context, *blockblob.Client) error) (err error) {
	ctx, end := c.begin(ctx, op, slog.LevelDebug)
	defer end(&err)
	defer func() { err = at.located(err) }()
	var refusal error
	ways := c.storage.order(at, waysIn(at, prefer))
	for i := 0; i < len(ways); i++ {
		w := ways[i]
		in, err := c.enter(ctx, op, w, at)
		if err == nil {
			err = storageError(op, call(withTarget(ctx, blobTarget{url: at.url(), sign: in.sign}), in.client))
			if !refused(err, w) {
				if err == nil || statusOf(err) != 0 {
					c.storage.remember(at, w)
				}
				return err
			}
			if in.sign != nil {
				err = refusedSignature(err)
			}
			if c.rotated(ctx, op, at, in.secret, err) {
				ways = slices.Insert(ways, i+1, w)
			}
		}
		if ctx.Err() != nil {
			return err
		}
		if refusal == nil || w == byIdentity {
			refusal = err
		}
	}
	return refusal
}

// entry is what a way in takes.
type entry struct {
	client *blockblob.Client
	sign   func(context.Context) (string, error) // the signature of a request; nil without one
	secret storeSecret                           // of the datastore, if it is one
}

// enter returns what a way in takes.
func (c *Client) enter(ctx context.Context, op operation, w way, at place) (entry, error) {
	switch w {
	case byIdentity:
		if _, err := c.storageToken(ctx); err != nil {
			return entry{}, storageError(op, endedBy(ctx, err))
		}
		b, err := c.storage.client("identity", c.newIdentityClient)
		return entry{client: b}, err
	case bySecrets:
		return c.enterBySecrets(ctx, op, at)
	}
	b, err := c.storage.client("open", c.newOpenClient)
	if w == anonymously {
		return entry{client: b}, err
	}
	return entry{client: b, sign: func(context.Context) (string, error) { return at.sas, nil }}, err
}

// secretsFor returns the datastore whose secrets open a place. For a URL that is the default
// datastore if it has the same account: its secrets open all containers of the account, and the
// workspace keeps code there.
func (c *Client) secretsFor(ctx context.Context, op operation, at place) (string, error) {
	if at.datastore != "" {
		return at.datastore, nil
	}
	d, err := c.knownDatastore(ctx, op, "")
	if err != nil {
		return "", err
	}
	if _, keyless := d.Credentials.(NoCredentials); keyless || d.blobHost(c.cloud.storageSuffix) != at.host {
		return "", errNoSecrets
	}
	return d.Name, nil
}

// enterBySecrets uses the datastore's secrets.
func (c *Client) enterBySecrets(ctx context.Context, op operation, at place) (entry, error) {
	name, err := c.secretsFor(ctx, op, at)
	if err != nil {
		return entry{}, err
	}
	first, err := c.storeSecret(ctx, name)
	if err != nil {
		return entry{}, err
	}
	if first.key != "" {
		b, err := c.storage.client("key:"+at.account()+":"+string(first.key), func() (*blockblob.Client, error) {
			return c.newKeyClient(at.account(), first.key)
		})
		return entry{client: b, secret: first}, err
	}
	b, err := c.storage.client("open", c.newOpenClient)
	sign := func(ctx context.Context) (string, error) {
		s, err := c.storeSecret(ctx, name)
		return string(s.sas), err
	}
	return entry{client: b, sign: sign, secret: first}, err
}
