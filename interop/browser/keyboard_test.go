package browser

import (
	"fmt"
	"strings"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// reachable remembers each element that a person can act on and see, and returns how many there are.
const reachable = `(window.stops = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, summary, [tabindex='0']")]
	.filter(e => e.checkVisibility())).length`

// checkKeyboard goes through the page with the Tab key, and fails the test for what it does not reach,
// and for a stop that nobody sees.
func (b *tab) checkKeyboard() {
	b.t.Helper()
	count := value[int](b, reachable)
	if count == 0 {
		b.t.Fatal("the page has nothing to reach")
	}
	value[bool](b, `document.activeElement.blur(), scrollTo(0, 0), true`) // begin at the top
	reached := map[int]bool{}
	for range count + 20 { // a date takes several stops
		b.press(kb.Tab)
		stop := value[int](b, `window.stops.indexOf(document.activeElement)`)
		if stop >= 0 && !reached[stop] && !value[bool](b, `getComputedStyle(document.activeElement).outlineStyle !== "none"`) {
			b.t.Errorf("nobody sees that %s has the focus", b.stop(stop))
		}
		reached[stop] = true
	}
	for i := range count {
		if !reached[i] {
			b.t.Errorf("the keyboard does not reach %s", b.stop(i))
		}
	}
}

// tabTo presses the Tab key until the element that the CSS selector finds has the focus.
func (b *tab) tabTo(selector string) {
	b.t.Helper()
	for range 200 {
		if value[bool](b, fmt.Sprintf("document.activeElement.matches(%q)", selector)) {
			return
		}
		b.press(kb.Tab)
	}
	b.fail("the keyboard does not reach %s", selector)
}

// stop shows a remembered element.
func (b *tab) stop(i int) string {
	html, _, _ := strings.Cut(value[string](b, fmt.Sprintf(`window.stops[%d].outerHTML`, i)), "\n")
	return html
}

// scrollTo brings an element into view, as pictures that load lazily need.
func scrollTo(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.ScrollIntoView(chromedp.CSS(selector))
}
