package schedules

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones, also where the machine has none

	"github.com/robfig/cron/v3"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// Trigger says when a schedule fires.
type Trigger struct {
	start, end time.Time // no end is zero
	zone       *time.Location
	next       func(after time.Time) time.Time // zero for never again
}

// ParseTrigger reads properties.trigger of a schedule. A recurrence without a start time counts from
// created.
func ParseTrigger(doc store.Document, created time.Time) (*Trigger, error) {
	t := &Trigger{}
	var err error
	if t.zone, err = zone(store.Text(doc, "timeZone")); err != nil {
		return nil, err
	}
	if t.start, err = localTime(store.Text(doc, "startTime"), t.zone); err != nil {
		return nil, fmt.Errorf("startTime: %w", err)
	}
	if t.end, err = localTime(store.Text(doc, "endTime"), t.zone); err != nil {
		return nil, fmt.Errorf("endTime: %w", err)
	}
	switch kind := store.Text(doc, "triggerType"); strings.ToLower(kind) {
	case "cron":
		err = t.readCron(store.Text(doc, "expression"))
	case "recurrence":
		err = t.readRecurrence(doc, created)
	default:
		err = fmt.Errorf("triggerType is %q, not Cron or Recurrence", kind)
	}
	return t, err
}

// Next returns the first time after a time at which the schedule fires, zero for never.
func (t *Trigger) Next(after time.Time) time.Time {
	if after.Before(t.start) {
		after = t.start.Add(-time.Nanosecond)
	}
	next := t.next(after.In(t.zone))
	if next.IsZero() || !t.end.IsZero() && next.After(t.end) {
		return time.Time{}
	}
	return next
}

// readCron reads an expression in NCronTab's five fields: minute, hour, day, month, day of the week.
func (t *Trigger) readCron(expression string) error {
	if strings.Contains(expression, "=") { // the parser takes TZ=, and panics without fields behind it
		return fmt.Errorf("expression %q has a =; name the zone in timeZone", expression)
	}
	schedule, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(expression)
	if err != nil {
		return fmt.Errorf("expression %q: %w", expression, err)
	}
	t.next = schedule.Next
	return nil
}

// recurrence is every interval of a unit, and in longer units the times of day in the schedule.
type recurrence struct {
	frequency      string
	interval       int
	hours, minutes []int
	weekDays       []time.Weekday
	monthDays      []int
	anchor         time.Time
}

// mostInterval is the emulator's own limit.
const mostInterval = 1000

var frequencies = []string{"minute", "hour", "day", "week", "month"}

func (t *Trigger) readRecurrence(doc store.Document, created time.Time) error {
	r := recurrence{frequency: strings.ToLower(store.Text(doc, "frequency")), interval: int(store.Int(doc, "interval")), anchor: t.start}
	if r.anchor.IsZero() {
		r.anchor = created.In(t.zone)
	}
	if !slices.Contains(frequencies, r.frequency) {
		return fmt.Errorf("frequency is %q, not Minute, Hour, Day, Week or Month", store.Text(doc, "frequency"))
	}
	if r.interval < 1 || r.interval > mostInterval {
		return fmt.Errorf("interval is %d, not from 1 to %d", r.interval, mostInterval)
	}
	if err := r.readSchedule(store.Object(doc, "schedule")); err != nil {
		return err
	}
	t.next = r.next
	return nil
}

func (r *recurrence) readSchedule(doc store.Document) (err error) {
	if r.hours, err = numbers(doc, "hours", 0, 23); err != nil {
		return err
	}
	if r.minutes, err = numbers(doc, "minutes", 0, 59); err != nil {
		return err
	}
	if r.monthDays, err = numbers(doc, "monthDays", 1, 31); err != nil {
		return err
	}
	names, _ := doc["weekDays"].([]any)
	for _, name := range names {
		text, _ := name.(string)
		at := slices.IndexFunc(weekDays, func(d time.Weekday) bool { return strings.EqualFold(d.String(), text) })
		if at < 0 {
			return fmt.Errorf("schedule.weekDays has %v, which is no day of the week", name)
		}
		r.weekDays = append(r.weekDays, weekDays[at])
	}
	if len(r.hours) == 0 {
		r.hours = []int{r.anchor.Hour()}
	}
	if len(r.minutes) == 0 {
		r.minutes = []int{r.anchor.Minute()}
	}
	return nil
}

var weekDays = []time.Weekday{time.Sunday, time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday, time.Saturday}

func numbers(doc store.Document, name string, least, most int) ([]int, error) {
	items, _ := doc[name].([]any)
	var found []int
	for _, item := range items {
		n, err := strconv.Atoi(fmt.Sprint(item))
		if err != nil || n < least || n > most {
			return nil, fmt.Errorf("schedule.%s has %v, which is not from %d to %d", name, item, least, most)
		}
		found = append(found, n)
	}
	slices.Sort(found)
	return found, nil
}

// next returns the first time after a time. Not evidenced: what a schedule of hours and minutes
// means for the units minute and hour; it is ignored.
func (r *recurrence) next(after time.Time) time.Time {
	if unit := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour}[r.frequency]; unit > 0 {
		step := unit * time.Duration(r.interval)
		if after.Before(r.anchor) {
			return r.anchor
		}
		return r.anchor.Add((after.Sub(r.anchor)/step + 1) * step)
	}
	day := later(after, r.anchor)
	for range 366 * 10 * r.interval { // a day such as the 31st comes within this many days, or never
		if r.fits(day) {
			for _, hour := range r.hours {
				for _, minute := range r.minutes {
					at := time.Date(day.Year(), day.Month(), day.Day(), hour, minute, 0, 0, day.Location())
					if at.After(after) && !at.Before(r.anchor.Truncate(time.Minute)) {
						return at
					}
				}
			}
		}
		// At noon: where the clocks change at midnight, that midnight is an hour of the day before.
		day = time.Date(day.Year(), day.Month(), day.Day()+1, 12, 0, 0, 0, day.Location())
	}
	return time.Time{}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// fits reports whether a day is one of the recurrence: its unit is a multiple of the interval away
// from that of the anchor, and it is one of the days that the schedule names.
func (r *recurrence) fits(day time.Time) bool {
	midnight := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC) }
	days := int(midnight(day).Sub(midnight(r.anchor)).Hours() / 24)
	switch r.frequency {
	case "day":
		return days%r.interval == 0
	case "week":
		weeks := (days + int(r.anchor.Weekday())) / 7
		if len(r.weekDays) == 0 {
			return weeks%r.interval == 0 && day.Weekday() == r.anchor.Weekday()
		}
		return weeks%r.interval == 0 && slices.Contains(r.weekDays, day.Weekday())
	}
	months := (day.Year()-r.anchor.Year())*12 + int(day.Month()) - int(r.anchor.Month())
	switch {
	case months%r.interval != 0:
		return false
	case len(r.monthDays) > 0:
		return slices.Contains(r.monthDays, day.Day())
	case len(r.weekDays) > 0:
		return slices.Contains(r.weekDays, day.Weekday())
	}
	return day.Day() == r.anchor.Day()
}

// localTime reads a time without a zone, as the description of the API demands; one with a zone is
// taken too.
func localTime(text string, zone *time.Location) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02", time.RFC3339} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time such as 2022-06-01T00:00:01", text)
}

// windowsZones are the names of zones that Windows uses, and so the service (Unicode CLDR).
var windowsZones = map[string]string{
	"UTC": "UTC", "GMT Standard Time": "Europe/London", "Greenwich Standard Time": "Atlantic/Reykjavik", "W. Europe Standard Time": "Europe/Berlin",
	"Central Europe Standard Time": "Europe/Budapest", "Romance Standard Time": "Europe/Paris", "Central European Standard Time": "Europe/Warsaw",
	"E. Europe Standard Time": "Europe/Chisinau", "FLE Standard Time": "Europe/Kiev", "GTB Standard Time": "Europe/Bucharest", "Turkey Standard Time": "Europe/Istanbul",
	"Israel Standard Time": "Asia/Jerusalem", "South Africa Standard Time": "Africa/Johannesburg", "Russian Standard Time": "Europe/Moscow", "Arabian Standard Time": "Asia/Dubai",
	"India Standard Time": "Asia/Kolkata", "SE Asia Standard Time": "Asia/Bangkok", "China Standard Time": "Asia/Shanghai", "Singapore Standard Time": "Asia/Singapore",
	"Tokyo Standard Time": "Asia/Tokyo", "Korea Standard Time": "Asia/Seoul", "AUS Eastern Standard Time": "Australia/Sydney", "E. Australia Standard Time": "Australia/Brisbane",
	"New Zealand Standard Time": "Pacific/Auckland", "E. South America Standard Time": "America/Sao_Paulo", "Argentina Standard Time": "America/Buenos_Aires",
	"Atlantic Standard Time": "America/Halifax", "Eastern Standard Time": "America/New_York", "Central Standard Time": "America/Chicago", "Mountain Standard Time": "America/Denver",
	"US Mountain Standard Time": "America/Phoenix", "Pacific Standard Time": "America/Los_Angeles", "Alaskan Standard Time": "America/Anchorage", "Hawaiian Standard Time": "Pacific/Honolulu",
}

// zone returns the zone of a name: one of Windows, or one of the IANA database.
func zone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	for windows, iana := range windowsZones {
		if strings.EqualFold(name, windows) {
			return time.LoadLocation(iana)
		}
	}
	location, err := time.LoadLocation(name)
	if err != nil || strings.EqualFold(name, "local") {
		return nil, errors.New("timeZone is " + strconv.Quote(name) + "; the emulator knows UTC, the common names of Windows, and those of the IANA database")
	}
	return location, nil
}
