package interop

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"testing"

	ml "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/machinelearning/armmachinelearning/v4"

	"github.com/azmlbatch/azmlbatch"
)

const (
	benchJobs     = 10_000
	benchPageSize = 50 // the service's
)

// benchJob is a job as the service lists it: every second one was started by a batch endpoint, the others are pipelines
// with inputs, outputs and a step of their own.
func benchJob(i int) []byte {
	name := fmt.Sprintf("batchjob-%08x-5c1d-4f0e-9e0a-%012x", i, i*7919)
	status := []string{"Completed", "Completed", "Completed", "Failed", "Running"}[i%5]
	properties := `"azureml.runsource":"azureml.PipelineRun","runSource":"Unavailable","runType":"HTTP",` +
		`"azureml.parameters":"{\"run_max_try\":\"3\",\"run_invocation_timeout\":\"30\",\"mini_batch_size\":\"10\",\"logging_level\":\"INFO\",\"NodeCount\":\"1\",\"append_row_file_name\":\"predictions.csv\"}",` +
		`"azureml.continue_on_step_failure":"False","azureml.continue_on_failed_optional_input":"False",` +
		fmt.Sprintf(`"azureml.pipelineid":"95f58ec0-f073-4cf6-a448-%012d","azureml.pipelineComponent":"pipelinerun",`, i) +
		`"azureml.pipelines.stages":"{\"Initialization\":null,\"Execution\":{\"StartTime\":\"2026-02-27T20:29:54.8599906+00:00\",\"EndTime\":\"2026-02-27T20:37:18.2888523+00:00\",\"Status\":\"` + status + `\"}}"`
	steps, inputs, outputs := `null`, `null`, `null`
	if i%2 == 1 {
		steps = fmt.Sprintf(`{"score_photographs":{"name":"score_photographs","type":"command","computeId":"%[1]s/computes/batch-cluster",`+
			`"outputs":{"faults":{"value":"${{parent.outputs.faults}}","type":"literal"}},"_source":"YAML.JOB",`+
			`"componentId":"%[1]s/components/azureml_anonymous/versions/c9807fc1-db9e-44e3-b272-ea39c36f4655"}}`, benchWorkspace.ID())
		inputs = `{"photographs":{"description":null,"uri":"azureml://datastores/workspaceblobstore/paths/photographs/2026/","mode":"ReadOnlyMount","pathOnCompute":null,"jobInputType":"uri_folder"},` +
			`"threshold":{"description":null,"value":"0.75","jobInputType":"literal"}}`
		outputs = `{"faults":{"description":null,"uri":null,"assetName":null,"assetVersion":null,"mode":"ReadWriteMount","pathOnCompute":null,"autoDeleteSetting":null,"jobOutputType":"uri_folder"}}`
	}
	return fmt.Appendf(nil, `{"id":"%[1]s/jobs/%[2]s","name":"%[2]s","type":"Microsoft.MachineLearningServices/workspaces/jobs","properties":{`+
		`"description":"Pipeline submission for endpoint: glazes, deployment: blue.","tags":{"azureml.batchrun":"true","azureml.deploymentname":"blue"},`+
		`"properties":{%[3]s},"displayName":"blue_jar_%[4]d","status":"%[5]s","experimentName":"glazes","services":{`+
		`"Tracking":{"jobServiceType":"Tracking","port":null,"endpoint":"azureml://westeurope.api.azureml.ms/mlflow/v1.0%[1]s?","status":null,"errorMessage":null,"properties":null,"nodes":null},`+
		`"Studio":{"jobServiceType":"Studio","port":null,"endpoint":"https://ml.azure.com/runs/%[2]s?wsid=%[1]s","status":null,"errorMessage":null,"properties":null,"nodes":null}},`+
		`"computeId":null,"isArchived":false,"identity":null,"componentId":null,"notificationSetting":null,"secretsConfiguration":null,"jobType":"Pipeline",`+
		`"settings":{"_source":"YAML.JOB"},"jobs":%[6]s,"inputs":%[7]s,"outputs":%[8]s,"sourceJobId":null},`+
		`"systemData":{"createdAt":"2026-02-27T20:29:52.%07[4]d+00:00","createdBy":"A Potter","createdByType":"User"}}`,
		benchWorkspace.ID(), name, properties, i, status, steps, inputs, outputs)
}

// jobPages answers every page of the list of jobs, each with an absolute link to the next.
func jobPages() func(*http.Request) benchAnswer {
	var pages []benchAnswer
	for first := 0; first < benchJobs; first += benchPageSize {
		var p bytes.Buffer
		p.WriteString(`{"value":[`)
		for i := range benchPageSize {
			if i > 0 {
				p.WriteByte(',')
			}
			p.Write(benchJob(first + i))
		}
		p.WriteByte(']')
		if next := len(pages) + 1; next*benchPageSize < benchJobs {
			fmt.Fprintf(&p, `,"nextLink":"%s%s/jobs?api-version=2024-04-01&%%24skip=%d"`, benchHost, benchWorkspace.ID(), next)
		}
		p.WriteByte('}')
		pages = append(pages, benchAnswer{status: http.StatusOK, body: p.Bytes()})
	}
	return func(r *http.Request) benchAnswer {
		n, _ := strconv.Atoi(r.URL.Query().Get("$skip"))
		return pages[n]
	}
}

// BenchmarkListJobs reads ten thousand whole jobs.
func BenchmarkListJobs(b *testing.B) {
	compareClients(b, jobPages(),
		func(b *testing.B, c *azmlbatch.Client) {
			n := 0
			for job, err := range c.Jobs().List(b.Context(), nil) {
				if err != nil {
					b.Fatal(err)
				}
				if job.Status != "" && len(job.Properties) > 0 {
					n++
				}
			}
			if n != benchJobs {
				b.Fatal(n)
			}
		},
		func(b *testing.B, f *ml.ClientFactory) { listTheirJobs(b, f) })
}

// BenchmarkListJobStatuses asks the same ten thousand jobs for name and status alone. armmachinelearning has one way to
// list jobs.
func BenchmarkListJobStatuses(b *testing.B) {
	compareClients(b, jobPages(),
		func(b *testing.B, c *azmlbatch.Client) {
			n := 0
			for job, err := range c.Jobs().ListSummaries(b.Context(), nil) {
				if err != nil {
					b.Fatal(err)
				}
				if job.Status != "" {
					n++
				}
			}
			if n != benchJobs {
				b.Fatal(n)
			}
		},
		func(b *testing.B, f *ml.ClientFactory) { listTheirJobs(b, f) })
}

func listTheirJobs(b *testing.B, f *ml.ClientFactory) {
	n := 0
	p := f.NewJobsClient().NewListPager(benchWorkspace.ResourceGroup, benchWorkspace.Name, nil)
	for p.More() {
		page, err := p.NextPage(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		for _, job := range page.Value {
			if *job.Properties.GetJobBaseProperties().Status != "" {
				n++
			}
		}
	}
	if n != benchJobs {
		b.Fatal(n)
	}
}
