package arm

import (
	"net/http"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// secretPermissions are the permissions of the SAS that replaces an account key.
const secretPermissions = "rcuwdl"

var secretRequestShape = object{"expirableSecret": boolean{}, "expireAfterHours": integer{}}

// listDatastoreSecrets returns the secret of a datastore: the account key, or an account SAS signed
// with that key if the request wants a secret that expires (azure-sdk-for-python recordings of
// 2026). A datastore without credentials has none, which is a 400.
func listDatastoreSecrets(c *call) answer {
	doc, found := c.h.store.Get(c.datastoreID())
	if !found {
		return c.datastoreNotFound()
	}
	request, refusal := c.read(secretRequestShape, "Secrets")
	if refusal != nil {
		return *refusal
	}
	properties := store.Object(doc, "properties")
	kind := store.Text(properties, "credentials", "credentialsType")
	switch {
	case kind == "None" || kind == "":
		return c.fail(http.StatusBadRequest, "UserError", "No secrets for credentials of type None.")
	case kind == "AccountKey" && store.IsTrue(request, "expirableSecret"):
		return c.expiringSecret(store.Text(properties, "accountName"), store.Int(request, "expireAfterHours"))
	}
	secret, err := c.datastoreSecret(doc, kind)
	if err != nil {
		return *err
	}
	return ok(secret)
}

// expiringSecret is a SAS for the account. Not evidenced: its lifetime when the request names none;
// clients ask for one hour.
func (c *call) expiringSecret(account string, hours int64) answer {
	if c.h.accounts == nil {
		return c.fail(http.StatusBadRequest, "UserError", "The storage account '"+account+"' is not reachable.")
	}
	if hours <= 0 {
		hours = 1
	}
	sas, err := c.h.accounts.AccountSAS(account, secretPermissions, c.h.now().Add(time.Duration(hours)*time.Hour))
	if err != nil {
		return c.fail(http.StatusBadRequest, "UserError", "The storage account '"+account+"' is not reachable.")
	}
	return ok(store.Document{"secretsType": "Sas", "sasToken": "?" + strings.TrimPrefix(sas, "?")})
}

// datastoreSecret is the secret that the datastore was created with, else the key of the emulator's
// account behind it.
func (c *call) datastoreSecret(doc store.Document, kind string) (store.Document, *answer) {
	if secret, found := c.h.store.Get(secretKey(store.Text(doc, "id"))); found {
		fill(secret, "secretsType", kind)
		return secret, nil
	}
	account := store.Text(doc, "properties", "accountName")
	if kind == "AccountKey" {
		if key, found := c.h.accountKey(c.param("subscription"), account); found {
			return store.Document{"secretsType": kind, "key": key}, nil
		}
	}
	a := c.fail(http.StatusBadRequest, "UserError", "No secrets were stored for the datastore "+store.Text(doc, "name")+".")
	return nil, &a
}

// accountKey finds the first key of a storage account anywhere in the subscription.
func (h *Handler) accountKey(subscription, account string) (string, bool) {
	for _, group := range h.store.List(subscriptionID(subscription) + "/resourceGroups") {
		secret, found := h.store.Get(secretKey(storageAccountID(subscription, store.Text(group, "name"), account)))
		if found {
			return store.Text(secret, "primaryKey"), true
		}
	}
	return "", false
}
