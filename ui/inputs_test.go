package ui

import (
	"fmt"
	"strings"
	"testing"

	"github.com/azmlbatch/azmlbatch/emulator"
)

// TestInputsInPages lists the input of a job in pages, from the link on the job's page.
func TestInputsInPages(t *testing.T) {
	client, endpoint := emulator.NewEndpoint(t, emulator.Func(score), nil)
	names := []string{`"><img src=x>.txt`}
	for i := range inputsPerPage + 50 {
		names = append(names, fmt.Sprintf("vase-%03d.txt", i))
	}
	job := run(t, client, endpoint, names...)
	p := newTestPage(t, client, nil)
	list := "/jobs/" + job.Name + "/inputs"
	if body := p.get("/jobs/" + job.Name); !strings.Contains(body, `href="`+list+`"`) {
		t.Errorf("the page of the job has no link to its input:\n%s", body)
	}
	first := p.shows(list, names[0], "vase-198.txt", "Files 1 to 200 of 251", "Next files")
	if strings.Contains(first, "vase-199.txt") || strings.Contains(first, "<img") || !strings.Contains(first, "/input?file=vase-000.txt") {
		t.Errorf("the first page:\n%s", first)
	}
	p.shows(list+"?skip=200", "vase-199.txt", "vase-249.txt", "Files 201 to 251 of 251", "Previous files")
	p.shows(list+"?skip=99999", "no input files")
}
