package azmlbatch

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/hashicorp/go-retryablehttp"
)

// Defaults of azcore, so that ClientOptions.Retry means here what it means in every Azure SDK.
const (
	defaultMaxRetries    = 3
	defaultRetryDelay    = 800 * time.Millisecond
	defaultMaxRetryDelay = 60 * time.Second
)

// retryConfig is policy.RetryOptions with its defaults filled in.
type retryConfig struct {
	maxRetries  int
	delay       time.Duration
	maxDelay    time.Duration
	tryTimeout  time.Duration
	statusCodes []int
	clock       clock
}

func newRetryConfig(o policy.RetryOptions, clk clock) retryConfig {
	r := retryConfig{
		maxRetries:  int(o.MaxRetries),
		delay:       o.RetryDelay,
		maxDelay:    o.MaxRetryDelay,
		tryTimeout:  o.TryTimeout,
		statusCodes: o.StatusCodes,
		clock:       clk,
	}
	switch {
	case r.maxRetries == 0:
		r.maxRetries = defaultMaxRetries
	case r.maxRetries < 0:
		r.maxRetries = 0
	}
	if r.delay <= 0 {
		r.delay = defaultRetryDelay
	}
	if r.maxDelay <= 0 {
		r.maxDelay = defaultMaxRetryDelay
	}
	if r.statusCodes == nil {
		r.statusCodes = []int{http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
			http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}
	}
	return r
}

// sending is what the retry layer knows about a request of the JSON planes. The request's context
// carries it.
type sending struct {
	// once marks a request that is repeated only if it cannot have arrived. GET, HEAD, PUT and
	// DELETE can always be repeated, because they name their target.
	once bool
	room *bytes.Buffer // for the body of a page of a list; nil for other answers
	sent bool          // at least one try may have reached the service

	caller  context.Context // of a once request, which outlives it
	waiting atomic.Bool     // nothing of a once request is on its way
}

type sendingKey struct{}

func sendingOf(ctx context.Context) *sending {
	if s, ok := ctx.Value(sendingKey{}).(*sending); ok {
		return s
	}
	return new(sending)
}

// unsentError marks a request that cannot have reached the service: there was no token or no
// connection.
type unsentError struct{ error }

func (e *unsentError) Unwrap() error { return e.error }

// retryTransport is the only retry layer of the JSON planes: azcore's own is off. It sits below the
// token and tracing policies and above the caller's transport.
type retryTransport struct {
	config retryConfig
	client *retryablehttp.Client
}

func newRetryTransport(config retryConfig, next policy.Transporter, logger *slog.Logger) *retryTransport {
	t := &retryTransport{config: config}
	client := plainClient(next)
	if config.tryTimeout > 0 {
		client.Timeout = config.tryTimeout
	}
	t.client = &retryablehttp.Client{
		HTTPClient:   client,
		RetryMax:     config.maxRetries,
		CheckRetry:   t.check,
		Backoff:      t.backoff,
		PrepareRetry: func(req *http.Request) error { return sendingOf(req.Context()).begin() },
		ErrorHandler: retryablehttp.PassthroughErrorHandler, // the last answer is the caller's, not "giving up after 4 attempts"
	}
	if logger != nil {
		t.client.RequestLogHook = func(_ retryablehttp.Logger, req *http.Request, try int) {
			if try > 0 {
				logger.DebugContext(req.Context(), "retry", "method", req.Method, "host", req.URL.Host, "path", req.URL.Path, "try", try+1)
			}
		}
	}
	return t
}

// plainClient is an http.Client that follows no redirect, because the token would go with it.
func plainClient(next policy.Transporter) *http.Client {
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	switch t := next.(type) {
	case nil:
		client.Transport = http.DefaultTransport
	case *http.Client:
		client.Transport, client.Timeout, client.Jar = t.Transport, t.Timeout, t.Jar
	default:
		client.Transport = transporterFunc(next.Do)
	}
	return client
}

type transporterFunc func(*http.Request) (*http.Response, error)

func (f transporterFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Do implements policy.Transporter.
func (t *retryTransport) Do(req *http.Request) (*http.Response, error) {
	s := sendingOf(req.Context())
	if err := s.begin(); err != nil {
		return nil, err
	}
	r, err := retryablehttp.FromRequest(req)
	if err != nil {
		return nil, err
	}
	room := s.room
	if room == nil {
		room = new(bytes.Buffer)
	}
	r.SetResponseHandler(func(resp *http.Response) error { return readWhole(resp, room, s.room != nil) })
	resp, err := t.client.Do(r)
	var cut *cutError
	if resp == nil || err != nil && !errors.As(err, &cut) {
		return nil, err
	}
	if _, read := resp.Body.(*wholeBody); !read { // the last answer of those that were to be asked for again
		err = readWhole(resp, room, s.room != nil)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return resp, nil // the status says what matters, and the text what is there of it
	}
	return resp, err
}

// answerGrace is how long a once request waits for its answer after the caller's context has ended.
// The answer tells whether the work was started. The service takes 2 to 4.5 s to start a job.
const answerGrace = 15 * time.Second

// outlive returns a context that ends answerGrace after the caller's, or with it while nothing is
// on its way.
func (s *sending) outlive(caller context.Context, clk clock) (context.Context, func()) {
	s.caller = caller
	s.waiting.Store(true)
	ctx, cancel := context.WithCancel(context.WithoutCancel(caller))
	stop := context.AfterFunc(caller, func() {
		if s.waiting.Load() || clk.sleep(ctx, answerGrace) == nil {
			cancel()
		}
	})
	return ctx, func() { stop(); cancel() }
}

// begin marks that a try is on its way, unless the caller has left.
func (s *sending) begin() error {
	if !s.once {
		return nil
	}
	s.waiting.Store(false)
	return s.caller.Err()
}

func (t *retryTransport) check(ctx context.Context, resp *http.Response, err error) (retry bool, _ error) {
	s := sendingOf(ctx)
	if !neverSent(err) && !turnedAway(resp) {
		s.sent = true
	}
	caller := ctx
	if s.once {
		if err == nil && !turnedAway(resp) {
			return false, nil // it may have been accepted; the answer is worth more than that the caller left
		}
		caller = s.caller
		defer func() { s.waiting.Store(retry) }()
	}
	switch {
	case caller.Err() != nil:
		return false, caller.Err()
	case err != nil:
		return s.retryFailure(err), nil
	case !slices.Contains(t.config.statusCodes, resp.StatusCode):
		return false, nil
	}
	after, told := retryAfter(resp.Header, t.config.clock.now())
	return !told || !t.config.outlasts(caller, after), nil
}

// outlasts reports whether the caller gives up before the service wants to be asked again. What the
// service said is then told at once.
func (r retryConfig) outlasts(caller context.Context, wait time.Duration) bool {
	deadline, ok := caller.Deadline()
	return ok && deadline.Sub(r.clock.now()) < wait
}

// retryFailure decides about a request that got no answer, or not the whole of one.
func (s *sending) retryFailure(err error) bool {
	var unknownCA x509.UnknownAuthorityError
	var hostname x509.HostnameError
	if errors.As(err, &unknownCA) || errors.As(err, &hostname) || errors.Is(err, errBodyTooLong) ||
		proxyRefusal(err) == http.StatusProxyAuthRequired {
		return false // will not get better
	}
	return !s.once || neverSent(err)
}

// turnedAway reports whether the service says that it did not take the request. resp may be nil.
func turnedAway(resp *http.Response) bool {
	if resp == nil {
		return false
	}
	_, told := retryAfter(resp.Header, time.Time{})
	return resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable && told
}

// neverSent reports whether the request cannot have reached the service: no connection was made.
func neverSent(err error) bool {
	if err == nil {
		return false
	}
	var dns *net.DNSError
	var op *net.OpError
	return errors.Is(err, syscall.ECONNREFUSED) || errors.As(err, &dns) || proxyRefusal(err) != 0 ||
		errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect")
}

// backoff waits as long as the service asks for, without an upper bound. Otherwise it waits
// exponentially longer with jitter, as azcore does.
func (t *retryTransport) backoff(_, _ time.Duration, try int, resp *http.Response) time.Duration {
	if resp != nil {
		if after, ok := retryAfter(resp.Header, t.config.clock.now()); ok {
			return t.config.clock.backoff(after)
		}
	}
	return t.config.clock.backoff(t.config.backoff(try))
}

// backoff is the wait after a try, counted from 0.
func (r retryConfig) backoff(try int) time.Duration {
	d := time.Duration(math.Pow(2, float64(try)) * float64(r.delay) * (0.8 + 0.5*rand.Float64())) //nolint:gosec // jitter, not a secret
	return min(d, r.maxDelay)
}

// retryAfterHeaders are the forms that Azure uses. The last one is in seconds, or a date.
var retryAfterHeaders = []string{"Retry-After-Ms", "X-Ms-Retry-After-Ms", "Retry-After"}

// retryAfter reads how long the service asks to wait before the next request.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	for _, name := range retryAfterHeaders[:2] {
		if after, ok := parseWait(h.Get(name), time.Millisecond); ok {
			return after, true
		}
	}
	value := h.Get("Retry-After")
	if after, ok := parseWait(value, time.Second); ok || value == "" {
		return after, ok
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now)), true
	}
	return 0, false
}

// parseWait reads a number of units, at most what a time.Duration holds.
func parseWait(value string, unit time.Duration) (time.Duration, bool) {
	if value == "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || !(n >= 0) { // NaN is neither
		return 0, false
	}
	if n *= float64(unit); n < math.MaxInt64 {
		return time.Duration(n), true
	}
	return math.MaxInt64, true
}

// The retries of the blob plane are azblob's. They end at once where the service asks to wait
// longer than MaxRetryDelay, so patience does that waiting below them: a Retry-After is kept on all
// planes alike.
type patience struct{ config retryConfig }

// tries counts how often a request of the blob plane has been sent.
type tries struct {
	n      int
	caller context.Context // without the TryTimeout of a try
}

// countTries begins to count. It belongs above the retries.
func countTries(req *policy.Request) { req.SetOperationValue(&tries{caller: req.Raw().Context()}) }

// Do implements [policy.Policy].
func (p patience) Do(req *policy.Request) (*http.Response, error) {
	resp, err := req.Next()
	var sent *tries
	if err != nil || !req.OperationValue(&sent) || !slices.Contains(p.config.statusCodes, resp.StatusCode) {
		return resp, err
	}
	sent.n++
	after, told := retryAfter(resp.Header, p.config.clock.now())
	if !told || after <= p.config.maxDelay || sent.n > p.config.maxRetries || p.config.outlasts(sent.caller, after) {
		return resp, nil
	}
	if err := p.config.clock.sleep(sent.caller, after); err != nil {
		return resp, nil //nolint:nilerr // azcore asks the context itself
	}
	for _, name := range retryAfterHeaders {
		resp.Header.Del(name)
	}
	return resp, nil
}

// steadyCredential retries a sign-in whose answer was cut off, or for which the token service asks
// for more patience than azidentity has. All other retries are azidentity's own.
type steadyCredential struct {
	azcore.TokenCredential
	retry retryConfig
}

// GetToken implements [azcore.TokenCredential].
func (s steadyCredential) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	for try := 0; ; try++ {
		token, err := s.TokenCredential.GetToken(ctx, options)
		if err == nil || try >= s.retry.maxRetries {
			return token, err
		}
		wait, again := s.wait(err, try)
		if !again || s.retry.outlasts(ctx, wait) || s.retry.clock.sleep(ctx, wait) != nil {
			return token, err
		}
	}
}

// wait says how long to wait before the next try, if there is to be one.
func (s steadyCredential) wait(err error, try int) (time.Duration, bool) {
	var auth *azidentity.AuthenticationFailedError
	switch {
	case !errors.As(err, &auth):
		return 0, false
	case auth.RawResponse == nil:
		return s.retry.backoff(try), cutSignIn.MatchString(auth.Error())
	case !slices.Contains(s.retry.statusCodes, auth.RawResponse.StatusCode):
		return 0, false
	}
	return retryAfter(auth.RawResponse.Header, s.retry.clock.now())
}

// cutSignIn matches what azidentity says when no answer of the token service arrived, or only a
// part of one. It hides the cause, so its words must do.
var cutSignIn = regexp.MustCompile(`unexpected EOF|connection reset|broken pipe|server closed|: EOF|deadline exceeded|` +
	`json decode error|missing access_token|not found in the openid configuration`)
