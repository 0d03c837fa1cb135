package interop

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	ml "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/machinelearning/armmachinelearning/v4"

	"github.com/azmlbatch/azmlbatch"
)

// The benchmarks hold this SDK against its peers on the same answers:
//
//	go test -run '^$' -bench . -count 6 ./... | tee new.txt && benchstat -col /client new.txt
//
// Both clients are used as their documentation shows, each over an http.Client, whose transport answers from memory in the
// shape of the service's recorded answers: headers, nesting, nulls, pages of fifty.

var benchWorkspace = azmlbatch.Workspace{SubscriptionID: "5a6cf0b2-34a8-4bb7-94f7-3a1e7a7e5c11", ResourceGroup: "pottery", Name: "kiln"}

const (
	benchOurs   = "client=azmlbatch"
	benchTheirs = "client=armmachinelearning"
)

type benchCredential struct{}

func (benchCredential) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: strings.Repeat("token", 300), ExpiresOn: time.Now().Add(24 * time.Hour)}, nil
}

// benchTransport is an http.RoundTripper that counts what it answers.
type benchTransport struct {
	answer   func(r *http.Request) benchAnswer
	requests int
}

type benchAnswer struct {
	status int
	header http.Header // beside what every answer has
	body   []byte
}

func (b *benchTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	b.requests++
	if r.Body != nil {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
		if err := r.Body.Close(); err != nil {
			return nil, err
		}
	}
	if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer token") {
		return nil, fmt.Errorf("no token: %s %s", r.Method, r.URL)
	}
	a := b.answer(r)
	header := http.Header{
		"Content-Type":                []string{"application/json; charset=utf-8"},
		"Content-Length":              []string{strconv.Itoa(len(a.body))},
		"X-Ms-Correlation-Request-Id": []string{"bc5b07ad-e431-4c8b-a420-eac672fd1b84"},
		"X-Ms-Response-Type":          []string{"standard"},
		"X-Request-Time":              []string{"0.039"},
	}
	for name, values := range a.header {
		header[name] = values
	}
	return &http.Response{Status: http.StatusText(a.status), StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body)), Request: r}, nil
}

func newOurs(b *testing.B, t *benchTransport) *azmlbatch.Client {
	b.Helper()
	o := &azmlbatch.ClientOptions{}
	o.Transport = &http.Client{Transport: t}
	c, err := azmlbatch.NewClient(benchWorkspace, benchCredential{}, o)
	if err != nil {
		b.Fatal(err)
	}
	return c
}

func newTheirs(b *testing.B, t *benchTransport) *ml.ClientFactory {
	b.Helper()
	f, err := ml.NewClientFactory(benchWorkspace.SubscriptionID, benchCredential{},
		&arm.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: &http.Client{Transport: t}}})
	if err != nil {
		b.Fatal(err)
	}
	return f
}

// compareClients runs one piece of work with each client.
func compareClients(b *testing.B, answer func(*http.Request) benchAnswer, ours func(*testing.B, *azmlbatch.Client), theirs func(*testing.B, *ml.ClientFactory)) {
	run := func(name string, work func(b *testing.B, t *benchTransport)) {
		b.Run(name, func(b *testing.B) {
			t := &benchTransport{answer: answer}
			b.ReportAllocs()
			work(b, t)
			b.ReportMetric(float64(t.requests)/float64(b.N), "requests/op")
		})
	}
	run(benchOurs, func(b *testing.B, t *benchTransport) {
		c := newOurs(b, t)
		for b.Loop() {
			ours(b, c)
		}
	})
	run(benchTheirs, func(b *testing.B, t *benchTransport) {
		f := newTheirs(b, t)
		for b.Loop() {
			theirs(b, f)
		}
	})
}
