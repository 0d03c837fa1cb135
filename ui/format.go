package ui

import (
	"fmt"
	"strconv"
	"time"

	"github.com/azmlbatch/azmlbatch"
)

// showTime is a time for people, in UTC; empty for the zero time.
func showTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// showDuration is a duration in the two units that matter; empty for a negative one, which is unknown.
func showDuration(d time.Duration) string {
	switch {
	case d < 0:
		return ""
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm %02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh %02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd %02dh", int(d.Hours())/24, int(d.Hours())%24)
}

// showBytes is a size with a unit of 1024.
func showBytes(n int64) string {
	const units = "KMGTP"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	size, unit := float64(n)/1024, 0
	for size >= 1024 && unit < len(units)-1 {
		size, unit = size/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", size, units[unit])
}

// showCount is a number with separators; a question mark for -1, which is unknown.
func showCount(n int) string {
	if n < 0 {
		return "?"
	}
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}

// redacted is text from a job without query strings of URLs, which may hold signatures, and without
// keys and tokens.
func redacted(text string) string { return azmlbatch.Redact(text) }
