package deploy

import (
	"net/url"
	"regexp"
	"strings"
)

const redacted = "REDACTED"

var (
	// secretName finds fields and variables whose value is nobody's business, by their name.
	secretName = regexp.MustCompile(`(?i)(secret|password|passwd|pwd|token|credential|connection_?string|(^|[^a-z])key|api_?key|account_?key|access_?key|sas)`)
	// secretText finds keys, signatures, tokens and passwords in URLs by their form.
	secretText = regexp.MustCompile(`(?i)(sig|accountkey|sharedaccesssignature|password|pwd)(=|%3D)|[A-Za-z0-9+/]{86}==|\beyJ[\w-]+\.[\w-]+\.|\bbearer\s|://[^\s@/]*:[^\s@]+@`)
)

// hidden reports whether a plan hides the value of a field, by its name.
func hidden(path string) bool {
	_, variable, ok := strings.Cut(path, "EnvironmentVariables[")
	return ok && secretName.MatchString(variable)
}

// shownText is a text as a plan shows it: without secrets, and a URL without its query. What stands
// before the @ of a URL stays only where it can be a container, as in abfss://container@account.
func shownText(path, text string) string {
	if hidden(path) {
		return redacted
	}
	if u, err := url.Parse(text); err == nil && u.Scheme != "" && u.Host != "" && (u.RawQuery != "" || u.User != nil) {
		if _, password := u.User.Password(); password || strings.HasPrefix(u.Scheme, "http") {
			u.User = nil
		}
		u.RawQuery = ""
		text = u.String()
	}
	if secretText.MatchString(text) {
		return redacted
	}
	return text
}
