package ui

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// newShop is an emulator with the endpoint pots, whose default deployment scores files.
func newShop(t *testing.T, options *azmlbatch.ClientOptions) *azmlbatch.Client {
	t.Helper()
	azure := emulator.NewTest(t, nil)
	if _, err := azure.Deploy(t.Context(), emulator.Func(score), &emulator.DeployOptions{Endpoint: "pots"}); err != nil {
		t.Fatal(err)
	}
	client, err := azure.Client(options)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// TestDeploymentsOfAnyName are opened also when a page of the endpoint has that name.
func TestDeploymentsOfAnyName(t *testing.T) {
	client := newShop(t, nil)
	blue, err := client.Deployments("pots").Get(t.Context(), emulator.DeployDeployment)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Deployments("pots").CreateOrUpdate(t.Context(), "invoke", blue, nil); err != nil {
		t.Fatal(err)
	}
	p := newTestPage(t, client, nil)
	wantTexts(t, p.get("/endpoints/pots"), `href="/endpoints/pots/deployments/invoke"`)
	p.shows("/endpoints/pots/deployments/invoke", "Make it the default")
}

func TestEndpoints(t *testing.T) {
	client := newShop(t, nil)
	run(t, client, "pots", "a.txt")
	p := newTestPage(t, client, nil)
	p.shows("/endpoints", "pots", emulator.DeployDeployment, "last 1: 1 completed")
	p.shows("/endpoints/pots", "https://pots.", emulator.DeployDeployment, "last 1: 1 completed", "Invoke…", emulator.DeployCluster)
	body := p.shows("/endpoints/pots/deployments/"+emulator.DeployDeployment, "type: model", "endpoint_name: pots", "last 1: 1 completed")
	if strings.Contains(body, "Make it the default") {
		t.Errorf("the default can be made the default:\n%s", body)
	}
	resp, yaml := p.do(http.MethodGet, "/endpoints/pots/export.yml", nil)
	if !strings.Contains(yaml, "name: pots") || !strings.Contains(yaml, "endpoint_name: pots") || resp.Header.Get("Content-Disposition") == "" {
		t.Errorf("the YAML of the endpoint, %v:\n%s", resp.Header, yaml)
	}
	for _, path := range []string{"/endpoints/nobody", "/endpoints/pots/deployments/nobody", "/endpoints/nobody/export.yml", "/endpoints/pots/deployments/nobody/default", "/endpoints/nobody/invoke"} {
		if resp, _ := p.do(http.MethodGet, path, nil); resp.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s: %s, want 404", path, resp.Status)
		}
	}
}

// hidden are the hidden fields of a page's form.
func hidden(body string) url.Values {
	fields := url.Values{}
	for _, m := range regexp.MustCompile(`type="hidden" name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		fields.Set(m[1], m[2])
	}
	return fields
}

// TestInvokeOnceFromThePage clicks twice, which starts one job.
func TestInvokeOnceFromThePage(t *testing.T) {
	client := newShop(t, nil)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	up, err := client.Upload(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := newTestPage(t, client, nil)
	asked := p.shows("/endpoints/pots/invoke?"+url.Values{"input": {up.URI}}.Encode(), "Start this job?", up.URI, emulator.DeployCluster)
	p.browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	first, _ := p.do(http.MethodPost, "/endpoints/pots/invoke", hidden(asked))
	second, _ := p.do(http.MethodPost, "/endpoints/pots/invoke", hidden(asked))
	if at := first.Header.Get("Location"); first.StatusCode != http.StatusSeeOther || !strings.HasPrefix(at, "/jobs/batchjob-") || at != second.Header.Get("Location") {
		t.Errorf("two clicks lead to %s (%s) and %s, want the page of one job", at, first.Status, second.Header.Get("Location"))
	}
	if _, err := client.Jobs().Wait(t.Context(), strings.TrimPrefix(first.Header.Get("Location"), "/jobs/"), nil); err != nil {
		t.Error(err)
	}
}

func TestInvokeSaysWhatIsWrong(t *testing.T) {
	p := newTestPage(t, newShop(t, nil), nil)
	for input, want := range map[string]string{"/etc": "is no place in storage", "azureml://nowhere": "azureml://nowhere",
		"https://shelf.blob.core.windows.net/pots/?sv=1&sig=hidden": "has a signature"} {
		body := p.shows("/endpoints/pots/invoke?"+url.Values{"input": {input}}.Encode(), want)
		if strings.Contains(body, "Start this job?") {
			t.Errorf("input %s can be started", input)
		}
		if resp, _ := p.do(http.MethodPost, "/endpoints/pots/invoke", url.Values{"input": {input}}); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("starting with input %s: %s, want 400", input, resp.Status)
		}
	}
	p.shows("/endpoints/pots/invoke?input=azureml:pots:1&deployment=nobody", "the endpoint has no nobody")
}

func TestInvokeWithAFolderOfThisMachine(t *testing.T) {
	client := newShop(t, nil)
	p := newTestPage(t, client, &Options{LocalInputs: true})
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.shows("/endpoints/pots/invoke?"+url.Values{"input": {filepath.Join(dir, "nobody")}}.Encode(), "no such file or directory")
	asked := p.shows("/endpoints/pots/invoke?"+url.Values{"input": {dir}}.Encode(), "Start this job?")
	if resp, body := p.do(http.MethodPost, "/endpoints/pots/invoke", hidden(asked)); resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Request.URL.Path, "/jobs/") {
		t.Errorf("the job's page: %s %s\n%s", resp.Request.URL, resp.Status, body)
	}
}

func TestSetDefaultAsksFirst(t *testing.T) {
	client := newShop(t, nil)
	blue, err := client.Deployments("pots").Get(t.Context(), emulator.DeployDeployment)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Deployments("pots").CreateOrUpdate(t.Context(), "green", blue, nil); err != nil {
		t.Fatal(err)
	}
	p := newTestPage(t, client, nil)
	p.shows("/endpoints/pots/deployments/green/default", "Make green the default of pots?", "Today they run with "+emulator.DeployDeployment)
	if e, err := client.Endpoints().Get(t.Context(), "pots"); err != nil || e.DefaultDeployment != emulator.DeployDeployment {
		t.Errorf("a question has changed the default to %s (%v)", e.DefaultDeployment, err)
	}
	if resp, body := p.do(http.MethodPost, "/endpoints/pots/deployments/green/default", url.Values{}); resp.Request.URL.Path != "/endpoints/pots" || resp.StatusCode != http.StatusOK {
		t.Errorf("a yes leads to %s: %s\n%s", resp.Request.URL, resp.Status, body)
	}
	if e, err := client.Endpoints().Get(t.Context(), "pots"); err != nil || e.DefaultDeployment != "green" {
		t.Errorf("the default is %s (%v), want green", e.DefaultDeployment, err)
	}
	p.shows("/endpoints/pots/deployments/green/default", "green is the default already")
}

func TestCancelAsksFirst(t *testing.T) {
	scorer := func(ctx context.Context, _ []string) ([]string, error) {
		<-ctx.Done() // until it is canceled
		return nil, ctx.Err()
	}
	client, _ := emulator.NewEndpoint(t, emulator.Func(scorer), &emulator.DeployOptions{Endpoint: "pots"})
	job := start(t, client, "pots", "a.txt")
	p := newTestPage(t, client, nil)
	p.shows("/jobs/"+job.Name, "Cancel…")
	p.shows("/jobs/"+job.Name+"/cancel", "Cancel the job "+job.DisplayName+"?", "Cancel the job")
	if resp, body := p.do(http.MethodPost, "/jobs/"+job.Name+"/cancel", url.Values{}); resp.Request.URL.Path != "/jobs/"+job.Name || resp.StatusCode != http.StatusOK {
		t.Errorf("a yes leads to %s: %s\n%s", resp.Request.URL, resp.Status, body)
	}
	failed := new(azmlbatch.JobFailedError)
	if _, err := client.Jobs().Wait(t.Context(), job.Name, nil); !errors.As(err, &failed) || failed.Job.Status != azmlbatch.JobStatusCanceled {
		t.Errorf("the job ends with %v, want it canceled", err)
	}
	p.shows("/jobs/"+job.Name+"/cancel", "The job has ended already")
}

// TestReadOnlyPageHasNoActions tries a page that is read-only, one of a read-only client, and one of a
// client whose roles only let it read.
func TestReadOnlyPageHasNoActions(t *testing.T) {
	tests := map[string]func() (*azmlbatch.Client, *Options){
		"page":   func() (*azmlbatch.Client, *Options) { return newShop(t, nil), &Options{ReadOnly: true} },
		"client": func() (*azmlbatch.Client, *Options) { return newShop(t, &azmlbatch.ClientOptions{ReadOnly: true}), nil },
	}
	for name, make := range tests {
		t.Run(name, func(t *testing.T) {
			client, options := make()
			p := newTestPage(t, client, options)
			for _, path := range []string{"/endpoints/pots", "/endpoints/pots/deployments/" + emulator.DeployDeployment} {
				body := p.shows(path, "read-only", "Last jobs")
				if strings.Contains(body, "/invoke") || strings.Contains(body, "/default") || strings.Contains(body, "method=\"post\"") {
					t.Errorf("%s offers an action:\n%s", path, body)
				}
			}
			for _, path := range []string{"/endpoints/pots/invoke", "/endpoints/pots/deployments/" + emulator.DeployDeployment + "/default", "/jobs/nobody/cancel"} {
				for _, method := range []string{http.MethodGet, http.MethodPost} {
					if resp, _ := p.do(method, path, url.Values{"input": {"azureml:pots:1"}}); resp.StatusCode != http.StatusForbidden {
						t.Errorf("%s %s: %s, want 403", method, path, resp.Status)
					}
				}
			}
		})
	}
}

// TestRolesDecideWhatThePageOffers has a client that may do everything but invoke.
func TestRolesDecideWhatThePageOffers(t *testing.T) {
	azure, client, _ := newAzure(t, score, &emulator.DeployOptions{Endpoint: "pots"})
	deny, err := emulator.ParseDeny(toInvoke)
	if err != nil {
		t.Fatal(err)
	}
	if err := azure.Inject(deny); err != nil {
		t.Fatal(err)
	}
	p := newTestPage(t, client, nil)
	if body := p.get("/endpoints/pots"); strings.Contains(body, "/invoke") {
		t.Errorf("the page offers what the client may not do:\n%s", body)
	}
	if resp, body := p.do(http.MethodGet, "/endpoints/pots/invoke", nil); resp.StatusCode != http.StatusForbidden || !strings.Contains(body, toInvoke) {
		t.Errorf("the page of an invocation: %s\n%s", resp.Status, body)
	}
	p.shows("/endpoints/pots/deployments/"+emulator.DeployDeployment+"/default", "is the default already")
}
