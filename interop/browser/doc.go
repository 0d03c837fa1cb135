// Package browser looks at the pages of package ui in a real browser: Chromium, driven by chromedp.
// It has tests and no code of its own.
//
// The tests need two things, which .ci/run installs; without them they are skipped:
//
//   - AZMLBATCH_CHROMIUM is the program chromium;
//   - AZMLBATCH_AXE is the file axe.min.js of the npm package axe-core, which checks pages for what
//     keeps people from using them.
//
// Every test fails if its page throws an exception, breaks its own Content-Security-Policy, logs an
// error, or asks another host for anything. With AZMLBATCH_SCREENSHOTS, a folder, the pages are
// kept there as pictures.
package browser
