package azmlbatch

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// chainPattern finds the credentials that a chain of azidentity has tried, each at the beginning of a line.
var chainPattern = regexp.MustCompile(`(?m)^\t(\w+)`)

// signInMissing reports whether no credential of a chain had anything to sign in with. azidentity's type for that is not
// exported, so its words must do.
func signInMissing(err error) bool {
	return strings.Contains(err.Error(), "failed to acquire a token.\nAttempted credentials:") || strings.Contains(err.Error(), "az login")
}

// signInText is what azidentity says, on one line and without the dump of the answer; "" when err is no matter of signing in.
func signInText(err error) string {
	var auth *azidentity.AuthenticationFailedError
	if errors.As(err, &auth) && auth.RawResponse != nil {
		if text := entraText(auth); text != "" {
			return "no token: " + text
		}
	}
	if !signInMissing(err) {
		return ""
	}
	var tried []string
	for _, m := range chainPattern.FindAllStringSubmatch(err.Error(), -1) {
		tried = append(tried, m[1])
	}
	if tried == nil {
		return "nobody is signed in"
	}
	return "nobody is signed in (tried " + strings.Join(tried, ", ") + ")"
}

// entraText is the token service's own sentence, which begins with its AADSTS code.
func entraText(auth *azidentity.AuthenticationFailedError) string {
	body, _ := runtime.Payload(auth.RawResponse)
	var answer struct {
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal(body, &answer) // a body of another form says nothing
	text, _, _ := strings.Cut(answer.Description, "Trace ID:")
	return clip(oneLine(redact(text)))
}

// signInRemedies are the codes of the token service that people meet, with what helps.
var signInRemedies = []struct{ code, remedy string }{
	{"AADSTS7000215", "give the client secret's value, not its id"},
	{"AADSTS7000222", "the client secret has expired: make a new one"},
	{"AADSTS700016", "check the client id, and that the tenant is the application's"},
	{"AADSTS90002", "check the tenant id, and ClientOptions.Cloud"},
	{"AADSTS500011", "this cloud has no such service in the tenant: check ClientOptions.Cloud and the tenant"},
	{"AADSTS50049", "check AZURE_AUTHORITY_HOST and ClientOptions.Cloud"},
}

func signInRemedy(err error) string {
	text := signInText(err)
	for _, r := range signInRemedies {
		if strings.Contains(text, r.code) {
			return r.remedy
		}
	}
	if signInMissing(err) {
		return "sign in with az login, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"
	}
	return "the credential got no token: check tenant, client and secret"
}
