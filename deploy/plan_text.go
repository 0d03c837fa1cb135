package deploy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
)

// marks stand before a change in the text of a plan.
var marks = map[Action]string{
	ActionCreate: "+", ActionChange: "~", ActionWait: "…", ActionLeave: "=", ActionTest: "?", ActionSetDefault: ">", ActionDelete: "-",
}

// String is the plan as a reviewer reads it: a line for each resource, below it the fields that
// change, and the sums in the last line.
func (c *Changes) String() string {
	if c == nil {
		return ""
	}
	var b strings.Builder
	for _, change := range c.List {
		b.WriteString(change.String())
	}
	fmt.Fprintln(&b, c.summary())
	return b.String()
}

// String is the change with its fields, in lines.
func (c Change) String() string {
	var b strings.Builder
	mark := marks[c.Action]
	if c.Obstacle != "" {
		mark = "!"
	}
	fmt.Fprintf(&b, "%s %s: %s", mark, c.Resource, c.Action)
	if c.Version != "" && c.Action == ActionCreate {
		fmt.Fprintf(&b, " version %s", c.Version)
	}
	if c.Upload != nil {
		fmt.Fprintf(&b, ", %s", c.Upload)
	}
	b.WriteByte('\n')
	for _, f := range c.Fields {
		fmt.Fprintf(&b, "    %s\n", f)
	}
	for _, n := range c.Notes {
		fmt.Fprintf(&b, "    (%s)\n", n)
	}
	if c.Obstacle != "" {
		fmt.Fprintf(&b, "    %s\n", c.Obstacle)
	}
	return b.String()
}

// String is key or field, old and new value on one line.
func (f FieldChange) String() string {
	return fmt.Sprintf("%s: %s → %s", cmp.Or(f.Key, f.Field), shownOne(f.Old), shownOne(f.New))
}

func shownOne(v any) string {
	if v == nil {
		return "nothing"
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	const most = 200
	if len(b) > most {
		return strings.ToValidUTF8(string(b[:most]), "") + "…"
	}
	return string(b)
}

// String is what is sent, in words.
func (u *PlannedUpload) String() string {
	files := fmt.Sprintf("%d files", u.Files)
	if u.Files == 1 {
		files = "1 file"
	}
	if u.There {
		return fmt.Sprintf("%s of %s (%s) already there", files, u.Path, shownBytes(u.Bytes))
	}
	return fmt.Sprintf("upload %s of %s (%s)", files, u.Path, shownBytes(u.Bytes))
}

func shownBytes(n int64) string {
	const unit = 1000
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	size, units := float64(n)/unit, "kMGTPE"
	for size >= unit {
		size, units = size/unit, units[1:]
	}
	return fmt.Sprintf("%.1f %cB", size, units[0])
}

func (c *Changes) summary() string {
	counts, bytes := map[Action]int{}, int64(0)
	for _, change := range c.List {
		counts[change.Action]++
		if change.Upload != nil && !change.Upload.There {
			bytes += change.Upload.Bytes
		}
	}
	if c.Empty() {
		return "Nothing to do."
	}
	var parts []string
	for _, a := range []Action{ActionCreate, ActionChange, ActionWait, ActionTest, ActionSetDefault, ActionDelete, ActionLeave} {
		if counts[a] > 0 {
			parts = append(parts, fmt.Sprintf("%d to %s", counts[a], a))
		}
	}
	if bytes > 0 {
		parts = append(parts, shownBytes(bytes)+" to upload")
	}
	return strings.Join(parts, ", ") + "."
}
