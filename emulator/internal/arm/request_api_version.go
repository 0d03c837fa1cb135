package arm

import (
	"regexp"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// apiVersion is the version of the API that a request asks for. It decides which members an answer
// has, not the age of the resource.
type apiVersion struct {
	text    string
	date    string // 2024-04-01
	preview bool
}

var apiVersionForm = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2})(-preview|-privatepreview|-dataplanepreview)?$`)

func parseAPIVersion(text string) (apiVersion, bool) {
	parts := apiVersionForm.FindStringSubmatch(text)
	if parts == nil {
		return apiVersion{}, false
	}
	return apiVersion{text: text, date: parts[1], preview: parts[2] != ""}, true
}

// since reports whether the version is of date or later, preview or not.
func (v apiVersion) since(date string) bool { return v.date >= date }

// richPreview reports whether the version is one of the previews of 2023 and 2024, which show
// members that no stable version has (autoDeleteSetting, intellectualProperty, secretsConfiguration
// …). The previews of 2025 dropped them again (azure-sdk-for-python recordings of one job with two
// versions, 2026).
func (v apiVersion) richPreview() bool {
	return v.preview && v.since("2023-04-01") && !v.since("2025-01-01")
}

// versioned is a member that only some api-versions show.
type versioned struct {
	name string
	// value is shown when the document has none.
	value any
	in    func(apiVersion) bool
}

// conform removes the members that the version does not show, and adds those that it shows.
func (v apiVersion) conform(object store.Document, members []versioned) {
	for _, member := range members {
		if !member.in(v) {
			delete(object, member.name)
		} else if _, ok := object[member.name]; !ok {
			object[member.name] = store.CopyValue(member.value)
		}
	}
}

func since(date string) func(apiVersion) bool {
	return func(v apiVersion) bool { return v.since(date) }
}
