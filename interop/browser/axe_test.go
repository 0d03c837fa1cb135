package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// violation is a rule of axe that a page breaks, and where.
type violation struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

func (v violation) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s: %s", v.ID, v.Help)
	for _, n := range v.Nodes {
		fmt.Fprintf(&s, "\n  %s\n    %s", n.HTML, strings.ReplaceAll(n.Summary, "\n", "\n    "))
	}
	return s.String()
}

// checkAccess fails the test for each rule of axe that the page breaks, and for a page that is
// wider than the screen.
func (b *tab) checkAccess(name string) {
	b.t.Helper()
	for _, v := range b.violations() {
		b.t.Errorf("%s: axe: %s", name, v)
	}
	const wider = `document.documentElement.scrollWidth - document.documentElement.clientWidth`
	if by := value[int](b, wider); by > 0 {
		b.t.Errorf("%s: the page is %d pixels wider than the screen", name, by)
	}
}

// checkEveryLook checks the page on all kinds of screens and keeps a picture of each.
func (b *tab) checkEveryLook(name string) {
	b.t.Helper()
	for _, l := range looks {
		b.setLook(l)
		b.checkAccess(name + ", " + l.name)
		b.screenshot(name + "-" + l.name)
	}
	b.setLook(desktopLight)
}

// violations runs axe in a world of its own within the page: it sees the same elements, but neither
// the page's policy nor its script knows of it.
func (b *tab) violations() []violation {
	b.t.Helper()
	world := b.isolatedWorld()
	b.evaluateIn(world, axeSource(b.t))
	answer := b.evaluateIn(world, `axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations))`)
	var text string
	var found []violation
	if err := json.Unmarshal(answer, &text); err != nil {
		b.t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		b.t.Fatal(err)
	}
	return found
}

func (b *tab) isolatedWorld() runtime.ExecutionContextID {
	b.t.Helper()
	tree, err := chromedp.Call(b.ctx, page.GetFrameTree, struct{}{})
	if err != nil {
		b.t.Fatal(err)
	}
	params := page.CreateIsolatedWorldParams{FrameID: tree.FrameTree.Frame.ID, WorldName: "axe"}
	world, err := chromedp.Call(b.ctx, page.CreateIsolatedWorld, params)
	if err != nil {
		b.t.Fatal(err)
	}
	return world.ExecutionContextID
}

// evaluateIn runs an expression in a world, waits for its promise, and returns its value as JSON.
func (b *tab) evaluateIn(world runtime.ExecutionContextID, expression string) []byte {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	params := runtime.EvaluateParams{Expression: expression, ContextID: world, AwaitPromise: new(true), ReturnByValue: new(true)}
	result, err := chromedp.Call(ctx, runtime.Evaluate, params)
	if err != nil {
		b.t.Fatal(err)
	}
	if result.ExceptionDetails != nil {
		b.t.Fatal(&chromedp.ExceptionError{ExceptionDetails: result.ExceptionDetails})
	}
	return result.Result.Value
}

// axeSource is the script of axe-core.
func axeSource(t *testing.T) string {
	t.Helper()
	file := os.Getenv("AZMLBATCH_AXE")
	if file == "" {
		t.Skip("AZMLBATCH_AXE names no file axe.min.js; .ci/run installs axe-core")
	}
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(source) + "\nvoid 0"
}
