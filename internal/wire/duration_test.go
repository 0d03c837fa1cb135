package wire

import (
	"cmp"
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
		d, err := ParseDuration(tt.text)
		if err != nil || d != tt.want {
			t.Errorf("ParseDuration(%q) = %v, %v, want %v", tt.text, d, err, tt.want)
		}
		if got := FormatDuration(tt.want); got != cmp.Or(tt.written, tt.text) {
			t.Errorf("FormatDuration(%v) = %q, want %q", tt.want, got, cmp.Or(tt.written, tt.text))
		}
	}
}

// TestDurationsThatCannotBeHeld are kept as text by the codec. The first is .NET's longest, which
// means for ever.
func TestDurationsThatCannotBeHeld(t *testing.T) {
	for _, text := range []string{"P10675199DT2H48M5.4775807S", "P1M", "P1Y", "P", "PT", "P1DT", "", "1S", "PT1S2S", "PT1.5H", "pt1s", "PT99999999999H",
		"P99999999999999999999D", "PT0.0000000001S", "P106751DT23H47M16.854775808S"} {
		if d, err := ParseDuration(text); err == nil {
			t.Errorf("ParseDuration(%q) = %v, want an error", text, d)
		}
	}
}

func FuzzDuration(f *testing.F) {
	for _, seed := range []string{"PT1M40S", "PT0S", "P1D", "-PT1H", "P1Y2M3W4DT5H6M7.5S", "PT0.0000001S", "P", "PT", "PT1e3S", " PT1S ", "PT99999999999H",
		"P31D", "P7D", "P1W", "P1M", "PT1S2S", "P10675199DT2H48M5.4775807S", "PT86399.999999999S"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDuration(text)
		if err != nil {
			return
		}
		again, err := ParseDuration(FormatDuration(d))
		if err != nil || again != d {
			t.Errorf("%q is %d, written as %q, read again as %d, %v", text, d, FormatDuration(d), again, err)
		}
	})
}
