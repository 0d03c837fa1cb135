package azmlbatch

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

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

// fileError adds to the failure of an upload or download which file it is about and how far the others are, and names the
// operation once.
type fileError struct {
	op          operation
	file, state string
	err         error
}

func (e *fileError) Error() string {
	prefix := "azmlbatch: " + e.op.String() + ": "
	return fmt.Sprintf("%sfile %q (%s): %s", prefix, e.file, e.state, strings.TrimPrefix(e.err.Error(), prefix))
}

func (e *fileError) Unwrap() error { return e.err }

// refused reports whether storage turned a way in away, or the credential gave no token, so that another way may be tried.
// The account's network rules are no matter of the credential. Storage hides a container that is not public from those
// without a credential.
func refused(err error, w way) bool {
	var noToken *tokenError
	if errors.As(err, &noToken) {
		return true
	}
	if HasCode(err, "AuthorizationFailure", "InsufficientAccountPermissions") {
		return false
	}
	if w == anonymously && HasCode(err, "PublicAccessNotPermitted", "ResourceNotFound") {
		return true
	}
	return errors.Is(err, ErrUnauthorized) || errors.Is(err, ErrForbidden)
}

// statusOf is the HTTP status behind an error, 0 without one.
func statusOf(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.StatusCode
	}
	return 0
}

// withoutQuery removes the signature from the URL that net/http puts into its errors.
func withoutQuery(err error) error {
	var u *url.Error
	if !errors.As(err, &u) {
		return err
	}
	return &url.Error{Op: u.Op, URL: redact(u.URL), Err: withoutQuery(u.Err)} // a caller's transport may have wrapped it, too
}
