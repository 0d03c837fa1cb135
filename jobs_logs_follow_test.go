package azmlbatch

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const stdoutLog = "logs/user/stdout/0/process000.stdout.txt"

func TestFollowLogsReadsOnlyWhatIsNew(t *testing.T) {
	s := newRunService(t)
	s.step = ""
	s.status = func(poll int) string {
		switch poll {
		case 1: // queued, without a step
			return "Queued"
		case 2:
			s.step = "Running"
			s.logs = map[string]string{stdoutLog: "one\r\ntw", "logs/sys/node/0/process000.txt": "not for people\n"}
		case 3: // nothing new
		case 4:
			s.logs[stdoutLog] = "one\r\ntwo\nthree\n"
			s.logs["logs/job_error.2026030112.txt"] = "2026-03-01T12:00:00.0 head\n"
		case 5: // begun anew
			s.logs[stdoutLog] = "again\n"
		default:
			s.logs[stdoutLog] = "again\nlast"
			return "Failed"
		}
		return "Running"
	}
	var got []string
	for line, err := range newTestClient(t, s.ServeHTTP).Jobs().FollowLogs(t.Context(), "job-1", nil) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, line.Log+": "+line.Text)
	}
	want := []string{stdoutLog + ": one", "logs/job_error.2026030112.txt: 2026-03-01T12:00:00.0 head",
		stdoutLog + ": two", stdoutLog + ": three", stdoutLog + ": again", stdoutLog + ": last"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{stdoutLog + " bytes=5-", stdoutLog + " bytes=6-"}, s.ranges); diff != "" {
		t.Errorf("ranges asked for (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"job": 6, "children": 2, "list of logs": 5, "log": 5}, s.requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestOpenLogAt(t *testing.T) {
	s := newRunService(t)
	s.logs = map[string]string{stdoutLog: "one\ntwo\n"}
	jobs := newTestClient(t, s.ServeHTTP).Jobs()
	for l, err := range jobs.ListLogs(t.Context(), "job-1") {
		if err != nil {
			t.Fatal(err)
		}
		for offset, want := range map[int64]string{0: "one\ntwo\n", 4: "two\n"} {
			r, err := jobs.OpenLogAt(t.Context(), l, offset)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			r.Close()
			if string(got) != want || err != nil {
				t.Errorf("from %d = %q, %v, want %q", offset, got, err, want)
			}
		}
		var mistake *ArgumentError
		if _, err := jobs.OpenLogAt(t.Context(), l, -1); !errors.As(err, &mistake) {
			t.Errorf("a negative offset = %v, want *ArgumentError", err)
		}
	}
}

func TestOpenLogAtItsEnd(t *testing.T) {
	s := newRunService(t)
	s.logs = map[string]string{stdoutLog: "one\n"}
	jobs := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, stdoutLog) {
			answer(416, "", "x-ms-error-code", "InvalidRange")(w, r)
			return
		}
		s.ServeHTTP(w, r)
	}).Jobs()
	for l, err := range jobs.ListLogs(t.Context(), "job-1") {
		if err != nil {
			t.Fatal(err)
		}
		r, err := jobs.OpenLogAt(t.Context(), l, l.Size)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if got, err := io.ReadAll(r); len(got) > 0 || err != nil {
			t.Errorf("at the end = %q, %v, want nothing", got, err)
		}
	}
}

func TestFollowLogsOfOnesOwnChoice(t *testing.T) {
	s := newRunService(t)
	s.logs = map[string]string{stdoutLog: "x\n", "logs/sys/master_role.txt": strings.Repeat("y", maxLogLine+1) + "\n\nz"}
	var got []int
	for line, err := range newTestClient(t, s.ServeHTTP).Jobs().FollowLogs(t.Context(), "job-1", &FollowLogsOptions{
		Match: func(name string) bool { return strings.HasPrefix(name, "logs/sys/") }}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, len(line.Text))
	}
	if diff := cmp.Diff([]int{maxLogLine, 1, 0, 1}, got); diff != "" {
		t.Errorf("lengths of lines (-want +got):\n%s", diff)
	}
}

// TestFollowLogsOnce: the lines that there are, of a job that runs; one that was invoked a moment
// ago may show late.
func TestFollowLogsOnce(t *testing.T) {
	s := newRunService(t)
	s.status = func(int) string { return "Running" }
	s.logs = map[string]string{stdoutLog: "one\ntw"}
	asked := 0
	late := func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked == 1 {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		s.ServeHTTP(w, r)
	}
	var got []string
	for line, err := range newTestClient(t, late).Jobs().FollowLogs(t.Context(), "job-1", &FollowLogsOptions{Once: true}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, line.Text)
	}
	if diff := cmp.Diff([]string{"one"}, got); diff != "" || s.requests["job"] != 1 {
		t.Errorf("the job was read %d times, want once; lines (-want +got):\n%s", s.requests["job"], diff)
	}
	missing := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }
	for _, err := range newTestClient(t, missing).Jobs().FollowLogs(t.Context(), "job-1", &FollowLogsOptions{Once: true}) {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("of a job that does not exist: %v, want ErrNotFound", err)
		}
	}
}

// TestFollowLogsWithoutHosts: a workspace, or its discovery, that is not found is no job without
// logs.
func TestFollowLogsWithoutHosts(t *testing.T) {
	for what, missing := range map[string]string{"the workspace": testWorkspaceID, "its discovery": "/discovery"} {
		t.Run(what, func(t *testing.T) {
			s := newRunService(t)
			s.logs = map[string]string{stdoutLog: "one\n"}
			c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == missing {
					writeJSON(w, 404, `{"error":{"code":"NotFound","message":"gone"}}`)
					return
				}
				s.ServeHTTP(w, r)
			})
			var got []error
			for _, err := range c.Jobs().FollowLogs(t.Context(), "job-1", nil) {
				got = append(got, err)
			}
			if len(got) != 1 || !errors.Is(got[0], ErrNotFound) || !strings.Contains(got[0].Error(), "gone") {
				t.Errorf("FollowLogs yields %v, want the service's 404", got)
			}
		})
	}
}

func TestFollowLogsEnds(t *testing.T) {
	running := func(int) string { return "Running" }
	s := newRunService(t)
	s.status, s.step, s.logs = running, "Running", map[string]string{stdoutLog: "one\ntwo\n"}
	c := newTestClient(t, s.ServeHTTP)
	for _, err := range c.Jobs().FollowLogs(t.Context(), "job-1", nil) {
		if err != nil {
			t.Error(err)
		}
		break // of a job that never ends
	}
	if s.requests["job"] != 1 {
		t.Errorf("%d polls, want one", s.requests["job"])
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range c.Jobs().FollowLogs(ctx, "job-1", nil) {
		cancel()
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("the last error = %v, want context.Canceled", last)
	}

	s = newRunService(t)
	s.step = "" // the job ended before it had a step
	for line, err := range newTestClient(t, s.ServeHTTP).Jobs().FollowLogs(t.Context(), "job-1", nil) {
		t.Errorf("a job without a step = %v, %v", line, err)
	}

	c = newTestClient(t, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, 404, `{}`) })
	for _, err := range c.Jobs().FollowLogs(t.Context(), "none", nil) {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("a job that is not there = %v", err)
		}
	}
}

// A log that was emptied and is longer by the next look than it ever was is read from its
// beginning.
func TestFollowLogsReadsAnEmptiedLogAnew(t *testing.T) {
	s := newRunService(t)
	s.step = "Running"
	texts := []string{"one\n", "", "again\nlast\n"}
	s.status = func(poll int) string {
		s.logs = map[string]string{stdoutLog: texts[poll-1]}
		return []string{"Running", "Running", "Completed"}[poll-1]
	}
	var got []string
	for line, err := range newTestClient(t, s.ServeHTTP).Jobs().FollowLogs(t.Context(), "job-1", nil) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, line.Text)
	}
	if diff := cmp.Diff([]string{"one", "again", "last"}, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// TestFollowLogsThatCannotBeRead breaks the reading of a log in each way. What was read before is
// given out once, and the error ends the loop.
func TestFollowLogsThatCannotBeRead(t *testing.T) {
	tests := map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request)
		want   string // in the error; empty means none
		lines  []string
	}{
		"refused": {answer(403, "", "x-ms-error-code", "AuthorizationFailure"), "read log \"" + stdoutLog + "\": 403 AuthorizationFailure", []string{"one"}},
		"busy":    {answer(503, "", "x-ms-error-code", "ServerBusy"), "503 ServerBusy", []string{"one"}},
		"breaks": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "99")
			_, _ = io.WriteString(w, "two\nthr")
		}, "read log \"" + stdoutLog + "\": 403", []string{"one", "two"}},
		"deleted":   {answer(404, "", "x-ms-error-code", "BlobNotFound"), "", []string{"one"}},
		"truncated": {answer(416, "", "x-ms-error-code", "InvalidRange"), "", []string{"one"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newRunService(t)
			s.step = "Running"
			s.status = func(poll int) string {
				s.logs = map[string]string{stdoutLog: "one\n" + strings.Repeat("two\n", poll-1)}
				return []string{"Running", "Running", "Completed"}[min(poll, 3)-1]
			}
			reads := 0
			c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, stdoutLog) {
					if reads++; reads > 1 {
						if name == "breaks" && reads > 2 { // the rest of what broke off is asked for again
							answer(403, "")(w, r)
							return
						}
						tt.answer(w, r)
						return
					}
				}
				s.ServeHTTP(w, r)
			}, func(o *ClientOptions) { o.Retry.MaxRetries = -1 })
			var got []string
			var failures []error
			for line, err := range c.Jobs().FollowLogs(t.Context(), "job-1", nil) {
				if err != nil {
					failures = append(failures, err)
					continue
				}
				got = append(got, line.Text)
			}
			if diff := cmp.Diff(tt.lines, got); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
			if tt.want == "" && failures != nil || tt.want != "" && (len(failures) != 1 || !strings.Contains(failures[0].Error(), tt.want)) {
				t.Errorf("errors = %v, want one with %q", failures, tt.want)
			}
		})
	}
}

// TestLogsRefused refuses each request of the calls that read logs: the calls give the refusal, once.
func TestLogsRefused(t *testing.T) {
	calls := map[string]func(JobsClient) []error{
		"ListLogs": func(j JobsClient) (errs []error) {
			for _, err := range j.ListLogs(t.Context(), "job-1") {
				errs = append(errs, err)
			}
			return errs
		},
		"FollowLogs": func(j JobsClient) (errs []error) {
			for _, err := range j.FollowLogs(t.Context(), "job-1", nil) {
				errs = append(errs, err)
			}
			return errs
		},
		"Counts": func(j JobsClient) []error {
			_, err := j.Counts(t.Context(), "job-1")
			return []error{err}
		},
	}
	parts := map[string]string{"the workspace": testWorkspaceID + "$", "the discovery": "/discovery$", "the steps": "/children$", "the datastore": "/workspaceartifactstore$",
		"the list of logs": "comp=list"}
	for name, call := range calls {
		for what, part := range parts {
			s := newRunService(t)
			s.logs = map[string]string{stdoutLog: "one\n", miniBatchReport: report}
			refused := 0
			c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path+"$", part) || strings.Contains(r.URL.RawQuery, part) || strings.HasSuffix(r.URL.Path, "/listSecrets") {
					refused++
					w.Header().Set("x-ms-error-code", "AuthorizationFailed")
					writeJSON(w, 403, `{"error":{"code":"AuthorizationFailed","message":"not for you"}}`)
					return
				}
				s.ServeHTTP(w, r)
			})
			if got := call(c.Jobs()); refused == 0 || len(got) != 1 || !errors.Is(got[0], ErrForbidden) {
				t.Errorf("%s where %s is refused %d times = %v, want one error that is ErrForbidden", name, what, refused, got)
			}
		}
	}
}

// TestListLogsStops when the loop is left.
func TestListLogsStops(t *testing.T) {
	s := newRunService(t)
	s.logs = map[string]string{"logs/a": "1", "logs/b": "2"}
	var got []string
	for l, err := range newTestClient(t, s.ServeHTTP).Jobs().ListLogs(t.Context(), "job-1") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, l.Name)
		break
	}
	if diff := cmp.Diff([]string{"logs/a"}, got); diff != "" {
		t.Errorf("logs (-want +got):\n%s", diff)
	}
}
