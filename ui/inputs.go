package ui

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/azmlbatch/azmlbatch"
)

// inputsPage lists the files of a job's input.
var inputsPage = page{pattern: "/jobs/{job}/inputs", template: "inputs.html", load: loadInputs}

const inputsPerPage = 200

// inputsView is what the list of input files shows.
type inputsView struct {
	Job      azmlbatch.Job
	Files    []*inputFile
	From, To int // numbers of the first and the last file shown, counted from 1
	All      int
	More     bool // there are more than All
	// Previous and Next are the queries of the neighbouring pages; empty if there is none.
	Previous, Next string
}

func loadInputs(ctx context.Context, h *Handler, v visit) (view, error) {
	job, err := h.client.Jobs().Get(ctx, v.path("job"))
	if err != nil {
		return view{}, err
	}
	found, err := h.inputsOf(ctx, job)
	if err != nil {
		return view{}, err
	}
	names := slices.Sorted(maps.Keys(found.files))
	skip, _ := strconv.Atoi(v.query.Get("skip")) // no number is 0
	skip = min(max(0, skip), len(names))
	end := min(skip+inputsPerPage, len(names))
	data := inputsView{Job: job, From: skip + 1, To: end, All: len(names), More: found.more}
	for _, name := range names[skip:end] {
		data.Files = append(data.Files, found.files[name])
	}
	if skip > 0 {
		data.Previous = withSkip(v.query, skip-inputsPerPage)
	}
	if end < len(names) {
		data.Next = withSkip(v.query, end)
	}
	return view{title: "Input of " + job.DisplayName, section: "Jobs", data: data}, nil
}
