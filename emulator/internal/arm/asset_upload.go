package arm

import (
	"net/http"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/google/uuid"
)

const (
	uploadPermissions = "rcwl" // no delete, no add
	uploadHeadStart   = 10 * time.Minute
	uploadLifetime    = 8*time.Hour + 10*time.Minute
)

// startPendingUpload creates a container for the content of a version and returns a user delegation
// SAS for it, which needs no account key. The two URLs differ: blobUri has the port and sasUri has
// not. The type comes back as None (azure-sdk-for-python recording test_create_and_get, 2023).
//
// Not evidenced: what the container's name is derived from, and a second upload for the same
// version; here every upload gets a container of its own.
func startPendingUpload(c *call) answer {
	account, group := c.workspaceAccount()
	if c.h.accounts == nil {
		return c.fail(http.StatusBadRequest, "UserError", "The storage account '"+account+"' is not reachable.")
	}
	container := c.workspaceGUID() + "-" + randomName(26)
	blobURI, sasURI, err := c.uploadContainer(account, container)
	if err != nil {
		return c.internal(err)
	}
	return ok(store.Document{
		"blobReferenceForConsumption": store.Document{
			"blobUri":             blobURI,
			"storageAccountArmId": group,
			"credential": store.Document{
				"credentialType": "SAS",
				"sasUri":         sasURI,
			},
		},
		"pendingUploadId": uuid.NewString(), "pendingUploadType": "None",
	})
}

// uploadContainer creates a container for an upload and returns its URL, with the port, and the URL
// that is signed for the upload, without.
func (c *call) uploadContainer(account, container string) (blobURI, sasURI string, err error) {
	if err := c.h.accounts.CreateContainer(account, container); err != nil {
		return "", "", err
	}
	start := c.h.now().Add(-uploadHeadStart)
	sas, err := c.h.accounts.UserDelegationSAS(account, container, uploadPermissions, start, start.Add(uploadLifetime))
	host := c.h.cloud.BlobHost(account)
	return "https://" + host + ":443/" + container, "https://" + host + "/" + container + "?" + strings.TrimPrefix(sas, "?"), err
}

// workspaceAccount is the name and the ARM id of the workspace's storage account.
func (c *call) workspaceAccount() (name, id string) {
	doc, _ := c.h.store.Get(c.workspace)
	id = store.Text(doc, "properties", "storageAccount")
	return store.LastSegment(id), id
}
