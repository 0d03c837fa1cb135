package azmlbatch

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

// storageError turns what azblob returns into *[Error], as the calls of the other planes do. Errors of this package, of
// the file system and of the context pass through.
func storageError(op operation, err error) error {
	var own *Error
	var bad *ArgumentError
	var answer *azcore.ResponseError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own), errors.As(err, &bad):
		return err
	case errors.As(err, &answer) && answer.RawResponse != nil:
		return newResponseError(op.String(), answer.RawResponse)
	}
	return transportError(op, err)
}

// refused reports whether storage turned a credential away, or the credential gave no token, so that another way in may
// be tried. The account's network rules are no matter of the credential.
func refused(err error) bool {
	var noToken *tokenError
	if errors.As(err, &noToken) {
		return true
	}
	if HasCode(err, "AuthorizationFailure", "InsufficientAccountPermissions") {
		return false
	}
	// An account that allows no public reads answers those without a credential with 409.
	return errors.Is(err, ErrUnauthorized) || errors.Is(err, ErrForbidden) || HasCode(err, "PublicAccessNotPermitted")
}

// statusOf is the HTTP status behind an error, 0 without one.
func statusOf(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.StatusCode
	}
	return 0
}

// isMissing reports that a blob or its container does not exist.
func isMissing(err error) bool { return statusOf(err) == http.StatusNotFound }

// withoutQuery removes the signature from the URL that net/http puts into its errors.
func withoutQuery(err error) error {
	var u *url.Error
	if !errors.As(err, &u) {
		return err
	}
	return &url.Error{Op: u.Op, URL: redact(u.URL), Err: u.Err}
}
