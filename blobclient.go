package azmlbatch

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
)

// The blob plane is azblob's: its pipeline, its retries (ClientOptions.Retry), its token policy. Only its packages blob
// and blockblob are used. Its package container would link Apache Arrow into every program: 4.9 MB (13.3 to 18.2) and
// nine modules more, measured with azblob 1.8.3 and Go 1.26; so the listing is our own (listblobs.go).
//
// azblob makes a client, with a pipeline and a token cache, for each blob. Ours has one for each kind of credential: its
// first policy aims the request at the blob that the context names.

// blobTarget is where a request of the blob plane goes.
type blobTarget struct {
	url    *url.URL // never signed
	accept string   // overrides azblob's header
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
	u.RawQuery = joinQuery(u.RawQuery, raw.URL.RawQuery)
	raw.URL, raw.Host = &u, u.Host
	if t.accept != "" {
		raw.Header.Set("Accept", t.accept)
	}
	return req.Next()
}

// signing adds the signature of a SAS below azblob's pipeline, so that neither its log, its spans nor its errors ever
// see it. A signature that has been renewed meanwhile is used at once, also by a download that goes on after a break.
type signing struct{ next policy.Transporter }

func (s signing) Do(req *http.Request) (*http.Response, error) {
	t := req.Context().Value(blobTargetKey{}).(blobTarget)
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

// tokenError marks that the credential gave no token for storage.
type tokenError struct{ error }

func (e *tokenError) Unwrap() error { return e.error }

type storageCredential struct{ azcore.TokenCredential }

func (s storageCredential) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	t, err := s.TokenCredential.GetToken(ctx, o)
	if err != nil && ctx.Err() == nil {
		err = &tokenError{err}
	}
	return t, err
}

// blobOptions are the caller's options for azblob, with the first policy and the last transport being ours.
func (c *Client) blobOptions() *blockblob.ClientOptions {
	o := c.options.ClientOptions
	o.APIVersion = "" // that of the management plane, if any
	o.PerCallPolicies = append([]policy.Policy{aim{}}, o.PerCallPolicies...)
	o.Transport = signing{plainClient(c.storage.transport(c.transport()))}
	return &blockblob.ClientOptions{ClientOptions: o}
}

func (c *Client) newIdentityClient() (*blockblob.Client, error) {
	return blockblob.NewClient(aimless, storageCredential{c.cred}, c.blobOptions())
}

// newOpenClient makes the client for requests without a credential in the header: signed ones and anonymous ones.
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

// connections lets as many requests of an upload reuse their connection as run at once; net/http keeps two by default.
const connections = 64

func storageTransport() http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	t = t.Clone()
	t.MaxIdleConnsPerHost = connections
	return t
}
