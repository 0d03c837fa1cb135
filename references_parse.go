package azmlbatch

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	namedVersion = regexp.MustCompile(`^([a-zA-Z0-9][a-zA-Z0-9\-_.]*):([a-zA-Z0-9][a-zA-Z0-9\-_.]*)$`)
	namedLabel   = regexp.MustCompile(`^([a-zA-Z0-9][a-zA-Z0-9\-_.]*)@([a-zA-Z0-9][a-zA-Z0-9\-_.]*)$`)
	driveLetter  = regexp.MustCompile(`^[a-zA-Z]:`)
	cloudSchemes = []string{"https", "http", "wasbs", "wasb", "abfss", "abfs", "adl"}
)

// ParseReference reads a reference of any form:
//
//	/subscriptions/…/workspaces/W/models/N/versions/V      ARM id, also with azureml: before it
//	azureml:NAME:VERSION  NAME:VERSION  azureml:NAME@latest  asset of the client's workspace
//	azureml:NAME                                            compute, datastore or job, without a version
//	azureml://registries/R/models/N/versions/V  …/labels/L  asset of a registry
//	azureml://locations/L/workspaces/GUID/data/N/versions/V asset, as the data plane spells it
//	azureml://subscriptions/…/workspaces/W/models/N/versions/V
//	azureml://[…/]datastores/D/paths/P                      place in a datastore, in three lengths
//	azureml://datastores/D/P                                the same in older jobs
//	azureml://jobs/J/outputs/O/paths/P  runs:/J/P           output of a job
//	https://…  wasbs://…  abfss://…  adl://…                cloud storage
//	anything else                                           local path
//
// The kind says what a bare name refers to; it may be empty if the text says so itself. A bare NAME
// is a compute, datastore or job, and a local path for every other kind. An empty text, and an
// azureml: or /subscriptions/ text of none of these forms, is *[ArgumentError].
func ParseReference(kind ReferenceKind, text string) (Reference, error) {
	r := Reference{Text: text}
	switch scheme := schemeOf(text); {
	case strings.TrimSpace(text) == "":
		return Reference{}, badReference(kind, text, "is empty")
	case hasPrefixFold(text, "azureml:/subscriptions/"):
		r.Text = text[len("azureml:"):]
		return r.parsed(kind, r.segments(r.Text))
	case hasPrefixFold(text, "/subscriptions/"):
		return r.parsed(kind, r.segments(text))
	case scheme == "azureml":
		return r.parsed(kind, r.segments(text[len("azureml://"):]))
	case slices.Contains(cloudSchemes, scheme):
		r.Form, r.Path = ReferenceFormURL, text
		return r, nil
	case hasPrefixFold(text, "runs:/"):
		r.Form = ReferenceFormOutput
		r.Job, r.Path, _ = strings.Cut(strings.TrimLeft(text[len("runs:"):], "/"), "/")
		return r.parsed(kind, r.Job != "")
	case hasPrefixFold(text, "azureml:"):
		name := strings.TrimPrefix(text[len("azureml:"):], "/") // a page of Microsoft's writes azureml:/NAME@latest
		return r.parsed(kind, r.byName(kind, name))
	case r.bareName(kind, text):
		return r.parsed(kind, true)
	}
	r.Form, r.Path = ReferenceFormLocal, text
	return r, nil
}

func (r Reference) parsed(kind ReferenceKind, ok bool) (Reference, error) {
	switch {
	case !ok:
		return Reference{}, badReference(kind, r.Text, "is not a reference")
	case r.Version+r.Label != "" && slices.Contains(unversionedKinds, r.Kind):
		return Reference{}, operation{"read", "reference", ""}.invalid(r.Kind.noun(),
			fmt.Sprintf("%q: %ss have no version", redact(clip(r.Text)), r.Kind.noun()), "write azureml:"+r.Name)
	}
	return r, nil
}

func badReference(kind ReferenceKind, text, problem string) error {
	noun := cmp.Or(kind.noun(), "reference")
	if text != "" {
		problem = `"` + redact(clip(text)) + `" ` + problem
	}
	return operation{"read", "reference", ""}.invalid(noun, problem,
		"use azureml:NAME:VERSION, an ARM id, an azureml:// id or place, a URL or a local path")
}

// byName reads what follows azureml: when it is a name.
func (r *Reference) byName(kind ReferenceKind, name string) bool {
	r.Form, r.Kind = ReferenceFormNamed, kind
	if m := namedVersion.FindStringSubmatch(name); m != nil {
		r.Name, r.Version = m[1], m[2]
		return true
	}
	if m := namedLabel.FindStringSubmatch(name); m != nil {
		r.Name, r.Label = m[1], m[2]
		return true
	}
	r.Name = name
	return assetName.MatchString(name)
}

// bareName reads NAME:VERSION and, for kinds without versions, NAME. Its caller refuses a version
// where the kind has none.
func (r *Reference) bareName(kind ReferenceKind, text string) bool {
	asset := kind.versioned() || kind == ""
	switch {
	case namedVersion.MatchString(text) && !driveLetter.MatchString(text[:2]),
		namedLabel.MatchString(text) && kind != "",
		kind != "" && !asset && armName.MatchString(text):
		return r.byName(kind, text)
	}
	return false
}

// segments reads ids and places made of words and values between slashes.
func (r *Reference) segments(id string) bool {
	s := strings.Split(strings.TrimPrefix(id, "/"), "/")
	for len(s) >= 2 {
		value := s[1]
		switch strings.ToLower(s[0]) {
		case "subscriptions":
			r.Workspace.SubscriptionID = value
		case "resourcegroups":
			r.Workspace.ResourceGroup = value
		case "providers":
		case "registries":
			r.Registry = value
		case "locations":
			r.Location = value
		case "workspaces":
			if r.Workspace.SubscriptionID != "" {
				r.Workspace.Name = value
			} else {
				r.WorkspaceID = value
			}
		default:
			// A registry is in no workspace, and has assets only.
			inBoth := r.Registry != "" && r.Workspace.Name+r.WorkspaceID != ""
			return !inBoth && r.target(s) && (r.Registry == "" || r.Form == ReferenceFormNamed)
		}
		s = s[2:]
	}
	return false
}

// target reads the last part: what is named, or the place.
func (r *Reference) target(s []string) bool {
	kind, name, rest := ReferenceKind(strings.ToLower(s[0])), s[1], s[2:]
	if name == "" {
		return false
	}
	switch {
	case kind == ReferenceKindDatastore && len(rest) > 0:
		r.Form, r.Datastore, r.Path = ReferenceFormPlace, name, afterPaths(rest)
		return true
	case kind == ReferenceKindJob && len(rest) >= 2 && strings.EqualFold(rest[0], "outputs"):
		r.Form, r.Job, r.Output, r.Path = ReferenceFormOutput, name, rest[1], afterPaths(rest[2:])
		return true
	}
	r.Form, r.Kind, r.Name = ReferenceFormNamed, kind, name
	return r.version(rest)
}

func (r *Reference) version(rest []string) bool {
	if len(rest) > 0 && strings.EqualFold(rest[0], "versions") && len(rest) == 3 {
		rest = rest[1:] // versions/labels/latest, as Microsoft's sample script writes it
	}
	switch {
	case len(rest) == 0:
		return true
	case len(rest) != 2 || rest[1] == "":
		return false
	case strings.EqualFold(rest[0], "versions"):
		r.Version = rest[1]
	case strings.EqualFold(rest[0], "labels"):
		r.Label = rest[1]
	default:
		return false
	}
	return true
}

// afterPaths joins what follows "paths", or all of it where older places leave that word out.
func afterPaths(s []string) string {
	if len(s) > 0 && strings.EqualFold(s[0], "paths") {
		s = s[1:]
	}
	return strings.Join(s, "/")
}

func schemeOf(text string) string {
	scheme, _, ok := strings.Cut(text, "://")
	if !ok {
		return ""
	}
	return strings.ToLower(scheme)
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// samePlace reports whether two texts mean the same place, asset or URL. Texts that are not
// references are compared as they are.
func samePlace(a, b string) bool {
	ra, errA := ParseReference("", a)
	rb, errB := ParseReference("", b)
	if errA != nil || errB != nil {
		return a == b
	}
	return ra.Equal(rb)
}
