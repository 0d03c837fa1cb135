package ui

import (
	"net/http"
)

// outputFile is a file of a job's output.
var outputFile = file{pattern: "/jobs/{job}/outputs/{file...}", serve: func(h *Handler, w http.ResponseWriter, r *http.Request) error {
	job, name := r.PathValue("job"), r.PathValue("file")
	for f, err := range h.client.Jobs().ListOutputs(r.Context(), job) {
		if err != nil {
			return err
		}
		if f.Name != name {
			continue
		}
		content, err := h.client.Jobs().OpenOutput(r.Context(), f)
		if err != nil {
			return err
		}
		defer content.Close()
		serveBlob(w, name, content, r.URL.Query().Has("download"))
		return nil
	}
	return notFound("read output", name, "the output of the job has no such file")
}}
