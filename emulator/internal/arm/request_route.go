package arm

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/unplayed"
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
		segments[i], _ = url.PathUnescape(segment) // the escapes of EscapedPath are always valid
	}
	return segments
}

// noSuchRoute answers a request that fits no route, in the words of ARM's gateway for what does not
// exist at all. The last sentence is ours: it may well exist in Azure.
func (c *call) noSuchRoute() answer {
	namespace, kind := resourceType(c.segments)
	what := c.request.Method + " " + c.request.URL.Path
	if namespace != "" {
		what = strings.TrimSuffix(c.request.Method+" "+namespace+"/"+kind, "/")
	}
	a := gatewayFailure(http.StatusNotFound, "InvalidResourceType", "The resource type '"+kind+"' could not be found in the namespace '"+
		namespace+"' for api version '"+c.version.text+"'. "+unplayed.Sentence(what))
	if c.wrongMethod {
		a = gatewayFailure(http.StatusMethodNotAllowed, "HttpMethodNotAllowed",
			"The requested resource does not support http method '"+c.request.Method+"'. "+unplayed.Sentence(what))
	}
	a.header[unplayed.Header] = what
	return a
}

// resourceType is the namespace of a path's last provider and the type of the resource: the names
// of its collections, and of an action at the end.
func resourceType(segments []string) (namespace, kind string) {
	var kinds []string
	for i, segment := range segments {
		if strings.EqualFold(segment, "providers") && i+1 < len(segments) {
			namespace, kinds = segments[i+1], nil
			for j := i + 2; j < len(segments); j += 2 {
				kinds = append(kinds, segments[j])
			}
		}
	}
	return namespace, strings.Join(kinds, "/")
}
