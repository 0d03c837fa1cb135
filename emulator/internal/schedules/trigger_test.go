package schedules

import (
	"fmt"
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

// TestWordsOfTriggersThatAreNone pins the messages, and the limits of numbers.
func TestWordsOfTriggersThatAreNone(t *testing.T) {
	const daily = `{"triggerType": "Recurrence", "frequency": "Day", "interval": 1, "schedule": `
	for trigger, want := range map[string]string{
		`{"triggerType": "Never"}`:                                                                              `triggerType is "Never", not Cron or Recurrence`,
		`{"triggerType": "Cron", "expression": "TZ=UTC"}`:                                                       `expression "TZ=UTC" has a =; name the zone in timeZone`,
		`{"triggerType": "Cron", "expression": "* * * * *", "endTime": "noon"}`:                                 `endTime: "noon" is not a time such as 2022-06-01T00:00:01`,
		`{"triggerType": "Cron", "expression": "* * * * *", "startTime": "noon"}`:                               `startTime: "noon" is not a time such as 2022-06-01T00:00:01`,
		`{"triggerType": "Cron", "expression": "* * * * *", "timeZone": "Kiln"}`:                                `timeZone is "Kiln"; the emulator knows UTC, the common names of Windows, and those of the IANA database`,
		`{"triggerType": "Cron", "expression": "* * * * *", "timeZone": "Local"}`:                               `timeZone is "Local"; the emulator knows UTC, the common names of Windows, and those of the IANA database`,
		`{"triggerType": "Recurrence", "frequency": "Year", "interval": 1}`:                                     `frequency is "Year", not Minute, Hour, Day, Week or Month`,
		`{"triggerType": "Recurrence", "frequency": "Day", "interval": 0}`:                                      "interval is 0, not from 1 to 1000",
		`{"triggerType": "Recurrence", "frequency": "Day", "interval": 1001}`:                                   "interval is 1001, not from 1 to 1000",
		`{"triggerType": "Recurrence", "frequency": "Minute", "interval": 1000}`:                                "",
		daily + `{"hours": [0, 23], "minutes": [0, 59], "monthDays": [1, 31]}}`:                                 "",
		daily + `{"hours": [24]}}`:                                                                              "schedule.hours has 24, which is not from 0 to 23",
		daily + `{"hours": [-1]}}`:                                                                              "schedule.hours has -1, which is not from 0 to 23",
		daily + `{"minutes": [60]}}`:                                                                            "schedule.minutes has 60, which is not from 0 to 59",
		daily + `{"monthDays": [32]}}`:                                                                          "schedule.monthDays has 32, which is not from 1 to 31",
		daily + `{"monthDays": [0]}}`:                                                                           "schedule.monthDays has 0, which is not from 1 to 31",
		daily + `{"weekDays": ["Doom"]}}`:                                                                       "schedule.weekDays has Doom, which is no day of the week",
		daily + `{"weekDays": ["sunday", "Monday", "TUESDAY", "Wednesday", "Thursday", "Friday", "Saturday"]}}`: "",
	} {
		_, err := ParseTrigger(parse(t, trigger), created)
		if got := fmt.Sprint(err); (err == nil) != (want == "") || err != nil && got != want {
			t.Errorf("%s: %s, want %s", trigger, got, want)
		}
	}
}

// TestTimesOfTriggers: a time without a zone is one of the trigger's zone.
func TestTimesOfTriggers(t *testing.T) {
	tokyo, err := zone("Tokyo Standard Time")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"": "0001-01-01T00:00:00Z", "2026-01-02T03:04:05": "2026-01-01T18:04:05Z", "2026-01-02T03:04": "2026-01-01T18:04:00Z", "2026-01-02 03:04:05": "2026-01-01T18:04:05Z",
		"2026-01-02": "2026-01-01T15:00:00Z", "2026-01-02T03:04:05Z": "2026-01-02T03:04:05Z", "2026-01-02T03:04:05+01:00": "2026-01-02T02:04:05Z",
	} {
		got, err := localTime(text, tokyo)
		if err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%q is %v, %v; want %s", text, got.UTC(), err, want)
		}
	}
}

// TestZonesOfWindows walks the whole table, by the names that Unicode gives them.
func TestZonesOfWindows(t *testing.T) {
	want := map[string]string{
		"AUS Eastern Standard Time": "Australia/Sydney", "Alaskan Standard Time": "America/Anchorage", "Arabian Standard Time": "Asia/Dubai", "Argentina Standard Time": "America/Buenos_Aires",
		"Atlantic Standard Time": "America/Halifax", "Central Europe Standard Time": "Europe/Budapest", "Central European Standard Time": "Europe/Warsaw",
		"Central Standard Time": "America/Chicago", "China Standard Time": "Asia/Shanghai", "E. Australia Standard Time": "Australia/Brisbane", "E. Europe Standard Time": "Europe/Chisinau",
		"E. South America Standard Time": "America/Sao_Paulo", "Eastern Standard Time": "America/New_York", "FLE Standard Time": "Europe/Kiev", "GMT Standard Time": "Europe/London",
		"GTB Standard Time": "Europe/Bucharest", "Greenwich Standard Time": "Atlantic/Reykjavik", "Hawaiian Standard Time": "Pacific/Honolulu", "India Standard Time": "Asia/Kolkata",
		"Israel Standard Time": "Asia/Jerusalem", "Korea Standard Time": "Asia/Seoul", "Mountain Standard Time": "America/Denver", "New Zealand Standard Time": "Pacific/Auckland",
		"Pacific Standard Time": "America/Los_Angeles", "Romance Standard Time": "Europe/Paris", "Russian Standard Time": "Europe/Moscow", "SE Asia Standard Time": "Asia/Bangkok",
		"Singapore Standard Time": "Asia/Singapore", "South Africa Standard Time": "Africa/Johannesburg", "Tokyo Standard Time": "Asia/Tokyo", "Turkey Standard Time": "Europe/Istanbul",
		"US Mountain Standard Time": "America/Phoenix", "UTC": "UTC", "W. Europe Standard Time": "Europe/Berlin", "": "UTC", "Asia/Tokyo": "Asia/Tokyo",
	}
	for name, iana := range want {
		got, err := zone(strings.ToUpper(name))
		if name == "Asia/Tokyo" {
			got, err = zone(name)
		}
		if err != nil || got.String() != iana {
			t.Errorf("zone(%q) = %v, %v; want %s", name, got, err, iana)
		}
	}
	if len(windowsZones) != len(want)-2 {
		t.Errorf("%d zones of Windows, want %d", len(windowsZones), len(want)-2)
	}
}
