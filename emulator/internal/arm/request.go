package arm

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/loosejson"

	"github.com/azmlbatch/azmlbatch/emulator/internal/login"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// maxBodyBytes limits the body of a request. ARM's own limit is lower for most resources.
const maxBodyBytes = 8 << 20

// call is one request.
type call struct {
	h           *Handler
	request     *http.Request
	started     time.Time
	segments    []string
	route       route
	wrongMethod bool
	params      map[string]string
	query       url.Values // names in lower case
	version     apiVersion
	claims      login.Claims
	raw         []byte         // the body as sent
	body        store.Document // nil when none was sent

	// What the path names, set by findParents.
	workspace string // canonical id of the workspace
	location  string // of the workspace; empty outside of one
}

func newCall(h *Handler, r *http.Request) *call {
	c := &call{h: h, request: r, started: h.now(), segments: splitPath(r.URL), query: url.Values{}}
	// url.Values.Query decodes names too: some clients send %24orderBy.
	for name, values := range r.URL.Query() {
		c.query[strings.ToLower(name)] = values
	}
	return c
}

// param returns the request's value for a segment of its route in braces.
func (c *call) param(name string) string { return c.params[name] }

// flag reports whether a query parameter is "true", in any case.
func (c *call) flag(name string) bool {
	return strings.EqualFold(c.query.Get(strings.ToLower(name)), "true")
}

// authenticate checks the token. The texts are ARM's, as issue threads quote them.
func (c *call) authenticate() *answer {
	if c.h.verify == nil {
		return nil
	}
	claims, refusal := c.h.verify(c.request.Header.Get("Authorization"), c.h.cloud.ManagementAudiences...)
	if refusal == nil {
		c.claims = claims
		return nil
	}
	a := c.unauthorized(refusal)
	return &a
}

func (c *call) unauthorized(refusal *login.Refusal) answer {
	code, message := "InvalidAuthenticationToken", "The access token is invalid."
	switch refusal.Reason {
	case login.Missing:
		code, message = "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."
	case login.Expired:
		code, message = "ExpiredAuthenticationToken", "The access token has expired."
	case login.Audience:
		code = "InvalidAuthenticationTokenAudience"
		message = "The access token has been obtained for wrong audience or resource '" + refusal.Claims.Audience +
			"'. It should exactly match with one of the allowed audiences '" +
			strings.Join(c.h.cloud.ManagementAudiences, "','") + "'."
	}
	a := gatewayFailure(http.StatusUnauthorized, code, message)
	a.header["WWW-Authenticate"] = `Bearer authorization_uri="https://` + c.loginHost() + "/" + c.h.tenantID +
		`", error="invalid_token", error_description="` + message + `"`
	return a
}

// readVersion reads the api-version, which is required.
func (c *call) readVersion() *answer {
	text := c.query.Get("api-version")
	if text == "" {
		a := gatewayFailure(http.StatusBadRequest, "MissingApiVersionParameter",
			"The api-version query parameter (?api-version=) is required for all requests.")
		return &a
	}
	version, ok := parseAPIVersion(text)
	if !ok {
		a := gatewayFailure(http.StatusBadRequest, "InvalidApiVersionParameter",
			"The api-version '"+text+"' is invalid. The supported versions are of the form 'YYYY-MM-DD' or 'YYYY-MM-DD-preview'.")
		return &a
	}
	c.version = version
	return nil
}

// readBody decodes a JSON body, if there is one.
func (c *call) readBody() *answer {
	raw, err := io.ReadAll(http.MaxBytesReader(nil, c.request.Body, maxBodyBytes))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			a := gatewayFailure(http.StatusRequestEntityTooLarge, "RequestContentTooLarge", "The request content size exceeds the maximum size.")
			return &a
		}
		a := badContent("the body could not be read.")
		return &a
	}
	body, err := loosejson.Object(raw)
	if err != nil && !errors.Is(err, loosejson.ErrEmpty) {
		a := badContent(err.Error())
		return &a
	}
	c.raw, c.body = raw, body
	return nil
}

func badContent(reason string) answer {
	return gatewayFailure(http.StatusBadRequest, "InvalidRequestContent",
		"The request content was invalid and could not be deserialized: '"+reason+"'.")
}

// findParents looks up the subscription, the group and the workspace that the path names. Only the
// text for a missing workspace is evidenced (azure-sdk-for-python recording test_workspace_update,
// 2024).
func (c *call) findParents() *answer {
	if c.param("registry") != "" {
		return c.findRegistry()
	}
	subscription, group, workspace := c.param("subscription"), c.param("group"), c.param("workspace")
	if subscription == "" {
		return nil
	}
	if _, ok := c.h.store.Get(subscriptionID(subscription)); !ok {
		return c.missing("SubscriptionNotFound", "The subscription '"+subscription+"' could not be found.")
	}
	if group == "" {
		return nil
	}
	if _, ok := c.h.store.Get(groupID(subscription, group)); !ok {
		return c.missing("ResourceGroupNotFound", "Resource group '"+group+"' could not be found.")
	}
	if workspace == "" {
		return nil
	}
	doc, ok := c.h.store.Get(workspaceID(subscription, group, workspace))
	if !ok {
		return c.missing("ResourceNotFound", "The Resource '"+workspaceType+"/"+workspace+"' under resource group '"+group+
			"' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix")
	}
	c.workspace, c.location = store.Text(doc, "id"), store.Text(doc, "location")
	return nil
}

func (c *call) missing(code, message string) *answer {
	a := gatewayFailure(http.StatusNotFound, code, message)
	return &a
}

// url is the request's own URL with its query, which Location headers repeat.
func (c *call) url() string { return c.origin() + c.request.URL.RequestURI() }

// origin is the scheme and host that the caller used, so that links lead back to it.
func (c *call) origin() string {
	host := c.request.Host
	if host == "" {
		host = c.h.cloud.ManagementHost
	}
	return "https://" + host
}

func (c *call) loginHost() string {
	if len(c.h.cloud.LoginHosts) == 0 {
		return "login.windows.net"
	}
	return c.h.cloud.LoginHosts[0]
}

// author is the name and kind of the caller, as systemData shows it.
func (c *call) author() (name, kind string) {
	if c.h.user != "" {
		return c.h.user, "User"
	}
	return cmp.Or(c.claims.AppID, zeroGUID), "Application"
}

// workspaceGUID is the id of the workspace that is not its ARM id.
func (c *call) workspaceGUID() string {
	doc, _ := c.h.store.Get(c.workspace)
	return store.Text(doc, "properties", "workspaceId")
}
