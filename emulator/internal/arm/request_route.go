package arm

import (
	"net/http"
	"net/url"
	"strings"
)

// Paths that other paths begin with.
const (
	subscriptionPath = "/subscriptions/{subscription}"
	groupPath        = subscriptionPath + "/resourceGroups/{group}"
	workspacePath    = groupPath + "/providers/" + provider + "/workspaces/{workspace}"
	locationPath     = subscriptionPath + "/providers/" + provider + "/locations/{location}"

	provider      = "Microsoft.MachineLearningServices"
	workspaceType = provider + "/workspaces"
)

// route is one operation of the management host.
type route struct {
	method string
	// path has segments in braces that fit any value. The other segments are compared without
	// regard to case.
	path  string
	serve func(*call) answer
	// open says that no token is needed.
	open bool
	// unidentified says that the answer has no x-ms-operation-identifier, as for GETs of endpoints
	// and workspaces in 2026.
	unidentified bool
	// deploymentQuota says that the request counts against the quota of deployments.
	deploymentQuota bool

	segments []string
}

// routeTable finds routes by the number of segments in their path.
type routeTable map[int][]route

func newRouteTable(groups ...[]route) routeTable {
	table := routeTable{}
	for _, group := range groups {
		for _, r := range group {
			r.segments = strings.Split(strings.TrimPrefix(r.path, "/"), "/")
			table[len(r.segments)] = append(table[len(r.segments)], r)
		}
	}
	return table
}

// find returns the first route that fits the request and sets c.params. If only the method differs,
// it sets c.wrongMethod.
func (t routeTable) find(c *call) (route, bool) {
	for _, r := range t[len(c.segments)] {
		params, ok := r.match(c.segments)
		if !ok {
			continue
		}
		if r.method != c.request.Method {
			c.wrongMethod = true
			continue
		}
		c.params, c.route = params, r
		return r, true
	}
	return route{}, false
}

func (r route) match(segments []string) (map[string]string, bool) {
	params := map[string]string{}
	for i, want := range r.segments {
		got := segments[i]
		if name, ok := strings.CutPrefix(want, "{"); ok {
			if got == "" {
				return nil, false
			}
			params[strings.TrimSuffix(name, "}")] = got
		} else if !strings.EqualFold(want, got) {
			return nil, false
		}
	}
	return params, true
}

// splitPath returns the percent-decoded segments of a request's path.
func splitPath(u *url.URL) []string {
	segments := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	for i, segment := range segments {
		if decoded, err := url.PathUnescape(segment); err == nil {
			segments[i] = decoded
		}
	}
	return segments
}

// noSuchRoute answers a request that fits no route. Not evidenced for Azure ML; the texts are those
// of ARM's gateway.
func (c *call) noSuchRoute() answer {
	if c.wrongMethod {
		return gatewayFailure(http.StatusMethodNotAllowed, "HttpMethodNotAllowed",
			"The requested resource does not support http method '"+c.request.Method+"'.")
	}
	return gatewayFailure(http.StatusNotFound, "InvalidResourceType",
		"The resource type could not be found in the namespace '"+provider+"' for api version '"+c.version.text+"'.")
}
