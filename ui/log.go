package ui

import (
	"context"
	"net/http"
	"strconv"

	"github.com/azmlbatch/azmlbatch"
)

// logPage shows one log: a part of it, or the lines that a search finds. While the job runs, the last
// part is followed.
var logPage = page{pattern: "/jobs/{job}/logs/{log...}", template: "log.html", load: loadLog}

// logView is what the page of a log shows.
type logView struct {
	Job, Log string
	Size     int64
	Follow   bool // the log may grow, and its end is shown
	// Part is the part shown, of Parts, counted from 0.
	Part, Parts int
	Lines       []logLine
	// Query is what was searched; empty when a part is shown.
	Query string
	Found searchResult
}

// First, Last, Previous and Next are the numbers of other parts.
func (v logView) Last() int     { return v.Parts - 1 }
func (v logView) Previous() int { return v.Part - 1 }
func (v logView) Next() int     { return v.Part + 1 }

// Shown is the number of the part for people.
func (v logView) Shown() int { return v.Part + 1 }

func loadLog(ctx context.Context, h *Handler, v visit) (view, error) {
	job, name := v.path("job"), v.path("log")
	logs, done, err := h.logsOf(ctx, job)
	if err != nil {
		return view{}, err
	}
	l, err := findLog(logs, job, name)
	if err != nil {
		return view{}, err
	}
	data := logView{Job: job, Log: name, Size: l.Size, Parts: partsOf(l.Size), Query: v.query.Get("q")}
	if data.Query != "" {
		from, _ := strconv.ParseInt(v.query.Get("from"), 10, 64) // no number is the beginning
		data.Found, err = searchLog(ctx, h.client.Jobs(), l, data.Query, max(0, from))
		return view{title: "Search in " + name, section: "Jobs", data: data}, err
	}
	data.Part = choosePart(v.query.Get("part"), data.Parts)
	data.Follow = !done && data.Part == data.Parts-1 && v.query.Get("part") == ""
	if data.Lines, err = readPart(ctx, h.client.Jobs(), l, data.Part); err != nil {
		return view{}, err
	}
	if err := h.lines.number(ctx, h.client.Jobs(), job, l, data.Part, data.Lines); err != nil {
		return view{}, err
	}
	return view{title: name, section: "Jobs", live: !done && data.Part == data.Parts-1, data: data}, nil
}

// choosePart reads the number of a part. Without one it is the last, where the news are.
func choosePart(text string, parts int) int {
	part, err := strconv.Atoi(text)
	if err != nil {
		return parts - 1
	}
	return min(max(0, part), parts-1)
}

func findLog(logs []azmlbatch.JobLog, job, name string) (azmlbatch.JobLog, error) {
	for _, l := range logs {
		if l.Name == name {
			return l, nil
		}
	}
	return azmlbatch.JobLog{}, notFound("read log", name, "job "+strconv.Quote(job)+" has no such log")
}

// notFound is the error of something that the page itself did not find.
func notFound(verb, name, message string) error {
	return &azmlbatch.Error{Operation: verb + " " + strconv.Quote(name), Message: message, Err: azmlbatch.ErrNotFound}
}

// rawLog is the whole log as a file.
var rawLog = file{pattern: "/jobs/{job}/raw/{log...}", serve: func(h *Handler, w http.ResponseWriter, r *http.Request) error {
	job, name := r.PathValue("job"), r.PathValue("log")
	logs, _, err := h.logsOf(r.Context(), job)
	if err != nil {
		return err
	}
	l, err := findLog(logs, job, name)
	if err != nil {
		return err
	}
	content, err := h.client.Jobs().OpenLog(r.Context(), l)
	if err != nil {
		return err
	}
	defer content.Close()
	serveBlob(w, name, content, true)
	return nil
}}
