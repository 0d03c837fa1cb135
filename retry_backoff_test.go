package azmlbatch

import (
	"net/http"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
)

// waits of a GET that meets the outcomes, the last one again and again.
func waits(t *testing.T, retry policy.RetryOptions, meets ...outcome) []time.Duration {
	t.Helper()
	clk, tries := newFakeClock(), 0
	c := newClientOver(t, transporter(func(r *http.Request) (*http.Response, error) {
		tries++
		return meets[min(tries, len(meets))-1].meet(r)
	}), clk, func(o *ClientOptions) { o.Retry = retry })
	_, _ = c.Endpoints().Get(t.Context(), "digits")
	if len(clk.slept) != tries-1 {
		t.Errorf("%d waits between %d tries", len(clk.slept), tries)
	}
	return clk.slept
}

// TestBackoffGrowsWithJitter: each wait is twice as long as the one before, give or take the
// jitter, up to the largest.
func TestBackoffGrowsWithJitter(t *testing.T) {
	for _, meets := range []outcome{{status: 503}, {err: errReset}, {status: 200, body: `{"a":`}} {
		different := map[time.Duration]bool{}
		for range 50 {
			got := waits(t, policy.RetryOptions{MaxRetries: 8, RetryDelay: time.Second, MaxRetryDelay: 20 * time.Second}, meets)
			if len(got) != 8 {
				t.Fatalf("%d waits, want 8", len(got))
			}
			for i, wait := range got {
				least, most := time.Duration(0.8*float64(time.Second))<<i, time.Duration(1.3*float64(time.Second))<<i
				if least, most = min(least, 20*time.Second), min(most, 20*time.Second); wait < least || wait > most {
					t.Errorf("wait %d is %v, want %v to %v", i+1, wait, least, most)
				}
			}
			different[got[0]] = true
		}
		if len(different) < 10 {
			t.Errorf("50 first waits have %d lengths: clients would all come back at once", len(different))
		}
	}
}

func TestDefaultsOfRetries(t *testing.T) {
	got := waits(t, policy.RetryOptions{}, outcome{status: 503})
	if len(got) != 3 || got[0] < 640*time.Millisecond || got[0] > 1040*time.Millisecond || got[2] < 2560*time.Millisecond || got[2] > 4160*time.Millisecond {
		t.Errorf("waits = %v, want 3 from 800 ms on, with jitter", got)
	}
	if got := waits(t, policy.RetryOptions{RetryDelay: time.Hour}, outcome{status: 503}); len(got) != 3 || got[0] != time.Minute {
		t.Errorf("waits = %v, want 3 of a minute", got)
	}
	if got := waits(t, policy.RetryOptions{MaxRetries: -1}, outcome{status: 503}); len(got) != 0 {
		t.Errorf("waits = %v, want none", got)
	}
	for status, want := range map[int]int{408: 3, 429: 3, 500: 3, 502: 3, 503: 3, 504: 3, 400: 0, 401: 0, 403: 0, 404: 0, 409: 0, 412: 0, 501: 0, 505: 0, 301: 0} {
		if got := waits(t, policy.RetryOptions{}, outcome{status: status}); len(got) != want {
			t.Errorf("%d retries after %d, want %d", len(got), status, want)
		}
	}
	if got := waits(t, policy.RetryOptions{StatusCodes: []int{418}}, outcome{status: 418}); len(got) != 3 {
		t.Errorf("%d retries after 418, want 3", len(got))
	}
	if got := waits(t, policy.RetryOptions{StatusCodes: []int{418}}, outcome{status: 503}); len(got) != 0 {
		t.Errorf("%d retries after 503, want none", len(got))
	}
}

// TestRetryAfterIsKeptToTheLetter, in each of its forms, above and below the own back-off.
func TestRetryAfterIsKeptToTheLetter(t *testing.T) {
	retry := policy.RetryOptions{MaxRetries: 1, RetryDelay: time.Second, MaxRetryDelay: 2 * time.Second}
	tests := []struct {
		name, value string
		want        time.Duration // 0 means the own back-off
	}{
		{"Retry-After", "7", 7 * time.Second},
		{"Retry-After", "0.25", 250 * time.Millisecond},
		{"Retry-After", "3600", time.Hour},
		{"Retry-After", "Sun, 01 Mar 2026 12:01:30 GMT", 90 * time.Second},
		{"Retry-After-Ms", "1500", 1500 * time.Millisecond},
		{"X-Ms-Retry-After-Ms", "20", 20 * time.Millisecond},
		{"Retry-After", "soon", 0},
		{"Retry-After", "-5", 0},
		{"Retry-After", "NaN", 0},
		{"Retry-After-Ms", "soon", 0},
	}
	for _, tt := range tests {
		got := waits(t, retry, outcome{status: 429, header: map[string]string{tt.name: tt.value}}, outcome{status: 200})
		switch {
		case len(got) != 1:
			t.Errorf("%s: %s: waits = %v, want one", tt.name, tt.value, got)
		case tt.want == 0 && (got[0] < 800*time.Millisecond || got[0] > 1300*time.Millisecond):
			t.Errorf("%s: %s: waited %v, want the own back-off", tt.name, tt.value, got[0])
		case tt.want != 0 && got[0] != tt.want:
			t.Errorf("%s: %s: waited %v, want %v", tt.name, tt.value, got[0], tt.want)
		}
	}
	for value, want := range map[string]time.Duration{"0": 0, "Sun, 01 Mar 2026 11:59:00 GMT": 0} {
		if diff := cmp.Diff([]time.Duration{want}, waits(t, retry, outcome{status: 429, header: map[string]string{"Retry-After": value}}, outcome{status: 200})); diff != "" {
			t.Errorf("Retry-After: %s: waits (-want +got):\n%s", value, diff)
		}
	}
}
