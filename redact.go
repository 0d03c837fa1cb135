package azmlbatch

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

func clip(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > maxMessage {
		s = strings.ToValidUTF8(s[:maxMessage], "") + "…"
	}
	return s
}

// maxMessage bounds the text that an [Error] takes over from a body that is not the service's own.
const maxMessage = 300

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// urlPattern finds absolute URLs in foreign text; secretPattern finds what may stand outside of one.
var (
	urlPattern    = regexp.MustCompile(`https?://[^\s"'<>]+`)
	secretPattern = regexp.MustCompile(`(?i)(sig=|bearer\s+|accountkey=|client_secret=)[^\s&"';,]+`)
)

// redact removes query strings (signatures live there), user info and tokens from text that ends up in errors and logs.
func redact(s string) string {
	s = urlPattern.ReplaceAllStringFunc(s, func(raw string) string {
		u, err := url.Parse(raw)
		if err != nil {
			base, _, _ := strings.Cut(raw, "?")
			return base
		}
		u.RawQuery, u.User, u.Fragment, u.ForceQuery = "", nil, "", false
		return u.String()
	})
	return secretPattern.ReplaceAllString(s, "${1}REDACTED")
}

// withoutQuery removes the signature from the URL that net/http puts into its errors.
func withoutQuery(err error) error {
	var u *url.Error
	if !errors.As(err, &u) {
		return err
	}
	return &url.Error{Op: u.Op, URL: redact(u.URL), Err: withoutQuery(u.Err)} // a caller's transport may have wrapped it, too
}

// shown is the text of an error that may be of another package. Of the request that got no answer it keeps the host.
func shown(err error) string {
	var failed *url.Error
	if errors.As(err, &failed) {
		if u, bad := url.Parse(failed.URL); bad == nil && u.Host != "" {
			return u.Host + ": " + oneLine(redact(fmt.Sprint(failed.Err)))
		}
	}
	return oneLine(redact(fmt.Sprint(err)))
}
