package blob

import (
	"net/http"
	"strings"
)

// grant is the part of a credential's rights that operations need to know.
type grant struct {
	// withoutWrite means that the w permission is missing: a blob can be created (c) or deleted
	// (d), but not overwritten.
	withoutWrite bool
	// overrides are the response headers that a service SAS sets for downloads (rscc, rscd, rsce,
	// rscl, rsct).
	overrides map[string]string
}

// authorise checks whether the request's credential permits the operation.
func (r *request) authorise(n need) (grant, error) {
	authorization := r.header.Get("Authorization")
	scheme, _, _ := strings.Cut(authorization, " ")
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		return grant{}, r.checkToken(authorization)
	case strings.EqualFold(scheme, "SharedKey"), strings.EqualFold(scheme, "SharedKeyLite"):
		if n.token {
			return grant{}, errAuthenticationFailed("Only authentication scheme Bearer is supported")
		}
		return grant{}, r.checkSharedKey(authorization)
	case authorization != "":
		return grant{}, errMalformedAuthorization()
	case n.token:
		return grant{}, r.errNoCredential()
	case r.queryParam("sig") != "" || r.queryParam("sv") != "" && r.queryParam("se") != "":
		return r.checkSAS(n)
	}
	return grant{}, r.checkAnonymous(n)
}

// checkAnonymous lets anyone read what is public.
func (r *request) checkAnonymous(n need) error {
	reads := n.level == 'o' && n.any == "r" || n.level == 'c' && (n.any == "r" || n.any == "l")
	if reads && r.settings.PublicContainers[r.container] {
		return nil
	}
	return r.errNoCredential()
}

// errNoCredential refuses a request without a credential. Clients of version 2019-12-12 or newer
// are told where to get a token; older ones are told that nothing exists (the tests of Azure's own
// clients expect both, by version).
func (r *request) errNoCredential() error {
	switch {
	case r.atLeast("2019-12-12"):
		f := r.errChallenge("NoAuthenticationInformation")
		return f
	case r.settings.PublicContainers == nil:
		f := newFault(409, "PublicAccessNotPermitted", "Public access is not permitted on this storage account.")
		f.frontEnd = true
		return f
	}
	return errResourceNotFound()
}

// errChallenge is a 401 that names the authority. The header has no quotes, as in azure-sdk-for-js
// recordings of 2023.
func (r *request) errChallenge(code string, details ...detail) *fault {
	f := newFault(http.StatusUnauthorized, code,
		"Server failed to authenticate the request. Please refer to the information in the www-authenticate header.", details...)
	f.frontEnd = true
	f.headers = []detail{{"Www-Authenticate", "Bearer authorization_uri=https://" + r.svc.loginHost + "/" + r.svc.tenantID +
		"/oauth2/authorize resource_id=https://storage.azure.com"}}
	return f
}

// errAuthenticationFailed refuses an invalid credential. The reason must not contain a signature.
func errAuthenticationFailed(reason string) *fault {
	f := newFault(403, "AuthenticationFailed", "Server failed to authenticate the request. "+
		"Make sure the value of Authorization header is formed correctly including the signature.",
		detail{"AuthenticationErrorDetail", reason})
	f.frontEnd = true
	return f
}

func errMalformedAuthorization() *fault {
	f := newFault(400, "InvalidAuthenticationInfo", "Authentication information is not given in the correct format. "+
		"Check the value of Authorization header.")
	f.frontEnd = true
	return f
}

// errNotAuthorised refuses a valid credential without the needed rights.
func errNotAuthorised(code, ending string) *fault {
	return newFault(403, code, "This request is not authorized to perform this operation"+ending+".")
}

func errPermission() *fault {
	return errNotAuthorised("AuthorizationPermissionMismatch", " using this permission")
}

// checkKeyAllowed refuses account keys, and signatures made with them, on accounts that do not
// accept keys.
func (r *request) checkKeyAllowed() error {
	if r.settings.AllowSharedKey {
		return nil
	}
	f := newFault(403, "KeyBasedAuthenticationNotPermitted", "Key based authentication is not permitted on this storage account.")
	f.frontEnd = true
	return f
}

// checkToken checks a bearer token. Every valid token permits everything.
func (r *request) checkToken(authorization string) error {
	if !r.atLeast("2017-11-09") {
		return errAuthenticationFailed("Authentication scheme Bearer is not supported in this version.")
	}
	_, ok, reason := r.svc.verify(authorization, r.accountID)
	if ok {
		return nil
	}
	return r.errChallenge("InvalidAuthenticationInfo", detail{"AuthenticationErrorDetail", tokenDetail(reason)})
}

// tokenDetail says what is wrong with a token, in the service's words where they are known.
func tokenDetail(reason string) string {
	switch reason {
	case "audience":
		return "Audience validation failed. Audience did not match."
	case "expired":
		return "Lifetime validation failed. The token is expired."
	case "signature":
		return "Signature validation failed. Signature verification failed."
	case "issuer":
		return "Issuer validation failed. Issuer did not match."
	case "malformed", "missing":
		return "Token validation failed. The token is not well formed."
	}
	return reason
}
