package schedules

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

func parse(t *testing.T, text string) store.Document {
	t.Helper()
	var doc store.Document
	if err := store.Decode([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// created is a Thursday.
var created = time.Date(2026, 1, 1, 10, 20, 30, 0, time.UTC)

func TestTriggers(t *testing.T) {
	for trigger, want := range map[string][]string{
		`{"triggerType": "cron", "expression": "30 2 * * 1"}`:                                                                                                              {"2026-01-05T02:30:00Z", "2026-01-12T02:30:00Z"},
		`{"triggerType": "Cron", "expression": "0 12 * * *", "startTime": "2026-02-01T12:00:00"}`:                                                                          {"2026-02-01T12:00:00Z", "2026-02-02T12:00:00Z"},
		`{"triggerType": "Cron", "expression": "0 12 * * *", "endTime": "2026-01-02T00:00:00"}`:                                                                            {"2026-01-01T12:00:00Z", "never"},
		`{"triggerType": "Cron", "expression": "0 12 * * *", "timeZone": "Eastern Standard Time"}`:                                                                         {"2026-01-01T17:00:00Z", "2026-01-02T17:00:00Z"},
		`{"triggerType": "Cron", "expression": "0 12 * 7 *", "timeZone": "eastern standard time"}`:                                                                         {"2026-07-01T16:00:00Z", "2026-07-02T16:00:00Z"},
		`{"triggerType": "Cron", "expression": "0 9 * * *", "timeZone": "Asia/Tokyo"}`:                                                                                     {"2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"},
		`{"triggerType": "Recurrence", "frequency": "minute", "interval": 15}`:                                                                                             {"2026-01-01T10:35:30Z", "2026-01-01T10:50:30Z"},
		`{"triggerType": "Recurrence", "frequency": "Hour", "interval": 4, "startTime": "2026-01-01T08:00:00"}`:                                                            {"2026-01-01T12:00:00Z", "2026-01-01T16:00:00Z"},
		`{"triggerType": "Recurrence", "frequency": "Hour", "interval": 4, "startTime": "2026-01-03T08:00:00"}`:                                                            {"2026-01-03T08:00:00Z", "2026-01-03T12:00:00Z"},
		`{"triggerType": "Recurrence", "frequency": "Day", "interval": 2, "schedule": {"hours": [18, 6], "minutes": [0, 30]}}`:                                             {"2026-01-01T18:00:00Z", "2026-01-01T18:30:00Z", "2026-01-03T06:00:00Z"},
		`{"triggerType": "Recurrence", "frequency": "day", "interval": 1}`:                                                                                                 {"2026-01-02T10:20:00Z", "2026-01-03T10:20:00Z"},
		`{"triggerType": "Recurrence", "frequency": "Week", "interval": 2, "schedule": {"hours": [6], "minutes": [0], "weekDays": ["monday", "Friday"]}}`:                  {"2026-01-02T06:00:00Z", "2026-01-12T06:00:00Z", "2026-01-16T06:00:00Z"},
		`{"triggerType": "Recurrence", "frequency": "Week", "interval": 1, "schedule": {"hours": [6], "minutes": [0]}}`:                                                    {"2026-01-08T06:00:00Z"},
		`{"triggerType": "Recurrence", "frequency": "Month", "interval": 1, "schedule": {"hours": [6], "minutes": [0], "monthDays": [31]}}`:                                {"2026-01-31T06:00:00Z", "2026-03-31T06:00:00Z"},
		`{"triggerType": "Recurrence", "frequency": "Month", "interval": 3, "schedule": {"hours": [6], "minutes": [0]}}`:                                                   {"2026-04-01T06:00:00Z", "2026-07-01T06:00:00Z"},
		`{"triggerType": "Recurrence", "frequency": "Day", "interval": 1, "timeZone": "America/Santiago", "startTime": "2026-09-05T12:00:00", "schedule": {"hours": [6]}}`: {"2026-09-06T09:00:00Z", "2026-09-07T09:00:00Z"},
	} {
		parsed, err := ParseTrigger(parse(t, trigger), created)
		if err != nil {
			t.Errorf("%s: %v", trigger, err)
			continue
		}
		var got []string
		for at := created; len(got) < len(want); {
			if at = parsed.Next(at); at.IsZero() {
				got = append(got, "never")
				break
			}
			got = append(got, at.UTC().Format(time.RFC3339))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", trigger, diff)
		}
	}
}

func TestTriggersThatAreNone(t *testing.T) {
	for trigger, want := range map[string]string{
		`{}`: "triggerType",
		`{"triggerType": "Cron", "expression": "every day"}`:                                                         "expression",
		`{"triggerType": "Cron", "expression": "0 0 0 * * *"}`:                                                       "expression",
		`{"triggerType": "Cron", "expression": "TZ=UTC"}`:                                                            "expression",
		`{"triggerType": "Cron", "expression": "CRON_TZ=Asia/Tokyo 0 6 * * *"}`:                                      "name the zone in timeZone",
		`{"triggerType": "Cron", "expression": "* * * * *", "timeZone": "Kiln Time"}`:                                "timeZone",
		`{"triggerType": "Cron", "expression": "* * * * *", "startTime": "noon"}`:                                    "startTime",
		`{"triggerType": "Cron", "expression": "* * * * *", "endTime": "noon"}`:                                      "endTime",
		`{"triggerType": "Recurrence", "frequency": "Year", "interval": 1}`:                                          "frequency",
		`{"triggerType": "Recurrence", "frequency": "Day"}`:                                                          "interval",
		`{"triggerType": "Recurrence", "frequency": "Day", "interval": 1, "schedule": {"hours": [24]}}`:              "schedule.hours",
		`{"triggerType": "Recurrence", "frequency": "Day", "interval": 1, "schedule": {"minutes": ["x"]}}`:           "schedule.minutes",
		`{"triggerType": "Recurrence", "frequency": "Month", "interval": 1, "schedule": {"monthDays": [0]}}`:         "schedule.monthDays",
		`{"triggerType": "Recurrence", "frequency": "Week", "interval": 1, "schedule": {"weekDays": ["Firingday"]}}`: "schedule.weekDays",
	} {
		if _, err := ParseTrigger(parse(t, trigger), created); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %s", trigger, err, want)
		}
	}
}
