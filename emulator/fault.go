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

// Fault disturbs the requests that it matches. Only Action is required: a Fault without Host,
// Method and Path disturbs everything.
type Fault struct {
	// Host is the kind of host that is disturbed: login, management, blob, api (the workspace data
	// plane) or scoring; or one host by its full name. Empty or "*" means any.
	Host string
	// Method is the HTTP method. Empty or "*" means any.
	Method string
	// Path is a pattern for the path without the query: "*" stands for any characters but a slash,
	// "**" for any at all, and the case of letters does not matter. Empty means any path.
	Path string
	// Action is what happens.
	Action Action
	// Status is the HTTP status of an action that answers in the service's place; 0 means the
	// action's own default.
	Status int
	// RetryAfter is the Retry-After of [Throttle], in whole seconds; 0 says "Retry-After: 0".
	RetryAfter time.Duration
	// Bytes is how much of the body [CutDuring] and [Truncate] let pass, and the size of the pieces
	// of [Slow]; 0 means 10, and 1024 for Slow.
	Bytes int
	// Pause is how long [Slow] waits before each piece, on the wall clock.
	Pause time.Duration
	// Skip is how many matching requests pass before the fault begins.
	Skip int
	// Times is how many requests are disturbed; 0 means every one.
	Times int
}

// Action is what a [Fault] does to a request.
type Action string

// The actions. "Before" means that the request has no effect; "after" that it has its whole effect,
// and only the answer is lost.
const (
	// Throttle answers 429, or Status, with Retry-After, before the effect.
	Throttle Action = "throttle"
	// FailBefore answers 500, or Status, with an error of the service's form.
	FailBefore Action = "fail-before"
	// FailAfter lets the request have its effect and answers 500, or Status.
	FailAfter Action = "fail-after"
	// Refuse fails to connect. In memory the error is ECONNREFUSED; the server, which has accepted
	// the connection already, closes it as CutBefore does.
	Refuse Action = "refuse"
	// CutBefore cuts the connection before the effect.
	CutBefore Action = "cut-before"
	// CutDuring cuts the connection after the first Bytes of the body, at the latest before its
	// last byte. An answer without a body is lost whole.
	CutDuring Action = "cut-during"
	// CutAfter lets the request have its effect and cuts the connection.
	CutAfter Action = "cut-after"
	// Hang gives no answer until the client gives up.
	Hang Action = "hang"
	// Slow sends the body in pieces with pauses.
	Slow Action = "slow"
	// Truncate ends the body after Bytes as if that were all of it.
	Truncate Action = "truncate"
	// WrongLink names another host in next links and poll addresses.
	WrongLink Action = "wrong-link"
	// EmptyError answers 502, or Status, without a body, before the effect.
	EmptyError Action = "empty-error"
	// HTMLError answers 502, or Status, with the HTML page of a proxy, before the effect.
	HTMLError Action = "html-error"
)

// faults are the active faults, each with the number of requests it has seen.
type faults struct {
	mu   sync.Mutex
	list []*activeFault
}

type activeFault struct {
	Fault
	path *regexp.Regexp
	seen int // matching requests so far
}

// add checks the faults and puts them behind those already there.
func (f *faults) add(list []Fault) error {
	var checked []*activeFault
	for _, fault := range list {
		path, err := fault.check()
		if err != nil {
			return fmt.Errorf("emulator: fault: %w", err)
		}
		checked = append(checked, &activeFault{Fault: fault, path: path})
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, checked...)
	return nil
}

// clear ends all faults.
func (f *faults) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = nil
}

// match returns the fault for a request, if there is one, and counts the request.
func (f *faults) match(kind cloud.Kind, r *http.Request) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.list {
		if !a.matches(kind, r) {
			continue
		}
		if a.Times > 0 && a.seen >= a.Skip+a.Times {
			continue // used up; a later fault may match
		}
		a.seen++
		if a.seen > a.Skip {
			return a.Fault, true
		}
	}
	return Fault{}, false
}

func (a *activeFault) matches(kind cloud.Kind, r *http.Request) bool {
	host := strings.ToLower(a.Host)
	return (wildcard(host) || host == kind.String() || host == cloud.HostName(r.Host)) &&
		(wildcard(a.Method) || strings.EqualFold(a.Method, r.Method)) &&
		(wildcard(a.Path) || a.path.MatchString(r.URL.Path))
}

func wildcard(pattern string) bool { return pattern == "" || pattern == "*" }

// check returns the compiled path pattern.
func (f Fault) check() (*regexp.Regexp, error) {
	spec, ok := actions[f.Action]
	switch _, kind := cloud.ParseKind(strings.ToLower(f.Host)); {
	case !ok:
		return nil, fmt.Errorf("unknown action %q: want one of %s", f.Action, actionNames())
	case !wildcard(f.Host) && !kind && !strings.Contains(f.Host, "."):
		return nil, fmt.Errorf("unknown host %q: want login, management, blob, api, scoring, * or a full host name", f.Host)
	case f.Status != 0 && (f.Status < 300 || f.Status > 599):
		return nil, fmt.Errorf("status %d of %s: want an error, 300 to 599", f.Status, f.Action)
	case f.Status != 0 && spec.status == 0:
		return nil, fmt.Errorf("%s has no status", f.Action)
	case f.RetryAfter < 0 || f.Pause < 0 || f.Bytes < 0 || f.Skip < 0 || f.Times < 0:
		return nil, fmt.Errorf("%s: a number is negative", f.Action)
	case f.Action == Slow && f.Pause == 0:
		return nil, fmt.Errorf("slow: the pause is missing")
	}
	return globPattern(f.Path), nil
}

// globPattern makes a regular expression of a path pattern.
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
