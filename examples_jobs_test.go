package azmlbatch_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"slices"
	"strings"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

func ExampleEndpointsClient_Invoke_overrides() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	_, err = azure.Deploy(ctx, emulator.Script{Dir: "testdata/lengths"}, &emulator.DeployOptions{Endpoint: "lengths"})
	if err != nil {
		log.Fatal(err)
	}
	job, err := client.Endpoints().Invoke(ctx, "lengths", azmlbatch.Invocation{
		Input:         azmlbatch.LocalPath{Path: "testdata/vases"},
		Deployment:    "blue",
		MiniBatchSize: 1, // the rest is the deployment's
		DisplayName:   "one by one",
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(job.DisplayName, job.Parameters()["mini_batch_size"])
	// Output: one by one 1
}

func ExampleEndpointsClient_InvokeMany() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	_, err = azure.Deploy(ctx, emulator.Script{Dir: "testdata/lengths"}, &emulator.DeployOptions{Endpoint: "lengths"})
	if err != nil {
		log.Fatal(err)
	}
	shards := []azmlbatch.Invocation{
		{Key: "shard-0", Input: azmlbatch.LocalPath{Path: "testdata/vases"}},
		{Key: "shard-1", Input: azmlbatch.LocalPath{Path: "testdata/cracked"}},
		{Key: "shard-2", Input: azmlbatch.LocalPath{Path: "testdata/vases"}},
	}
	outcomes := make([]string, len(shards))
	for r, err := range client.Endpoints().InvokeMany(ctx, "lengths", slices.Values(shards), &azmlbatch.InvokeManyOptions{Concurrency: 2}) {
		outcomes[r.Index] = string(r.Job.Status)
		if failed := new(azmlbatch.JobFailedError); errors.As(err, &failed) {
			outcomes[r.Index] += ": " + failed.Message
		}
	}
	for i, outcome := range outcomes {
		fmt.Println(shards[i].Key, outcome)
	}
	// Output:
	// shard-0 Completed
	// shard-1 Failed: ValueError: empty.txt is empty
	// shard-2 Completed
}

func ExampleEndpointsClient_InvokeMany_progress() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	_, err = azure.Deploy(ctx, emulator.Script{Dir: "testdata/lengths"}, &emulator.DeployOptions{Endpoint: "lengths"})
	if err != nil {
		log.Fatal(err)
	}
	shards := []azmlbatch.Invocation{
		{Key: "shard-0", Input: azmlbatch.LocalPath{Path: "testdata/vases"}},
		{Key: "shard-1", Input: azmlbatch.LocalPath{Path: "testdata/vases"}},
	}
	last := make([]azmlbatch.InvokeProgress, len(shards)) // what a screen would show, a line for each job
	options := &azmlbatch.InvokeManyOptions{OnProgress: func(p azmlbatch.InvokeProgress) { last[p.Index] = p }}
	for _, err := range client.Endpoints().InvokeMany(ctx, "lengths", slices.Values(shards), options) {
		if err != nil {
			log.Fatal(err)
		}
	}
	for _, p := range last {
		fmt.Println(shards[p.Index].Key, p.Progress.Status, p.Progress.Counts.FilesDone, "of", p.Progress.Counts.Files, "files")
	}
	// Output:
	// shard-0 Completed 2 of 2 files
	// shard-1 Completed 2 of 2 files
}

func ExampleEndpointsClient_ListJobs() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	_, err = azure.Deploy(ctx, emulator.Script{Dir: "testdata/lengths"}, &emulator.DeployOptions{Endpoint: "lengths"})
	if err != nil {
		log.Fatal(err)
	}
	started, err := client.Endpoints().Invoke(ctx, "lengths", azmlbatch.Invocation{Input: azmlbatch.LocalPath{Path: "testdata/vases"}})
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.Jobs().Wait(ctx, started.Name, nil)
	if err != nil {
		log.Fatal(err)
	}
	for job, err := range client.Endpoints().ListJobs(ctx, "lengths", &azmlbatch.ListBatchJobsOptions{Deployment: "blue"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(job.Deployment(), job.Status)
	}
	one, err := client.Endpoints().GetJob(ctx, "lengths", started.Name)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(one.Name == started.Name)
	// Output:
	// blue Completed
	// true
}

func ExampleJobsClient_List() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	_, err = azure.Deploy(ctx, emulator.Script{Dir: "testdata/lengths"}, &emulator.DeployOptions{Endpoint: "lengths"})
	if err != nil {
		log.Fatal(err)
	}
	started, err := client.Endpoints().Invoke(ctx, "lengths", azmlbatch.Invocation{Input: azmlbatch.LocalPath{Path: "testdata/vases"}})
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.Jobs().Wait(ctx, started.Name, nil)
	if err != nil {
		log.Fatal(err)
	}
	for job, err := range client.Jobs().List(ctx, &azmlbatch.ListJobsOptions{ExperimentName: "lengths", JobType: "Pipeline"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(job.Status, job.IsBatch(), job.Parameters()["mini_batch_size"])
	}
	// Output: Completed true 10
}

func ExampleJobsClient_Wait_progress() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	_, err = azure.Deploy(ctx, emulator.Script{Dir: "testdata/lengths"}, &emulator.DeployOptions{Endpoint: "lengths"})
	if err != nil {
		log.Fatal(err)
	}
	job, err := client.Endpoints().Invoke(ctx, "lengths", azmlbatch.Invocation{
		Input: azmlbatch.LocalPath{Path: "testdata/vases"},
	})
	if err != nil {
		log.Fatal(err)
	}
	var last azmlbatch.Progress
	_, err = client.Jobs().Wait(ctx, job.Name, &azmlbatch.WaitOptions{OnProgress: func(p azmlbatch.Progress) {
		last = p // a program shows it
	}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %d of %d files, %d failed\n", last.Status, last.Counts.FilesDone, last.Counts.Files, last.Counts.FilesFailed)
	// Output: Completed: 2 of 2 files, 0 failed
}

func ExampleJobsClient_Counts() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	_, err = azure.Deploy(ctx, emulator.Script{Dir: "testdata/lengths"}, &emulator.DeployOptions{Endpoint: "lengths"})
	if err != nil {
		log.Fatal(err)
	}
	job, err := client.Endpoints().Invoke(ctx, "lengths", azmlbatch.Invocation{
		Input:          azmlbatch.LocalPath{Path: "testdata/cracked"},
		MiniBatchSize:  1,
		ErrorThreshold: new(-1), // the service's own default: failed files do not fail the job
	})
	if err != nil {
		log.Fatal(err)
	}
	done, err := client.Jobs().Wait(ctx, job.Name, nil)
	if err != nil {
		log.Fatal(err)
	}
	counts, err := client.Jobs().Counts(ctx, job.Name)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(done.Status, "but", counts.FilesFailed, "of", counts.Files, "files failed")
	// Output: Completed but 1 of 2 files failed
}

func ExampleJobsClient_Watch() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	_, err = azure.Deploy(ctx, emulator.Script{Dir: "testdata/lengths"}, &emulator.DeployOptions{Endpoint: "lengths"})
	if err != nil {
		log.Fatal(err)
	}
	var names []string
	for range 3 {
		job, err := client.Endpoints().Invoke(ctx, "lengths", azmlbatch.Invocation{Input: azmlbatch.LocalPath{Path: "testdata/vases"}})
		if err != nil {
			log.Fatal(err)
		}
		names = append(names, job.Name)
	}
	ended := 0
	for job, err := range client.Jobs().Watch(ctx, append(names, "unknown"), nil) {
		if errors.Is(err, azmlbatch.ErrNotFound) {
			fmt.Println("there is no job", job.Name)
			continue
		}
		if err != nil {
			log.Fatal(err)
		}
		ended++
	}
	fmt.Println(ended, "jobs ended")
	// Output:
	// there is no job unknown
	// 3 jobs ended
}

func ExampleJobsClient_FollowLogs() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	_, err = azure.Deploy(ctx, emulator.Script{Dir: "testdata/lengths"}, &emulator.DeployOptions{Endpoint: "lengths"})
	if err != nil {
		log.Fatal(err)
	}
	job, err := client.Endpoints().Invoke(ctx, "lengths", azmlbatch.Invocation{Input: azmlbatch.LocalPath{Path: "testdata/vases"}})
	if err != nil {
		log.Fatal(err)
	}
	for line, err := range client.Jobs().FollowLogs(ctx, job.Name, nil) { // until the job has ended
		if err != nil {
			log.Fatal(err)
		}
		if line.Log == "user_logs/std_log_0.txt" && strings.HasPrefix(line.Text, "Azure") {
			fmt.Println(line.Text)
		}
	}
	// Output:
	// Azure Machine Learning Batch Inference Start
	// Azure Machine Learning Batch Inference End
}

func ExampleJobsClient_OpenLog() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	_, err = azure.Deploy(ctx, emulator.Script{Dir: "testdata/lengths"}, &emulator.DeployOptions{Endpoint: "lengths"})
	if err != nil {
		log.Fatal(err)
	}
	started, err := client.Endpoints().Invoke(ctx, "lengths", azmlbatch.Invocation{Input: azmlbatch.LocalPath{Path: "testdata/vases"}})
	if err != nil {
		log.Fatal(err)
	}
	job, err := client.Jobs().Wait(ctx, started.Name, nil)
	if err != nil {
		log.Fatal(err)
	}
	for l, err := range client.Jobs().ListLogs(ctx, job.Name) {
		if err != nil {
			log.Fatal(err)
		}
		if l.Name != "logs/sys/job_report/processed_mini-batches.csv" {
			continue
		}
		r, err := client.Jobs().OpenLog(ctx, l)
		if err != nil {
			log.Fatal(err)
		}
		first, _, err := bufio.NewReader(r).ReadLine()
		if err != nil {
			log.Fatal(err)
		}
		if err := r.Close(); err != nil {
			log.Fatal(err)
		}
		fmt.Println(strings.Join(strings.Split(string(first), ",")[4:7], " "))
	}
	// Output: Total Succeeded Failed
}

func ExampleJobsClient_ListOutputs() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	_, err = azure.Deploy(ctx, emulator.Script{Dir: "testdata/lengths"}, &emulator.DeployOptions{Endpoint: "lengths"})
	if err != nil {
		log.Fatal(err)
	}
	started, err := client.Endpoints().Invoke(ctx, "lengths", azmlbatch.Invocation{Input: azmlbatch.LocalPath{Path: "testdata/vases"}})
	if err != nil {
		log.Fatal(err)
	}
	job, err := client.Jobs().Wait(ctx, started.Name, nil)
	if err != nil {
		log.Fatal(err)
	}
	for f, err := range client.Jobs().ListOutputs(ctx, job.Name) {
		if err != nil {
			log.Fatal(err)
		}
		r, err := client.Jobs().OpenOutput(ctx, f)
		if err != nil {
			log.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			log.Fatal(err)
		}
		if err := r.Close(); err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s, %d bytes: %q\n", f.Name, f.Size, text)
	}
	// Output: predictions.csv, 16 bytes: "a.txt 4\nb.txt 5\n"
}

func ExampleRows_partial() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	_, err = azure.Deploy(ctx, emulator.Script{Dir: "testdata/lengths"}, &emulator.DeployOptions{Endpoint: "lengths"})
	if err != nil {
		log.Fatal(err)
	}
	started, err := client.Endpoints().Invoke(ctx, "lengths", azmlbatch.Invocation{Input: azmlbatch.LocalPath{Path: "testdata/vases"}})
	if err != nil {
		log.Fatal(err)
	}
	job, err := client.Jobs().Wait(ctx, started.Name, nil)
	if err != nil {
		log.Fatal(err)
	}
	// The same while the job runs: then these are the rows that there are so far.
	for row, err := range azmlbatch.Rows[[]string](ctx, client, job.Name, &azmlbatch.RowsOptions{Partial: true}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(row)
	}
	// Output:
	// [a.txt 4]
	// [b.txt 5]
}

func ExampleJobsClient_Cancel() {
	azure, err := emulator.New(nil) // against Azure: azmlbatch.NewClient(workspace, credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer azure.Close()
	client, err := azure.Client(nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	_, err = azure.Deploy(ctx, emulator.Script{Dir: "testdata/lengths"}, &emulator.DeployOptions{Endpoint: "lengths"})
	if err != nil {
		log.Fatal(err)
	}
	started, err := client.Endpoints().Invoke(ctx, "lengths", azmlbatch.Invocation{Input: azmlbatch.LocalPath{Path: "testdata/vases"}})
	if err != nil {
		log.Fatal(err)
	}
	job, err := client.Jobs().Wait(ctx, started.Name, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := client.Jobs().Cancel(ctx, job.Name, nil); err != nil {
		log.Fatal(err)
	}
	after, err := client.Jobs().Get(ctx, job.Name)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(after.Status) // it had ended already
	// Output: Completed
}
