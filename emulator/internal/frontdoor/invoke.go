package frontdoor

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/jobs"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// deploymentHeader picks a deployment; without it the endpoint's default runs.
const deploymentHeader = "Azureml-Model-Deployment"

// maxBody is the largest body that is read. Not evidenced: the service's limit.
const maxBody = 4 << 20

// invoke starts a job. The header repeatability_request-id, which azure-ai-ml repeats in all
// attempts of one call, has no effect. Not evidenced: that the service starts one job for equal
// ids. A client must not count on it.
func (c *call) invoke(w http.ResponseWriter) {
	deployment, directed, ok := c.findDeployment()
	if !ok {
		c.refuseText(w, http.StatusNotFound, noDeployment)
		return
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, c.request.Body, maxBody))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			c.refuse(w, http.StatusRequestEntityTooLarge, "The request is too large.")
		} else {
			c.refuse(w, http.StatusBadRequest, "The request could not be read to its end.")
		}
		return
	}
	invocation, err := readInvocation(raw)
	if err != nil {
		c.refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	invocation.Workspace, invocation.Endpoint = c.endpoint.workspace, c.endpoint.name
	invocation.Deployment, invocation.Directed = deployment, directed
	invocation.Caller = c.caller()
	job, err := c.jobs.Submit(c.request.Context(), invocation)
	var bad *jobs.BadInvocationError
	switch {
	case errors.As(err, &bad):
		c.refuse(w, http.StatusBadRequest, bad.Message)
	case err != nil:
		c.refuse(w, http.StatusInternalServerError, "Received 500 from a service request")
	default:
		c.accept(w, deployment, job)
	}
}

// accept answers a new job. Location is the deployment and not the job (seen in
// azure-sdk-for-python recording test_batch_invoke, 2023).
func (c *call) accept(w http.ResponseWriter, deployment, job store.Document) {
	name := store.Text(deployment, "name")
	w.Header().Set(deploymentHeader, name)
	w.Header().Set("Location", "https://"+c.cloud.APIHost(c.location())+"/mferp/managementfrontend"+
		c.endpoint.id+"/deployments/"+name+"?api-version=2020-09-01-dataplanepreview")
	c.answer(w, http.StatusCreated, job)
}

// findDeployment returns the deployment that the header names, else the default one. Not evidenced:
// the answer for one that does not exist; the front door has no deployment to route to in either
// case.
func (c *call) findDeployment() (doc store.Document, directed, ok bool) {
	name := strings.TrimSpace(c.request.Header.Get(deploymentHeader))
	directed = name != ""
	if !directed {
		endpoint, _ := c.store.Get(c.endpoint.id)
		name = store.Text(endpoint, "properties", "defaults", "deploymentName")
	}
	doc, ok = c.deployment(c.endpoint.id, name)
	return doc, directed, ok
}

func (h *Handler) deployment(endpointID, name string) (store.Document, bool) {
	if name == "" || strings.Contains(name, "/") {
		return nil, false
	}
	return h.store.Get(endpointID + "/deployments/" + name)
}

// location is the workspace's, which is not always the region in the host.
func (c *call) location() string {
	workspace, _ := c.store.Get(c.endpoint.workspace)
	return store.Text(workspace, "location")
}

func (c *call) caller() jobs.Caller {
	caller := jobs.Caller{Name: c.user, ObjectID: c.claims.ObjectID, TenantID: c.claims.TenantID}
	if caller.Name == "" {
		caller.Name, caller.Application = c.claims.AppID, true
	}
	return caller
}
