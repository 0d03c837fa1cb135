package blob

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// enumeration starts the XML of a listing, with further attributes, and repeats the parameters of
// the request.
func (r *request) enumeration(x *xmlWriter, attributes string) {
	x.b.WriteString(`<EnumerationResults ServiceEndpoint="https://` + attribute(r.host) + `/"` + attributes + `>`)
	for _, p := range []detail{{"Prefix", "prefix"}, {"Marker", "marker"}, {"MaxResults", "maxresults"}, {"Delimiter", "delimiter"}} {
		if v := r.queryParam(p.value); v != "" {
			x.named(p.name, v)
		}
	}
}

// blobsXML writes a page of blobs. The elements are in the order of the azure-ai-ml recordings of
// 2023 and 2026.
func (r *request) blobsXML(l listing, p page) string {
	var x xmlWriter
	r.enumeration(&x, ` ContainerName="`+attribute(r.container)+`"`)
	if len(p.entries) == 0 {
		x.empty("Blobs")
	} else {
		x.begin("Blobs")
		for _, e := range p.entries {
			if e.blob == nil {
				x.begin("BlobPrefix")
				x.named("Name", e.prefix)
				x.end("BlobPrefix")
			} else {
				x.blob(e.blob, l.metadata, r.time)
			}
		}
		x.end("Blobs")
	}
	x.leaf("NextMarker", formatMarker(p.next))
	x.end("EnumerationResults")
	return x.String()
}

func (x *xmlWriter) blob(rec *record, metadata bool, now time.Time) {
	x.begin("Blob")
	x.named("Name", rec.Name)
	x.begin("Properties")
	x.leaf("Creation-Time", httpTime(rec.Created))
	x.leaf("Last-Modified", httpTime(rec.Modified))
	x.leaf("Etag", formatETag(rec.ETag))
	x.leaf("Content-Length", strconv.FormatInt(rec.Size, 10))
	x.leaf("Content-Type", rec.Headers.Type)
	x.leaf("Content-Encoding", rec.Headers.Encoding)
	x.leaf("Content-Language", rec.Headers.Language)
	x.empty("Content-CRC64")
	x.leaf("Content-MD5", encodeMD5(rec.Headers.MD5))
	x.leaf("Cache-Control", rec.Headers.CacheControl)
	x.leaf("Content-Disposition", rec.Headers.Disposition)
	x.leaf("BlobType", rec.Kind)
	if rec.Kind == blockBlob {
		x.leaf("AccessTier", cmp.Or(rec.Tier, defaultTier))
		if rec.Tier == "" {
			x.leaf("AccessTierInferred", "true")
		}
	}
	x.lease(rec.Lease, now)
	x.leaf("ServerEncrypted", "true")
	x.end("Properties")
	if metadata {
		x.metadata(rec.Metadata)
	}
	x.empty("OrMetadata")
	x.end("Blob")
}

func (x *xmlWriter) lease(l lease, now time.Time) {
	state, status, duration := l.describe(now)
	x.leaf("LeaseStatus", status)
	x.leaf("LeaseState", state)
	if duration != "" {
		x.leaf("LeaseDuration", duration)
	}
}

func (x *xmlWriter) metadata(metadata map[string]string) {
	if len(metadata) == 0 {
		x.empty("Metadata")
		return
	}
	x.begin("Metadata")
	for _, name := range slices.Sorted(maps.Keys(metadata)) {
		x.leaf(name, metadata[name])
	}
	x.end("Metadata")
}

// named writes an element with a name. A name that is not valid in XML is percent-encoded and
// marked as such (since version 2021-02-12; Microsoft Learn, "List Blobs").
func (x *xmlWriter) named(element, name string) {
	if validInXML(name) {
		x.leaf(element, name)
		return
	}
	x.b.WriteString("<" + element + ` Encoded="true">`)
	x.text(strings.ReplaceAll(url.PathEscape(name), "+", "%2B"))
	x.end(element)
}

// containersXML writes a page of containers.
func (r *request) containersXML(list []*container, next string) string {
	metadata := strings.Contains(r.queryParam("include"), "metadata")
	var x xmlWriter
	r.enumeration(&x, "")
	x.begin("Containers")
	for _, c := range list {
		x.container(c.key.container, c.info(), metadata, r.time)
	}
	x.end("Containers")
	x.leaf("NextMarker", next)
	x.end("EnumerationResults")
	return x.String()
}

func (x *xmlWriter) container(name string, info containerRecord, metadata bool, now time.Time) {
	x.begin("Container")
	x.leaf("Name", name)
	x.begin("Properties")
	x.leaf("Last-Modified", httpTime(info.Modified))
	x.leaf("Etag", quoteETag(info.ETag))
	x.lease(info.Lease, now)
	x.leaf("DefaultEncryptionScope", defaultEncryptionScope)
	x.leaf("DenyEncryptionScopeOverride", "false")
	x.leaf("HasImmutabilityPolicy", "false")
	x.leaf("HasLegalHold", "false")
	x.leaf("ImmutableStorageWithVersioningEnabled", "false")
	x.end("Properties")
	if metadata {
		x.metadata(info.Metadata)
	}
	x.end("Container")
}
