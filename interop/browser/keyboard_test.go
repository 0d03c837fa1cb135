package browser

import (
	"fmt"
	"strings"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// reachable marks each element that a person can act on and see, and returns how many there are.
const reachable = `(() => {
	const all = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, summary, [tabindex='0']")];
	const seen = all.filter(e => e.checkVisibility());
	seen.forEach((e, i) => e.dataset.stop = i);
	return seen.length;
})()`

// checkKeyboard goes through the page with the Tab key, and fails the test for what it does not reach,
// and for a stop that nobody sees.
func (b *tab) checkKeyboard() {
	b.t.Helper()
	count := value[int](b, reachable)
	if count == 0 {
		b.t.Fatal("the page has nothing to reach")
	}
	value[bool](b, `document.activeElement.blur(), scrollTo(0, 0), true`) // begin at the top
	reached := map[string]bool{}
	for range count + 20 { // a date takes several stops
		b.press(kb.Tab)
		stop := value[string](b, `document.activeElement?.dataset?.stop ?? ""`)
		if stop != "" && !reached[stop] && !value[bool](b, `getComputedStyle(document.activeElement).outlineStyle !== "none"`) {
			b.t.Errorf("nobody sees that %s has the focus", b.element(stop))
		}
		reached[stop] = true
	}
	for i := range count {
		if stop := fmt.Sprint(i); !reached[stop] {
			b.t.Errorf("the keyboard does not reach %s", b.element(stop))
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

// element shows an element by its mark.
func (b *tab) element(stop string) string {
	html := value[string](b, fmt.Sprintf(`document.querySelector("[data-stop='%s']")?.outerHTML ?? ""`, stop))
	tag, _, _ := strings.Cut(html, "\n")
	return tag
}

// scrollTo brings an element into view, as pictures that load lazily need.
func scrollTo(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.ScrollIntoView(chromedp.CSS(selector))
}
