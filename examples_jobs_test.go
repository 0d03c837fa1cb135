package azmlbatch_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/azmlbatch/azmlbatch"
)

// input is a local folder with files of the given contents.
func input(files map[string]string) azmlbatch.Input {
	return azmlbatch.LocalPath{Path: folder("files", files)}
}

func ExampleEndpointsClient_Invoke_overrides() {
	client, stop := laptop()
	defer stop()
	ctx := context.Background()
	deploy(ctx, client)
	job, err := client.Endpoints().Invoke(ctx, "lengths", azmlbatch.Invocation{
		Input:         input(map[string]string{"a.txt": "clay", "b.txt": "glaze"}),
		Deployment:    "blue",
		MiniBatchSize: 1, // the rest is the deployment's
		DisplayName:   "one by one",
	})
	check(err)
	fmt.Println(job.DisplayName, job.Parameters()["mini_batch_size"], job.Parameters()["error_threshold"])
	// Output: one by one 1 0
}

func ExampleEndpointsClient_InvokeMany() {
	client, stop := laptop()
	defer stop()
	ctx := context.Background()
	deploy(ctx, client)
	shards := []azmlbatch.Invocation{
		{Key: "shard-0", Input: input(map[string]string{"a.txt": "clay"})},
		{Key: "shard-1", Input: input(map[string]string{"empty.txt": ""})},
		{Key: "shard-2", Input: input(map[string]string{"c.txt": "glaze"})},
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

func ExampleEndpointsClient_ListJobs() {
	client, stop := laptop()
	defer stop()
	ctx := context.Background()
	deploy(ctx, client)
	score(ctx, client)
	for job, err := range client.Endpoints().ListJobs(ctx, "lengths", &azmlbatch.ListBatchJobsOptions{Deployment: "blue"}) {
		check(err)
		fmt.Println(job.Deployment(), job.Status)
	}
	// Output: blue Completed
}

func ExampleJobsClient_List() {
	client, stop := laptop()
	defer stop()
	ctx := context.Background()
	deploy(ctx, client)
	score(ctx, client)
	for job, err := range client.Jobs().List(ctx, &azmlbatch.ListJobsOptions{ExperimentName: "lengths", JobType: "Pipeline"}) {
		check(err)
		fmt.Println(job.Status, job.IsBatch(), job.Parameters()["mini_batch_size"])
	}
	// Output: Completed true 10
}

func ExampleJobsClient_Wait_progress() {
	client, stop := laptop()
	defer stop()
	ctx := context.Background()
	deploy(ctx, client)
	job, err := client.Endpoints().Invoke(ctx, "lengths", azmlbatch.Invocation{
		Input: input(map[string]string{"a.txt": "clay", "b.txt": "glaze", "c.txt": "fire"}),
	})
	check(err)
	var last azmlbatch.Progress
	_, err = client.Jobs().Wait(ctx, job.Name, &azmlbatch.WaitOptions{OnProgress: func(p azmlbatch.Progress) {
		last = p // a program shows it
	}})
	check(err)
	fmt.Printf("%s: %d of %d files, %d failed\n", last.Status, last.Counts.FilesDone, last.Counts.Files, last.Counts.FilesFailed)
	// Output: Completed: 3 of 3 files, 0 failed
}

func ExampleJobsClient_Counts() {
	client, stop := laptop()
	defer stop()
	ctx := context.Background()
	deploy(ctx, client)
	job, err := client.Endpoints().Invoke(ctx, "lengths", azmlbatch.Invocation{
		Input:          input(map[string]string{"a.txt": "clay", "empty.txt": ""}),
		MiniBatchSize:  1,
		ErrorThreshold: new(-1), // the service's own default: failed files do not fail the job
	})
	check(err)
	done, err := client.Jobs().Wait(ctx, job.Name, nil)
	check(err)
	counts, err := client.Jobs().Counts(ctx, job.Name)
	check(err)
	fmt.Println(done.Status, "but", counts.FilesFailed, "of", counts.Files, "files failed")
	// Output: Completed but 1 of 2 files failed
}

func ExampleJobsClient_Watch() {
	client, stop := laptop()
	defer stop()
	ctx := context.Background()
	deploy(ctx, client)
	var names []string
	for range 3 {
		job, err := client.Endpoints().Invoke(ctx, "lengths", azmlbatch.Invocation{Input: input(map[string]string{"a.txt": "clay"})})
		check(err)
		names = append(names, job.Name)
	}
	ended := 0
	for job, err := range client.Jobs().Watch(ctx, append(names, "unknown"), nil) {
		if errors.Is(err, azmlbatch.ErrNotFound) {
			fmt.Println("there is no job", job.Name)
			continue
		}
		check(err)
		ended++
	}
	fmt.Println(ended, "jobs ended")
	// Output:
	// there is no job unknown
	// 3 jobs ended
}

func ExampleJobsClient_FollowLogs() {
	client, stop := laptop()
	defer stop()
	ctx := context.Background()
	deploy(ctx, client)
	job, err := client.Endpoints().Invoke(ctx, "lengths", azmlbatch.Invocation{Input: input(map[string]string{"a.txt": "clay"})})
	check(err)
	for line, err := range client.Jobs().FollowLogs(ctx, job.Name, nil) { // until the job has ended
		check(err)
		if line.Log == "user_logs/std_log_0.txt" && strings.HasPrefix(line.Text, "Azure") {
			fmt.Println(line.Text)
		}
	}
	// Output:
	// Azure Machine Learning Batch Inference Start
	// Azure Machine Learning Batch Inference End
}

func ExampleJobsClient_OpenLog() {
	client, stop := laptop()
	defer stop()
	ctx := context.Background()
	deploy(ctx, client)
	job := score(ctx, client)
	for l, err := range client.Jobs().Logs(ctx, job) {
		check(err)
		if l.Name != "logs/sys/job_report/processed_mini-batches.csv" {
			continue
		}
		r, err := client.Jobs().OpenLog(ctx, l)
		check(err)
		first, _, err := bufio.NewReader(r).ReadLine()
		check(err)
		check(r.Close())
		fmt.Println(strings.Join(strings.Split(string(first), ",")[4:7], " "))
	}
	// Output: Total Succeeded Failed
}

func ExampleJobsClient_Outputs() {
	client, stop := laptop()
	defer stop()
	ctx := context.Background()
	deploy(ctx, client)
	job := score(ctx, client)
	for f, err := range client.Jobs().Outputs(ctx, job) {
		check(err)
		r, err := client.Jobs().OpenOutput(ctx, f)
		check(err)
		text, err := io.ReadAll(r)
		check(err)
		check(r.Close())
		fmt.Printf("%s, %d bytes: %q\n", f.Name, f.Size, text)
	}
	// Output: predictions.csv, 16 bytes: "a.txt 4\nb.txt 5\n"
}

func ExampleRows_partial() {
	client, stop := laptop()
	defer stop()
	ctx := context.Background()
	deploy(ctx, client)
	job := score(ctx, client)
	// The same while the job runs: then these are the rows that there are so far.
	for row, err := range azmlbatch.Rows[[]string](ctx, client, job, &azmlbatch.RowsOptions{Partial: true}) {
		check(err)
		fmt.Println(row)
	}
	// Output:
	// [a.txt 4]
	// [b.txt 5]
}

func ExampleJobsClient_Cancel() {
	client, stop := laptop()
	defer stop()
	ctx := context.Background()
	deploy(ctx, client)
	job := score(ctx, client)
	check(client.Jobs().Cancel(ctx, job, nil))
	after, err := client.Jobs().Get(ctx, job)
	check(err)
	fmt.Println(after.Status) // it had ended already
	// Output: Completed
}
