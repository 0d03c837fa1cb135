package ui

import (
	"cmp"
	"context"
	"net/http"

	"github.com/azmlbatch/azmlbatch"
)

// Pages that ask before something is done, and what is done when the answer is yes. Page and action have
// one address.
var (
	cancelPage       = page{pattern: "/jobs/{job}/cancel", template: "question.html", load: askCancel}
	cancelAction     = action{pattern: "/jobs/{job}/cancel", do: cancel}
	setDefaultPage   = page{pattern: "/endpoints/{endpoint}/deployments/{deployment}/default", template: "question.html", load: askSetDefault}
	setDefaultAction = action{pattern: "/endpoints/{endpoint}/deployments/{deployment}/default", do: setDefault}
)

// A question is what a page asks before something is done.
type question struct {
	Title   string
	Effects []string // what a yes does
	Yes     string   // of the button
	Danger  bool     // a yes cannot be taken back
	Action  string   // where a yes is posted to
	Back    string   // where a no leads
}

func askCancel(ctx context.Context, h *Handler, v visit) (view, error) {
	if err := h.must(ctx, toCancel); err != nil {
		return view{}, err
	}
	job, err := h.client.Jobs().Get(ctx, v.path("job"))
	if err != nil {
		return view{}, err
	}
	q := question{Title: "Cancel the job " + cmp.Or(job.DisplayName, job.Name) + "?", Yes: "Cancel the job", Danger: true,
		Action: h.link("jobs", job.Name, "cancel"), Back: h.link("jobs", job.Name)}
	if job.Status.Done() {
		q.Title, q.Yes = "The job has ended already", ""
	} else {
		q.Effects = []string{"Its workers stop. The rows that they have written stay; the job cannot go on later."}
	}
	return view{title: "Cancel a job", section: "Jobs", data: q}, nil
}

func cancel(ctx context.Context, h *Handler, r *http.Request) (string, error) {
	job := r.PathValue("job")
	if err := h.must(ctx, toCancel); err != nil {
		return "", err
	}
	_, err := h.client.Jobs().BeginCancel(ctx, job)
	return h.link("jobs", job), err
}

func askSetDefault(ctx context.Context, h *Handler, v visit) (view, error) {
	endpoint, deployment := v.path("endpoint"), v.path("deployment")
	if err := h.must(ctx, toSetDefault); err != nil {
		return view{}, err
	}
	now, err := h.client.Endpoints().Get(ctx, endpoint)
	if err != nil {
		return view{}, err
	}
	if _, err := h.client.Deployments(endpoint).Get(ctx, deployment); err != nil {
		return view{}, err
	}
	q := question{Title: "Make " + deployment + " the default of " + endpoint + "?", Yes: "Make it the default",
		Action: h.link("endpoints", endpoint, "deployments", deployment, "default"), Back: h.link("endpoints", endpoint)}
	switch now.DefaultDeployment {
	case deployment:
		q.Title, q.Yes = deployment+" is the default already", ""
	case "":
		q.Effects = []string{"Jobs that name no deployment run with " + deployment + ". Today there is no default, and they are refused."}
	default:
		q.Effects = []string{"Jobs that name no deployment run with " + deployment + " from now on. Today they run with " + now.DefaultDeployment + "."}
	}
	return view{title: "Set the default", section: "Endpoints", data: q}, nil
}

func setDefault(ctx context.Context, h *Handler, r *http.Request) (string, error) {
	endpoint := r.PathValue("endpoint")
	if err := h.must(ctx, toSetDefault); err != nil {
		return "", err
	}
	_, err := h.client.Endpoints().SetDefaultDeployment(ctx, endpoint, r.PathValue("deployment"), &azmlbatch.WaitOptions{})
	return h.link("endpoints", endpoint), err
}
