package azmlbatch

import (
	"context"
	"iter"
	"net/url"
	"strings"
	"time"
)

// A JobSummary is how a job is doing: the few members of a [Job] that a list or a watch of many jobs shows. It is not sent
// back, so what it leaves out is not kept.
type JobSummary struct {
	// Name is the job's id within the workspace, the handle for every call of [JobsClient].
	Name string `wire:"name"`
	// DisplayName is shown in the studio.
	DisplayName string `wire:"properties/displayName"`
	// ExperimentName groups jobs; for a batch job it is the name of the endpoint.
	ExperimentName string `wire:"properties/experimentName"`
	// Status of the job.
	Status JobStatus `wire:"properties/status"`
	// CreatedAt is when the job was submitted.
	CreatedAt time.Time `wire:"systemData/createdAt"`
}

// UnmarshalJSON implements [json.Unmarshaler]. It reads the JSON of a [Job].
func (s *JobSummary) UnmarshalJSON(b []byte) error { return decode(b, s) }

// MarshalJSON implements [json.Marshaler].
func (s JobSummary) MarshalJSON() ([]byte, error) { return encode(s, forCaller) }

// ListSummaries is [JobsClient.List] for those who want to know how many jobs are doing: the same requests, order and
// promises at a small part of the time and memory, because nothing else of a job is kept.
//
//	for job, err := range client.Jobs().ListSummaries(ctx, &azmlbatch.ListJobsOptions{ExperimentName: "digits"}) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(job.Name, job.Status)
//	}
func (j JobsClient) ListSummaries(ctx context.Context, options *ListJobsOptions) iter.Seq2[JobSummary, error] {
	return listJobs(ctx, j, options, func(s JobSummary) string { return s.ExperimentName })
}

// listJobs lists the jobs of the workspace as whole jobs or summaries.
func listJobs[T any](ctx context.Context, j JobsClient, options *ListJobsOptions, experiment func(T) string) iter.Seq2[T, error] {
	var o ListJobsOptions
	if options != nil {
		o = *options
	}
	query := url.Values{}
	for name, value := range map[string]string{"jobType": o.JobType, "tag": o.Tag, "properties": o.Properties, "listViewType": string(o.View)} {
		if value != "" {
			query.Set(name, value)
		}
	}
	all := list[T](ctx, j.c, request{op: operation{"list", "jobs", ""}, url: j.c.armURL("jobs"), query: query, pages: o.pages})
	if o.ExperimentName == "" {
		return all
	}
	return func(yield func(T, error) bool) {
		for job, err := range all {
			if (err != nil || strings.EqualFold(experiment(job), o.ExperimentName)) && !yield(job, err) {
				return
			}
		}
	}
}
