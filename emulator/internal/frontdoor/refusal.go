package frontdoor

import (
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"github.com/azmlbatch/azmlbatch/emulator/internal/jobs"
	"github.com/azmlbatch/azmlbatch/emulator/internal/login"
)

// noDeployment is the text for an endpoint without a default deployment (Microsoft Learn:
// how-to-troubleshoot-batch-endpoints; the status 404 is that of online endpoints on the same front
// door).
const noDeployment = "No valid deployments to route to. Please check that the endpoint has at least one deployment " +
	"with positive weight values or use a deployment specific header to route."

// tokenTexts are the texts of Envoy, which the front door is, for a token that it refuses. Not
// evidenced for batch endpoints: the status of a wrong audience, for which Envoy itself says 403;
// the documentation of batch endpoints speaks of an authentication error.
var tokenTexts = map[login.Reason]string{
	login.Missing:   "Jwt is missing",
	login.Malformed: "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections",
	login.Expired:   "Jwt is expired",
	login.Audience:  "Audiences in Jwt are not allowed",
	login.Signature: "Jwt verification fails",
}

func (c *call) refuseToken(w http.ResponseWriter, refusal *login.Refusal) {
	text, known := tokenTexts[refusal.Reason]
	if !known {
		text = tokenTexts[login.Signature]
	}
	challenge := `Bearer realm="https://` + c.request.Host + c.request.URL.EscapedPath() + `"`
	if refusal.Reason != login.Missing {
		challenge += `, error="invalid_token"`
	}
	w.Header().Set("Www-Authenticate", challenge)
	c.refuseText(w, http.StatusUnauthorized, text)
}

// refuseText answers as the front door itself does: in plain text (seen in
// MicrosoftLearning/mslearn-azure-ml issue 115, 2025).
func (c *call) refuseText(w http.ResponseWriter, status int, text string) {
	header := w.Header()
	header.Set("Content-Type", "text/plain")
	header.Set("Content-Length", strconv.Itoa(len(text)))
	header.Set("Server", "azureml-frontdoor")
	header.Set("X-Request-Id", uuid.NewString())
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}

// refuse answers as the batch service behind the front door does, in the envelope of the data plane
// (seen once, for a 500, in azure-sdk-for-python issue 31166). Not evidenced: its refusals with 400
// and 404.
func (c *call) refuse(w http.ResponseWriter, status int, message string) {
	code := "UserError"
	if status >= 500 {
		code = "ServiceError"
	}
	c.answer(w, status, jobs.FailureDocument(jobs.FailedCall{
		Code: code, Message: message, Status: status, Region: c.endpoint.region, Component: "batch-endpoint", Time: c.now(),
	}))
}
