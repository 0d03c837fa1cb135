package arm

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// answer is what a route answers; call.answer adds the headers that all answers share.
type answer struct {
	status int
	// body is encoded as JSON; nil means no body at all.
	body any
	// header are the headers of this answer alone.
	header map[string]string
	// gateway says that ARM itself answers, not Azure ML.
	gateway bool
	failed  bool
}

// jsonNull is the body of a DELETE or cancel that was accepted: the four characters null (batch
// endpoint and job recordings, 2022 to 2026).
var jsonNull = json.RawMessage("null")

// err is a refusal as an error, nil for none.
func (a *answer) err() error {
	if a == nil {
		return nil
	}
	return fmt.Errorf("arm: refused: %s", encodeJSON(a.body))
}

func ok(body any) answer {
	return answer{status: http.StatusOK, body: body, header: map[string]string{}}
}

func withStatus(status int, body any) answer {
	return answer{status: status, body: body, header: map[string]string{}}
}

// put answers a synchronous PUT: 201 with the request's URL as Location for a new resource, 200 for
// one that exists.
func (c *call) put(created bool, body any) answer {
	if !created {
		return ok(body)
	}
	a := withStatus(http.StatusCreated, body)
	a.header["Location"] = c.url()
	return a
}

// answer writes a with the headers that the service of 2026 adds to everything.
func (c *call) answer(w http.ResponseWriter, a answer) {
	var body []byte
	if a.body != nil {
		body = encodeJSON(a.body)
	}
	header := w.Header()
	c.addCommonHeaders(header, a)
	if len(body) > 0 {
		header.Set("Content-Type", "application/json; charset=utf-8")
	}
	for name, value := range a.header {
		header.Set(name, value)
	}
	if a.status != http.StatusNoContent {
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(body) // a caller that has gone away needs no answer
}

func (c *call) addCommonHeaders(header http.Header, a answer) {
	correlation := uuid.NewString()
	now := c.h.now().UTC()
	header.Set("Cache-Control", "no-cache")
	header.Set("Pragma", "no-cache")
	header.Set("Expires", "-1")
	header.Set("X-Cache", "CONFIG_NOCACHE")
	header.Set("x-ms-correlation-request-id", correlation)
	header.Set("x-ms-request-id", correlation)
	header.Set("x-ms-routing-request-id", strings.ToUpper(c.region())+":"+now.Format("20060102T150405Z")+":"+correlation)
	header.Set("Date", now.Format(http.TimeFormat))
	if a.gateway {
		header.Set("x-ms-failure-cause", "gateway")
		return
	}
	header.Set("azureml-served-by-cluster", "vienna-"+c.region()+"-01")
	header.Set("x-request-time", fmt.Sprintf("%.3f", now.Sub(c.started).Seconds()))
	header.Set("x-ms-response-type", map[bool]string{false: "standard", true: "error"}[a.failed])
	if !c.route.unidentified {
		header.Set("x-ms-operation-identifier", "tenantId="+cmp.Or(c.claims.TenantID, zeroGUID)+",objectId="+cmp.Or(c.claims.ObjectID, zeroGUID)+
			"/"+c.region()+"/"+uuid.NewString())
	}
	c.addQuotaHeaders(header)
}

// addQuotaHeaders shows quotas that never run low. From 2025 on each has a global twin, fifteen
// times as large.
func (c *call) addQuotaHeaders(header http.Header) {
	const prefix = "x-ms-ratelimit-remaining-subscription-"
	switch {
	case c.route.deploymentQuota:
		header.Set(prefix+"resource-requests", "24")
	case c.request.Method == http.MethodGet || c.request.Method == http.MethodHead:
		header.Set(prefix+"reads", "1099")
		header.Set(prefix+"global-reads", "16499")
	case c.request.Method == http.MethodDelete:
		header.Set(prefix+"deletes", "799")
		header.Set(prefix+"global-deletes", "11999")
	default:
		header.Set(prefix+"writes", "799")
		header.Set(prefix+"global-writes", "11999")
	}
}

// region is the region that the answer names as its origin.
func (c *call) region() string {
	if c.location != "" {
		return c.location
	}
	if location := c.param("location"); location != "" {
		return strings.ToLower(location)
	}
	return "global"
}

// encodeJSON is marshalJSON for documents, which are decoded JSON and cannot fail.
func encodeJSON(v any) []byte {
	text, err := marshalJSON(v)
	if err != nil {
		panic(fmt.Sprintf("arm: an answer is not JSON: %v", err))
	}
	return text
}

// marshalJSON writes compact JSON without escaping <, > and &.
func marshalJSON(v any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), err
}
