package wire

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// isoDuration matches the durations of ISO 8601 that have a fixed length: weeks, days, hours,
// minutes and seconds. Years and months have none and do not match.
var isoDuration = regexp.MustCompile(`^(-)?P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,9}))?S)?)?$`)

const day = 24 * time.Hour

// ParseDuration reads an ISO 8601 duration such as PT1M40S. A duration that a [time.Duration]
// cannot hold exactly is an error.
func ParseDuration(s string) (time.Duration, error) {
	bad := fmt.Errorf("not an ISO 8601 duration: %.100q", s)
	part := isoDuration.FindStringSubmatch(strings.TrimSpace(s))
	if part == nil || strings.HasSuffix(part[0], "P") || strings.HasSuffix(part[0], "T") {
		return 0, bad
	}
	numbers := append(part[2:7:7], part[7]+strings.Repeat("0", 9-len(part[7])))
	var d time.Duration
	for i, unit := range []time.Duration{7 * day, day, time.Hour, time.Minute, time.Second, time.Nanosecond} {
		if numbers[i] == "" {
			continue
		}
		n, err := strconv.ParseInt(numbers[i], 10, 64)
		if err != nil || n > int64(math.MaxInt64/unit) || d+time.Duration(n)*unit < 0 {
			return 0, bad // the service's "forever" does not fit into a time.Duration
		}
		d += time.Duration(n) * unit
	}
	if part[1] != "" {
		d = -d
	}
	return d, nil
}

// FormatDuration writes an ISO 8601 duration in days and smaller units. The service is written in
// .NET, which reads no weeks.
func FormatDuration(d time.Duration) string {
	if d < 0 {
		return "-" + FormatDuration(-max(d, -math.MaxInt64))
	}
	out := "P"
	if d >= day {
		out += strconv.Itoa(int(d/day)) + "D"
		if d %= day; d == 0 {
			return out
		}
	}
	out += "T"
	if d >= time.Hour {
		out += strconv.Itoa(int(d/time.Hour)) + "H"
	}
	if d %= time.Hour; d >= time.Minute {
		out += strconv.Itoa(int(d/time.Minute)) + "M"
	}
	if d %= time.Minute; d > 0 || out == "PT" {
		out += strconv.Itoa(int(d / time.Second))
		if d %= time.Second; d > 0 {
			out += strings.TrimRight(fmt.Sprintf(".%09d", d.Nanoseconds()), "0")
		}
		out += "S"
	}
	return out
}
