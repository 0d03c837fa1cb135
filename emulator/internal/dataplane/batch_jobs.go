package dataplane

import (
	"net/http"
	"net/url"

	"github.com/azmlbatch/azmlbatch/emulator/internal/jobs"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// batch serves the jobs of batch endpoints. It follows the published description
// 2020-09-01-dataplanepreview; no recording has these calls.
func (c *call) batch() {
	if p, ok := c.matches(http.MethodGet, "batchEndpoints/{endpoint}/jobs"); ok {
		c.listJobs(p[0], c.request.URL.Query().Get("deployment"))
	} else if p, ok := c.matches(http.MethodGet, "batchEndpoints/{endpoint}/jobs/{job}"); ok {
		c.getJob(p[0], "", p[1])
	} else if p, ok := c.matches(http.MethodGet, "batchEndpoints/{endpoint}/deployments/{deployment}/jobs"); ok {
		c.listJobs(p[0], p[1])
	} else if p, ok := c.matches(http.MethodGet, "batchEndpoints/{endpoint}/deployments/{deployment}/jobs/{job}"); ok {
		c.getJob(p[0], p[1], p[2])
	} else if p, ok := c.matches(http.MethodGet, "batchEndpoints/{endpoint}"); ok {
		c.getResource("/batchEndpoints/" + p[0])
	} else if p, ok := c.matches(http.MethodGet, "batchEndpoints/{endpoint}/deployments/{deployment}"); ok {
		c.getResource("/batchEndpoints/" + p[0] + "/deployments/" + p[1]) // the Location of an invocation
	} else {
		c.noRoute()
	}
}

func (c *call) getResource(path string) {
	doc, ok := c.store.Get(c.workspace + path)
	if !ok {
		c.refuse(http.StatusNotFound, "The resource "+path+" does not exist in the workspace.", "NotFound")
		return
	}
	c.answer(http.StatusOK, doc)
}

func (c *call) getJob(endpoint, deployment, name string) {
	if deployment != "" && !jobs.BatchJobOf(c.store, c.workspace, endpoint, deployment, name) {
		c.jobNotFound(name)
		return
	}
	doc, ok := jobs.BatchJob(c.store, c.workspace, endpoint, name)
	if !ok {
		c.jobNotFound(name)
		return
	}
	c.answer(http.StatusOK, doc)
}

func (c *call) jobNotFound(name string) {
	c.refuse(http.StatusNotFound, "The job with the name '"+name+"' does not exist.", "NotFound")
}

// listJobs answers a page of jobs, the newest first, with a link to the next page if there is one.
// The jobs of a deleted endpoint are listed too. Not evidenced: the order, the size of a page, and
// the form of the link.
func (c *call) listJobs(endpoint, deployment string) {
	before, err := jobs.ParseListToken(c.request.URL.Query().Get("$skiptoken"))
	if err != nil {
		c.refuse(http.StatusBadRequest, "The continuation token is not one of this list.", "BadArgument")
		return
	}
	var last uint64
	page, value := store.Document{}, []any{}
	for place, name := range jobs.BatchJobNames(c.store, c.workspace, endpoint, deployment, before) {
		if len(value) == c.pageSize {
			page["nextLink"] = c.linkAfter(last)
			break
		}
		if doc, ok := jobs.BatchJob(c.store, c.workspace, endpoint, name); ok {
			value = append(value, doc)
			last = place
		}
	}
	if _, exists := c.store.Get(c.workspace + "/batchEndpoints/" + endpoint); !exists && before == 0 && len(value) == 0 {
		c.refuse(http.StatusNotFound, "There is no endpoint with the name '"+endpoint+"' in the workspace.", "NotFound", "EndpointNotFound")
		return
	}
	page["value"] = value
	c.answer(http.StatusOK, page)
}

func (c *call) linkAfter(last uint64) string {
	link := url.URL{Scheme: "https", Host: c.request.Host, Path: c.request.URL.Path, RawPath: c.request.URL.RawPath}
	query := c.request.URL.Query()
	query.Del("$skiptoken")
	link.RawQuery = query.Encode()
	if link.RawQuery != "" {
		link.RawQuery += "&"
	}
	// The dollar sign stays literal, as in the links of the service's other lists.
	link.RawQuery += "$skiptoken=" + jobs.ListToken(last)
	return link.String()
}
