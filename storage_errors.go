package azmlbatch

import (
	"errors"
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/azmlbatch/azmlbatch/internal/transfer"
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

// TransferError says which files of an upload or download failed; all others were transferred. Call again to transfer what is
// missing. [errors.Is] and [errors.As] look into the causes.
type TransferError struct {
	// Operation is what was tried, for example `upload path "./model"`.
	Operation string
	// Failed are the files that failed with their causes, by name; of very many the first thousand.
	Failed []FileFailure
	// FilesFailed is how many files failed.
	FilesFailed int
	// Files is how many files there were in all.
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
