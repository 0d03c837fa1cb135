package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sdk "github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// pottery is an emulator with an endpoint "vases" and files to score, and the command in this
// process, signed in to it.
type pottery struct {
	*emulator.Emulator
	client *sdk.Client
	input  string // a folder with a.txt, b.txt and c.txt
}

// fired scores each file as "NAME SIZE". One that holds "crack" fails.
func fired(_ context.Context, files []string) ([]string, error) {
	var rows []string
	for _, file := range files {
		content, err := os.ReadFile(file) //nolint:gosec // a file of the test
		if err != nil {
			return nil, err
		}
		if strings.Contains(string(content), "crack") {
			return nil, errors.New("the glaze cracked")
		}
		rows = append(rows, filepath.Base(file)+" "+strings.TrimSpace(string(content)))
	}
	return rows, nil
}

func newPottery(t *testing.T, options *emulator.Options) *pottery {
	t.Helper()
	p := &pottery{Emulator: emulator.NewTest(t, options), input: t.TempDir()}
	for name, content := range map[string]string{"a.txt": "1", "b.txt": "2.50", "c.txt": "red"} {
		p.write(t, name, content)
	}
	deployment := sdk.Deployment{MiniBatchSize: 1, ErrorThreshold: new(1)}
	if _, err := p.Deploy(t.Context(), emulator.Func(fired), &emulator.DeployOptions{Endpoint: "vases", Deployment: deployment}); err != nil {
		t.Fatal(err)
	}
	var err error
	if p.client, err = p.Client(nil); err != nil {
		t.Fatal(err)
	}
	p.signIn(t)
	return p
}

// signIn sets the environment that leads to the emulator's workspace.
func (p *pottery) signIn(t *testing.T) {
	t.Helper()
	ws := p.client.Workspace()
	for name, value := range map[string]string{
		"AZURE_TENANT_ID": p.TenantID(), "AZURE_CLIENT_ID": p.ClientID(), "AZURE_CLIENT_SECRET": p.ClientSecret(), "AZURE_AUTHORITY_HOST": "",
		"AZUREML_ARM_SUBSCRIPTION": ws.SubscriptionID, "AZUREML_ARM_RESOURCEGROUP": ws.ResourceGroup, "AZUREML_ARM_WORKSPACE_NAME": ws.Name,
	} {
		t.Setenv(name, value)
	}
}

func (p *pottery) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(p.input, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run runs the command in this process against the emulator.
func (p *pottery) run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return p.runContext(t.Context(), args...)
}

func (p *pottery) runContext(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var in, out, err bytes.Buffer
	a := &app{console: console{&in, &out, &err}, connection: connection{transport: p.Emulator}}
	code = a.run(ctx, args)
	return code, out.String(), err.String()
}

// ok runs the command, which must succeed, and returns what it prints.
func (p *pottery) ok(t *testing.T, args ...string) string {
	t.Helper()
	code, out, stderr := p.run(t, args...)
	if code != 0 {
		t.Fatalf("azmlbatch %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, stderr)
	}
	return out
}

// invoke starts a job and waits for it.
func (p *pottery) invoke(t *testing.T, args ...string) string {
	t.Helper()
	return strings.TrimSpace(p.ok(t, append([]string{"invoke", "vases", "--input", p.input, "--wait"}, args...)...))
}

// fails checks that the command fails with one line that has all the texts.
func (p *pottery) fails(t *testing.T, code int, args []string, texts ...string) {
	t.Helper()
	got, out, stderr := p.run(t, args...)
	missing := ""
	for _, text := range texts {
		if !strings.Contains(stderr, text) {
			missing += "\n  " + text
		}
	}
	if got != code || missing != "" || !strings.HasPrefix(stderr, "azmlbatch: ") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("azmlbatch %s: exit code %d, want %d and one line with:%s\ngot:\n%s%s", strings.Join(args, " "), got, code, missing, out, stderr)
	}
}
