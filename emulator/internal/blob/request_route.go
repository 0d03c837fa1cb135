package blob

import (
	"net/http"
)

// operation is one call of the service's REST interface.
type operation struct {
	need need
	run  func(*request, http.ResponseWriter) error
}

// need is what a credential must permit.
type need struct {
	level byte   // 's' the account, 'c' a container, 'o' a blob: the letters of an account SAS's srt
	any   string // one of these letters of sp is enough
	token bool   // only a token will do
}

// ServeHTTP answers a request to {account}.blob.{suffix}.
func (s *Service) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	r, err := s.newRequest(hr)
	r.commonHeaders(w.Header())
	if err == nil {
		err = r.serve(w)
	}
	if err != nil {
		f := asFault(err)
		if f.status == http.StatusInternalServerError && hr.Context().Err() == nil {
			s.log.Error("blob request failed", "method", hr.Method, "account", r.accountID, "container", r.container,
				"blob", r.blob, "requestID", r.id, "error", err)
		}
		r.writeFault(w, f)
	}
}

func (r *request) serve(w http.ResponseWriter) error {
	op, err := r.operation()
	if err != nil {
		return err
	}
	if r.grant, err = r.authorise(op.need); err != nil {
		return err
	}
	if err := r.refuseUnplayed(); err != nil {
		return err
	}
	return op.run(r, w)
}

// operation returns the operation for the method, restype and comp.
func (r *request) operation() (operation, error) {
	restype, comp := r.queryParam("restype"), r.queryParam("comp")
	var op operation
	var known bool
	switch {
	case restype == "account":
		op, known = accountInfoOperation(comp)
	case restype == "service" || restype == "" && r.container == "":
		op, known = serviceOperation(r.Method, comp)
	case restype == "container" || restype == "" && r.blob == "":
		op, known = containerOperation(r.Method, comp)
	case restype == "":
		op, known = blobOperation(r.Method, comp)
	default:
		return op, errQueryValue("restype", restype, "")
	}
	switch {
	case !known:
		return op, errQueryValue("comp", comp, "")
	case op.run == nil && notPlayed[comp] != "":
		return op, errNotPlayed(notPlayed[comp])
	case op.run == nil:
		return op, newFault(405, "UnsupportedHttpVerb", "The resource doesn't support specified Http Verb.")
	}
	return op, nil
}

// notPlayed describes the values of comp that only the real service has.
var notPlayed = map[string]string{
	"acl": "container access policies", "batch": "batch requests", "blobs": "finding blobs by tags",
	"copy": "copying", "expiry": "expiry of blobs", "immutabilityPolicies": "immutability policies",
	"incrementalcopy": "copying", "legalhold": "legal holds", "page": "page blobs",
	"pagelist": "page blobs", "properties": "service properties", "query": "blob queries", "rename": "renaming",
	"seal": "sealing", "snapshot": "snapshots", "stats": "service statistics", "tags": "tags", "tier": "access tiers",
	"undelete": "soft delete",
}

// pick returns the operation for a method; known reports whether the service has this comp at all.
func pick(comp, method string, byMethod map[string]operation) (operation, bool) {
	if byMethod == nil {
		return operation{}, notPlayed[comp] != ""
	}
	return byMethod[method], true
}

func accountInfoOperation(comp string) (operation, bool) {
	return operation{need{level: 's', any: "rlwdcau"}, (*request).accountInfo}, comp == "properties"
}

func serviceOperation(method, comp string) (operation, bool) {
	switch comp {
	case "list":
		return pick(comp, method, map[string]operation{
			"GET": {need{level: 's', any: "l"}, (*request).listContainers},
		})
	case "userdelegationkey":
		return pick(comp, method, map[string]operation{
			"POST": {need{level: 's', token: true}, (*request).userDelegationKey},
		})
	}
	return pick(comp, method, nil)
}

func containerOperation(method, comp string) (operation, bool) {
	get := operation{need{level: 'c', any: "r"}, (*request).getContainer}
	switch comp {
	case "":
		return pick(comp, method, map[string]operation{
			"GET": get, "HEAD": get,
			"PUT":    {need{level: 'c', any: "cw"}, (*request).createContainer},
			"DELETE": {need{level: 'c', any: "d"}, (*request).deleteContainer},
		})
	case "metadata":
		return pick(comp, method, map[string]operation{
			"GET": get, "HEAD": get,
			"PUT": {need{level: 'c', any: "w"}, (*request).setContainerMetadata},
		})
	case "list":
		return pick(comp, method, map[string]operation{
			"GET": {need{level: 'c', any: "l"}, (*request).listBlobs},
		})
	case "lease":
		return pick(comp, method, map[string]operation{"PUT": {need{level: 'c', any: "wd"}, (*request).leaseContainer}})
	}
	return pick(comp, method, nil)
}

func blobOperation(method, comp string) (operation, bool) {
	head := operation{need{level: 'o', any: "r"}, (*request).headBlob}
	put := need{level: 'o', any: "cw"}
	switch comp {
	case "":
		return pick(comp, method, map[string]operation{
			"GET":    {need{level: 'o', any: "r"}, (*request).getBlob},
			"HEAD":   head,
			"PUT":    {put, (*request).putBlob},
			"DELETE": {need{level: 'o', any: "d"}, (*request).deleteBlob},
		})
	case "metadata":
		getMetadata := operation{need{level: 'o', any: "r"}, (*request).getMetadata}
		return pick(comp, method, map[string]operation{
			"GET": getMetadata, "HEAD": getMetadata,
			"PUT": {need{level: 'o', any: "w"}, (*request).setMetadata},
		})
	case "properties":
		return pick(comp, method, map[string]operation{"PUT": {need{level: 'o', any: "w"}, (*request).setProperties}})
	case "block":
		return pick(comp, method, map[string]operation{"PUT": {put, (*request).putBlock}})
	case "blocklist":
		return pick(comp, method, map[string]operation{
			"GET": {need{level: 'o', any: "r"}, (*request).getBlockList},
			"PUT": {put, (*request).putBlockList},
		})
	case "lease":
		return pick(comp, method, map[string]operation{"PUT": {need{level: 'o', any: "wd"}, (*request).leaseBlob}})
	case "appendblock":
		return pick(comp, method, map[string]operation{"PUT": {need{level: 'o', any: "aw"}, (*request).appendBlock}})
	}
	return pick(comp, method, nil)
}

// refuseUnplayed refuses requests whose headers or parameters ask for a feature that this service
// does not have. Ignoring them would do something else than the client asked for.
func (r *request) refuseUnplayed() error {
	switch {
	case r.queryParam("snapshot") != "":
		return errNotPlayed("snapshots")
	case r.queryParam("versionid") != "":
		return errNotPlayed("versions of blobs")
	case r.header.Get("X-Ms-Copy-Source") != "":
		return errNotPlayed("copying from a URL")
	case r.header.Get("X-Ms-If-Tags") != "" || r.header.Get("X-Ms-Tags") != "":
		return errNotPlayed("tags")
	case r.header.Get("X-Ms-Structured-Body") != "":
		return errUnsupportedHeader("x-ms-structured-body")
	case r.header.Get("X-Ms-Encryption-Key") != "":
		return errNotPlayed("keys provided by the client")
	}
	return nil
}
