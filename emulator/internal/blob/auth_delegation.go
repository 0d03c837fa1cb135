package blob

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// delegation is what a user delegation key is bound to. The key is derived from it, so keys need no
// storage.
type delegation struct{ objectID, tenantID, start, expiry, service, version string }

func (t sas) delegation() delegation {
	return delegation{t.get("skoid"), t.get("sktid"), t.get("skt"), t.get("ske"), t.get("sks"), t.get("skv")}
}

// Values in the keys that the service issues.
const (
	delegationService = "b"
	delegationVersion = "2019-07-07" // of the keys that Azure ML signs with in recordings of 2022 and 2023
	// serviceObjectID stands for the first-party application that signs the upload URLs of Azure
	// ML.
	serviceObjectID = "9cc1ba16-0000-4000-8000-000000000001"
	sasTimeLayout   = "2006-01-02T15:04:05Z"
	maxKeyLife      = 7 * 24 * time.Hour
)

// userDelegationKeyValue returns the key with which a SAS of this delegation is signed.
func (s *Service) userDelegationKeyValue(account string, d delegation) []byte {
	return sign(s.delegationKey, strings.Join([]string{
		account, d.objectID, d.tenantID, d.start, d.expiry, d.service, d.version,
	}, "\n"))
}

// userDelegationKey is Get User Delegation Key: POST /?restype=service&comp=userdelegationkey.
func (r *request) userDelegationKey(w http.ResponseWriter) error {
	var info struct {
		XMLName xml.Name `xml:"KeyInfo"`
		Start   string
		Expiry  string
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err != nil {
		return err
	}
	if err := xml.Unmarshal(body, &info); err != nil {
		return errXML()
	}
	start, okStart := parseSASTime(cmp.Or(info.Start, r.time.UTC().Format(sasTimeLayout)))
	expiry, okExpiry := parseSASTime(info.Expiry)
	if !okStart || !okExpiry || !start.Before(expiry) || expiry.Before(r.time) || expiry.Sub(r.time) > maxKeyLife {
		return newFault(400, "InvalidXmlNodeValue",
			"The value for one of the XML nodes is not in the correct format.", detail{"XmlNodeName", "Expiry"})
	}
	d := delegation{
		objectID: r.tokenClaim("oid", serviceObjectID), tenantID: r.tokenClaim("tid", r.svc.tenantID),
		start: start.UTC().Format(sasTimeLayout), expiry: expiry.UTC().Format(sasTimeLayout),
		service: delegationService, version: r.version,
	}
	key := r.svc.userDelegationKeyValue(r.accountID, d)
	var x xmlWriter
	x.begin("UserDelegationKey")
	x.leaf("SignedOid", d.objectID)
	x.leaf("SignedTid", d.tenantID)
	x.leaf("SignedStart", d.start)
	x.leaf("SignedExpiry", d.expiry)
	x.leaf("SignedService", d.service)
	x.leaf("SignedVersion", d.version)
	x.leaf("Value", base64.StdEncoding.EncodeToString(key))
	x.end("UserDelegationKey")
	answerXML(w, x.String())
	return nil
}

// tokenClaim reads a claim of the request's token, whose signature has been verified.
func (r *request) tokenClaim(name, fallback string) string {
	parts := strings.Split(r.header.Get("Authorization"), ".")
	if len(parts) != 3 {
		return fallback
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return fallback
	}
	claims := map[string]any{}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return fallback
	}
	text, _ := claims[name].(string)
	return cmp.Or(text, fallback)
}

// AccountSAS returns an account SAS, signed with the first key, for the containers and blobs of the
// account from now until expiry. Permissions are letters of sp, such as "rcuwdl". The result has no
// leading question mark. Its parameters are in the order that workspaces use (azure-ai-ml
// recordings, 2026). Like a workspace, it signs even if the account refuses keys.
func (s *Service) AccountSAS(account, permissions string, expiry time.Time) (string, error) {
	_, settings, ok := s.account(account)
	if !ok {
		return "", fmt.Errorf("blob: account %s: %w", account, ErrNotFound)
	}
	t := sas{
		version: "2021-10-04", permissions: permissions, services: "bf", resourceTypes: "co",
		expiry: expiry.UTC().Format(sasTimeLayout), get: func(string) string { return "" },
	}
	signature := sign(settings.Keys[0], t.accountString(account))
	return encodeParams([]detail{
		{"sv", t.version}, {"sig", base64.StdEncoding.EncodeToString(signature)}, {"se", t.expiry},
		{"srt", t.resourceTypes}, {"ss", t.services}, {"sp", t.permissions},
	}), nil
}

// UserDelegationSAS returns a SAS for one container that needs no account key, like that of
// startPendingUpload. Permissions are letters of sp in any order. The result has no leading
// question mark. Its parameters are in Azure ML's order (azure-ai-ml recordings, 2023).
func (s *Service) UserDelegationSAS(account, container, permissions string, start, expiry time.Time) (string, error) {
	if _, _, ok := s.account(account); !ok {
		return "", fmt.Errorf("blob: account %s: %w", account, ErrNotFound)
	}
	if err := checkContainerName(container); err != nil {
		return "", fmt.Errorf("blob: container %q: %w", container, err)
	}
	text := func(t time.Time) string { return t.UTC().Format(sasTimeLayout) }
	fields := []detail{
		{"skoid", serviceObjectID}, {"sktid", s.tenantID}, {"skt", text(start)}, {"ske", text(expiry)},
		{"sks", delegationService}, {"skv", delegationVersion}, {"sv", "2021-10-04"}, {"st", text(start)},
		{"se", text(expiry)}, {"sr", "c"}, {"sp", inServiceOrder(permissions)},
	}
	get := func(name string) string {
		for _, f := range fields {
			if f.name == name {
				return f.value
			}
		}
		return ""
	}
	t := sas{version: get("sv"), permissions: get("sp"), start: get("st"), expiry: get("se"), resource: "c", get: get}
	toSign := t.delegationString(&request{accountID: account, container: container})
	signature := sign(s.userDelegationKeyValue(account, t.delegation()), toSign)
	return encodeParams(append(fields, detail{"sig", base64.StdEncoding.EncodeToString(signature)})), nil
}

// inServiceOrder sorts permission letters into the order that the service accepts.
func inServiceOrder(letters string) string {
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune(letters, c) {
			return c
		}
		return -1
	}, servicePermissions)
}
