package dataplane

import (
	"net/http"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// discovery answers the addresses of the workspace's services. In Azure most of them are different
// hosts; clients use api (seen in azure-sdk-for-python recording
// test_pipeline_job_child_run_download, 2026). The emulator plays one host and names it for all of
// them.
func (c *call) discovery() {
	if c.request.Method != http.MethodGet {
		c.noRoute()
		return
	}
	for name, value := range map[string]string{
		"Access-Control-Allow-Credentials":     "false",
		"Access-Control-Allow-Origin":          "*",
		"Access-Control-Allow-Private-Network": "true",
		"Access-Control-Expose-Headers":        "Content-Length, Content-Range, Content-Type, Retry-After, Location, x-request-time, x-ms-client-request-id",
		"Access-Control-Max-Age":               "2520",
	} {
		c.w.Header().Set(name, value)
	}
	api := "https://" + c.cloud.APIHost(c.region)
	document := store.Document{"studio": c.cloud.StudioURL}
	for _, name := range []string{"api", "catalog", "experimentation", "history", "hyperdrive", "labeling", "modelmanagement", "pipelines"} {
		document[name] = api
	}
	c.write(http.StatusOK, document)
}
