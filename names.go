package azmlbatch

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Name rules. The looser one is ARM's own pattern for every resource; the stricter one is what Microsoft Learn documents
// for new batch endpoints and deployments. An existing name must satisfy ARM's; a new one the stricter, which is within
// ARM's and the one that an error prints.
var (
	armName      = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9\-_]{0,254}$`)
	endpointName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]{1,30}[a-zA-Z0-9]$`)
	computeName  = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]{1,22}[a-zA-Z0-9]$`)
	dashDigits   = regexp.MustCompile(`-\d+$`)
	assetName    = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9\-_.]{0,254}$`)
)

// checkName checks the name of something that exists.
func checkName(op operation, argument, name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return op.invalid(argument, "is empty", "name the "+op.kind)
	case !armName.MatchString(name):
		return op.invalid(argument, fmt.Sprintf("%q is not a resource name", name),
			"use letters, digits, '-' and '_', at most 255, beginning with a letter or digit")
	}
	return nil
}

// checkNewEndpointName checks the name of an endpoint or deployment that is to be created.
func checkNewEndpointName(op operation, argument, name string) error {
	if strings.TrimSpace(name) == "" {
		return checkName(op, argument, name)
	}
	if !endpointName.MatchString(name) {
		return op.invalid(argument, fmt.Sprintf("%q is not a name for a new %s", name, op.kind),
			"use 3 to 32 letters, digits and '-', beginning with a letter and not ending in '-'")
	}
	return nil
}

func checkNewComputeName(op operation, argument, name string) error {
	if strings.TrimSpace(name) == "" {
		return checkName(op, argument, name)
	}
	if !computeName.MatchString(name) || dashDigits.MatchString(name) {
		return op.invalid(argument, fmt.Sprintf("%q is not a name for a new compute", name),
			"use 3 to 24 letters, digits and '-', beginning with a letter and not ending in '-' or in '-' and digits")
	}
	return nil
}

// checkAsset checks name and version of an asset. An empty version is for the caller to fill in.
func checkAsset(op operation, name, version string) error {
	if strings.TrimSpace(name) == "" {
		return op.invalid("Name", "is empty", "name the "+op.kind)
	}
	if !assetName.MatchString(name) || tokenPattern.MatchString(name) { // a token would fit, and then stand in a URL
		return op.invalid("Name", fmt.Sprintf("%q is not an asset name", name),
			"use letters, digits, '-', '_' and '.', at most 255, beginning with a letter or digit")
	}
	if version != "" && (!assetName.MatchString(version) || tokenPattern.MatchString(version)) {
		return op.invalid("Version", fmt.Sprintf("%q is not an asset version", version),
			"use letters, digits, '-', '_' and '.'; @latest is not a version, see the Latest method")
	}
	return nil
}

// checkTags refuses what the service refuses after a while: an empty tag value.
func checkTags(op operation, tags map[string]string) error {
	for _, key := range sortedKeys(tags) {
		if tags[key] == "" {
			return op.invalid("Tags", fmt.Sprintf("tag %q has an empty value", key),
				"give it a value or leave it out; the service refuses empty ones")
		}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
