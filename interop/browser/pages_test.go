package browser

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// barAt is a condition: the bar of the page is done so far, in percent.
func barAt(percent int) string {
	return fmt.Sprintf(`Number(document.querySelector("#progress .bar .done")?.getAttribute("width")) === %d`, percent)
}

// TestBarOfARunningJobMoves follows a job to its end without loading the page again.
func TestBarOfARunningJobMoves(t *testing.T) {
	s := newShop(t)
	g := make(gate)
	s.deploy("pots", emulator.Func(g.kindOf), azmlbatch.Deployment{MiniBatchSize: 5})
	job := s.start("pots", pots(20))
	s.visit("/jobs/" + job.Name)
	value[bool](s.tab, `window.stays = true`)
	for _, percent := range []int{25, 50, 75} {
		g.pass(t, 1)
		s.waitFor(barAt(percent))
		if percent == 50 {
			s.picture()
		}
	}
	g.pass(t, 1)
	s.waitFor(`document.querySelector("#state .status-completed") && document.querySelector("main").dataset.live === "over"`)
	if !value[bool](s.tab, `window.stays === true`) {
		t.Error("the page was loaded again")
	}
	s.waitFor(barAt(100))
}

// TestFirstJobAppears has the list of an empty workspace open when the first job starts.
func TestFirstJobAppears(t *testing.T) {
	s := newShop(t)
	s.deploy("pots", emulator.Func(kindOf), azmlbatch.Deployment{})
	s.waitForText("No job fits.")
	job := s.start("pots", pots(2))
	s.waitFor(fmt.Sprintf(`document.getElementById("job-%s")?.querySelector(".status-completed")`, job.Name))
	s.waitForText("2 / 2")
	s.checkEveryLook("jobs")
	s.checkKeyboard()
}

// broken is a script whose mistake a person can find by its traceback.
const broken = `import os

def init():
    pass

def size_of(path):
    with open(path, "rb") as f:
        return int(f.read().decode("ascii"))

def run(batch):
    return [f"{os.path.basename(path)} {size_of(path)}" for path in batch]
`

func TestFailedJobShowsItsTraceback(t *testing.T) {
	s := newShop(t)
	code := s.folder(map[string][]byte{"score.py": []byte(broken)})
	s.deploy("sizes", emulator.Script{Dir: code, File: "score.py"}, azmlbatch.Deployment{MiniBatchSize: 1, ErrorThreshold: new(0)})
	job := s.start("sizes", map[string][]byte{"big.txt": []byte("12"), "odd.txt": []byte("twelve"), "small.txt": []byte("3")})
	s.ended(job.Name)
	s.visit("/jobs/" + job.Name)
	s.waitForText(`invalid literal for int() with base 10: 'twelve'`)
	s.waitFor(`[...document.querySelectorAll("#failure .traceback .own")].some(line => line.textContent.includes("return int(f.read()"))`)
	s.waitFor(`[...document.querySelectorAll("#lost tbody td")].some(cell => cell.textContent.includes("odd.txt"))`)
	if first := value[string](s.tab, `document.querySelector("main h1 ~ *").id`); first != "failure" {
		t.Errorf("first comes %q, want the failure", first)
	}
	s.picture()
	s.checkEveryLook("job")
	s.click(`#failure a[href*="/logs/"]`)
	s.waitFor(`location.pathname.includes("/logs/") && document.querySelector("main").innerText.includes("'twelve'")`)
}

func TestPredictionsAndPicturesAppear(t *testing.T) {
	s := newShop(t)
	g := make(gate)
	s.deploy("pots", emulator.Func(g.kindOf), azmlbatch.Deployment{MiniBatchSize: 10})
	job := s.start("pots", pots(20))
	s.visit("/jobs/" + job.Name + "/predictions")
	s.waitForText("There are no rows yet.")
	g.pass(t, 1)
	s.waitFor(`document.querySelectorAll("#rows tbody tr").length === 10`) // while the job runs
	s.waitForText("partial rows")
	s.waitFor(`document.querySelector("select[name=column]").options.length === 4`) // any, and the columns that came
	s.write(`input[name=value]`, "nobody")
	g.pass(t, 1)
	s.waitFor(`document.querySelectorAll("#rows tbody tr").length === 20`)
	s.waitForText("Counts of all 20 rows.")
	if typed := value[string](s.tab, `document.querySelector("input[name=value]").value`); typed != "nobody" {
		t.Errorf("after updates the form has %q, want what was typed", typed)
	}
	s.waitFor(`[...document.querySelectorAll("td.input img")].length === 20`)
	s.do("scroll", scrollTo("td.input img"))
	s.waitFor(`document.querySelector("td.input img").naturalWidth === 64`)
	s.checkEveryLook("rows")
	s.checkKeyboard()

	s.click(`#rows thead th:last-child a`)
	s.waitFor(`document.querySelector("#rows thead th:last-child").getAttribute("aria-sort") === "ascending"`)
	numbers := `[...document.querySelectorAll("#rows tbody tr")].map(row => Number(row.lastElementChild.textContent))`
	if !value[bool](s.tab, numbers+`.every((n, i, all) => i === 0 || all[i-1] <= n)`) {
		t.Errorf("the rows are not sorted: %v", value[[]float64](s.tab, numbers))
	}
	s.click(`#column-1 table.counts a`)
	s.waitForText("the filter takes these of 20")
	s.waitFor(`new Set([...document.querySelectorAll("#rows tbody tr td:nth-child(4)")].map(cell => cell.textContent)).size === 1`)
	s.click(`td.input a`)
	s.waitFor(`document.querySelector("img.picture")?.naturalWidth === 64`)
	s.waitFor(`document.querySelectorAll("table.rows tbody tr").length === 1`) // beside its own prediction
	s.checkEveryLook("input")
	s.click(`section p a`)
	s.waitForText("Rows 1 to 1 of 1; the filter takes these of 20")
}

// TestManyRowsAndPicturesInOneTab holds the page of 2,000 pictures and a million rows to what a tab can
// bear: a part of the rows, and the pictures that are in sight.
func TestManyRowsAndPicturesInOneTab(t *testing.T) {
	const pictures, rowsOfEach = 2000, 500
	s := newShop(t)
	many := func(ctx context.Context, files []string) (rows []string, err error) {
		for _, f := range files {
			for i := range rowsOfEach {
				rows = append(rows, fmt.Sprintf("%s %d", filepath.Base(f), i))
			}
		}
		return rows, ctx.Err()
	}
	s.deploy("pots", emulator.Func(many), azmlbatch.Deployment{MiniBatchSize: 100})
	files := map[string][]byte{}
	for i := range pictures {
		files[fmt.Sprintf("pot-%04d.png", i)] = pots(1)["pot-00.png"]
	}
	job := s.start("pots", files)
	s.ended(job.Name)
	s.visit("/jobs/" + job.Name + "/predictions")
	s.waitForText("Counts of all 1\u202f000\u202f000 rows.")
	s.waitFor(`document.querySelector("td.input img").naturalWidth === 64`)
	if n := value[int](s.tab, `document.querySelectorAll("*").length`); n > 2000 {
		t.Errorf("the page has %d elements", n)
	}
	s.screenshot("rows")
}

func TestInvokeAndCancel(t *testing.T) {
	s := newShop(t)
	s.deploy("pots", emulator.Func(make(gate).kindOf), azmlbatch.Deployment{})
	s.visit("/endpoints")
	s.click(`#endpoint-pots a`)
	s.click(`#ways a.button`)
	s.write(`#order input[name=input]`, s.folder(pots(2))+"\r")
	s.waitForText("Start this job?")
	s.checkEveryLook("question")
	s.click(`#yes`)
	s.waitFor(`location.pathname.startsWith("/jobs/batchjob-") && document.querySelector("#state .status-running")`)
	s.click(`a[href$="/cancel"]`)
	s.waitForText("Cancel the job")
	s.checkEveryLook("cancel")
	s.click(`#yes`)
	s.waitFor(`!location.pathname.endsWith("/cancel") && document.querySelector("#state .status-canceled")`)
}

// TestInvokeWithoutAMouse goes from the list of endpoints to a job with the keyboard alone.
func TestInvokeWithoutAMouse(t *testing.T) {
	s := newShop(t)
	s.deploy("pots", emulator.Func(kindOf), azmlbatch.Deployment{})
	folder := s.folder(pots(2))
	s.visit("/endpoints")
	s.tabTo(`#endpoint-pots a`)
	s.press(kb.Enter)
	s.waitFor(`document.querySelector("#ways a.button")`)
	s.tabTo(`#ways a.button`)
	s.press(kb.Enter)
	s.waitFor(`document.querySelector("#order")`)
	s.tabTo(`#order input[name=input]`)
	s.press(folder)
	s.press(kb.Enter)
	s.waitForText("Start this job?")
	s.tabTo(`#yes`)
	s.press(kb.Enter)
	s.waitFor(`location.pathname.startsWith("/jobs/batchjob-") && document.querySelector("#state .status-completed")`)
}

func TestDefaultIsSetAfterAsking(t *testing.T) {
	s := newShop(t)
	s.deploy("pots", emulator.Func(kindOf), azmlbatch.Deployment{})
	blue, err := s.client.Deployments("pots").Get(t.Context(), emulator.DeployDeployment)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.client.Deployments("pots").CreateOrUpdate(t.Context(), "green", blue, nil); err != nil {
		t.Fatal(err)
	}
	s.visit("/endpoints/pots")
	s.click(`#deployment-green a[href$="/default"]`)
	s.waitForText("Make green the default of pots?")
	s.checkEveryLook("question")
	s.click(`#yes`)
	s.waitFor(`document.querySelector("#default")?.textContent === "green"`)
	s.checkEveryLook("endpoint")
	s.click(`#deployment-green th a`)
	s.waitFor(`document.querySelector("#yaml")?.textContent.includes("endpoint_name: pots")`)
	s.checkEveryLook("deployment")
}

// hostile are names that a page must show and never run.
var hostile = []string{`<script>window.hacked=1<script>.txt`, `<img src=x onerror=window.hacked=1>.txt`, `"' onmouseover=window.hacked=1 x='.txt`,
	`{{.}}&lt;b&gt;.txt`, "javascript:window.hacked=1", `..%2f..%2fetc.txt`, `$(window.hacked=1).csv`}

// loud is a script that says the names of its files, and fails with them where %s is True.
const loud = `import os

def init():
    pass

def run(batch):
    for path in batch:
        print(path, flush=True)
        if %s:
            raise ValueError(path)
    return [os.path.basename(path) for path in batch]
`

// TestHostileNamesStayText has them as files, in rows, in a log, in an error, in a tag and as names of
// jobs.
func TestHostileNamesStayText(t *testing.T) {
	s := newShop(t)
	files := map[string][]byte{}
	for _, name := range hostile {
		files[name] = []byte(name)
	}
	var paths []string
	for endpoint, fails := range map[string]string{"pots": "False", "shards": "True"} {
		code := s.folder(map[string][]byte{"score.py": fmt.Appendf(nil, loud, fails)})
		d := azmlbatch.Deployment{Description: hostile[0], Tags: map[string]string{"by": hostile[1]}, ErrorThreshold: new(0)}
		s.deploy(endpoint, emulator.Script{Dir: code, File: "score.py"}, d)
		e := azmlbatch.Endpoint{Description: hostile[1], Tags: map[string]string{"by": hostile[0]}, DefaultDeployment: emulator.DeployDeployment}
		if _, err := s.client.Endpoints().CreateOrUpdate(t.Context(), endpoint, e, nil); err != nil {
			t.Fatal(err)
		}
		invocation := azmlbatch.Invocation{Input: azmlbatch.LocalPath{Path: s.folder(files)}, DisplayName: hostile[1]}
		job, err := s.client.Endpoints().Invoke(t.Context(), endpoint, invocation)
		if err != nil {
			t.Fatal(err)
		}
		s.ended(job.Name)
		for _, page := range []string{"", "/logs", "/predictions", "/predictions?form=lines", "/cancel"} {
			paths = append(paths, "/jobs/"+job.Name+page)
		}
		for _, page := range []string{"", "/deployments/" + emulator.DeployDeployment, "/invoke?input=" + url.QueryEscape(hostile[0])} {
			paths = append(paths, "/endpoints/"+endpoint+page)
		}
	}
	shown := map[string]bool{}
	for _, path := range append(paths, "/jobs", "/endpoints", "/workspace") {
		s.visit(path)
		s.checkNothingRan(path)
		text := value[string](s.tab, `document.body.innerText`)
		for _, name := range hostile {
			shown[name] = shown[name] || strings.Contains(text, name)
		}
	}
	for _, name := range hostile {
		if !shown[name] {
			t.Errorf("no page shows %s", name)
		}
	}
}

// checkNothingRan fails the test if a name has become more than text.
func (s *shop) checkNothingRan(path string) {
	s.t.Helper()
	if value[bool](s.tab, `"hacked" in window`) {
		s.t.Errorf("%s: a name ran as a script", path)
	}
	const foreign = `[...document.querySelectorAll("script, [onerror], [onmouseover], img[src='x'], a[href^='javascript:']")]
		.filter(e => e.getAttribute("src") !== "/assets/live.js").map(e => e.outerHTML)`
	if found := value[[]string](s.tab, foreign); len(found) > 0 {
		s.t.Errorf("%s: names became elements: %q", path, found)
	}
}

// TestEveryPageIsForEverybody checks the pages that no other test does.
func TestEveryPageIsForEverybody(t *testing.T) {
	s := newShop(t)
	s.deploy("pots", emulator.Func(kindOf), azmlbatch.Deployment{})
	files := pots(3)
	files["table.csv"], files["note.txt"] = []byte("kind,size\nvase,3\n"), []byte("fragile\n")
	job := s.start("pots", files)
	s.ended(job.Name)
	cluster := azmlbatch.Compute{Properties: azmlbatch.AmlCompute{VMSize: "STANDARD_DS3_V2", MinNodes: 1, MaxNodes: 4}}
	if _, err := s.client.Computes().CreateOrUpdate(t.Context(), "always", cluster, nil); err != nil {
		t.Fatal(err)
	}
	logs := s.logs(job.Name)
	pages := map[string]string{
		"job":       "/jobs/" + job.Name,
		"logs":      "/jobs/" + job.Name + "/logs",
		"log":       "/jobs/" + job.Name + "/logs/" + logs[0],
		"no-rows":   "/jobs/" + job.Name + "/predictions?value=nobody",
		"table":     "/jobs/" + job.Name + "/input?file=table.csv",
		"text":      "/jobs/" + job.Name + "/input?file=note.txt",
		"endpoints": "/endpoints",
		"invoke":    "/endpoints/pots/invoke",
		"workspace": "/workspace",
	}
	for name, path := range pages {
		t.Run(name, func(t *testing.T) {
			s.visit(path)
			s.checkEveryLook(name)
			s.checkKeyboard()
		})
	}
}

// TestPageThatIsNotThere is for everybody too. The browser logs that the answer is a 404.
func TestPageThatIsNotThere(t *testing.T) {
	s := newShop(t)
	s.visit("/nowhere")
	s.waitForText("There is no such page")
	s.checkEveryLook("problem")
	s.checkKeyboard()
	for _, trouble := range s.takeTroubles() {
		if !strings.Contains(trouble, "404") {
			t.Error(trouble)
		}
	}
}

// TestUpdatesThatAreRefused: the page says what to do when its server knows the browser no longer, as one
// that was started again. The browser logs that the answer is a 401.
func TestUpdatesThatAreRefused(t *testing.T) {
	s := newShop(t)
	if _, err := chromedp.Call(s.ctx, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	value[bool](s.tab, `dispatchEvent(new Event("pagehide")) && dispatchEvent(new Event("pageshow"))`)
	s.waitForText("Reload the page.")
	for _, trouble := range s.takeTroubles() {
		if !strings.Contains(trouble, "401") {
			t.Error(trouble)
		}
	}
}

// logs are the names of a job's logs.
func (s *shop) logs(job string) (names []string) {
	s.t.Helper()
	for l, err := range s.client.Jobs().ListLogs(s.t.Context(), job) {
		if err != nil {
			s.t.Fatal(err)
		}
		names = append(names, l.Name)
	}
	return names
}
