package azmlbatch

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// printed is what fmt shows of a struct of this package: its name and the fields that are set, on
// one line. Embedded structs come last. Pointers are followed, JSON is shown as text, and nothing
// that looks like a secret is shown.
func printed(v any) string {
	var b strings.Builder
	value := reflect.ValueOf(v)
	b.WriteString(value.Type().Name())
	printStruct(&b, value)
	return b.String()
}

// printStruct leaves out what it does not know of a struct that has a secret: it may be a newer
// one.
func printStruct(b *strings.Builder, v reflect.Value) {
	secret := false
	for _, value := range v.Fields() {
		secret = secret || value.Type() == reflect.TypeFor[Secret]()
	}
	b.WriteByte('{')
	space := ""
	for _, embedded := range []bool{false, true} {
		for field, value := range v.Fields() {
			if field.Anonymous != embedded || !field.IsExported() || value.IsZero() || secret && field.Name == "Extra" {
				continue
			}
			b.WriteString(space + field.Name + ":")
			printValue(b, value)
			space = " "
		}
	}
	b.WriteByte('}')
}

func printValue(b *strings.Builder, v reflect.Value) {
	switch x := v.Interface().(type) {
	case json.RawMessage:
		b.WriteString(clip(redact(string(x))))
		return
	case time.Time:
		b.WriteString(x.Format(time.RFC3339Nano))
		return
	case fmt.Stringer:
		if v.Kind() != reflect.Pointer || !v.IsNil() {
			b.WriteString(x.String())
			return
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		printPointer(b, v)
	case reflect.Interface:
		printInterface(b, v)
	case reflect.Struct:
		printStruct(b, v)
	case reflect.Map:
		printMap(b, v)
	case reflect.Slice:
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteByte(' ')
			}
			printValue(b, v.Index(i))
		}
		b.WriteByte(']')
	default:
		b.WriteString(redact(fmt.Sprint(v.Interface())))
	}
}

func printPointer(b *strings.Builder, v reflect.Value) {
	if v.IsNil() {
		b.WriteString("nil")
		return
	}
	printValue(b, v.Elem())
}

// printInterface names the type: one of several kinds.
func printInterface(b *strings.Builder, v reflect.Value) {
	if v.IsNil() {
		b.WriteString("nil")
		return
	}
	v = reflect.Indirect(v.Elem())
	if _, names := v.Interface().(fmt.Stringer); !names && v.Kind() == reflect.Struct {
		b.WriteString(v.Type().Name())
	}
	printValue(b, v)
}

func printMap(b *strings.Builder, v reflect.Value) {
	b.WriteString("map[")
	texts := map[string]reflect.Value{}
	for key, value := range v.Seq2() {
		texts[fmt.Sprint(key.Interface())] = value
	}
	for i, key := range sortedKeys(texts) {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(key + ":")
		printValue(b, texts[key])
	}
	b.WriteByte(']')
}

func clip(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > maxMessage {
		s = strings.ToValidUTF8(s[:maxMessage], "") + "…"
	}
	return s
}

// maxMessage bounds the text that an [Error] takes over from a body that is not the service's own.
const maxMessage = 300

// oneLine makes a text one line that a terminal shows as it is.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return utf8.RuneError
		}
		return r
	}, strings.Join(strings.Fields(s), " "))
}

var (
	// urlPattern finds absolute URLs in foreign text, also those of which a path cleaner has taken
	// a slash.
	urlPattern = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*:/{1,2}[^\s"'<>]+`)
	// secretPattern finds what may stand outside of a URL: a member of a query, of a connection
	// string or of a JSON object, a token.
	secretPattern = regexp.MustCompile(`(?i)((?:sig|accountkey|accesskey|signature|client_?secret|password|pwd|(?:access|id|refresh)_token|client_assertion)(?:=|%3D|"\s*:\s*")|\bbearer\s+)[^\s&"';,]+`)
	// tokenPattern finds an account's key (64 bytes in Base64) and a token (JWT) by their form.
	tokenPattern = regexp.MustCompile(`[A-Za-z0-9+/]{86}(?:==|%3D%3D)|\beyJ[\w-]+\.[\w-]+\.[\w-]*`)
)

// Redact removes from a text what may be secret: query strings of URLs, where signatures are, user
// info, account keys and tokens. The errors of this package are redacted already; use it for text of
// a job, such as its logs or [JobFailedError.Traceback], before it goes where others read it.
func Redact(text string) string { return redact(text) }

// redact removes query strings (signatures live there), user info, keys and tokens from text that
// ends up in errors, logs and spans.
func redact(s string) string {
	s = urlPattern.ReplaceAllStringFunc(s, withoutSecrets)
	s = secretPattern.ReplaceAllString(s, "${1}"+redacted)
	return tokenPattern.ReplaceAllString(s, redacted)
}

func withoutSecrets(raw string) string {
	base, _, _ := strings.Cut(raw, "?")
	base, _, _ = strings.Cut(base, "#")
	scheme, rest, _ := strings.Cut(base, ":/")
	host, path, slash := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
	user, host, ok := strings.Cut(host, "@")
	switch {
	case !ok:
		return base
	case strings.HasPrefix(scheme, "wasb") || strings.HasPrefix(scheme, "abfs"): // there the container is the user
		user, _, _ = strings.Cut(user, ":")
		host = user + "@" + host
	}
	if slash {
		path = "/" + path
	}
	return scheme + "://" + host + path
}

// withoutQuery removes the signature from the URL that net/http puts into its errors.
func withoutQuery(err error) error {
	var u *url.Error
	if !errors.As(err, &u) {
		return err
	}
	return &url.Error{Op: u.Op, URL: redact(u.URL), Err: withoutQuery(u.Err)} // a caller's transport may have wrapped it, too
}

// shown is the text of an error that may be of another package. Of the request that got no answer
// it keeps the host.
func shown(err error) string {
	var failed *url.Error
	if errors.As(err, &failed) {
		if u, bad := url.Parse(failed.URL); bad == nil && u.Host != "" {
			return u.Host + ": " + oneLine(redact(fmt.Sprint(failed.Err)))
		}
	}
	return oneLine(redact(fmt.Sprint(err)))
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
