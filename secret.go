package azmlbatch

import "log/slog"

// A Secret is a key, a signature or a password. It prints and logs as REDACTED; convert it to string to use it. JSON has
// the real value, because requests carry it.
type Secret string

const redacted = "REDACTED"

// String implements fmt.Stringer without showing the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString implements fmt.GoStringer without showing the secret.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// LogValue implements [slog.LogValuer] without showing the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
