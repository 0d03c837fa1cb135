package browser

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a test waits for what it expects to see. A test that passes never waits that
// long, and a machine under load may need a good part of it.
const patience = 2 * time.Minute

// tab is a window of the browser with cookies of its own. Its methods end the test when something
// fails.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	host     string   // of the pages; others are not asked
	troubles []string // what the page must not do
}

// newTab opens an empty window as wide as a laptop's, and closes it with the test. Whatever the
// page has done wrong until then fails the test.
func newTab(t *testing.T) *tab {
	t.Helper()
	ctx, stop := chromedp.NewContext(browser(t), chromedp.WithNewBrowserContext())
	b := &tab{t: t, ctx: ctx}
	t.Cleanup(func() {
		for _, trouble := range b.takeTroubles() {
			t.Error(trouble)
		}
		stop()
	})
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatal(err)
	}
	b.setLook(desktopLight)
	return b
}

// listen notes what a page must not do. It is called by the driver and must return at once.
func (b *tab) listen(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.note("the page threw %s", (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
	case *log.EventEntryAdded: // a broken Content-Security-Policy among others
		if e.Entry.Level == log.EntryLevelError {
			b.note("the page logged %q (%s)", e.Entry.Text, e.Entry.URL)
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			b.note("the page called console.error")
		}
	case *network.EventRequestWillBeSent:
		b.noteForeign(e.Request.URL)
	}
}

func (b *tab) noteForeign(requested string) {
	b.mu.Lock()
	host := b.host
	b.mu.Unlock()
	u, err := url.Parse(requested)
	if err != nil || (u.Host != host && u.Scheme != "data" && u.Scheme != "blob" && u.Scheme != "about") {
		b.note("the page asked another host: %s", requested)
	}
}

func (b *tab) note(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.troubles = append(b.troubles, fmt.Sprintf(format, args...))
}

// takeTroubles returns what was noted since the last call.
func (b *tab) takeTroubles() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	troubles := b.troubles
	b.troubles = nil
	return troubles
}

// open goes to a page and returns when it has loaded.
func (b *tab) open(address string) {
	b.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		b.t.Fatal(err)
	}
	b.mu.Lock()
	b.host = u.Host
	b.mu.Unlock()
	b.do("open "+address, chromedp.Navigate(address))
}

// do runs steps within the time that a test waits for anything.
func (b *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.fail("%s: %v", what, err)
	}
}

// fail ends the test and tells what the page shows instead.
func (b *tab) fail(format string, args ...any) {
	b.t.Helper()
	b.screenshot("failed")
	text, _ := evaluate[string](b, `location.pathname + "\n" + (document.body ? document.body.innerText : "")`)
	b.t.Fatalf("%s; the page is:\n%s", fmt.Sprintf(format, args...), text)
}

// evaluate runs an expression in the page. The page's policy does not hold for it.
func evaluate[T any](b *tab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression))
}

// value is evaluate where an error ends the test.
func value[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := evaluate[T](b, expression)
	if err != nil {
		b.fail("%s: %v", expression, err)
	}
	return v
}

// waitFor returns when the condition, a JavaScript expression, is true. It outlives a page that is
// replaced by another one meanwhile, of which a part may not be there yet.
func (b *tab) waitFor(condition string) {
	b.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		met, err := evaluate[bool](b, "!!("+condition+")")
		if met {
			return
		}
		if err != nil && strings.Contains(err.Error(), "SyntaxError") { // all others may be those of a page that comes
			b.fail("wait for %s: %v", condition, err)
		}
		if time.Now().After(deadline) {
			b.fail("wait for %s: not within %s (%v)", condition, patience, err)
		}
		select {
		case <-b.t.Context().Done():
			b.t.Fatal(b.t.Context().Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// waitForText returns when the page shows the text.
func (b *tab) waitForText(text string) {
	b.t.Helper()
	b.waitFor(fmt.Sprintf("document.body && document.body.innerText.includes(%q)", text))
}

// click clicks the first visible element that the CSS selector finds, once it is there. An update of
// the page may put another element in its place before the click: then that one is clicked.
func (b *tab) click(selector string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for {
		err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
		if err == nil {
			return
		}
		if ctx.Err() != nil || !strings.Contains(strings.ToLower(err.Error()), "node") {
			b.fail("click %s: %v", selector, err)
		}
	}
}

// write types a text into a field.
func (b *tab) write(selector, text string) {
	b.t.Helper()
	b.do("write into "+selector, chromedp.SendKeys(chromedp.CSS(selector), text, chromedp.NodeVisible))
}

// press presses keys, such as kb.Tab.
func (b *tab) press(keys string) {
	b.t.Helper()
	b.do("press a key", chromedp.KeyEvent(keys))
}

// look is the kind of screen that shows a page.
type look struct {
	name          string
	width, height int64
	dark          bool
}

var (
	desktopLight = look{"light", 1280, 800, false}
	desktopDark  = look{"dark", 1280, 800, true}
	phoneLight   = look{"phone", 390, 844, false}
	phoneDark    = look{"phone-dark", 390, 844, true}
	forREADME    = look{"README", 960, 600, false}

	looks = []look{desktopLight, desktopDark, phoneLight, phoneDark}
)

// setLook changes the screen. The page is not loaded anew. Nothing on it moves, as for people who
// ask their system for that.
func (b *tab) setLook(l look) {
	b.t.Helper()
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}}
	b.do("set the look "+l.name, chromedp.EmulateViewport(l.width, l.height))
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, media); err != nil {
		b.t.Fatal(err)
	}
}

// screenshot keeps what the window shows as a picture, where a folder for them is given.
func (b *tab) screenshot(name string) {
	b.t.Helper()
	folder := os.Getenv("AZMLBATCH_SCREENSHOTS")
	if folder == "" {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		file := strings.NewReplacer("/", "-", " ", "-").Replace(b.t.Name() + "-" + name)
		err = os.WriteFile(filepath.Join(folder, file+".png"), picture, 0o644)
	}
	if err != nil {
		b.t.Errorf("screenshot %s: %v", name, err)
	}
}
