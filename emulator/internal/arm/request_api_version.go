package arm

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

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

// publishedVersions are the api-versions of Azure ML's resource provider that Microsoft's reference of
// resource templates lists.
var publishedVersions = strings.Fields(`
	2018-03-01-preview 2018-11-19 2019-05-01 2019-06-01 2019-11-01
	2020-01-01 2020-02-18-preview 2020-03-01 2020-04-01 2020-05-01-preview 2020-05-15-preview 2020-06-01 2020-08-01 2020-09-01-preview
	2021-01-01 2021-03-01-preview 2021-04-01 2021-07-01 2021-10-01
	2022-01-01-preview 2022-02-01-preview 2022-05-01 2022-06-01-preview 2022-10-01 2022-10-01-preview 2022-12-01-preview
	2023-02-01-preview 2023-04-01 2023-04-01-preview 2023-06-01-preview 2023-08-01-preview 2023-10-01
	2024-01-01-preview 2024-04-01 2024-04-01-preview 2024-07-01-preview 2024-10-01 2024-10-01-preview
	2025-01-01-preview 2025-04-01 2025-04-01-preview 2025-06-01 2025-07-01-preview 2025-09-01 2025-10-01-preview`)

// exists reports whether the provider has the version. One that is newer than the list may have come
// since, unless its date lies ahead.
func (v apiVersion) exists(now time.Time) bool {
	if v.date > "2025-10-01" {
		return v.date <= now.UTC().Format(time.DateOnly)
	}
	return slices.Contains(publishedVersions, v.text)
}

// checkVersion refuses a version that Azure ML's provider does not have, as ARM does (azure-docs issue
// 92520). Other providers have other versions, which are not checked.
func (c *call) checkVersion() *answer {
	owner := c.route.path[strings.LastIndex(c.route.path, "/providers/")+1:]
	if !strings.HasPrefix(owner, "providers/"+provider+"/") || c.param("registry") != "" || c.version.exists(c.h.now()) {
		return nil
	}
	at := slices.IndexFunc(c.segments, func(s string) bool { return strings.EqualFold(s, provider) })
	var kinds []string
	for i := at + 1; i < len(c.segments); i += 2 {
		kinds = append(kinds, c.segments[i])
	}
	workspace, _ := c.h.store.Get(workspaceID(c.param("subscription"), c.param("group"), c.param("workspace")))
	a := gatewayFailure(http.StatusBadRequest, "NoRegisteredProviderFound", "No registered resource provider found for location '"+
		cmp.Or(store.Text(workspace, "location"), c.region())+"' and API version '"+c.version.text+"' for type '"+strings.Join(kinds, "/")+
		"'. The supported api-versions are '"+strings.Join(publishedVersions, ", ")+"'.")
	return &a
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
