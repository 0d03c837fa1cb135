package store

import (
	"encoding/json"
	"strings"
	"time"
)

// Object returns the object at path within v, which is a document or a value of one. It is nil when
// there is no object.
func Object(v any, path ...string) Document {
	object, _ := member(v, path).(Document)
	return object
}

// Text returns the text at path within v, "" when there is none.
func Text(v any, path ...string) string {
	text, _ := member(v, path).(string)
	return text
}

// IsTrue reports whether the value at path within v is the boolean true.
func IsTrue(v any, path ...string) bool {
	value, _ := member(v, path).(bool)
	return value
}

// Int returns the whole number at path within v, 0 when there is none.
func Int(v any, path ...string) int64 {
	number, _ := member(v, path).(json.Number)
	value, _ := number.Int64()
	return value
}

func member(v any, path []string) any {
	for _, name := range path {
		object, _ := v.(Document)
		v = object[name]
	}
	return v
}

// LastSegment returns what follows the last slash of an id.
func LastSegment(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }

// ParentID returns an id without its last segment, "" when it has only one.
func ParentID(id string) string { return id[:max(strings.LastIndexByte(id, '/'), 0)] }

// TimeText writes a time as the service does: up to seven fraction digits without trailing zeros,
// and +00:00 for UTC.
func TimeText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.9999999-07:00") }
