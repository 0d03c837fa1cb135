package azmlbatch

import (
	"net/http"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// The retries of the blob plane are azblob's. They end at once where the service asks to wait longer than MaxRetryDelay,
// so patience does that waiting below them: a Retry-After is kept on all planes alike.
type patience struct{ config retryConfig }

// tries counts how often a request of the blob plane has been sent.
type tries struct{ n int }

// countTries begins to count. It belongs above the retries.
func countTries(req *policy.Request) { req.SetOperationValue(new(tries)) }

// Do implements [policy.Policy].
func (p patience) Do(req *policy.Request) (*http.Response, error) {
	resp, err := req.Next()
	var sent *tries
	if err != nil || !req.OperationValue(&sent) || !slices.Contains(p.config.statusCodes, resp.StatusCode) {
		return resp, err
	}
	sent.n++
	now := p.config.clock.now()
	after, told := retryAfter(resp.Header, now)
	deadline, ends := req.Raw().Context().Deadline()
	if !told || after <= p.config.maxDelay || sent.n > p.config.maxRetries || ends && deadline.Sub(now) < after {
		return resp, nil
	}
	if err := p.config.clock.sleep(req.Raw().Context(), after); err != nil {
		return resp, nil //nolint:nilerr // azcore asks the context itself
	}
	for _, name := range retryAfterHeaders {
		resp.Header.Del(name)
	}
	return resp, nil
}
