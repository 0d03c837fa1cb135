package emulator

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// comparison collects how an answer differs from a recorded one.
type comparison struct {
	world *world
	x     recording
	found []string
}

func (c *comparison) differ(path, format string, args ...any) {
	d := strings.TrimPrefix(path+": ", ": ") + fmt.Sprintf(format, args...)
	for _, r := range rules {
		if (!r.oldOnly || c.world.old) && r.pattern.MatchString(d) && (r.where == nil || r.where(c.x)) {
			return
		}
	}
	c.found = append(c.found, d)
}

// rule is a difference that is meant, with its reason. It is matched against the text of the
// difference.
type rule struct {
	reason  string
	pattern *regexp.Regexp
	oldOnly bool // holds for recordings of the older generation of the service only
	where   func(recording) bool
}

func management(x recording) bool { return x.url.Host == "management.azure.com" }

func pathHas(part string) func(recording) bool {
	return func(x recording) bool { return strings.Contains(x.url.Path, part) }
}

// rules of the older generation come from recordings up to March 2023; the newer one is what is
// emulated.
var rules = []rule{
	{"the newer generation shows no identity, or one that nobody asked for", regexp.MustCompile(`^\.identity: missing`), false, pathHas("/batchEndpoints")},
	{"polls of the newer generation have id, name and status only", regexp.MustCompile(`^\.(startTime|endTime|percentComplete): missing`), true, pathHas("/mfeOperationsStatus")},
	{"the older generation writes other properties of its own", regexp.MustCompile(`properties\.properties\.(AzureAsyncOperationUri|azureml\.onlineendpointid): (missing|added)`), true, nil},
	{"the operation's URL stands in the body too, for scripts that read it there", regexp.MustCompile(`properties\.properties\.AzureAsyncOperationUri: added`), false, pathHas("/batchEndpoints/")},
	{"the older 404 of an endpoint has another form", regexp.MustCompile(`^\.error\.(details|additionalInfo|code)`), true, pathHas("/batchEndpoints/")},
	{"jobs of the newer generation have other tags and members", regexp.MustCompile(`^\.(properties\.(tags|miniBatchSize|errorThreshold|loggingLevel|outputFileName|output|properties)|systemData\.)`), true,
		func(x recording) bool {
			return strings.Contains(x.URL, "inference.ml.azure.com") || strings.Contains(x.URL, "/jobs/")
		}},
	{"a job of the emulator runs at its own pace", regexp.MustCompile(`^\.properties\.(status|properties\.azureml\.pipelines\.stages|tags\.)`), false, pathHas("/jobs/")},
	{"the answer of a cancel's poll names the operation twice since 2026", regexp.MustCompile(`^header Azure-Asyncoperation: added`), false, pathHas("/mfeOperationResults")},
	{"the emulator's caller is a service principal, or has another name", regexp.MustCompile(`systemData\.(createdBy|lastModifiedBy|createdByType|lastModifiedByType)`), false, nil},
	{"capitals in vmSize until 2023", regexp.MustCompile(`vmSize`), false, pathHas("/computes")},
	{"quotas are told under other names since 2025", regexp.MustCompile(`^header X-Ms-Ratelimit-`), false, management},
	{"one recorder kept no content type of an empty body", regexp.MustCompile(`^header Content-Type: added`), false, func(x recording) bool { return x.Method == http.MethodDelete }},
	{"a cluster name that the service adds when the job has been placed", regexp.MustCompile(`_azureml\.ClusterName: added`), false, pathHas("/jobs/")},
}

// meaningfulHeaders are compared by presence; the values that have a form of their own are compared
// by it.
var meaningfulHeaders = []string{"Azure-Asyncoperation", "Location", "Content-Type", "X-Ms-Async-Operation-Timeout", "X-Ms-Response-Type",
	"X-Ms-Error-Code", "X-Ms-Failure-Cause", "X-Ms-Blob-Type", "Content-Md5", "Etag", "Last-Modified", "Content-Range",
	"X-Ms-Meta-Upload_status", "X-Ms-Request-Server-Encrypted", "Azureml-Model-Deployment", "X-Ms-Correlation-Request-Id"}

var equalHeaders = []string{"X-Ms-Async-Operation-Timeout", "X-Ms-Response-Type", "X-Ms-Error-Code", "X-Ms-Failure-Cause", "X-Ms-Blob-Type",
	"X-Ms-Meta-Upload_status", "X-Ms-Request-Server-Encrypted", "Azureml-Model-Deployment", "Content-Range"}

// neverExtra are headers that would mislead a client where the service sends none. Of others, a
// transcription may have left some out.
var neverExtra = []string{"Azure-Asyncoperation", "Location", "Content-Type", "X-Ms-Async-Operation-Timeout", "X-Ms-Failure-Cause", "X-Ms-Meta-Upload_status"}

var operationID = regexp.MustCompile(`(mfeOperationsStatus|mfeOperationResults|computeOperationsStatus)/[^?]+`)

func (c *comparison) headers(got http.Header) {
	recorded := http.Header{}
	for k, v := range c.x.ResponseHeaders {
		recorded.Set(k, v)
	}
	for _, name := range meaningfulHeaders {
		want, have := recorded.Get(name), anyCase(got, name)
		switch {
		case want != "" && have == "":
			c.differ("", "header %s: missing, recorded %q", name, want)
		case want == "" && have != "" && slices.Contains(neverExtra, name):
			c.differ("", "header %s: added: %.60q", name, have)
		case want != "" && want != have && slices.Contains(equalHeaders, name):
			c.differ("", "header %s: %q, recorded %q", name, have, want)
		}
		if m := operationID.FindString(want); m != "" && have != "" {
			c.world.renamed[strings.SplitN(want, "?", 2)[0]] = have
		}
	}
}

// anyCase reads a header that net/http may hold in the case in which it was written: metadata of
// blobs keeps its own.
func anyCase(h http.Header, name string) string {
	for k, v := range h {
		if strings.EqualFold(k, name) && len(v) > 0 {
			return v[0]
		}
	}
	return ""
}

// enums are members whose values are the service's words.
var enums = []string{"provisioningState", "status", "authMode", "type", "datastoreType", "credentialsType", "secretsType", "jobType", "jobInputType",
	"jobOutputType", "outputAction", "loggingLevel", "dataType", "environmentType", "osType", "computeType", "code", "referenceType", "jobEndpointType",
	"jobServiceType", "mode", "pendingUploadType", "credentialType", "allocationState", "vmPriority", "remoteLoginPortPublicAccess", "kind", "tier"}

func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case map[string]any:
		return "object"
	case []any:
		return "list"
	case string:
		return "text"
	case bool:
		return "boolean"
	}
	return "number"
}

// values compares members and kinds at every level, and the values of enums.
func (c *comparison) values(path string, want, got any) {
	if kindOf(want) != kindOf(got) {
		c.differ(path, "%s, recorded %s", kindOf(got), kindOf(want))
		return
	}
	switch w := want.(type) {
	case map[string]any:
		c.members(path, w, got.(map[string]any))
	case []any:
		c.items(path, w, got.([]any))
	case string:
		name := path[strings.LastIndexByte(path, '.')+1:]
		if w != got && slices.Contains(enums, name) {
			c.differ(path, "%q, recorded %q", got, w)
		}
	}
}

func (c *comparison) members(path string, want, got map[string]any) {
	for k, w := range want {
		if g, ok := got[k]; ok {
			c.values(path+"."+k, w, g)
		} else {
			c.differ(path+"."+k, "missing")
		}
	}
	for k := range got {
		if _, ok := want[k]; !ok {
			c.differ(path+"."+k, "added")
		}
	}
}

// items compares a list. Resources are matched by their id, for a recording may be an excerpt;
// other things by place.
func (c *comparison) items(path string, want, got []any) {
	for i, w := range want {
		at := fmt.Sprintf("%s[%d]", path, i)
		g, ok := c.sameItem(w, i, got)
		if !ok {
			c.differ(at, "missing")
			continue
		}
		c.values(at, w, g)
	}
}

func (c *comparison) sameItem(w any, i int, got []any) (any, bool) {
	d, _ := w.(map[string]any)
	key := ""
	for _, k := range []string{"id", "runId"} {
		if _, ok := d[k].(string); ok {
			key = k
			break
		}
	}
	if key == "" {
		if i < len(got) {
			return got[i], true
		}
		return nil, false
	}
	at := slices.IndexFunc(got, func(g any) bool {
		o, _ := g.(map[string]any)
		a, _ := o[key].(string)
		b, _ := d[key].(string)
		return strings.EqualFold(a, b)
	})
	if at < 0 {
		return nil, false
	}
	return got[at], true
}
