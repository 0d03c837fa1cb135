package azmlbatch

import (
	"math"
	"testing"
	"time"
)

func TestDurations(t *testing.T) {
	tests := []struct {
		text    string
		want    time.Duration
		written string // "" when it is the text
	}{
		{"PT1M40S", 100 * time.Second, ""},
		{"PT0S", 0, ""},
		{"P1D", 24 * time.Hour, ""},
		{"P31DT1H", 745 * time.Hour, ""}, // a month is no unit: the service has another one
		{"P1W", 7 * 24 * time.Hour, "P7D"},
		{"PT90M", 90 * time.Minute, "PT1H30M"},
		{"PT0.0000001S", 100, ""},
		{"PT1.500S", 1500 * time.Millisecond, "PT1.5S"},
		{"-PT1H", -time.Hour, ""},
		{" PT1S ", time.Second, "PT1S"},
		{"P106751DT23H47M16.854775807S", math.MaxInt64, ""},
	}
	for _, tt := range tests {
		d, err := parseDuration(tt.text)
		if err != nil || d != tt.want {
			t.Errorf("parseDuration(%q) = %v, %v, want %v", tt.text, d, err, tt.want)
		}
		if got := formatDuration(tt.want); got != firstNonEmpty(tt.written, tt.text) {
			t.Errorf("formatDuration(%v) = %q, want %q", tt.want, got, firstNonEmpty(tt.written, tt.text))
		}
	}
}

// TestDurationsThatCannotBeHeld are kept as text by the codec. The first is .NET's longest, which means for ever.
func TestDurationsThatCannotBeHeld(t *testing.T) {
	for _, text := range []string{"P10675199DT2H48M5.4775807S", "P1M", "P1Y", "P", "PT", "P1DT", "", "1S", "PT1S2S", "PT1.5H", "pt1s", "PT99999999999H",
		"P99999999999999999999D", "PT0.0000000001S", "P106751DT23H47M16.854775808S"} {
		if d, err := parseDuration(text); err == nil {
			t.Errorf("parseDuration(%q) = %v, want an error", text, d)
		}
	}
}
