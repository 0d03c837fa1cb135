package azmlbatch

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

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
