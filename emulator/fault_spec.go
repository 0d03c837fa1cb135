package emulator

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// actionSpec describes an action to the parser and to the checks.
type actionSpec struct {
	status int                                                    // default of Fault.Status; 0 if the action has none
	value  func(*Fault, string) error                             // reads what follows "=", nil if nothing may
	apply  func(*faultedCall, http.ResponseWriter, *http.Request) // does it
}

// actions describes every action.
var actions = map[Action]actionSpec{
	ActionThrottle:   {http.StatusTooManyRequests, readThrottle, (*faultedCall).throttle},
	ActionFailBefore: {http.StatusInternalServerError, readStatus, (*faultedCall).failBefore},
	ActionFailAfter:  {http.StatusInternalServerError, readStatus, (*faultedCall).failAfter},
	ActionRefuse:     {0, nil, (*faultedCall).refuse},
	ActionCutBefore:  {0, nil, (*faultedCall).cutBefore},
	ActionCutDuring:  {0, readBytes, (*faultedCall).cutDuring},
	ActionCutAfter:   {0, nil, (*faultedCall).cutAfter},
	ActionHang:       {0, nil, (*faultedCall).hang},
	ActionSlow:       {0, readSlow, (*faultedCall).slow},
	ActionTruncate:   {0, readBytes, (*faultedCall).truncate},
	ActionWrongLink:  {0, nil, (*faultedCall).wrongLink},
	ActionEmptyError: {http.StatusBadGateway, readStatus, (*faultedCall).emptyError},
	ActionHTMLError:  {http.StatusBadGateway, readStatus, (*faultedCall).htmlError},

	ActionFailOperation: {0, nil, (*faultedCall).failOperation},
	ActionDeny:          {http.StatusForbidden, nil, (*faultedCall).deny},
	ActionDisallow:      {http.StatusForbidden, nil, (*faultedCall).disallow},
	ActionQuota:         {http.StatusBadRequest, readStatus, (*faultedCall).quota},
	ActionConflict:      {http.StatusConflict, readStatus, (*faultedCall).conflict},
	ActionLateList:      {0, readPause, (*faultedCall).lateList},
	ActionLoseLease:     {0, nil, (*faultedCall).loseLease},
	ActionExpireSAS:     {0, nil, (*faultedCall).expireSAS},
}

func actionNames() string {
	var names []string
	for _, a := range slices.Sorted(maps.Keys(actions)) {
		names = append(names, string(a))
	}
	return strings.Join(names, ", ")
}

// ParseFault parses the format of the command's --fault flag, words with spaces between them:
//
//	HOST METHOD PATH ACTION [times=N] [skip=N]
//
// HOST, METHOD and PATH are as in [Fault], and "*" for any. ACTION is one of
//
//	throttle[=[STATUS][,SECONDS]]  429 with "Retry-After: 1", before the effect
//	fail-before[=STATUS]           500, before the effect
//	fail-after[=STATUS]            500, after the effect
//	refuse                         no connection
//	cut-before, cut-after          the connection is cut before or after the effect
//	cut-during[=BYTES]             the connection is cut within the body
//	hang                           no answer at all
//	slow=PAUSE[,BYTES]             the body in pieces, as in slow=200ms,4096
//	truncate[=BYTES]               half an answer that claims to be whole
//	wrong-link                     next links and poll addresses on another host
//	empty-error[=STATUS]           502 without a body
//	html-error[=STATUS]            502 with the HTML page of a proxy
//	fail-operation                 the operation that the request starts ends as Failed
//	deny                           403: the caller lacks the role
//	disallow                       403: Azure Policy forbids it
//	quota[=STATUS]                 400: the quota is used up
//	conflict[=STATUS]              409: another operation runs
//	late-list=AGE                  lists without what is younger, as in late-list=5s
//	lose-lease                     the lease that the request holds is broken before
//	expire-sas                     the signature of the request has expired
//
// For example: "scoring POST /jobs fail-after=502 times=1".
func ParseFault(spec string) (Fault, error) {
	words := strings.Fields(spec)
	if len(words) < 4 {
		return Fault{}, fmt.Errorf("fault %q: write HOST METHOD PATH ACTION [times=N] [skip=N]", spec)
	}
	f := Fault{Host: words[0], Method: strings.ToUpper(words[1]), Path: words[2]}
	err := f.readAction(words[3])
	for _, word := range words[4:] {
		err = errors.Join(err, f.readCount(word))
	}
	if err == nil {
		_, err = f.check()
	}
	if err != nil {
		return Fault{}, fmt.Errorf("fault %q: %w", spec, err)
	}
	return f, nil
}

// ParseDeny parses the format of the command's --deny flag: an action of Azure's roles, as in
// [Fault].RoleAction. Every request that needs it is refused with [ActionDeny].
func ParseDeny(roleAction string) (Fault, error) {
	f := Fault{RoleAction: roleAction, Action: ActionDeny}
	if strings.TrimSpace(roleAction) != roleAction || !strings.Contains(roleAction, "/") {
		return Fault{}, fmt.Errorf("role action %q: write one such as batchEndpoints/write or Microsoft.Storage/*/blobs/write", roleAction)
	}
	_, err := f.check()
	return f, err
}

func (f *Fault) readAction(word string) error {
	name, value, given := strings.Cut(word, "=")
	f.Action = Action(name)
	spec, ok := actions[f.Action]
	switch {
	case !ok:
		return nil // check has the better message
	case f.Action == ActionThrottle:
		f.RetryAfter = time.Second
	}
	switch {
	case given && spec.value == nil:
		return fmt.Errorf("%s takes no value", name)
	case given:
		return spec.value(f, value)
	}
	return nil
}

func (f *Fault) readCount(word string) error {
	name, value, _ := strings.Cut(word, "=")
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is not times=N or skip=N", word)
	}
	switch name {
	case "times":
		f.Times = n
	case "skip":
		f.Skip = n
	default:
		return fmt.Errorf("%q is not times=N or skip=N", word)
	}
	return nil
}

func readStatus(f *Fault, value string) (err error) {
	f.Status, err = readNumber(value, "an HTTP status")
	return err
}

func readBytes(f *Fault, value string) (err error) {
	f.Bytes, err = readNumber(value, "a number of bytes")
	return err
}

func readNumber(value, what string) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil {
		return 0, fmt.Errorf("%q is not %s", value, what)
	}
	return n, nil
}

func readThrottle(f *Fault, value string) error {
	status, seconds, more := strings.Cut(value, ",")
	if status != "" {
		if err := readStatus(f, status); err != nil {
			return err
		}
	}
	if !more {
		return nil
	}
	n, err := readNumber(seconds, "a number of seconds")
	f.RetryAfter = time.Duration(n) * time.Second
	return err
}

func readPause(f *Fault, value string) (err error) {
	if f.Pause, err = time.ParseDuration(value); err != nil {
		return fmt.Errorf("%q is not a duration such as 200ms", value)
	}
	return nil
}

func readSlow(f *Fault, value string) error {
	pause, bytes, more := strings.Cut(value, ",")
	if err := readPause(f, pause); err != nil {
		return err
	}
	if more {
		return readBytes(f, bytes)
	}
	return nil
}
