package azmlbatch

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

// TestBadArgumentsAreFoundBeforeSending has values that only the caller can have got wrong. Each error names the call alone,
// the argument, and what to do.
func TestBadArgumentsAreFoundBeforeSending(t *testing.T) {
	p := newCallPaths(t)
	place := URIFolder{URI: callPlace}
	invoke := func(c *Client, inv Invocation) error {
		if inv.Input == nil {
			inv.Input = place
		}
		return second(c.Endpoints().Invoke(t.Context(), "digits", inv))
	}
	upload := func(o UploadOptions) func(*Client) error {
		return func(c *Client) error { return second(c.Upload(t.Context(), p.file, &o)) }
	}
	many := func(n int) func(*Client) error {
		return func(c *Client) error {
			return lastError(c.Endpoints().InvokeMany(t.Context(), "digits", slices.Values([]Invocation{{Input: place}}), &InvokeManyOptions{Concurrency: n}))
		}
	}
	deploy := func(change func(*Deployment)) func(*Client) error {
		return func(c *Client) error {
			d := callDeployment()
			change(&d)
			return second(c.Deployments("digits").CreateOrUpdate(t.Context(), "blue", d, nil))
		}
	}
	cluster := func(a AmlCompute) func(*Client) error {
		return func(c *Client) error {
			return second(c.Computes().CreateOrUpdate(t.Context(), "cluster", Compute{Properties: a}, nil))
		}
	}
	schedule := func(trigger Trigger, action ScheduleAction) func(*Client) error {
		return func(c *Client) error {
			return second(c.Schedules().CreateOrUpdate(t.Context(), "nightly", Schedule{Trigger: trigger, Action: action}, nil))
		}
	}
	store := func(d Datastore) func(*Client) error {
		return func(c *Client) error { return second(c.Datastores().CreateOrUpdate(t.Context(), "store", d, nil)) }
	}
	daily, job := CronTrigger{Expression: "0 2 * * *"}, JobScheduleAction{Definition: []byte(`{}`)}
	tests := map[string]func(*Client) error{
		"concurrency of uploads below 0":  upload(UploadOptions{Concurrency: -1}),
		"concurrency of uploads too high": upload(UploadOptions{Concurrency: 1 << 50}),
		"block size below 0":              upload(UploadOptions{BlockSize: -1}),
		"block size too high":             upload(UploadOptions{BlockSize: 1 << 50}),
		"credential that is none":         upload(UploadOptions{Credential: "magic"}),
		"datastore of an upload":          upload(UploadOptions{Datastore: "größe"}),
		"concurrency of downloads below 0": func(c *Client) error {
			return second(c.Download(t.Context(), callPlace, p.results, &DownloadOptions{Concurrency: -1}))
		},
		"concurrency of downloads too high": func(c *Client) error {
			return second(c.Jobs().Download(t.Context(), "job-1", p.results, &DownloadOptions{Concurrency: 1 << 50}))
		},
		"no folder for a download": func(c *Client) error { return second(c.Models().Download(t.Context(), "vases", "1", "", nil)) },
		"a file for a folder":      func(c *Client) error { return second(c.Download(t.Context(), callPlace, p.file, nil)) },
		"below a file": func(c *Client) error {
			return second(c.Download(t.Context(), callPlace, filepath.Join(p.file, "a"), nil))
		},
		"a folder with a zero": func(c *Client) error { return second(c.Jobs().Download(t.Context(), "job-1", "a\x00", nil)) },
		"options of a local input": func(c *Client) error {
			return invoke(c, Invocation{Input: LocalPath{Path: p.file, Options: &UploadOptions{BlockSize: -1}}})
		},
		"many at once below 0":        many(-1),
		"many at once, too many":      many(1 << 50),
		"deployment of an invocation": func(c *Client) error { return invoke(c, Invocation{Deployment: " "}) },
		"compute of an invocation":    func(c *Client) error { return invoke(c, Invocation{Compute: " "}) },
		"no URI":                      func(c *Client) error { return invoke(c, Invocation{Input: URIFile{}}) },
		"seconds without a unit":      func(c *Client) error { return invoke(c, Invocation{RetrySettings: RetrySettings{Timeout: 30}}) },
		"time below 0": func(c *Client) error {
			return invoke(c, Invocation{RetrySettings: RetrySettings{Timeout: -time.Second}})
		},
		"seconds of a deployment":           deploy(func(d *Deployment) { d.RetrySettings.Timeout = 30 }),
		"blank model":                       deploy(func(d *Deployment) { d.Model = ModelByID{AssetID: " "} }),
		"model without a path":              deploy(func(d *Deployment) { d.Model = ModelByDataPath{} }),
		"model of no job":                   deploy(func(d *Deployment) { d.Model = ModelByOutput{Path: "model"} }),
		"variable without a name":           deploy(func(d *Deployment) { d.EnvironmentVariables = map[string]string{"": "x"} }),
		"variable with an equals sign":      deploy(func(d *Deployment) { d.EnvironmentVariables = map[string]string{"A=B": "x"} }),
		"minutes without a unit":            cluster(AmlCompute{VMSize: "STANDARD_D2_V2", MaxNodes: 1, IdleTimeBeforeScaleDown: 5}),
		"idle time below 0":                 cluster(AmlCompute{VMSize: "STANDARD_D2_V2", MaxNodes: 1, IdleTimeBeforeScaleDown: -time.Minute}),
		"no cron expression":                schedule(CronTrigger{}, job),
		"cron expression of three":          schedule(CronTrigger{Expression: "0 2 *"}, job),
		"recurrence without frequency":      schedule(RecurrenceTrigger{Interval: 1}, job),
		"recurrence without interval":       schedule(RecurrenceTrigger{Frequency: RecurrenceFrequencyDay}, job),
		"recurrence at hour 24":             schedule(RecurrenceTrigger{Frequency: RecurrenceFrequencyDay, Interval: 1, Schedule: RecurrenceSchedule{Hours: []int{24}}}, job),
		"recurrence at minute -1":           schedule(RecurrenceTrigger{Frequency: RecurrenceFrequencyDay, Interval: 1, Schedule: RecurrenceSchedule{Minutes: []int{-1}}}, job),
		"recurrence on day 0":               schedule(RecurrenceTrigger{Frequency: RecurrenceFrequencyMonth, Interval: 1, Schedule: RecurrenceSchedule{MonthDays: []int{0}}}, job),
		"action without a definition":       schedule(daily, EndpointScheduleAction{}),
		"action that is no JSON":            schedule(daily, JobScheduleAction{Definition: []byte("{")}),
		"datastore without a container":     store(Datastore{Type: DatastoreTypeAzureBlob, AccountName: "acc"}),
		"datastore without a filesystem":    store(Datastore{Type: DatastoreTypeAzureDataLakeGen2, AccountName: "acc"}),
		"datastore without a share":         store(Datastore{Type: DatastoreTypeAzureFile, AccountName: "acc"}),
		"datastore with a URL":              store(Datastore{Type: DatastoreTypeAzureBlob, AccountName: "https://acc.blob.core.windows.net", ContainerName: "con"}),
		"datastore with a URL for a domain": store(Datastore{Type: DatastoreTypeAzureBlob, AccountName: "acc", ContainerName: "con", Endpoint: "https://core.windows.net/"}),
		"datastore with a key that is none": store(Datastore{Type: DatastoreTypeAzureBlob, AccountName: "acc", ContainerName: "con",
			Credentials: &AccountKeyCredentials{Key: "no key!"}}),
		"blank image": func(c *Client) error {
			return second(c.Environments().CreateOrUpdate(t.Context(), "plain", Environment{Image: " "}, nil))
		},
		"name of content":       func(c *Client) error { return second(c.UploadReader(t.Context(), strings.NewReader("x"), "a ", nil)) },
		"name of a file system": func(c *Client) error { return second(c.UploadFS(t.Context(), os.DirFS(p.model), "a\x00", nil)) },
		"files of no system":    func(c *Client) error { return second(c.UploadFS(t.Context(), os.DirFS(p.file), "model", nil)) },
		"workspace by its id": func(*Client) error {
			return second(NewClient(Workspace{"s", "g", testWorkspace.ID()}, &fakeCredential{}, nil))
		},
		"group with a zero":  func(*Client) error { return second(NewClient(Workspace{"s", "g\x00", "w"}, &fakeCredential{}, nil)) },
		"logs of no job":     func(c *Client) error { return lastError(c.Jobs().ListLogs(t.Context(), "")) },
		"outputs of no job":  func(c *Client) error { return lastError(c.Jobs().ListOutputs(t.Context(), " ")) },
		"download of no job": func(c *Client) error { return second(c.Jobs().Download(t.Context(), "größe", p.results, nil)) },
		"scale nothing":      func(c *Client) error { return second(c.Computes().Scale(t.Context(), "", 0, 1, nil)) },
		"enable nothing":     func(c *Client) error { return second(c.Schedules().Enable(t.Context(), " ", nil)) },
		"archive nothing":    func(c *Client) error { return second(c.Models().Archive(t.Context(), "", "1")) },
	}
	said := newTexts(t)
	for name, call := range tests {
		sent := 0
		c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
			sent++
			wholeService(w, r)
		})
		err := call(c)
		said.add(name, err)
		if !errors.As(err, new(*ArgumentError)) || sent > 0 || checkMould(err) != nil {
			t.Errorf("%s: %v after %d requests, want an ArgumentError before the first", name, err, sent)
		}
	}
}

// TestErrorsHaveNoControlCharacters: a terminal would obey them.
func TestErrorsHaveNoControlCharacters(t *testing.T) {
	const bad = "a\x00\x1b[31mb\u0085"
	_, noWorkspace := FindWorkspace(bad)
	for _, err := range []error{noWorkspace, transportError(operation{"get", "job", "j"}, errors.New(bad)), &ArgumentError{Problem: bad}, &RowError{File: bad, Text: bad, Err: errors.New(bad)}} {
		if strings.ContainsFunc(err.Error(), unicode.IsControl) {
			t.Errorf("%q has a control character", err.Error())
		}
	}
}
