package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch"
)

// need is something that people do, and what they need for it on the workspace.
type need struct {
	check   string
	actions []string // below Microsoft.MachineLearningServices/workspaces/
	role    string
	status  string // if an action is missing
}

// needs are the actions of each call and the smallest built-in role that has them
// (learn.microsoft.com, how-to-assign-roles).
var needs = []need{
	{"role to deploy", []string{
		"models/versions/write", "codes/versions/write", "environments/versions/write", "batchEndpoints/write",
		"batchEndpoints/deployments/write",
	}, "AzureML Data Scientist", statusMissing},
	{"role to invoke", []string{
		"batchEndpoints/read", "batchEndpoints/jobs/write", "batchEndpoints/deployments/jobs/write",
	}, "AzureML Data Scientist", statusMissing},
	{"role to cancel jobs", []string{"jobs/cancel/action"}, "AzureML Data Scientist", statusMissing},
	// Of AzureML Data Scientist computes/*/write is taken out. Read literally that spares computes/write, but the
	// documentation says that the role makes no clusters, so a name stands in between.
	{"role to make clusters", []string{"computes/any/write"}, "AzureML Compute Operator", statusOptional},
}

func (d *doctor) checkRoles(ctx context.Context) {
	scope := d.client.Workspace().ID()
	has, err := d.client.Permissions(ctx, scope)
	if err != nil {
		d.failed("roles", statusUnknown, err, "")
		return
	}
	for _, n := range needs {
		var lacks []string
		for _, action := range n.actions {
			if !has.Allow("Microsoft.MachineLearningServices/workspaces/" + action) {
				lacks = append(lacks, action)
			}
		}
		if len(lacks) == 0 {
			d.ok(n.check, "you have it")
			continue
		}
		d.add(finding{n.check, n.status, "the caller lacks " + strings.Join(lacks, ", "), d.assign(n.role, scope)})
	}
}

// checkStorage reads and writes the default datastore as jobs, uploads and rows do.
func (d *doctor) checkStorage(ctx context.Context) {
	store, err := d.client.Datastores().Default(ctx)
	if err != nil {
		d.failed("default datastore", statusMissing, err, "")
		return
	}
	keys := ""
	if d.keyless() {
		keys = " by your own role, because the workspace's storage takes no keys"
	}
	place := fmt.Sprintf("container %s of account %s", store.ContainerName, store.AccountName)
	if err := d.readStorage(ctx, store.Name); err != nil {
		d.storageFailed("read storage", err, "Storage Blob Data Reader")
	} else {
		d.ok("read storage", "%s%s", place, keys)
	}
	now := time.Now().UTC().Format(time.RFC3339Nano) // equal content would not be sent again
	content := fmt.Sprintf("azmlbatch doctor, %s, %s\n", d.caller.ObjectID, now)
	if _, err := d.client.UploadReader(ctx, strings.NewReader(content), "azmlbatch-doctor.txt", nil); err != nil {
		d.storageFailed("write storage", err, "Storage Blob Data Contributor")
	} else {
		d.ok("write storage", "%s%s", place, keys)
	}
}

func (d *doctor) keyless() bool {
	return strings.EqualFold(d.workspace.SystemDatastoresAuthMode, "identity")
}

// readStorage lists a place where nothing is, which only who may read gets to know.
func (d *doctor) readStorage(ctx context.Context, datastore string) error {
	empty, err := os.MkdirTemp("", "azmlbatch-doctor-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(empty) }() // it stays empty
	_, err = d.client.Download(ctx, "azureml://datastores/"+datastore+"/paths/azmlbatch-doctor/nothing/", empty, nil)
	var answer *azmlbatch.Error
	if errors.Is(err, azmlbatch.ErrNotFound) && (!errors.As(err, &answer) || answer.Code() == "") {
		return nil
	}
	return err
}

// storageFailed names the role where the refusal is about one.
func (d *doctor) storageFailed(check string, err error, role string) {
	remedy := ""
	if azmlbatch.HasCode(err, "AuthorizationPermissionMismatch") {
		remedy = d.assign(role, d.workspace.StorageAccount)
	}
	d.failed(check, statusMissing, err, remedy)
}
