package blob

import (
	"net/url"
	"strings"
)

// The strings to sign, from Microsoft Learn, "Create an account SAS", "Create a service SAS" and
// "Create a user delegation SAS". Newer versions add lines; the version is that of the SAS (sv).

func (t sas) atLeast(version string) bool { return t.version >= version }

// accountString is the string to sign of an account SAS; it ends in a line break.
func (t sas) accountString(account string) string {
	lines := []string{account, t.permissions, t.services, t.resourceTypes, t.start, t.expiry, t.ip, t.protocol, t.version}
	if t.atLeast("2020-12-06") {
		lines = append(lines, t.get("ses"))
	}
	return strings.Join(lines, "\n") + "\n"
}

// serviceString is the string to sign of a service SAS made with an account key.
func (t sas) serviceString(r *request) string {
	lines := []string{t.permissions, t.start, t.expiry, t.canonicalName(r), t.identifier}
	if t.atLeast("2015-04-05") {
		lines = append(lines, t.ip, t.protocol)
	}
	lines = append(lines, t.version)
	lines = append(lines, t.resourceLines()...)
	return strings.Join(append(lines, t.overrideLines()...), "\n")
}

// delegationString is the string to sign of a SAS made with a user delegation key.
func (t sas) delegationString(r *request) string {
	lines := []string{
		t.permissions, t.start, t.expiry, t.canonicalName(r),
		t.get("skoid"), t.get("sktid"), t.get("skt"), t.get("ske"), t.get("sks"), t.get("skv"),
	}
	if t.atLeast("2020-02-10") {
		lines = append(lines, t.get("saoid"), t.get("suoid"), t.get("scid"))
	}
	if t.atLeast("2025-07-05") {
		lines = append(lines, t.get("skdutid"), t.get("sduoid"))
	}
	lines = append(lines, t.ip, t.protocol, t.version)
	lines = append(lines, t.resourceLines()...)
	if t.atLeast("2026-04-06") {
		lines = append(lines, signedHeaders(r, t.get("srh")), signedParams(r, t.get("srq")))
	}
	return strings.Join(append(lines, t.overrideLines()...), "\n")
}

// resourceLines are the kind of resource, its snapshot (there are none here) and the encryption
// scope.
func (t sas) resourceLines() []string {
	var lines []string
	if t.atLeast("2018-11-09") {
		lines = append(lines, t.resource, "")
	}
	if t.atLeast("2020-12-06") {
		lines = append(lines, t.get("ses"))
	}
	return lines
}

func (t sas) overrideLines() []string {
	return []string{t.get("rscc"), t.get("rscd"), t.get("rsce"), t.get("rscl"), t.get("rsct")}
}

// canonicalName is the path that the SAS is valid for. It comes from the request, so a SAS for
// another path does not verify.
func (t sas) canonicalName(r *request) string {
	name := "/" + r.accountID + "/" + r.container
	if t.atLeast("2015-02-21") {
		name = "/blob" + name
	}
	if t.resource == "b" {
		name += "/" + r.blob
	}
	return name
}

// signedHeaders and signedParams are parts of the request that a user delegation SAS of 2026 can
// cover.
func signedHeaders(r *request, names string) string {
	var b strings.Builder
	for _, name := range splitList(names) {
		b.WriteString(name + ":" + r.header.Get(name) + "\n")
	}
	return b.String()
}

func signedParams(r *request, names string) string {
	var b strings.Builder
	for _, name := range splitList(names) {
		b.WriteString("\n" + name + ":" + r.queryParam(strings.ToLower(name)))
	}
	return b.String()
}

func splitList(names string) []string {
	if names == "" {
		return nil
	}
	return strings.Split(names, ",")
}

// encodeParams writes parameters in the order given, without a leading question mark.
func encodeParams(params []detail) string {
	var parts []string
	for _, p := range params {
		if p.value != "" {
			parts = append(parts, p.name+"="+url.QueryEscape(p.value))
		}
	}
	return strings.Join(parts, "&")
}
