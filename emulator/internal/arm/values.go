package arm

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// objectOf returns the object under name, or nil.
func objectOf(doc store.Document, name string) store.Document {
	object, _ := doc[name].(store.Document)
	return object
}

// textOf returns the text under name, or "".
func textOf(doc store.Document, name string) string {
	text, _ := doc[name].(string)
	return text
}

// isTrue tells whether the member under name is the boolean true.
func isTrue(doc store.Document, name string) bool {
	value, _ := doc[name].(bool)
	return value
}

// intOf returns the whole number under name, or 0.
func intOf(doc store.Document, name string) int64 {
	number, _ := doc[name].(json.Number)
	value, _ := number.Int64()
	return value
}

// fill gives the member name the value fallback if it is absent or null.
func fill(doc store.Document, name string, fallback any) {
	if doc[name] == nil {
		doc[name] = fallback
	}
}

// number is a JSON number for a document.
func number(n int64) json.Number { return json.Number(strconv.FormatInt(n, 10)) }

// orEmpty is v, or an empty object for null: tags and properties of most
// resources are never null.
func orEmpty(v any) any {
	if v == nil {
		return store.Document{}
	}
	return v
}

// stamp writes a time as the service does: up to seven fraction digits, zeros
// dropped, and +00:00 for UTC.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.9999999") + "+00:00" }

// foldName is the form of a name that decides whether two are the same.
func foldName(name string) string { return strings.ToLower(name) }

// last returns the last segment of an id.
func last(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }

func subscriptionID(subscription string) string { return "/subscriptions/" + subscription }

func groupID(subscription, group string) string {
	return subscriptionID(subscription) + "/resourceGroups/" + group
}

func workspaceID(subscription, group, workspace string) string {
	return groupID(subscription, group) + "/providers/" + workspaceType + "/" + workspace
}

func storageAccountID(subscription, group, account string) string {
	return groupID(subscription, group) + "/providers/Microsoft.Storage/storageAccounts/" + account
}

func parentOf(id string) string { return id[:max(strings.LastIndexByte(id, '/'), 0)] }

// secretKey is where the secrets of a resource are kept, apart from the resource.
func secretKey(id string) string { return "secret:" + id }

// decodeNumbers decodes JSON with numbers kept as they are written.
func decodeNumbers(raw []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	return decoder.Decode(into)
}

// randomText returns the base64 text of n random bytes, as keys are written.
func randomText(n int) string {
	random := make([]byte, n)
	_, _ = rand.Read(random) // never fails
	return base64.StdEncoding.EncodeToString(random)
}
