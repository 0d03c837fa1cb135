package frontdoor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/jobs"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// InvokeScheduled starts the job of a schedule, given its endpointInvocationDefinition, and returns
// the job's name. Not evidenced: the form of the definition, which the published description leaves
// open. It is read as endpointName, deploymentName (the default deployment without it) and the body
// of an invocation; endpointId and deploymentId are read too.
func (h *Handler) InvokeScheduled(ctx context.Context, schedule store.Document, caller jobs.Caller) (string, error) {
	raw, err := json.Marshal(store.Object(schedule, "properties", "action", "endpointInvocationDefinition"))
	if err != nil {
		return "", err
	}
	definition, err := readObject(raw)
	if err != nil {
		return "", err
	}
	invocation, err := readInvocation(raw)
	if err != nil {
		return "", err
	}
	endpoint, err := definition.lastSegment("endpointName", "endpointId")
	if err != nil || endpoint == "" {
		return "", errors.Join(err, errors.New("the definition has no endpointName"))
	}
	invocation.Workspace = store.ParentID(store.ParentID(store.Text(schedule, "id")))
	id := invocation.Workspace + "/batchEndpoints/" + endpoint
	doc, found := h.store.Get(id)
	if !found {
		return "", fmt.Errorf("the endpoint %s does not exist", endpoint)
	}
	name, err := definition.lastSegment("deploymentName", "deploymentId")
	if err != nil {
		return "", err
	}
	if invocation.Directed = name != ""; !invocation.Directed {
		name = store.Text(doc, "properties", "defaults", "deploymentName")
	}
	if invocation.Deployment, found = h.deployment(id, name); !found {
		return "", errors.New(strings.TrimSuffix(noDeployment, "."))
	}
	invocation.Endpoint, invocation.Caller = store.Text(doc, "name"), caller
	job, err := h.jobs.Submit(ctx, invocation)
	return store.Text(job, "name"), err
}

// lastSegment is the last segment of the first of the members that is there.
func (o object) lastSegment(names ...string) (string, error) {
	for _, name := range names {
		if text, err := o.text(name); err != nil || text != "" {
			return store.LastSegment(text), err
		}
	}
	return "", nil
}
