package emulator

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
)

// Fault makes matching requests fail in some way. Only Action is required: a Fault without Host,
// Method and Path matches every request.
type Fault struct {
	// Host is the kind of host: login, management, blob, api (the workspace data plane), scoring,
	// registry or schemas; or the full name of one host. Empty or "*" means any.
	Host string
	// Method is the HTTP method. Empty or "*" means any.
	Method string
	// Path is a pattern for the path without the query: "*" stands for any characters but a slash,
	// "**" for any at all, and the case of letters does not matter. Empty means any path.
	Path string
	// RoleAction is an action of Azure's roles, such as
	// "Microsoft.MachineLearningServices/workspaces/batchEndpoints/write": the fault applies to
	// requests that need it. "*" stands for any characters, and the part up to "workspaces/" can be
	// left out. Empty means any request. [ParseDeny] makes such a fault.
	RoleAction string
	// Action is what happens.
	Action Action
	// Status is the HTTP status of an action that answers in place of the service; 0 means the
	// action's default.
	Status int
	// RetryAfter is the Retry-After of [ActionThrottle], cut to whole seconds; 0 sends
	// "Retry-After: 0".
	RetryAfter time.Duration
	// Bytes is the length of the body that [ActionCutDuring] and [ActionTruncate] send, and the
	// size of the pieces of [ActionSlow]. 0 means 10, for Slow 1024.
	Bytes int
	// Pause is how long [ActionSlow] waits before each piece, in real time whatever Options.Now
	// says, and how old something must be before [ActionLateList] lets a list show it, by
	// Options.Now.
	Pause time.Duration
	// Skip is the number of matching requests that pass before the fault begins.
	Skip int
	// Times is the number of requests that the fault applies to; 0 means all.
	Times int
}

// Action is what a [Fault] does to a request.
type Action string

// The actions. "Before" means that the request has no effect. "After" means that it has its whole
// effect and only the answer is lost.
const (
	// ActionThrottle answers 429, or Status, with Retry-After. The request has no effect.
	ActionThrottle Action = "throttle"
	// ActionFailBefore answers 500, or Status, with an error in the host's format.
	ActionFailBefore Action = "fail-before"
	// ActionFailAfter lets the request have its effect and answers 500, or Status.
	ActionFailAfter Action = "fail-after"
	// ActionRefuse fails to connect: in memory the error is ECONNREFUSED. A [Server] has accepted
	// the connection already, so it closes it as ActionCutBefore does.
	ActionRefuse Action = "refuse"
	// ActionCutBefore cuts the connection before the effect.
	ActionCutBefore Action = "cut-before"
	// ActionCutDuring cuts the connection after the first Bytes of the body, and always before its
	// last byte. An answer without a body is lost entirely.
	ActionCutDuring Action = "cut-during"
	// ActionCutAfter lets the request have its effect and cuts the connection.
	ActionCutAfter Action = "cut-after"
	// ActionHang does not answer until the client gives up.
	ActionHang Action = "hang"
	// ActionSlow sends the body in pieces with pauses.
	ActionSlow Action = "slow"
	// ActionTruncate ends the body after Bytes as if it were complete.
	ActionTruncate Action = "truncate"
	// ActionWrongLink replaces the host in next links and poll URLs by one that does not exist.
	ActionWrongLink Action = "wrong-link"
	// ActionEmptyError answers 502, or Status, without a body. The request has no effect.
	ActionEmptyError Action = "empty-error"
	// ActionHTMLError answers 502, or Status, with the HTML page of a proxy. The request has no
	// effect.
	ActionHTMLError Action = "html-error"
	// ActionFailOperation fails the long-running operation that the request starts. The operation
	// has no effect. A deletion is followed by its Location alone, whose last answer says Failed
	// with status 200.
	ActionFailOperation Action = "fail-operation"
	// ActionDeny answers 403 as to a caller without the role: the answer names the action and the
	// scope. The scoring hosts answer 401. The request has no effect.
	ActionDeny Action = "deny"
	// ActionDisallow answers 403 RequestDisallowedByPolicy with the names of a policy. The request
	// has no effect.
	ActionDisallow Action = "disallow"
	// ActionQuota answers 400 QuotaExceeded, or Status. The request has no effect.
	ActionQuota Action = "quota"
	// ActionConflict answers 409, as while another operation runs. The request has no effect.
	ActionConflict Action = "conflict"
	// ActionLateList leaves out of a list what is younger than Pause, on the management host and
	// the workspace data plane.
	ActionLateList Action = "late-list"
	// ActionLoseLease breaks the lease that a request to storage holds, if it is signed in with a
	// token, before storage answers the request.
	ActionLoseLease Action = "lose-lease"
	// ActionExpireSAS makes the signature of a request to storage count as expired.
	ActionExpireSAS Action = "expire-sas"
)

// faults are the active faults, each with the number of requests it has seen.
type faults struct {
	mu   sync.Mutex
	list []*activeFault
}

type activeFault struct {
	Fault
	path, role *regexp.Regexp
	seen       int // matching requests so far
}

// add checks the faults and adds them after those that are there.
func (f *faults) add(list []Fault) error {
	var checked []*activeFault
	for _, fault := range list {
		path, err := fault.check()
		if err != nil {
			return fmt.Errorf("emulator: fault: %w", err)
		}
		checked = append(checked, &activeFault{Fault: fault, path: path, role: rolePattern(fault.RoleAction)})
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, checked...)
	return nil
}

// clear removes all faults.
func (f *faults) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = nil
}

// denied are the role actions that [ActionDeny] refuses now and wherever they are needed, as
// patterns.
func (f *faults) denied() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var denied []string
	for _, a := range f.list {
		if a.Action == ActionDeny && a.RoleAction != "" && a.isEverywhere() && a.seen >= a.Skip && !a.isUsedUp() {
			denied = append(denied, a.RoleAction)
		}
	}
	return denied
}

// match returns the fault for a request, if there is one, and counts the request.
func (f *faults) match(kind cloud.Kind, r *http.Request) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.list {
		if !a.matches(kind, r) {
			continue
		}
		if a.isUsedUp() {
			continue // a later fault may match
		}
		a.seen++
		if a.seen > a.Skip {
			return a.Fault, true
		}
	}
	return Fault{}, false
}

func (a *activeFault) isUsedUp() bool { return a.Times > 0 && a.seen >= a.Skip+a.Times }

// isEverywhere reports whether the fault is bound to no host, method and path.
func (a *activeFault) isEverywhere() bool {
	return wildcard(a.Host) && wildcard(a.Method) && (wildcard(a.Path) || a.Path == "**")
}

func (a *activeFault) matches(kind cloud.Kind, r *http.Request) bool {
	host := strings.ToLower(a.Host)
	return (wildcard(host) || host == kind.String() || host == cloud.HostName(r.Host)) &&
		(wildcard(a.Method) || strings.EqualFold(a.Method, r.Method)) &&
		(wildcard(a.Path) || a.path.MatchString(r.URL.Path)) &&
		(a.RoleAction == "" || a.needs(kind, r))
}

// needs reports whether a request needs the role action.
func (a *activeFault) needs(kind cloud.Kind, r *http.Request) bool {
	action, _ := roleAction(kind, r)
	return action != "" && a.role.MatchString(action)
}

// rolePattern turns a role action into a regular expression. An action of a workspace can be
// written without what all of them begin with.
func rolePattern(action string) *regexp.Regexp {
	quoted := strings.ReplaceAll(regexp.QuoteMeta(action), `\*`, `.*`)
	return regexp.MustCompile(`(?i)^(microsoft\.machinelearningservices/workspaces/)?` + quoted + `$`)
}

func wildcard(pattern string) bool { return pattern == "" || pattern == "*" }

// check returns the compiled path pattern.
func (f Fault) check() (*regexp.Regexp, error) {
	spec, ok := actions[f.Action]
	switch _, kind := cloud.ParseKind(strings.ToLower(f.Host)); {
	case !ok:
		return nil, fmt.Errorf("unknown action %q: use one of %s", f.Action, actionNames())
	case !wildcard(f.Host) && !kind && !strings.Contains(f.Host, "."):
		return nil, fmt.Errorf("unknown host %q: use login, management, blob, api, scoring, registry, schemas, * or a full host name", f.Host)
	case f.Status != 0 && (f.Status < 300 || f.Status > 599):
		return nil, fmt.Errorf("%s: status %d must be between 300 and 599", f.Action, f.Status)
	case f.Status != 0 && spec.status == 0:
		return nil, fmt.Errorf("%s takes no status", f.Action)
	case f.RetryAfter < 0 || f.Pause < 0 || f.Bytes < 0 || f.Skip < 0 || f.Times < 0:
		return nil, fmt.Errorf("%s: numbers and durations must not be negative", f.Action)
	case (f.Action == ActionSlow || f.Action == ActionLateList) && f.Pause == 0:
		return nil, fmt.Errorf("%s needs a pause, as in %s=200ms", f.Action, f.Action)
	}
	return globPattern(f.Path), nil
}

// globPattern turns a path pattern into a regular expression.
func globPattern(glob string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`(?is)^`)
	for i, deep := range strings.Split(glob, "**") {
		if i > 0 {
			b.WriteString(`.*`)
		}
		for j, part := range strings.Split(deep, "*") {
			if j > 0 {
				b.WriteString(`[^/]*`)
			}
			b.WriteString(regexp.QuoteMeta(part))
		}
	}
	b.WriteString(`$`)
	return regexp.MustCompile(b.String()) // quoted text and two known patterns always compile
}
