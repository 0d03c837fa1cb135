package azmlbatch

import (
	"fmt"
	"log/slog"
)

// A Secret is a key, a signature or a password. It prints and logs as REDACTED; convert it to
// string to use it. JSON has the real value, because requests carry it.
type Secret string

const redacted = "REDACTED"

// String is REDACTED, or empty for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// Format prints REDACTED whatever the verb, %d and %#v among them.
func (s Secret) Format(f fmt.State, verb rune) { fmt.Fprintf(f, fmt.FormatString(f, verb), s.String()) }

// LogValue makes package slog log REDACTED.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
