package jobs

import (
	"fmt"
	"time"
)

func parseTime(text string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, text)
	return t, err == nil
}

// durationText is a duration as run history writes it, such as 00:02:28.5336490: the fraction has
// seven digits or is absent.
func durationText(d time.Duration) string {
	d = max(d, 0).Truncate(100 * time.Nanosecond)
	hours, minutes, seconds := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	text := fmt.Sprintf("%02d:%02d:%02d", hours%24, minutes, seconds)
	if days := hours / 24; days > 0 {
		text = fmt.Sprintf("%d.%s", days, text)
	}
	if fraction := d % time.Second; fraction > 0 {
		text += fmt.Sprintf(".%07d", fraction/100)
	}
	return text
}
