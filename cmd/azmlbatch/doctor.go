package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/azmlbatch/azmlbatch"
)

func (a *app) doctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "doctor", Short: "Check that everything is there for batch scoring, and say what is missing.",
		Long: `Check that everything is there for batch scoring: the workspace, the sign-in, the caller's roles,
the storage, clusters, their quota, and the endpoints' default deployments. Each check is a line
that says ok, or what is missing and the command that mends it. It starts no job. To see whether
storage can be written it leaves a file of some bytes in the default datastore.

The exit code is 0 if nothing is missing and 1 otherwise. What is optional or could not be found
out does not count as missing.`,
		Example: "azmlbatch doctor",
		Args:    arguments(), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d := &doctor{app: a, findings: []finding{}, lines: a.out}
			if asJSON {
				d.lines = io.Discard
			}
			d.examine(cmd.Context())
			if err := cmd.Context().Err(); err != nil {
				return err
			}
			if asJSON {
				if err := a.printJSON(d.findings); err != nil {
					return err
				}
			}
			if n := d.missing(); n > 0 {
				return fmt.Errorf("%s missing", plural(n, "thing is", "things are"))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON array of objects with check, status, detail and remedy")
	return a.inWorkspace(cmd)
}

// The statuses of a finding.
const (
	statusOK       = "ok"
	statusMissing  = "missing"
	statusOptional = "optional" // missing, and not needed by everybody
	statusUnknown  = "unknown"
)

// finding is the outcome of a check.
type finding struct {
	Check  string `json:"check"`
	Status string `json:"status"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy"` // empty if there is nothing to do
}

// doctor looks at a workspace. Each check adds what it finds and leaves what later checks need.
type doctor struct {
	*app
	lines    io.Writer
	findings []finding

	client    *azmlbatch.Client
	workspace azmlbatch.WorkspaceDetails
	caller    azmlbatch.Caller
	clusters  map[string]azmlbatch.Compute // by name in lower case; nil if they could not be read
}

// examine makes the checks, as far as each can be made after what the ones before have found.
func (d *doctor) examine(ctx context.Context) {
	if !d.findWorkspace() || !d.signIn(ctx) || !d.reach(ctx) {
		return
	}
	d.checkRoles(ctx)
	d.checkStorage(ctx)
	d.checkClusters(ctx)
	d.checkQuota(ctx)
	d.checkEndpoints(ctx)
}

func (d *doctor) add(f finding) {
	f.Detail, f.Remedy = cleaned(f.Detail), cleaned(f.Remedy)
	d.findings = append(d.findings, f)
	status := fmt.Sprintf("%-8s", f.Status)
	if colors(d.lines) {
		status = stateColor(f.Status) + status + "\x1b[0m"
	}
	text := f.Check + ": " + f.Detail
	if f.Remedy != "" {
		text += "; " + f.Remedy
	}
	fmt.Fprintln(d.lines, status, text)
}

func (d *doctor) ok(check, format string, args ...any) {
	d.add(finding{Check: check, Status: statusOK, Detail: fmt.Sprintf(format, args...)})
}

// failed adds what an error says, with the remedy, or with the error's own if that is empty.
func (d *doctor) failed(check, status string, err error, remedy string) {
	text := errorText(err)
	var answer *azmlbatch.Error
	if errors.As(err, &answer) && answer.Remedy != "" {
		own := withFlags(answer.Remedy)
		text = strings.Replace(text, "; "+own, "", 1)
		if remedy == "" {
			remedy = own
		}
	}
	d.add(finding{Check: check, Status: status, Detail: text, Remedy: remedy})
}

func (d *doctor) missing() int {
	n := 0
	for _, f := range d.findings {
		if f.Status == statusMissing {
			n++
		}
	}
	return n
}

func (d *doctor) findWorkspace() bool {
	const check = "workspace"
	client, err := d.app.client()
	if err != nil {
		d.failed(check, statusMissing, err, "")
		return false
	}
	ws := client.Workspace()
	d.ok(check, "%s in resource group %s of subscription %s", ws.Name, ws.ResourceGroup, ws.SubscriptionID)
	d.client = client
	return true
}

func (d *doctor) signIn(ctx context.Context) bool {
	const check = "sign-in"
	access, err := d.client.Authenticate(ctx)
	if err != nil {
		d.failed(check, statusMissing, err, "")
		return false
	}
	d.caller = access[0].Caller
	d.ok(check, "%s", describeCaller(d.caller))
	return true
}

func describeCaller(c azmlbatch.Caller) string {
	switch {
	case c.ObjectID == "":
		return "the token does not tell who it is of"
	case c.IsUser:
		return fmt.Sprintf("%s (object id %s) of tenant %s", c.Name, c.ObjectID, c.TenantID)
	}
	return fmt.Sprintf("application %s (object id %s) of tenant %s", c.ApplicationID, c.ObjectID, c.TenantID)
}

// reach reads the workspace.
func (d *doctor) reach(ctx context.Context) bool {
	const check = "read workspace"
	details, err := d.client.WorkspaceDetails(ctx)
	ws := d.client.Workspace()
	switch {
	case errors.Is(err, azmlbatch.ErrNotFound):
		d.failed(check, statusMissing, err, fmt.Sprintf("az ml workspace list --resource-group %s --subscription %s shows those that exist",
			shellWord(ws.ResourceGroup), shellWord(ws.SubscriptionID)))
	case azmlbatch.HasCode(err, "AuthorizationFailed"):
		d.failed(check, statusMissing, err, d.assign("Reader", ws.ID()))
	case err != nil:
		d.failed(check, statusMissing, err, "")
	case details.TenantID != "" && d.caller.TenantID != "" && !strings.EqualFold(details.TenantID, d.caller.TenantID):
		d.add(finding{check, statusMissing, fmt.Sprintf("it is of tenant %s, and the sign-in of %s", details.TenantID, d.caller.TenantID),
			"az login --tenant " + details.TenantID})
	default:
		d.workspace = details
		d.ok(check, "region %s, public network access %s", details.Location, orUnknown(strings.ToLower(details.PublicNetworkAccess)))
		return true
	}
	return false
}

func orUnknown(text string) string {
	if text == "" {
		return statusUnknown
	}
	return text
}

// assign is the command that gives the caller a role.
func (d *doctor) assign(role, scope string) string {
	if d.caller.ObjectID == "" {
		return fmt.Sprintf("assign the role %q on %s", role, scope)
	}
	kind := "ServicePrincipal"
	if d.caller.IsUser {
		kind = "User"
	}
	return assignTo(d.caller.ObjectID, kind, role, scope)
}

func assignTo(objectID, kind, role, scope string) string {
	return fmt.Sprintf("az role assignment create --assignee-object-id %s --assignee-principal-type %s --role %q --scope %s",
		objectID, kind, role, shellWord(scope))
}
