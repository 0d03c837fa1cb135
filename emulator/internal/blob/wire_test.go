package blob

import (
	"crypto/md5"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What clients of Azure ML see of the service, header by header: retold from recordings of the
// tests of azure-ai-ml, 2023 to 2026, with names and times of our own.

// headers returns an answer's headers in one form, without those that differ from call to call.
func headers(h http.Header) map[string]string {
	out := map[string]string{}
	for name, values := range h {
		switch name {
		case "Date", "X-Ms-Request-Id":
			if values[0] == "" {
				out[name] = "EMPTY"
			}
		default:
			out[name] = strings.Join(values, ",")
		}
	}
	return out
}

func TestUploadExchange(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "", at(testTime))
	const target = testURL + "/LocalUpload/00/model.pkl"
	base := map[string]string{"Server": serverName, "X-Ms-Version": "2026-02-06"}
	expect := func(method, query, body string, header map[string]string, status int, want map[string]string) {
		t.Helper()
		w := call(t, s, method, target+query, body, header)
		for name, value := range base {
			want[name] = value
		}
		if w.Code != status || w.Body.Len() != 0 {
			t.Errorf("%s %s = %d %q, want %d without body", method, query, w.Code, w.Body, status)
		}
		if diff := cmp.Diff(want, headers(w.Header())); diff != "" {
			t.Errorf("%s %s headers (-want +got):\n%s", method, query, diff)
		}
	}
	modified := "Thu, 26 Mar 2026 18:01:37 GMT"

	expect("HEAD", "", "", nil, 404, map[string]string{"X-Ms-Error-Code": "BlobNotFound"})
	expect("PUT", "", "hello world", map[string]string{
		"Content-Type": "application/octet-stream", "If-None-Match": "*", "X-Ms-Blob-Type": "BlockBlob",
	}, 201, map[string]string{
		"Content-Length": "0", "Content-Md5": "XrY7u+Ae7tCTyyK7j1rNww==", "Etag": `"0x8DE8B61B94B5681"`, "Last-Modified": modified,
		"X-Ms-Content-Crc64": "vo7q9sPVKY0=", "X-Ms-Request-Server-Encrypted": "true",
	})
	expect("PUT", "?comp=metadata", "", map[string]string{
		"x-ms-meta-name": "pots", "x-ms-meta-upload_status": "completed", "x-ms-meta-version": "1",
	}, 200, map[string]string{
		"Content-Length": "0", "Etag": `"0x8DE8B61B94B5682"`, "Last-Modified": modified, "X-Ms-Request-Server-Encrypted": "true",
	})
	expect("HEAD", "", "", nil, 200, map[string]string{
		"Accept-Ranges": "bytes", "Content-Length": "11", "Content-Md5": "XrY7u+Ae7tCTyyK7j1rNww==",
		"Content-Type": "application/octet-stream", "Etag": `"0x8DE8B61B94B5682"`, "Last-Modified": modified,
		"X-Ms-Access-Tier": "Hot", "X-Ms-Access-Tier-Inferred": "true", "X-Ms-Blob-Type": "BlockBlob", "X-Ms-Creation-Time": modified,
		"X-Ms-Lease-State": "available", "X-Ms-Lease-Status": "unlocked", "X-Ms-Server-Encrypted": "true",
		"x-ms-meta-name": "pots", "x-ms-meta-upload_status": "completed", "x-ms-meta-version": "1",
	})
}

// TestBlockExchange: a block's answer has the MD5 only if the request had it, and its CRC64 always.
func TestBlockExchange(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "", at(testTime))
	for _, md5 := range []string{"", "XrY7u+Ae7tCTyyK7j1rNww=="} {
		w := call(t, s, "PUT", testURL+"/blocks?comp=block&blockid=YQ==", "hello world", map[string]string{"Content-Md5": md5})
		want := map[string]string{"Content-Length": "0", "Server": serverName, "X-Ms-Content-Crc64": "vo7q9sPVKY0=", "X-Ms-Request-Server-Encrypted": "true", "X-Ms-Version": "2026-02-06"}
		if md5 != "" {
			want["Content-Md5"] = md5
		}
		if diff := cmp.Diff(want, headers(w.Header())); diff != "" || w.Code != 201 || w.Body.Len() > 0 {
			t.Errorf("a block with the MD5 %q = %d %q, headers (-want +got):\n%s", md5, w.Code, w.Body, diff)
		}
	}
}

func TestRangeExchange(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "", at(testTime))
	put(t, s, "helloworld.txt", "hello world")
	w := call(t, s, "GET", testURL+"/helloworld.txt", "", map[string]string{"X-Ms-Range": "bytes=0-33554431"})
	want := map[string]string{
		"Accept-Ranges": "bytes", "Content-Length": "11", "Content-Range": "bytes 0-10/11", "Content-Type": "application/octet-stream",
		"Etag": w.Header().Get("Etag"), "Last-Modified": "Thu, 26 Mar 2026 18:01:37 GMT", "Server": serverName,
		"X-Ms-Blob-Content-Md5": "XrY7u+Ae7tCTyyK7j1rNww==", "X-Ms-Blob-Type": "BlockBlob", "X-Ms-Creation-Time": "Thu, 26 Mar 2026 18:01:37 GMT",
		"X-Ms-Lease-State": "available", "X-Ms-Lease-Status": "unlocked", "X-Ms-Server-Encrypted": "true", "X-Ms-Version": "2026-02-06",
	}
	if diff := cmp.Diff(want, headers(w.Header())); diff != "" || w.Code != 206 || w.Body.String() != "hello world" {
		t.Errorf("ranged GET = %d %q, headers (-want +got):\n%s", w.Code, w.Body, diff)
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	onEachBackend(t, func(t *testing.T, s *Service) {
		put(t, s, "digits", "0123456789")
		for _, test := range []struct {
			header, value string
			status        int
			want, place   string
		}{
			{"Range", "bytes=0-3", 206, "0123", "bytes 0-3/10"},
			{"Range", "bytes=7-", 206, "789", "bytes 7-9/10"},
			{"X-Ms-Range", "bytes=9-9", 206, "9", "bytes 9-9/10"},
			{"X-Ms-Range", "bytes=5-500", 206, "56789", "bytes 5-9/10"},
			{"Range", "bytes=-3", 200, "0123456789", ""},
			{"Range", "bytes=0-1,3-4", 200, "0123456789", ""},
			{"Range", "lines=1-2", 200, "0123456789", ""},
		} {
			w := call(t, s, "GET", testURL+"/digits", "", map[string]string{test.header: test.value})
			if w.Code != test.status || w.Body.String() != test.want || w.Header().Get("Content-Range") != test.place {
				t.Errorf("%s: %s = %d %q %q, want %d %q %q", test.header, test.value, w.Code, w.Body, w.Header().Get("Content-Range"),
					test.status, test.want, test.place)
			}
		}
		w := call(t, s, "GET", testURL+"/digits", "", map[string]string{"Range": "bytes=10-"})
		if w.Code != 416 || w.Header().Get("Content-Range") != "bytes */10" {
			t.Errorf("range behind the end = %d %q", w.Code, w.Header().Get("Content-Range"))
		}
		w = call(t, s, "GET", testURL+"/digits", "", map[string]string{"X-Ms-Range": "bytes=0-3", "X-Ms-Range-Get-Content-Md5": "true"})
		sum := md5.Sum([]byte("0123"))
		if got := w.Header().Get("Content-Md5"); got != encodeMD5(sum[:]) || w.Body.String() != "0123" {
			t.Errorf("range MD5 = %q of %q", got, w.Body)
		}
		// 0xAE8B14860A799888 is the check value of CRC-64/NVME for "123456789".
		w = call(t, s, "GET", testURL+"/digits", "", map[string]string{"X-Ms-Range": "bytes=1-9", "X-Ms-Range-Get-Content-Crc64": "true"})
		if got := w.Header().Get("X-Ms-Content-Crc64"); got != "iJh5CoYUi64=" || w.Body.String() != "123456789" {
			t.Errorf("range CRC64 = %q of %q", got, w.Body)
		}
	})
}

func TestListExchange(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "", at(testTime))
	ctx := t.Context()
	if err := s.Put(ctx, testAccount, testContainer, "dcid.1/logs/executionlogs.txt", strings.NewReader("hi"), &PutOptions{Append: true}); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(ctx, testAccount, testContainer, "dcid.1/out.txt", strings.NewReader("hello world"),
		&PutOptions{Metadata: map[string]string{"upload_status": "completed"}}); err != nil {
		t.Fatal(err)
	}
	w := call(t, s, "GET", testURL+"?restype=container&comp=list&prefix=dcid.1%2F&include=metadata", "", nil)
	want := "\ufeff" + `<?xml version="1.0" encoding="utf-8"?>` +
		`<EnumerationResults ServiceEndpoint="https://kilnstore.blob.core.windows.net/" ContainerName="firings"><Prefix>dcid.1/</Prefix><Blobs>` +
		`<Blob><Name>dcid.1/logs/executionlogs.txt</Name><Properties><Creation-Time>Thu, 26 Mar 2026 18:01:37 GMT</Creation-Time>` +
		`<Last-Modified>Thu, 26 Mar 2026 18:01:37 GMT</Last-Modified><Etag>0xTAG</Etag><Content-Length>2</Content-Length>` +
		`<Content-Type>application/octet-stream</Content-Type><Content-Encoding /><Content-Language /><Content-CRC64 /><Content-MD5 />` +
		`<Cache-Control /><Content-Disposition /><BlobType>AppendBlob</BlobType><LeaseStatus>unlocked</LeaseStatus>` +
		`<LeaseState>available</LeaseState><ServerEncrypted>true</ServerEncrypted></Properties><Metadata /><OrMetadata /></Blob>` +
		`<Blob><Name>dcid.1/out.txt</Name><Properties><Creation-Time>Thu, 26 Mar 2026 18:01:37 GMT</Creation-Time>` +
		`<Last-Modified>Thu, 26 Mar 2026 18:01:37 GMT</Last-Modified><Etag>0xTAG</Etag><Content-Length>11</Content-Length>` +
		`<Content-Type>application/octet-stream</Content-Type><Content-Encoding /><Content-Language /><Content-CRC64 />` +
		`<Content-MD5>XrY7u+Ae7tCTyyK7j1rNww==</Content-MD5><Cache-Control /><Content-Disposition /><BlobType>BlockBlob</BlobType>` +
		`<AccessTier>Hot</AccessTier><AccessTierInferred>true</AccessTierInferred><LeaseStatus>unlocked</LeaseStatus>` +
		`<LeaseState>available</LeaseState><ServerEncrypted>true</ServerEncrypted></Properties>` +
		`<Metadata><upload_status>completed</upload_status></Metadata><OrMetadata /></Blob></Blobs><NextMarker /></EnumerationResults>`
	got := regexp.MustCompile(`0x8D[0-9A-F]{13}`).ReplaceAllString(w.Body.String(), "0xTAG")
	if diff := cmp.Diff(want, got); diff != "" || w.Header().Get("Content-Type") != "application/xml" {
		t.Errorf("list = %d %s (-want +got):\n%s", w.Code, w.Header().Get("Content-Type"), diff)
	}
}

// The server header and the missing version are those of the recorded refusal of 2026.
func TestRefusalAtTheDoor(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "", at(testTime), withoutKeys)
	w := call(t, s, "GET", testURL+"?restype=container&comp=list&sv=REDACTED&sig=REDACTED&se=REDACTED&srt=co&ss=bf&sp=rcuwdl", "", nil)
	want := map[string]string{
		"Content-Length": "269", "Content-Type": "application/xml", "Server": "Microsoft-HTTPAPI/2.0",
		"X-Ms-Error-Code": "KeyBasedAuthenticationNotPermitted",
	}
	if diff := cmp.Diff(want, headers(w.Header())); diff != "" || w.Code != 403 {
		t.Errorf("refusal = %d, headers (-want +got):\n%s", w.Code, diff)
	}
	body := "\ufeff" + `<?xml version="1.0" encoding="utf-8"?><Error><Code>KeyBasedAuthenticationNotPermitted</Code><Message>` +
		"Key based authentication is not permitted on this storage account.\nRequestId:" + w.Header().Get("X-Ms-Request-Id") +
		"\nTime:2026-03-26T18:01:37.0000000Z</Message></Error>"
	if diff := cmp.Diff(body, w.Body.String()); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	if id := w.Header().Get("X-Ms-Request-Id"); !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-00[0-9a-f]{2}-[0-9a-f]{4}-[0-9a-f]{6}000000$`).MatchString(id) {
		t.Errorf("x-ms-request-id = %q", id)
	}
}

// Strings to sign by version, as Microsoft Learn lists their lines.
func TestSASStrings(t *testing.T) {
	t.Parallel()
	fields := map[string]string{
		"skoid": "OID", "sktid": "TID", "skt": "KS", "ske": "KE", "sks": "b", "skv": "KV", "saoid": "AO", "suoid": "UO", "scid": "CI",
		"skdutid": "DT", "sduoid": "DO", "ses": "SCOPE", "rscc": "cc", "rscd": "cd", "rsce": "ce", "rscl": "cl", "rsct": "ct", "srh": "X-Ms-A,x-ms-b", "srq": "comp",
	}
	r := &request{accountID: "acct", container: "box", blob: "a/b", query: map[string]string{"comp": "list"},
		header: http.Header{"X-Ms-A": {"1"}, "X-Ms-B": {"2"}}}
	make := func(version string) sas {
		return sas{version: version, permissions: "r", start: "ST", expiry: "SE", ip: "IP", protocol: "https", services: "b",
			resourceTypes: "co", resource: "b", get: func(name string) string { return fields[name] }}
	}
	account := func(t sas) string { return t.accountString("acct") }
	shared := func(t sas) string { return t.serviceString(r) }
	delegated := func(t sas) string { return t.delegationString(r) }
	const ends = "|cc|cd|ce|cl|ct"
	for _, test := range []struct {
		version string
		of      func(sas) string
		want    string
	}{
		{"2015-04-05", account, "acct|r|b|co|ST|SE|IP|https|2015-04-05|"},
		{"2020-12-06", account, "acct|r|b|co|ST|SE|IP|https|2020-12-06|SCOPE|"},
		{"2013-08-15", shared, "r|ST|SE|/acct/box/a/b||2013-08-15" + ends},
		{"2015-02-21", shared, "r|ST|SE|/blob/acct/box/a/b||2015-02-21" + ends},
		{"2015-04-05", shared, "r|ST|SE|/blob/acct/box/a/b||IP|https|2015-04-05" + ends},
		{"2018-11-09", shared, "r|ST|SE|/blob/acct/box/a/b||IP|https|2018-11-09|b|" + ends},
		{"2020-12-06", shared, "r|ST|SE|/blob/acct/box/a/b||IP|https|2020-12-06|b||SCOPE" + ends},
		{"2018-11-09", delegated, "r|ST|SE|/blob/acct/box/a/b|OID|TID|KS|KE|b|KV|IP|https|2018-11-09|b|" + ends},
		{"2020-02-10", delegated, "r|ST|SE|/blob/acct/box/a/b|OID|TID|KS|KE|b|KV|AO|UO|CI|IP|https|2020-02-10|b|" + ends},
		{"2020-12-06", delegated, "r|ST|SE|/blob/acct/box/a/b|OID|TID|KS|KE|b|KV|AO|UO|CI|IP|https|2020-12-06|b||SCOPE" + ends},
		{"2025-07-05", delegated, "r|ST|SE|/blob/acct/box/a/b|OID|TID|KS|KE|b|KV|AO|UO|CI|DT|DO|IP|https|2025-07-05|b||SCOPE" + ends},
		{"2026-04-06", delegated, "r|ST|SE|/blob/acct/box/a/b|OID|TID|KS|KE|b|KV|AO|UO|CI|DT|DO|IP|https|2026-04-06|b||SCOPE|X-Ms-A:1|x-ms-b:2||" +
			"|comp:list" + ends},
	} {
		want := strings.ReplaceAll(test.want, "|", "\n")
		if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(test.of(make(test.version)), "\n")); diff != "" {
			t.Errorf("sv=%s %s (-want +got):\n%s", test.version, test.want[:8], diff)
		}
	}
}

func TestHeaderOrders(t *testing.T) {
	t.Parallel()
	names := []string{"x-ms-meta-ab", "x-ms-meta-a_b", "x-ms-meta-a1", "x-ms-date", "x-ms-metab"}
	slices.SortFunc(names, compareByCulture)
	want := []string{"x-ms-date", "x-ms-meta-a_b", "x-ms-meta-a1", "x-ms-meta-ab", "x-ms-metab"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}
