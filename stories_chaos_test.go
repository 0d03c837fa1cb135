package azmlbatch_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// Chaos: the way from a folder to its rows over a network that breaks, on the clock of a synctest bubble. No walk sleeps,
// and none ends before its last goroutine.

// chaosTryTimeout is the client's; the slow answers are quicker, and those that hang are not.
const chaosTryTimeout = 20 * time.Second

// chaosFault is a way in which one exchange breaks. next sends the request to the service.
type chaosFault struct {
	name  string
	apply func(req *http.Request, next func() (*http.Response, error)) (*http.Response, error)
}

var chaosFaults = []chaosFault{
	{"connection refused", chaosBefore(chaosOpError("dial", syscall.ECONNREFUSED))},
	{"host not found", chaosBefore(&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "azure", IsNotFound: true}})},
	{"reset before the effect", chaosBefore(chaosOpError("read", syscall.ECONNRESET))},
	{"reset after the effect", chaosAfter(chaosOpError("read", syscall.ECONNRESET))},
	{"closed after the effect", chaosAfter(io.EOF)},
	{"cut within the headers", chaosAfter(fmt.Errorf("net/http: HTTP/1.x transport connection broken: %w", io.ErrUnexpectedEOF))},
	{"body cut off", chaosBody(true, io.ErrUnexpectedEOF)},
	{"reset within the body", chaosBody(true, chaosOpError("read", syscall.ECONNRESET))},
	{"short body", chaosBody(true, io.EOF)},
	{"empty body", chaosBody(false, io.EOF)},
	{"short body without a length", chaosUnsized},
	{"408", chaosStatus(408, "", false)},
	{"429", chaosStatus(429, "", false)},
	{"429 with Retry-After", chaosStatus(429, "7", false)},
	{"500 before the effect", chaosStatus(500, "", false)},
	{"500 after the effect", chaosStatus(500, "", true)},
	{"502 before the effect", chaosStatus(502, "", false)},
	{"502 after the effect", chaosStatus(502, "", true)},
	{"a proxy's page", chaosPage},
	{"503", chaosStatus(503, "", false)},
	{"503 with Retry-After", chaosStatus(503, "90", false)}, // longer than MaxRetryDelay
	{"504 before the effect", chaosStatus(504, "", false)},
	{"504 after the effect", chaosStatus(504, "", true)},
	{"slow", chaosSlow},
	{"no answer", chaosHang},
}

// chaosStatuses are what an error may truly say: the faults' own, and 0 and 200 to 202 for answers that were cut.
var chaosStatuses = []int{0, 200, 201, 202, 408, 429, 500, 502, 503, 504}

func chaosOpError(op string, errno syscall.Errno) error {
	return &net.OpError{Op: op, Net: "tcp", Err: os.NewSyscallError(op, errno)}
}

type chaosNext = func() (*http.Response, error)

func chaosBefore(err error) func(*http.Request, chaosNext) (*http.Response, error) {
	return func(*http.Request, chaosNext) (*http.Response, error) { return nil, err }
}

func chaosAfter(err error) func(*http.Request, chaosNext) (*http.Response, error) {
	return func(_ *http.Request, next chaosNext) (*http.Response, error) {
		if err := chaosLose(next); err != nil {
			return nil, err
		}
		return nil, err
	}
}

// chaosLose lets the request have its effect, and throws the answer away.
func chaosLose(next chaosNext) error {
	resp, err := next()
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close())
}

// chaosBody ends the body of the answer early, after its half or at once. With io.EOF nothing but its length tells.
func chaosBody(half bool, end error) func(*http.Request, chaosNext) (*http.Response, error) {
	return func(_ *http.Request, next chaosNext) (*http.Response, error) {
		resp, err := next()
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil || len(b) == 0 {
			return resp, err
		}
		length := 0
		if half {
			length = len(b) / 2
		}
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(b[:length]), chaosEnd{end}))
		return resp, nil
	}
}

// chaosUnsized is a body that ends early where nothing declares its length, so that only its text can tell. The content of a
// blob can be any text: there it ends as declared.
func chaosUnsized(req *http.Request, next chaosNext) (*http.Response, error) {
	resp, err := chaosBody(true, io.EOF)(req, next)
	if err == nil && (!strings.Contains(req.URL.Host, ".blob.") || req.URL.Query().Get("comp") == "list") {
		resp.ContentLength = -1
		resp.Header.Del("Content-Length")
	}
	return resp, err
}

type chaosEnd struct{ err error }

func (e chaosEnd) Read([]byte) (int, error) { return 0, e.err }

func chaosStatus(status int, retryAfter string, effect bool) func(*http.Request, chaosNext) (*http.Response, error) {
	return func(req *http.Request, next chaosNext) (*http.Response, error) {
		if effect {
			if err := chaosLose(next); err != nil {
				return nil, err
			}
		}
		resp := chaosAnswer(req, status, "application/json", `{"error":{"code":"Broken","message":"The walk was broken here."}}`)
		if retryAfter != "" {
			resp.Header.Set("Retry-After", retryAfter)
		}
		return resp, nil
	}
}

func chaosPage(req *http.Request, _ chaosNext) (*http.Response, error) {
	return chaosAnswer(req, http.StatusBadGateway, "text/html", "<html><title>Bad Gateway</title>\n<body>proxy</body></html>"), nil
}

func chaosAnswer(req *http.Request, status int, contentType, body string) *http.Response {
	if req.Method == http.MethodHead {
		body = ""
	}
	return &http.Response{StatusCode: status, Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), Request: req,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"Content-Type": {contentType}},
		ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body))}
}

func chaosSlow(req *http.Request, next chaosNext) (*http.Response, error) {
	resp, err := next()
	select {
	case <-time.After(chaosTryTimeout / 2):
		return resp, err
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
}

func chaosHang(req *http.Request, next chaosNext) (*http.Response, error) {
	if err := chaosLose(next); err != nil {
		return nil, err
	}
	<-req.Context().Done()
	return nil, req.Context().Err()
}

// chaosNetwork is the transport between client and emulator. It counts requests from 1.
type chaosNetwork struct {
	azure  *emulator.Emulator
	choose func(n int) *chaosFault // nil for a request that gets through

	mu   sync.Mutex
	sent []string // the requests, for messages
	hit  []string // those that were broken
}

func (c *chaosNetwork) Do(req *http.Request) (*http.Response, error) {
	c.mu.Lock()
	line := req.Method + " " + req.URL.Host + req.URL.Path
	c.sent = append(c.sent, line)
	n := len(c.sent)
	fault := c.choose(n)
	if fault != nil {
		c.hit = append(c.hit, fmt.Sprintf("%d %s: %s", n, line, fault.name))
	}
	c.mu.Unlock()
	if fault == nil {
		return c.azure.Do(req)
	}
	return fault.apply(req, func() (*http.Response, error) { return c.azure.Do(req) })
}

// chaosWalk goes the whole way once, in an Azure of its own.
type chaosWalk struct {
	ctx     context.Context
	network *chaosNetwork
	client  *azmlbatch.Client
	clear   *azmlbatch.Client // of a network that works
	code    string            // of the Go function that scores
	dir     string            // with the folders code, model and in
	// again tells whether a step that failed is gone again; it is told the error.
	again func(step string, try int, err error) bool

	model azmlbatch.Model
	env   azmlbatch.Environment
	in    azmlbatch.Uploaded
	job   azmlbatch.BatchJob
	rows  []string
}

var chaosFiles = map[string]string{"code/score.py": "def run(b):\n    return b\n", "model/weights.txt": "1", "model/sub/more.txt": "2",
	"in/a.txt": "1", "in/b.txt": "2", "in/c.txt": "3"}

var chaosRows = []string{"a.txt", "b.txt", "c.txt"}

// newChaosWalk deploys the function that scores, whose code takes the place of the script that the walk registers.
func newChaosWalk(ctx context.Context, dir string, choose func(int) *chaosFault) (*chaosWalk, error) {
	azure, err := emulator.New(nil)
	if err != nil {
		return nil, err
	}
	w := &chaosWalk{ctx: ctx, dir: dir, network: &chaosNetwork{azure: azure, choose: choose}}
	names := func(_ context.Context, files []string) (rows []string, _ error) {
		for _, file := range files {
			rows = append(rows, filepath.Base(file))
		}
		return rows, nil
	}
	endpoint, err := azure.Deploy(ctx, emulator.Func(names), nil)
	if err == nil {
		w.clear, err = azure.Client(nil)
	}
	if err != nil {
		return w, err
	}
	d, err := w.clear.Deployments(endpoint).Get(ctx, emulator.DeployDeployment)
	if err != nil {
		return w, err
	}
	w.code = d.CodeConfiguration.CodeID
	return w, w.connect()
}

// connect makes a new client, as another process would. It signs in over the same network.
func (w *chaosWalk) connect() (err error) {
	o := new(azmlbatch.ClientOptions)
	o.Transport = w.network
	o.Retry.TryTimeout = chaosTryTimeout
	azure := w.network.azure
	signIn, err := azidentity.NewClientSecretCredential(azure.TenantID(), azure.ClientID(), azure.ClientSecret(),
		&azidentity.ClientSecretCredentialOptions{ClientOptions: o.ClientOptions})
	if err != nil {
		return err
	}
	w.client, err = azmlbatch.NewClient(w.clear.Workspace(), signIn, o)
	return err
}

// steps are the walk. Each can be gone again after it failed.
func (w *chaosWalk) steps() []chaosStep {
	return []chaosStep{
		{"upload", w.upload}, {"register", w.register}, {"cluster", w.cluster}, {"deploy", w.deploy}, {"invoke", w.invoke},
		{"wait", w.wait}, {"rows", w.read}, {"count", w.count}, {"delete", w.remove},
	}
}

type chaosStep struct {
	name string
	walk func() error
}

func (w *chaosWalk) run() error {
	for _, step := range w.steps() {
		for try := 1; ; try++ {
			err := step.walk()
			if err == nil {
				break
			}
			if !w.again(step.name, try, err) {
				return fmt.Errorf("%s, try %d: %w", step.name, try, err)
			}
			if err := w.connect(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *chaosWalk) upload() (err error) {
	w.in, err = w.client.Upload(w.ctx, filepath.Join(w.dir, "in"), nil)
	return err
}

func (w *chaosWalk) register() error {
	_, err := w.client.Codes().Upload(w.ctx, "score", filepath.Join(w.dir, "code"), nil)
	if err != nil {
		return err
	}
	if w.model, err = w.client.Models().Upload(w.ctx, "vases", filepath.Join(w.dir, "model"), nil); err != nil {
		return err
	}
	w.env, err = w.client.Environments().CreateOrUpdate(w.ctx, "plain", azmlbatch.Environment{Version: "1", Image: "python:3.11"}, nil)
	return err
}

func (w *chaosWalk) cluster() error {
	_, err := w.client.Computes().CreateOrUpdate(w.ctx, "cluster",
		azmlbatch.Compute{Properties: azmlbatch.AmlCompute{VMSize: "STANDARD_D2_V2", MaxNodes: 1}}, nil)
	return err
}

func (w *chaosWalk) deploy() error {
	if _, err := w.client.Endpoints().CreateOrUpdate(w.ctx, "vases", azmlbatch.Endpoint{}, nil); err != nil {
		return err
	}
	_, err := w.client.Deployments("vases").CreateOrUpdate(w.ctx, "blue", azmlbatch.Deployment{Compute: "cluster",
		Model: azmlbatch.ModelByID{AssetID: w.model.Ref()}, EnvironmentID: w.env.Ref(), MiniBatchSize: 2,
		CodeConfiguration: azmlbatch.CodeConfiguration{CodeID: w.code, ScoringScript: "func.py"}}, nil)
	if err != nil {
		return err
	}
	_, err = w.client.Endpoints().SetDefaultDeployment(w.ctx, "vases", "blue", nil)
	return err
}

func (w *chaosWalk) invoke() (err error) {
	w.job, err = w.client.Endpoints().Invoke(w.ctx, "vases", azmlbatch.Invocation{Key: "monday",
		Inputs: azmlbatch.Inputs{"in": azmlbatch.URIFolder{URI: w.in.URI}}})
	return err
}

func (w *chaosWalk) wait() error {
	_, err := w.client.Jobs().Wait(w.ctx, w.job.Name, nil)
	return err
}

func (w *chaosWalk) read() error {
	w.rows = nil
	for row, err := range azmlbatch.Rows[string](w.ctx, w.client, w.job.Name, nil) {
		if err != nil {
			return err
		}
		w.rows = append(w.rows, row)
	}
	return nil
}

// errChaos is what must never be.
var errChaos = errors.New("chaos")

// count holds the outcome against what the service has, over a network that works.
func (w *chaosWalk) count() error {
	var jobs []string
	for job, err := range w.clear.Endpoints().ListJobs(w.ctx, "vases", nil) {
		if err != nil {
			return err
		}
		jobs = append(jobs, job.Name)
	}
	if diff := gocmp.Diff([]string{w.job.Name}, jobs); diff != "" {
		return fmt.Errorf("%w: jobs of the service (-invoked +listed):\n%s", errChaos, diff)
	}
	slices.Sort(w.rows)
	if diff := gocmp.Diff(chaosRows, w.rows); diff != "" {
		return fmt.Errorf("%w: rows (-want +got):\n%s", errChaos, diff)
	}
	return nil
}

func (w *chaosWalk) remove() error {
	if err := w.client.Endpoints().Delete(w.ctx, "vases", nil); err != nil {
		return err
	}
	if err := w.client.Computes().Delete(w.ctx, "cluster", nil); err != nil {
		return err
	}
	if _, err := w.clear.Endpoints().Get(w.ctx, "vases"); !errors.Is(err, azmlbatch.ErrNotFound) {
		return fmt.Errorf("%w: the deleted endpoint = %w", errChaos, err)
	}
	return nil
}

// chaos walks in a bubble and reports what went wrong. It returns the network with what was sent.
func chaos(t *testing.T, label, dir string, choose func(int) *chaosFault, again func(string, int, error) bool) (network *chaosNetwork) {
	t.Helper()
	network = new(chaosNetwork)
	var err error // reported outside of the bubble, where a failure ends the whole test
	synctest.Test(t, func(t *testing.T) {
		var w *chaosWalk
		if w, err = newChaosWalk(t.Context(), dir, choose); err == nil {
			w.again = again
			err = w.run()
		}
		if w != nil {
			network = w.network
			err = errors.Join(err, w.network.azure.Close())
		}
	})
	if err != nil {
		t.Errorf("%s: %v\nbroken:\n\t%s", label, err, strings.Join(network.hit, "\n\t"))
	}
	return network
}

// TestOneFaultAtEveryRequest breaks each request of the walk, one in a run. The walk ends well, or the invocation alone is
// ambiguous and the same key finishes it. Each request meets one fault by default, and the POST and the reading of rows
// meet all of them; AZMLBATCH_CHAOS=full takes all faults for all requests.
func TestOneFaultAtEveryRequest(t *testing.T) {
	dir := files(t, "walk", chaosFiles)
	never := func(string, int, error) bool { return false }
	whole := chaos(t, "nothing broken", dir, func(int) *chaosFault { return nil }, never)
	ambiguous := func(step string, try int, err error) bool {
		return step == "invoke" && try == 1 && errors.As(err, new(*azmlbatch.AmbiguousInvokeError)) && chaosUntrue(err) == ""
	}
	runs, lost := 0, 0
	for i, request := range whole.sent {
		for _, fault := range chaosChoice(i, request) {
			label := fmt.Sprintf("request %d, %s, %s", i+1, request, fault.name)
			again := func(step string, try int, err error) bool {
				if !ambiguous(step, try, err) {
					return false
				}
				lost++
				return true
			}
			chaos(t, label, dir, func(n int) *chaosFault {
				if n != i+1 {
					return nil
				}
				return &fault
			}, again)
			runs++
		}
	}
	t.Logf("%d requests, %d faults, %d runs, %d ambiguous invocations", len(whole.sent), len(chaosFaults), runs, lost)
}

// chaosChoice are the faults that a request meets.
func chaosChoice(i int, request string) []chaosFault {
	faults := slices.Clone(chaosFaults)
	if os.Getenv("AZMLBATCH_CHAOS") == "full" || strings.HasPrefix(request, "POST ") && path.Base(request) == "jobs" ||
		path.Base(request) == "predictions.csv" {
		return faults
	}
	random := rand.New(rand.NewPCG(uint64(i/len(faults)), 0))   //nolint:gosec // the same in each run
	return faults[random.Perm(len(faults))[i%len(faults)]:][:1] // each fault once, then each once again
}

// chaosUntrue says what is wrong with an error; "" is a true one.
func chaosUntrue(err error) string {
	var e *azmlbatch.Error
	switch {
	case strings.Contains(err.Error(), "\n"):
		return "has more than one line"
	case errors.As(err, new(*azmlbatch.AmbiguousInvokeError)):
		return ""
	case !errors.As(err, &e):
		return fmt.Sprintf("is a %T", err)
	case !slices.Contains(chaosStatuses, e.StatusCode):
		return fmt.Sprintf("says %d, which no fault did", e.StatusCode)
	}
	return ""
}

// TestChaos breaks requests at random, up to every second one. A step that fails says the truth and is gone again by a new
// client, the sixth time over a network that works. AZMLBATCH_CHAOS_RUNS is the number of runs, 200 by default, and
// AZMLBATCH_CHAOS_SEED the first seed.
func TestChaos(t *testing.T) {
	dir := files(t, "walk", chaosFiles)
	number := func(variable string, otherwise int) int {
		n, err := strconv.Atoi(cmp.Or(os.Getenv(variable), strconv.Itoa(otherwise)))
		if err != nil {
			t.Fatalf("%s: %v", variable, err)
		}
		return n
	}
	first := number("AZMLBATCH_CHAOS_SEED", 1)
	runs, requests, broken, failed := number("AZMLBATCH_CHAOS_RUNS", 200), 0, 0, 0
	for seed := first; seed < first+runs; seed++ {
		random := rand.New(rand.NewPCG(uint64(seed), 1)) //nolint:gosec // a seed, not a secret
		rate := random.Float64() / 2
		quiet := false
		choose := func(int) *chaosFault { // under the network's lock
			if quiet || random.Float64() >= rate {
				return nil
			}
			return &chaosFaults[random.IntN(len(chaosFaults))]
		}
		again := func(step string, try int, err error) bool {
			if failed++; errors.Is(err, errChaos) {
				return false
			}
			if wrong := chaosUntrue(err); wrong != "" {
				t.Errorf("seed %d: %s: the error %s: %v", seed, step, wrong, err)
			}
			quiet = try >= 5
			return try <= 5
		}
		network := chaos(t, fmt.Sprintf("AZMLBATCH_CHAOS_SEED=%d AZMLBATCH_CHAOS_RUNS=1", seed), dir, choose, again)
		requests += len(network.sent)
		broken += len(network.hit)
	}
	t.Logf("%d runs, %d requests, %d of them broken, %d steps failed and gone again", runs, requests, broken, failed)
}
