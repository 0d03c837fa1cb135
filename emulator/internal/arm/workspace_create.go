package arm

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/blob"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/google/uuid"
)

// Workspace describes a workspace and its parents.
type Workspace struct {
	SubscriptionID string
	ResourceGroup  string
	Name           string
	// Location is the region in its short form, for example eastus.
	Location string
	// StorageAccount is the name of the workspace's own account, 3 to 24 lower-case letters and
	// digits.
	StorageAccount string
	// Keyless workspaces have datastores without credentials and an account that refuses its keys
	// (systemDatastoresAuthMode identity).
	Keyless bool
	// ID is the workspace's own GUID; empty means a new one.
	ID string
}

// CreateWorkspace creates the workspace with its subscription, resource group, storage account and
// four built-in datastores, unless the store has them already. The Blob service gets the account
// and its containers in any case, so call it again after a restart.
func (h *Handler) CreateWorkspace(w Workspace) error {
	if w.SubscriptionID == "" || w.ResourceGroup == "" || w.Name == "" || w.Location == "" || w.StorageAccount == "" {
		return errors.New("arm: a workspace needs subscription, resource group, name, location and storage account")
	}
	w.Location = strings.ToLower(strings.ReplaceAll(w.Location, " ", ""))
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.createParents(w); err != nil {
		return err
	}
	if err := h.openStorageAccount(w); err != nil {
		return fmt.Errorf("arm: workspace %s: %w", w.Name, err)
	}
	doc, err := h.createWorkspace(w)
	if err != nil {
		return err
	}
	if h.accounts == nil {
		return nil
	}
	guid := store.Text(doc, "properties", "workspaceId")
	for _, container := range []string{blobStoreContainer(guid), artifactContainer} {
		if err := h.accounts.CreateContainer(w.StorageAccount, container); err != nil {
			return fmt.Errorf("arm: workspace %s: %w", w.Name, err)
		}
	}
	return nil
}

// openStorageAccount adds the account to the Blob service, with the keys that it had before.
func (h *Handler) openStorageAccount(w Workspace) error {
	key := secretKey(storageAccountID(w.SubscriptionID, w.ResourceGroup, w.StorageAccount))
	secret, found := h.store.Get(key)
	if !found {
		secret = store.Document{"primaryKey": randomText(64), "secondaryKey": randomText(64)}
		if _, err := h.store.Put(key, secret); err != nil {
			return err
		}
	}
	if h.accounts == nil {
		return nil
	}
	account := blob.Account{Name: w.StorageAccount, AllowSharedKey: !w.Keyless}
	for i, member := range []string{"primaryKey", "secondaryKey"} {
		decoded, err := base64.StdEncoding.DecodeString(store.Text(secret, member))
		if err != nil {
			return fmt.Errorf("storage account %s: %s: %w", w.StorageAccount, member, err)
		}
		account.Keys[i] = decoded
	}
	return h.accounts.AddAccount(account)
}

// createParents creates the subscription, the group and the storage account.
func (h *Handler) createParents(w Workspace) error {
	created := store.TimeText(h.now())
	for _, doc := range []store.Document{
		{
			"id": subscriptionID(w.SubscriptionID), "subscriptionId": w.SubscriptionID, "tenantId": h.tenantID,
			"displayName": "azmlbatch", "state": "Enabled", "authorizationSource": "RoleBased", "managedByTenants": []any{},
			"subscriptionPolicies": store.Document{
				"locationPlacementId": "Public_2014-09-01", "quotaId": "PayAsYouGo_2014-09-01", "spendingLimit": "Off",
			},
		},
		{
			"id": groupID(w.SubscriptionID, w.ResourceGroup), "name": w.ResourceGroup, "type": "Microsoft.Resources/resourceGroups",
			"location": w.Location, "tags": store.Document{}, "properties": store.Document{"provisioningState": stateSucceeded},
		},
		h.newStorageAccount(w, created),
	} {
		if err := h.putIfAbsent(doc); err != nil {
			return err
		}
	}
	return nil
}

func (h *Handler) createWorkspace(w Workspace) (store.Document, error) {
	id := workspaceID(w.SubscriptionID, w.ResourceGroup, w.Name)
	if doc, found := h.store.Get(id); found {
		return doc, nil
	}
	if w.ID == "" {
		w.ID = uuid.NewString()
	}
	doc := h.newWorkspace(w, id)
	if err := h.putIfAbsent(doc); err != nil {
		return nil, err
	}
	for _, datastore := range h.builtInDatastores(w, id) {
		if err := h.putIfAbsent(datastore); err != nil {
			return nil, err
		}
	}
	return doc, nil
}

func (h *Handler) putIfAbsent(doc store.Document) error {
	if _, found := h.store.Get(store.Text(doc, "id")); found {
		return nil
	}
	_, err := h.store.Put(store.Text(doc, "id"), doc)
	return err
}

// newWorkspace returns a workspace with the members of 2026 (azure-sdk-for-python recording
// test_compute_instance_create_and_delete). Times end in Z here.
func (h *Handler) newWorkspace(w Workspace, id string) store.Document {
	created := h.now().UTC().Format("2006-01-02T15:04:05.9999999Z")
	author, kind := "azmlbatch", "User"
	group := groupID(w.SubscriptionID, w.ResourceGroup)
	authMode := "accesskey"
	if w.Keyless {
		authMode = "identity"
	}
	return store.Document{
		"id": id, "name": w.Name, "type": workspaceType, "location": w.Location, "tags": store.Document{}, "etag": nil,
		"identity": store.Document{"type": "SystemAssigned", "principalId": zeroGUID, "tenantId": cmp.Or(h.tenantID, zeroGUID)},
		"kind":     "Default", "sku": store.Document{"name": "Basic", "tier": "Basic"},
		"systemData": store.Document{
			"createdAt": created, "createdBy": author, "createdByType": kind,
			"lastModifiedAt": created, "lastModifiedBy": author, "lastModifiedByType": kind,
		},
		"properties": store.Document{
			"friendlyName": w.Name, "description": "", "workspaceId": w.ID, "tenantId": cmp.Or(h.tenantID, zeroGUID), "creationTime": created,
			"storageAccount":      storageAccountID(w.SubscriptionID, w.ResourceGroup, w.StorageAccount),
			"keyVault":            group + "/providers/Microsoft.Keyvault/vaults/" + w.StorageAccount,
			"applicationInsights": group + "/providers/Microsoft.insights/components/" + w.StorageAccount,
			"containerRegistry":   group + "/providers/Microsoft.ContainerRegistry/registries/" + w.StorageAccount,
			"discoveryUrl":        "https://" + h.cloud.APIHost(w.Location) + "/discovery",
			"mlFlowTrackingUri":   "azureml://" + h.cloud.APIHost(w.Location) + "/mlflow/v1.0" + id,
			"provisioningState":   stateSucceeded,
			"publicNetworkAccess": "Enabled",
			"ipAllowlist":         []any{},
			"networkAcls":         store.Document{"defaultAction": "Allow", "bypass": "", "ipRules": []any{}, "resourceAccessRules": []any{}},
			"managedNetwork": store.Document{
				"changeableIsolationModes": []any{"AllowInternetOutbound", "AllowOnlyApprovedOutbound"},
				"isolationMode":            "Disabled", "enableNetworkMonitor": false, "enableFirewallLog": false,
			},
			"notebookInfo": store.Document{
				"resourceId": strings.ReplaceAll(uuid.NewString(), "-", ""), "isPrivateLinkEnabled": false, "notebookPreparationError": nil,
				"fqdn": "ml-" + w.Name + "-" + w.Location + "-" + w.ID + "." + w.Location + ".notebooks.azure.net",
			},
			"systemDatastoresAuthMode": authMode, "sdkTelemetryAppInsightsKey": zeroGUID,
			"hbiWorkspace": false, "imageBuildCompute": nil, "allowRoleAssignmentOnRG": true, "v1LegacyMode": false,
			"softDeleteEnabled": false, "storageHnsEnabled": false, "linkedModelInventoryArmId": nil, "privateLinkCount": 0,
			"serverlessComputeSettings": nil, "EnableSoftwareBillOfMaterials": false, "enableDataIsolation": false,
			"enableServiceSideCMKEncryption": false,
		},
	}
}
