package emulator_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"net/http"
	"path/filepath"
	"time"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// A whole run: an emulator, an endpoint whose deployment calls a Go function, a job over a local
// folder, and its rows.
func Example() {
	ctx := context.Background()
	azure, err := emulator.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()

	names := func(_ context.Context, files []string) ([]string, error) {
		var rows []string
		for _, file := range files {
			rows = append(rows, filepath.Base(file))
		}
		return rows, nil
	}
	endpoint, err := azure.Deploy(ctx, emulator.Func(names), nil)
	if err != nil {
		log.Fatal(err)
	}

	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	job, err := client.Endpoints().Invoke(ctx, endpoint, azmlbatch.Invocation{
		Inputs: azmlbatch.Inputs{"vases": azmlbatch.LocalPath{Path: "testdata/vases"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.Jobs().Wait(ctx, job.Name, nil); err != nil {
		log.Fatal(err)
	}
	for row, err := range azmlbatch.Rows[string](ctx, client, job.Name, &azmlbatch.RowsOptions{Format: azmlbatch.RowFormatLines}) {
		fmt.Println(row, err)
	}
	// Output:
	// amphora.csv <nil>
	// bowl.csv <nil>
}

// A scoring script in Python, with settings of the deployment and a name for the endpoint.
func ExampleEmulator_Deploy() {
	ctx := context.Background()
	azure, err := emulator.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	endpoint, err := azure.Deploy(ctx, emulator.Script{Dir: "testdata/code", File: "count.py"}, &emulator.DeployOptions{
		Endpoint:   "vases",
		Deployment: azmlbatch.Deployment{MiniBatchSize: 1},
	})
	if err != nil {
		log.Fatal(err)
	}

	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	deployment, err := client.Deployments(endpoint).Get(ctx, emulator.DeployDeployment)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(endpoint, deployment.MiniBatchSize, deployment.CodeConfiguration.ScoringScript)
	// Output: vases 1 count.py
}

// Two requests are throttled, the third passes; the client retries by itself.
func ExampleEmulator_Inject() {
	azure, err := emulator.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}

	err = azure.Inject(emulator.Fault{Host: "management", Method: "GET", Path: "**/datastores", Action: emulator.ActionThrottle, Times: 2})
	if err != nil {
		log.Fatal(err)
	}
	store, err := client.Datastores().Default(context.Background())
	fmt.Println(store.Name, err)
	for _, r := range azure.Requests() {
		if r.Host == "management.azure.com" {
			fmt.Println(r.Method, r.Status)
		}
	}
	azure.ClearFaults()
	// Output:
	// workspaceblobstore <nil>
	// GET 429
	// GET 429
	// GET 200
}

// The form of the command's --fault flag.
func ExampleParseFault() {
	fault, err := emulator.ParseFault("scoring POST /jobs fail-after=502 times=1")
	fmt.Println(fault.Host, fault.Method, fault.Path, fault.Action, fault.Status, fault.Times, err)
	// Output: scoring POST /jobs fail-after 502 1 <nil>
}

// The form of the command's --seed flag.
func ExampleParseSeed() {
	seed, err := emulator.ParseSeed("pipelinedata/sampledata/vases=testdata/vases")
	fmt.Println(seed.Account, seed.Container, seed.Prefix, seed.Dir, err)
	// Output: pipelinedata sampledata vases testdata/vases <nil>
}

// Public sample data from a local folder: anyone may read it by its https URL.
func ExampleSeed() {
	azure, err := emulator.New(&emulator.Options{
		Seeds: []emulator.Seed{{Account: "pipelinedata", Container: "sampledata", Prefix: "vases", Dir: "testdata/vases"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	resp, err := (&http.Client{Transport: azure}).Get("https://pipelinedata.blob.core.windows.net/sampledata/vases/bowl.csv")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	_, err = body.ReadFrom(resp.Body)
	fmt.Print(resp.Status, " ", body.String(), err)
	// Output: 200 OK glaze,blue
	// <nil>
}

// The clock decides how old a token may get, and with PaceReal how long operations take.
func ExampleOptions_clock() {
	ctx := context.Background()
	now := time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)
	azure, err := emulator.New(&emulator.Options{Now: func() time.Time { return now }, Pace: emulator.PaceReal})
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}

	creation, err := client.Endpoints().BeginCreateOrUpdate(ctx, "vases", azmlbatch.Endpoint{})
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		if _, err := creation.Poll(ctx); err != nil {
			log.Fatal(err)
		}
		fmt.Println(now.Format(time.TimeOnly), creation.Done())
		now = now.Add(20 * time.Second)
	}
	// Output:
	// 09:00:00 false
	// 09:00:20 true
}

// An emulator behind a port, for programs in any language.
func ExampleStart() {
	server, err := emulator.Start(context.Background(), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	fmt.Println(server.ProxyURL() == "http://"+server.Address(), len(server.Env()) > 0)
	// Output: true true
}
