package azmlbatch

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
)

// Resume returns a poller from the [Poller.ResumeToken] of another one, which may have been made in another process. T is
// the type of that poller's result: [Nothing] for a deletion or a cancellation, [Job] for [JobsClient.Poller]. It sends
// nothing. A text that is not a token, or the token of another T, is *[ArgumentError].
//
//	p, err := azmlbatch.Resume[azmlbatch.Endpoint](client, token)
func Resume[T Endpoint | Deployment | Compute | Job | Nothing](client *Client, token string) (*Poller[T], error) {
	op := operation{"resume", "poller", ""}
	if err := client.ready(op); err != nil {
		return nil, err
	}
	t, err := client.readToken(op, token)
	if err != nil {
		return nil, err
	}
	if want := reflect.TypeFor[T]().Name(); t.Result != want {
		return nil, op.invalid("token", fmt.Sprintf("is of a Poller[%s], not of a Poller[%s]", t.Result, want), "call Resume with the type of the poller")
	}
	if t.Result == jobResult {
		p, err := client.Jobs().Poller(t.Name)
		resumed, _ := any(p).(*Poller[T])
		return resumed, err
	}
	return newPoller(client, operation{t.Verb, t.Kind, t.Name}, &operationHandler[T]{client: client, state: t}, operationSchedule), nil
}

// readToken checks that a token leads nowhere but to the management plane.
func (c *Client) readToken(op operation, text string) (resumeToken, error) {
	var t resumeToken
	bad := func(problem string) (resumeToken, error) {
		return t, op.invalid("token", problem, "pass the text of ResumeToken unchanged")
	}
	switch err := json.Unmarshal([]byte(text), &t); {
	case err != nil:
		return bad("is not a resume token")
	case t.Version != resumeTokenVersion:
		return bad(fmt.Sprintf("is of version %d, not %d", t.Version, resumeTokenVersion))
	case t.Result == jobResult:
		return t, checkName(operation{op.verb, "job", t.Name}, "token", t.Name)
	case t.Poll == "", t.Final == "" && t.Result != reflect.TypeFor[Nothing]().Name():
		return bad("has no URL to ask")
	}
	for _, raw := range []string{t.Poll, t.Final} {
		if u, err := url.Parse(raw); raw != "" && (err != nil || u.Scheme != "https" || !c.management.owns(u.Host)) {
			return bad("names a host that is not this client's management host")
		}
	}
	return t, nil
}
