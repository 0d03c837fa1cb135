package blob

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/golden"
	"github.com/azmlbatch/azmlbatch/emulator/internal/unplayed"
)

// refusalOf reads the code of an answer and checks that header and body agree.
func refusalOf(t *testing.T, method string, header http.Header, body string) string {
	t.Helper()
	code := header.Get("X-Ms-Error-Code")
	if method == http.MethodHead {
		if body != "" {
			t.Errorf("HEAD answered with a body: %q", body)
		}
		return code
	}
	var doc struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}
	if err := xml.Unmarshal([]byte(strings.TrimPrefix(body, "\ufeff")), &doc); err != nil {
		t.Errorf("error body: %v in %q", err, body)
	}
	if doc.Code != code || !strings.Contains(doc.Message, "\nRequestId:"+header.Get("X-Ms-Request-Id")+"\nTime:") {
		t.Errorf("error body %q does not fit code %s and request %s", body, code, header.Get("X-Ms-Request-Id"))
	}
	if header.Get("Content-Length") != strconv.Itoa(len(body)) {
		t.Errorf("Content-Length = %s, body has %d bytes", header.Get("Content-Length"), len(body))
	}
	return code
}

// maskedRefusal is the body of a refusal without what is new each time.
func maskedRefusal(w *httptest.ResponseRecorder) string {
	text := strings.ReplaceAll(strings.TrimPrefix(w.Body.String(), xmlHead), w.Header().Get("X-Ms-Request-Id"), "ID")
	return regexp.MustCompile(`Time:[0-9TZ.:-]+`).ReplaceAllString(text, "Time:T")
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "")
	put(t, s, "there", "hello world")
	if err := s.Put(t.Context(), testAccount, testContainer, "log", strings.NewReader("x"), &PutOptions{Append: true}); err != nil {
		t.Fatal(err)
	}
	put(t, s, "big", strings.Repeat("x", 4<<20+1))
	type header = map[string]string
	block := header{"X-Ms-Blob-Type": "BlockBlob"}
	with := func(base header, more ...string) header {
		h := header{}
		for k, v := range base {
			h[k] = v
		}
		for i := 0; i < len(more); i += 2 {
			h[more[i]] = more[i+1]
		}
		return h
	}
	bodies := map[string]string{}
	for _, test := range []struct {
		name, method, path, body string
		header                   header
		status                   int
		code                     string
	}{
		{"missing blob", "GET", "/firings/none", "", nil, 404, "BlobNotFound"},
		{"missing blob, HEAD", "HEAD", "/firings/none", "", nil, 404, "BlobNotFound"},
		{"missing container", "GET", "/nowhere/none", "", nil, 404, "ContainerNotFound"},
		{"missing container, properties", "GET", "/nowhere?restype=container", "", nil, 404, "ContainerNotFound"},
		{"missing container, list", "GET", "/nowhere?restype=container&comp=list", "", nil, 404, "ContainerNotFound"},
		{"container exists", "PUT", "/firings?restype=container", "", nil, 409, "ContainerAlreadyExists"},
		{"public container", "PUT", "/fresh?restype=container", "", header{"X-Ms-Blob-Public-Access": "blob"}, 409, "PublicAccessNotPermitted"},
		{"container name", "PUT", "/Fresh?restype=container", "", nil, 400, "InvalidResourceName"},
		{"container name with two hyphens", "PUT", "/a--b?restype=container", "", nil, 400, "InvalidResourceName"},
		{"short container name", "PUT", "/ab?restype=container", "", nil, 400, "OutOfRangeInput"},
		{"container without a name", "PUT", "/?restype=container", "", nil, 400, "InvalidUri"},
		{"container without a name, read", "GET", "/?restype=container", "", nil, 400, "InvalidUri"},
		{"container by the name of a blob", "PUT", "/fresh/there?restype=container", "", nil, 400, "InvalidUri"},
		{"container by the name of a blob, deleted", "DELETE", "/firings/there?restype=container", "", nil, 400, "InvalidUri"},
		{"containers in a container", "GET", "/firings?restype=service&comp=list", "", nil, 400, "InvalidUri"},
		{"long blob name", "GET", "/firings/" + strings.Repeat("x", 1025), "", nil, 400, "InvalidUri"},
		{"blob name that is not UTF-8", "GET", "/firings/%ff", "", nil, 400, "InvalidUri"},
		{"blob without container", "GET", "/there", "", nil, 404, "ContainerNotFound"}, // of the container $root
		{"long container name", "PUT", "/" + strings.Repeat("c", 64) + "?restype=container", "", nil, 400, "OutOfRangeInput"},
		{"container name with a hyphen in front", "PUT", "/-kiln?restype=container", "", nil, 400, "InvalidResourceName"},
		{"container name with a hyphen behind", "PUT", "/kiln-?restype=container", "", nil, 400, "InvalidResourceName"},
		{"broken query", "GET", "/firings/there?a=%zz", "", nil, 400, "InvalidUri"},
		{"no blob type", "PUT", "/firings/new", "", nil, 400, "MissingRequiredHeader"},
		{"odd blob type", "PUT", "/firings/new", "", header{"X-Ms-Blob-Type": "Clay"}, 400, "InvalidHeaderValue"},
		{"page blob", "PUT", "/firings/new", "", header{"X-Ms-Blob-Type": "PageBlob"}, 501, "NotImplemented"},
		{"append blob with content", "PUT", "/firings/new", "x", header{"X-Ms-Blob-Type": "AppendBlob"}, 400, "InvalidHeaderValue"},
		{"blob exists", "PUT", "/firings/there", "x", with(block, "If-None-Match", "*"), 409, "BlobAlreadyExists"},
		{"match of no blob", "PUT", "/firings/new", "x", with(block, "If-Match", `"0x1"`), 412, "ConditionNotMet"},
		{"match of any blob", "PUT", "/firings/new", "x", with(block, "If-Match", "*"), 412, "ConditionNotMet"},
		{"blob's own MD5", "PUT", "/firings/new", "x", with(block, "X-Ms-Blob-Content-Md5", "eA=="), 400, "InvalidMd5"},
		{"block list with another MD5", "PUT", "/firings/new?comp=blocklist", "<BlockList />", header{"Content-Md5": "XrY7u+Ae7tCTyyK7j1rNww=="}, 400, "Md5Mismatch"},
		{"block list in an append blob", "PUT", "/firings/log?comp=blocklist", "<BlockList />", nil, 409, "InvalidBlobType"},
		{"block list over a blob", "PUT", "/firings/there?comp=blocklist", "<BlockList />", header{"If-None-Match": "*"}, 409, "BlobAlreadyExists"},
		{"block that is not committed", "PUT", "/firings/there?comp=blocklist", "<BlockList><Committed>YQ==</Committed></BlockList>", nil, 400, "InvalidBlockList"},
		{"block that is not staged", "PUT", "/firings/there?comp=blocklist", "<BlockList><Uncommitted>YQ==</Uncommitted></BlockList>", nil, 400, "InvalidBlockList"},
		{"long block list", "PUT", "/firings/new?comp=blocklist", "<BlockList>" + strings.Repeat("<Latest>YQ==</Latest>", 50_001) + "</BlockList>", nil, 400, "BlockListTooLong"},
		{"block without ID", "PUT", "/firings/new?comp=block", "x", nil, 400, "InvalidQueryParameterValue"},
		{"long block ID", "PUT", "/firings/new?comp=block&blockid=" + strings.Repeat("YWFh", 22), "x", nil, 400, "InvalidQueryParameterValue"},
		{"block without length", "PUT", "/firings/new?comp=block&blockid=YQ==", "", header{"Content-Md5": "eA=="}, 400, "InvalidMd5"},
		{"block in a missing container", "PUT", "/nowhere/new?comp=block&blockid=YQ==", "x", nil, 404, "ContainerNotFound"},
		{"block list of an append blob", "GET", "/firings/log?comp=blocklist", "", nil, 409, "InvalidBlobType"},
		{"block list in a missing container", "GET", "/nowhere/new?comp=blocklist", "", nil, 404, "ContainerNotFound"},
		{"append to a missing container", "PUT", "/nowhere/log?comp=appendblock", "x", nil, 404, "ContainerNotFound"},
		{"append with another MD5", "PUT", "/firings/log?comp=appendblock", "x", header{"Content-Md5": "XrY7u+Ae7tCTyyK7j1rNww=="}, 400, "Md5Mismatch"},
		{"append at a position", "PUT", "/firings/log?comp=appendblock", "x", header{"X-Ms-Blob-Condition-Appendpos": "-1"}, 400, "InvalidHeaderValue"},
		{"append below a size", "PUT", "/firings/log?comp=appendblock", "x", header{"X-Ms-Blob-Condition-Maxsize": "much"}, 400, "InvalidHeaderValue"},
		{"append on a date", "PUT", "/firings/log?comp=appendblock", "x", header{"If-Modified-Since": "yesterday"}, 400, "InvalidHeaderValue"},
		{"upload on a date", "PUT", "/firings/new", "x", with(block, "If-Unmodified-Since", "yesterday"), 400, "InvalidHeaderValue"},
		{"properties on a date", "HEAD", "/firings/there", "", header{"If-Unmodified-Since": "yesterday"}, 400, "InvalidHeaderValue"},
		{"metadata of a missing blob, read", "GET", "/firings/none?comp=metadata", "", nil, 404, "BlobNotFound"},
		{"metadata that is wrong", "PUT", "/firings/there?comp=metadata", "", header{"X-Ms-Meta-1st": "x"}, 400, "InvalidMetadata"},
		{"block list with metadata that is wrong", "PUT", "/firings/new?comp=blocklist", "<BlockList />", header{"X-Ms-Meta-1st": "x"}, 400, "InvalidMetadata"},
		{"properties with an MD5 that is wrong", "PUT", "/firings/there?comp=properties", "", header{"X-Ms-Blob-Content-Md5": "eA=="}, 400, "InvalidMd5"},
		{"metadata on a date", "PUT", "/firings/there?comp=metadata", "", header{"If-Modified-Since": "yesterday"}, 400, "InvalidHeaderValue"},
		{"range of more than 4 MiB with its MD5", "GET", "/firings/big", "", header{"X-Ms-Range": "bytes=0-4194304", "X-Ms-Range-Get-Content-Md5": "true"}, 400, "OutOfRangeInput"},
		{"container metadata that is wrong", "PUT", "/firings?restype=container&comp=metadata", "", header{"X-Ms-Meta-1st": "x"}, 400, "InvalidMetadata"},
		{"new container with metadata that is wrong", "PUT", "/fresh?restype=container", "", header{"X-Ms-Meta-1st": "x"}, 400, "InvalidMetadata"},
		{"metadata of a missing container", "PUT", "/nowhere?restype=container&comp=metadata", "", nil, 404, "ContainerNotFound"},
		{"delete a missing container", "DELETE", "/nowhere?restype=container", "", nil, 404, "ContainerNotFound"},
		{"delete a container on a date", "DELETE", "/firings?restype=container", "", header{"If-Modified-Since": "yesterday"}, 400, "InvalidHeaderValue"},
		{"delete another version of a container", "DELETE", "/firings?restype=container", "", header{"If-Match": `"0x1"`}, 412, "ConditionNotMet"},
		{"container with an odd lease ID", "GET", "/firings?restype=container", "", header{"X-Ms-Lease-Id": "1"}, 400, "InvalidHeaderValue"},
		{"container metadata with a lease", "PUT", "/firings?restype=container&comp=metadata", "", header{"X-Ms-Lease-Id": leaseA}, 412, "LeaseNotPresentWithContainerOperation"},
		{"lease of a missing container", "PUT", "/nowhere?restype=container&comp=lease", "", header{"X-Ms-Lease-Action": "break"}, 404, "ContainerNotFound"},
		{"lease of a blob of a missing container", "PUT", "/nowhere/there?comp=lease", "", header{"X-Ms-Lease-Action": "break"}, 404, "ContainerNotFound"},
		{"lease of another version of a container", "PUT", "/firings?restype=container&comp=lease", "", header{"X-Ms-Lease-Action": "break", "If-Match": `"0x1"`}, 412, "ConditionNotMet"},
		{"lease of a container on a date", "PUT", "/firings?restype=container&comp=lease", "", header{"X-Ms-Lease-Action": "break", "If-Modified-Since": "yesterday"}, 400, "InvalidHeaderValue"},
		{"lease of a blob on a date", "PUT", "/firings/there?comp=lease", "", header{"X-Ms-Lease-Action": "break", "If-Modified-Since": "yesterday"}, 400, "InvalidHeaderValue"},
		{"lease of a container, no action", "PUT", "/firings?restype=container&comp=lease", "", nil, 400, "MissingRequiredHeader"},
		{"wrong MD5", "PUT", "/firings/new", "x", with(block, "Content-Md5", "XrY7u+Ae7tCTyyK7j1rNww=="), 400, "Md5Mismatch"},
		{"not an MD5", "PUT", "/firings/new", "x", with(block, "Content-Md5", "eA=="), 400, "InvalidMd5"},
		{"wrong CRC64", "PUT", "/firings/new", "x", with(block, "X-Ms-Content-Crc64", "vo7q9sPVKY0="), 400, "Crc64Mismatch"},
		{"metadata name", "PUT", "/firings/new", "x", with(block, "X-Ms-Meta-1st", "x"), 400, "InvalidMetadata"},
		{"metadata without name", "PUT", "/firings/new", "x", with(block, "X-Ms-Meta-", "x"), 400, "EmptyMetadataKey"},
		{"much metadata", "PUT", "/firings/new", "x", with(block, "X-Ms-Meta-A", strings.Repeat("x", 9000)), 400, "MetadataTooLarge"},
		{"metadata of a missing blob", "PUT", "/firings/none?comp=metadata", "", nil, 404, "BlobNotFound"},
		{"delete a missing blob", "DELETE", "/firings/none", "", nil, 404, "BlobNotFound"},
		{"delete another version", "DELETE", "/firings/there", "", header{"If-Match": `"0x1"`}, 412, "ConditionNotMet"},
		{"condition date", "GET", "/firings/there", "", header{"If-Modified-Since": "yesterday"}, 400, "InvalidHeaderValue"},
		{"range behind the end", "GET", "/firings/there", "", header{"X-Ms-Range": "bytes=11-"}, 416, "InvalidRange"},
		{"odd x-ms-range", "GET", "/firings/there", "", header{"X-Ms-Range": "bytes=-5"}, 400, "InvalidHeaderValue"},
		{"range CRC64 without range", "GET", "/firings/there", "", header{"X-Ms-Range-Get-Content-Crc64": "true"}, 400, "InvalidHeaderValue"},
		{"range of more than 4 MiB with its CRC64", "GET", "/firings/big", "", header{"X-Ms-Range": "bytes=0-4194304", "X-Ms-Range-Get-Content-Crc64": "true"}, 400, "OutOfRangeInput"},
		{"range with two hashes", "GET", "/firings/there", "",
			header{"X-Ms-Range": "bytes=0-1", "X-Ms-Range-Get-Content-Md5": "true", "X-Ms-Range-Get-Content-Crc64": "true"}, 400, "InvalidHeaderValue"},
		{"range MD5 without range", "GET", "/firings/there", "", header{"X-Ms-Range-Get-Content-Md5": "true"}, 400, "InvalidHeaderValue"},
		{"block ID", "PUT", "/firings/new?comp=block&blockid=%25", "x", nil, 400, "InvalidQueryParameterValue"},
		{"block for an append blob", "PUT", "/firings/log?comp=block&blockid=YQ==", "x", nil, 409, "InvalidBlobType"},
		{"block list that is not XML", "PUT", "/firings/new?comp=blocklist", "clay", nil, 400, "InvalidXmlDocument"},
		{"block list with odd nodes", "PUT", "/firings/new?comp=blocklist", "<BlockList><Clay>YQ==</Clay></BlockList>", nil, 400, "UnsupportedXmlNode"},
		{"block list of nothing staged", "PUT", "/firings/new?comp=blocklist", "<BlockList><Latest>YQ==</Latest></BlockList>", nil, 400, "InvalidBlockList"},
		{"block list of a missing blob", "GET", "/firings/none?comp=blocklist", "", nil, 404, "BlobNotFound"},
		{"odd block list type", "GET", "/firings/there?comp=blocklist&blocklisttype=some", "", nil, 400, "InvalidQueryParameterValue"},
		{"append to a missing blob", "PUT", "/firings/none?comp=appendblock", "x", nil, 404, "BlobNotFound"},
		{"append nothing", "PUT", "/firings/log?comp=appendblock", "", nil, 400, "InvalidHeaderValue"},
		{"append beyond a bound", "PUT", "/firings/log?comp=appendblock", "xyz", header{"X-Ms-Blob-Condition-Maxsize": "3"}, 412, "MaxBlobSizeConditionNotMet"},
		{"page of nothing", "GET", "/firings?restype=container&comp=list&maxresults=0", "", nil, 400, "OutOfRangeQueryParameterValue"},
		{"page of some", "GET", "/firings?restype=container&comp=list&maxresults=some", "", nil, 400, "InvalidQueryParameterValue"},
		{"page of containers of nothing", "GET", "/?comp=list&maxresults=0", "", nil, 400, "OutOfRangeQueryParameterValue"},
		{"marker that is not base64", "GET", "/firings?restype=container&comp=list&marker=2!4!%25%25%25%25", "", nil, 400, "OutOfRangeInput"},
		{"marker without a name", "GET", "/firings?restype=container&comp=list&marker=2!4!MDAw", "", nil, 400, "OutOfRangeInput"},
		{"odd marker", "GET", "/firings?restype=container&comp=list&marker=x", "", nil, 400, "OutOfRangeInput"},
		{"odd include", "GET", "/firings?restype=container&comp=list&include=clay", "", nil, 400, "InvalidQueryParameterValue"},
		{"lease", "GET", "/firings/there?comp=lease", "", nil, 405, "UnsupportedHttpVerb"},
		{"lease ID", "PUT", "/firings/there?comp=metadata", "", header{"X-Ms-Lease-Id": "1"}, 400, "InvalidHeaderValue"},
		{"copy", "PUT", "/firings/new", "", header{"X-Ms-Copy-Source": "https://example.com/a"}, 501, "NotImplemented"},
		{"snapshot", "GET", "/firings/there?snapshot=2026-01-01T00:00:00.0000000Z", "", nil, 501, "NotImplemented"},
		{"version of a blob", "GET", "/firings/there?versionid=1", "", nil, 501, "NotImplemented"},
		{"tags", "PUT", "/firings/new", "x", with(block, "X-Ms-Tags", "a=b"), 501, "NotImplemented"},
		{"if tags", "GET", "/firings/there", "", header{"X-Ms-If-Tags": "a='b'"}, 501, "NotImplemented"},
		{"structured body", "PUT", "/firings/new", "x", with(block, "X-Ms-Structured-Body", "XSM/1.0"), 400, "UnsupportedHeader"},
		{"own key", "PUT", "/firings/new", "x", with(block, "X-Ms-Encryption-Key", "a"), 501, "NotImplemented"},
		{"service properties", "GET", "/?restype=service&comp=properties", "", nil, 501, "NotImplemented"},
		{"access policies", "GET", "/firings?restype=container&comp=acl", "", nil, 501, "NotImplemented"},
		{"tier", "PUT", "/firings/there?comp=tier", "", nil, 501, "NotImplemented"},
		{"unknown comp of the service", "GET", "/?restype=service&comp=clay", "", nil, 400, "InvalidQueryParameterValue"},
		{"unknown comp of a container", "GET", "/firings?restype=container&comp=clay", "", nil, 400, "InvalidQueryParameterValue"},
		{"unknown restype of the account", "GET", "/?restype=shelf", "", nil, 400, "InvalidQueryParameterValue"},
		{"unknown restype of a container", "GET", "/firings?restype=shelf", "", nil, 400, "InvalidQueryParameterValue"},
		{"unknown restype", "GET", "/firings/there?restype=shelf", "", nil, 400, "InvalidQueryParameterValue"},
		{"unknown comp", "GET", "/firings/there?comp=clay", "", nil, 400, "InvalidQueryParameterValue"},
		{"method", "PATCH", "/firings/there", "", nil, 405, "UnsupportedHttpVerb"},
		{"version", "GET", "/firings/there", "", header{"X-Ms-Version": "soon"}, 400, "InvalidHeaderValue"},
		{"delegation key without body", "POST", "/?restype=service&comp=userdelegationkey", "", nil, 400, "InvalidXmlDocument"},
		{"delegation key for too long", "POST", "/?restype=service&comp=userdelegationkey",
			"<KeyInfo><Expiry>2099-01-01T00:00:00Z</Expiry></KeyInfo>", nil, 400, "InvalidXmlNodeValue"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := call(t, s, test.method, "https://"+testHost+test.path, test.body, test.header)
			if w.Code != test.status {
				t.Errorf("%s %s = %d, want %d", test.method, test.path, w.Code, test.status)
			}
			if code := refusalOf(t, test.method, w.Header(), w.Body.String()); code != test.code {
				t.Errorf("%s %s = %s, want %s", test.method, test.path, code, test.code)
			}
			bodies[test.name] = maskedRefusal(w)
		})
	}
	golden.Check(t, "refusals", bodies)
	if got := get(t, s, "there") + get(t, s, "log"); got != "hello worldx" {
		t.Errorf("refused requests changed content to %q", got)
	}
}

// TestFeaturesThatAreNotPlayed: the answer says what is missing.
func TestFeaturesThatAreNotPlayed(t *testing.T) {
	s := newTestService(t, "")
	put(t, s, "there", "hello")
	for comp, what := range map[string]string{
		"acl": "container access policies", "batch": "batch requests", "blobs": "finding blobs by tags", "copy": "copying", "expiry": "expiry of blobs",
		"immutabilityPolicies": "immutability policies", "incrementalcopy": "copying", "legalhold": "legal holds", "page": "page blobs", "pagelist": "page blobs",
		"query": "blob queries", "rename": "renaming", "seal": "sealing", "snapshot": "snapshots", "stats": "service statistics", "tags": "tags",
		"tier": "access tiers", "undelete": "soft delete",
	} {
		w := call(t, s, "PUT", testURL+"/there?comp="+comp, "", nil)
		if got := w.Header().Get(unplayed.Header); w.Code != http.StatusNotImplemented || got != what {
			t.Errorf("comp=%s: %d, %q is not played; want 501, %q", comp, w.Code, got, what)
		}
	}
}

func TestUnknownAccount(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "")
	for _, host := range []string{"other.blob.core.windows.net", "kilnstore.blob.example.com", "kilnstore.queue.core.windows.net"} {
		w := call(t, s, "GET", "https://"+host+"/firings/a", "", nil)
		if code := refusalOf(t, "GET", w.Header(), w.Body.String()); w.Code != 404 || code != "ResourceNotFound" {
			t.Errorf("GET on %s = %d %s, want 404 ResourceNotFound", host, w.Code, code)
		}
	}
}

func TestRequestBodyWithoutLength(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "")
	for length, want := range map[int64]string{-1: "MissingContentLengthHeader", 5: "InvalidInput", 1: "InvalidInput", 6000 << 20: "RequestBodyTooLarge"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, testURL+"/a", strings.NewReader("clay"))
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = length
		req.Header.Set("x-ms-version", "2026-02-06")
		req.Header.Set("x-ms-blob-type", "BlockBlob")
		req.Header.Set("Authorization", "Bearer "+goodToken)
		resp, err := inMemory{s}.Do(req)
		if err != nil || resp.Header.Get("x-ms-error-code") != want {
			t.Errorf("Content-Length %d for 4 bytes = %s, %v, want %s", length, resp.Header.Get("x-ms-error-code"), err, want)
		}
	}
	if got := names(t, s, ""); got != nil {
		t.Errorf("refused uploads left %v", got)
	}
}

func TestCredentialRefusals(t *testing.T) {
	t.Parallel()
	signature := base64.StdEncoding.EncodeToString(make([]byte, 32))
	public := func(_ *Options, a *Account) { a.PublicContainers = map[string]bool{"samples": true} }
	date := testTime.Format(http.TimeFormat)
	challenge := "Bearer authorization_uri=https://login.microsoftonline.com/tenant-1/oauth2/authorize resource_id=https://storage.azure.com"
	type header = map[string]string
	for _, test := range []struct {
		name      string
		edit      func(*Options, *Account)
		query     string
		header    header
		status    int
		code      string
		challenge string
		says      string
	}{
		{name: "nothing, new client", header: header{"Authorization": ""}, status: 401, code: "NoAuthenticationInformation", challenge: challenge},
		{name: "nothing, no version", header: header{"Authorization": "", "X-Ms-Version": ""}, status: 409, code: "PublicAccessNotPermitted"},
		{name: "nothing, account with public containers", edit: public, header: header{"Authorization": "", "X-Ms-Version": ""}, status: 404, code: "ResourceNotFound"},
		{name: "token for another service", header: header{"Authorization": "Bearer a.b.c"}, status: 401, code: "InvalidAuthenticationInfo", challenge: challenge, says: "Audience validation failed."},
		{name: "token without version", header: header{"X-Ms-Version": ""}, status: 403, code: "AuthenticationFailed", says: "not supported in this version"},
		{name: "another scheme", header: header{"Authorization": "Basic a2lsbg=="}, status: 400, code: "InvalidAuthenticationInfo"},
		{name: "half a key header", header: header{"Authorization": "SharedKey kilnstore"}, status: 400, code: "InvalidAuthenticationInfo"},
		{name: "key header of another account", header: header{"Authorization": "SharedKey other:" + signature, "X-Ms-Date": date}, status: 403, code: "AuthenticationFailed"},
		{name: "key header without date", header: header{"Authorization": "SharedKey kilnstore:" + signature}, status: 403, code: "AuthenticationFailed", says: "A valid x-ms-date or Date header is required."},
		{name: "old key header", header: header{"Authorization": "SharedKey kilnstore:" + signature, "X-Ms-Date": "Mon, 02 Jan 2006 15:04:05 GMT"}, status: 403, code: "AuthenticationFailed", says: "Request date header too old"},
		{name: "wrong key", header: header{"Authorization": "SharedKey kilnstore:" + signature, "X-Ms-Date": date}, status: 403, code: "AuthenticationFailed", says: "Server used following string to sign: 'GET\n"},
		{name: "key where none is taken", edit: withoutKeys, header: header{"Authorization": "SharedKey kilnstore:" + signature, "X-Ms-Date": date}, status: 403, code: "KeyBasedAuthenticationNotPermitted"},
		{name: "key-made SAS where none is taken", edit: withoutKeys, query: "?sv=REDACTED&sig=REDACTED&se=REDACTED&srt=co&ss=bf&sp=rcuwdl", header: header{"Authorization": ""}, status: 403, code: "KeyBasedAuthenticationNotPermitted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			edits := []func(*Options, *Account){at(testTime)}
			if test.edit != nil {
				edits = append(edits, test.edit)
			}
			s := newTestService(t, "", edits...)
			w := call(t, s, "GET", testURL+"/there"+test.query, "", test.header)
			code := refusalOf(t, "GET", w.Header(), w.Body.String())
			if w.Code != test.status || code != test.code || w.Header().Get("Www-Authenticate") != test.challenge {
				t.Errorf("GET = %d %s, challenge %q", w.Code, code, w.Header().Get("Www-Authenticate"))
			}
			if !strings.Contains(w.Body.String(), test.says) || strings.Contains(w.Body.String(), signature) {
				t.Errorf("body = %s, want %q and no signature", w.Body, test.says)
			}
		})
	}
}

// The length of an empty body was signed as "0" before 2015-02-21, and as nothing since.
func TestSharedKeyVersions(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "", at(testTime))
	put(t, s, "there", "x")
	date := testTime.Add(-time.Minute).Format(http.TimeFormat)
	for _, test := range []struct{ version, scheme, toSign string }{
		{"2014-02-14", "SharedKey", "PUT\n\n\n0\n\n\n\n\n\n\n\n\nx-ms-date:%[1]s\nx-ms-meta-b:2\nx-ms-version:2014-02-14\n/kilnstore/firings/there\ncomp:metadata"},
		{"2015-02-21", "SharedKey", "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:%[1]s\nx-ms-meta-b:2\nx-ms-version:2015-02-21\n/kilnstore/firings/there\ncomp:metadata"},
		{"2026-02-06", "SharedKey", "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:%[1]s\nx-ms-meta-b:2\nx-ms-version:2026-02-06\n/kilnstore/firings/there\ncomp:metadata"},
		{"2026-02-06", "SharedKeyLite", "PUT\n\n\n\nx-ms-date:%[1]s\nx-ms-meta-b:2\nx-ms-version:2026-02-06\n/kilnstore/firings/there?comp=metadata"},
	} {
		for i, key := range testKeys {
			signature := base64.StdEncoding.EncodeToString(sign(key, fmt.Sprintf(test.toSign, date)))
			w := call(t, s, "PUT", testURL+"/there?comp=metadata", "", map[string]string{
				"Authorization": test.scheme + " kilnstore:" + signature, "X-Ms-Date": date, "X-Ms-Version": test.version, "X-Ms-Meta-B": " 2 ",
			})
			if w.Code != 200 {
				t.Errorf("%s %s with key %d = %d: %s", test.scheme, test.version, i, w.Code, w.Body)
			}
		}
	}
}

func TestPublicContainer(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "", func(_ *Options, a *Account) { a.PublicContainers = map[string]bool{testContainer: true} })
	put(t, s, "there", "x")
	anonymous := map[string]string{"Authorization": "", "X-Ms-Version": ""}
	for path, want := range map[string]int{"/there": 200, "/none": 404, "?restype=container&comp=list": 200} {
		if w := call(t, s, "GET", testURL+path, "", anonymous); w.Code != want {
			t.Errorf("GET %s = %d, want %d", path, w.Code, want)
		}
	}
	if w := call(t, s, "DELETE", testURL+"/there", "", anonymous); w.Code == 202 {
		t.Error("anyone may delete from a public container")
	}
}

// TestLimits: one byte more than the service takes is refused before the body is read.
func TestLimits(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "")
	if err := s.Put(t.Context(), testAccount, testContainer, "log", strings.NewReader("x"), &PutOptions{Append: true}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		path, version string
		limit         int64
	}{
		{"/new", "2026-02-06", 5000 << 20},
		{"/new?comp=block&blockid=YQ==", "2026-02-06", 4000 << 20},
		{"/log?comp=appendblock", "2022-11-02", 100 << 20},
		{"/log?comp=appendblock", "2021-12-02", 4 << 20},
	} {
		for _, length := range []int64{test.limit, test.limit + 1} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, testURL+test.path, strings.NewReader("x"))
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = length
			req.Header.Set("x-ms-version", test.version)
			req.Header.Set("x-ms-blob-type", "BlockBlob")
			req.Header.Set("Authorization", "Bearer "+goodToken)
			w := newAnswer(s, req)
			want := "InvalidInput" // it ends early
			if length > test.limit {
				want = "RequestBodyTooLarge"
			}
			if got := w.Header().Get("X-Ms-Error-Code"); got != want {
				t.Errorf("%d bytes to %s, version %s: %s, want %s", length, test.path, test.version, got, want)
			}
			if limit := fmt.Sprintf("<MaxLimit>%d</MaxLimit>", test.limit); length > test.limit && !strings.Contains(w.Body.String(), limit) {
				t.Errorf("%s: %s, want %s", test.path, w.Body, limit)
			}
		}
	}
}

// TestTokenReasons: what is wrong with a token, in the service's words.
func TestTokenReasons(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]string{
		"audience":  "Audience validation failed. Audience did not match.",
		"expired":   "Lifetime validation failed. The token is expired.",
		"signature": "Signature validation failed. Signature verification failed.",
		"issuer":    "Issuer validation failed. Issuer did not match.",
		"malformed": "Token validation failed. The token is not well formed.",
		"missing":   "Token validation failed. The token is not well formed.",
		"the moon":  "the moon",
	} {
		s := newTestService(t, "", func(o *Options, _ *Account) {
			o.VerifyToken = func(string, string) (string, bool, string) { return "", false, reason }
		})
		w := call(t, s, "GET", testURL+"/a", "", nil)
		if w.Code != 401 || !strings.Contains(w.Body.String(), "<AuthenticationErrorDetail>"+want+"</AuthenticationErrorDetail>") {
			t.Errorf("%s: %d %s, want %s", reason, w.Code, w.Body, want)
		}
	}
	s := newTestService(t, "", func(o *Options, _ *Account) { o.VerifyToken, o.Now = nil, nil })
	if w := call(t, s, "GET", testURL+"/a", "", nil); w.Code != 401 || !strings.Contains(w.Body.String(), "no authority") {
		t.Errorf("without an authority: %d %s", w.Code, w.Body)
	}
}

// TestDelegationKeyWantsAToken: no other credential gets one.
func TestDelegationKeyWantsAToken(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "")
	target := "https://" + testHost + "/?restype=service&comp=userdelegationkey"
	for name, test := range map[string]struct {
		authorization string
		status        int
		code          string
	}{
		"account key": {"SharedKey " + testAccount + ":" + base64.StdEncoding.EncodeToString(make([]byte, 32)), 403, "AuthenticationFailed"},
		"none":        {"", 401, "NoAuthenticationInformation"},
	} {
		w := call(t, s, "POST", target, "", map[string]string{"Authorization": test.authorization})
		if w.Code != test.status || w.Header().Get("X-Ms-Error-Code") != test.code {
			t.Errorf("%s: %d %v, want %d %s", name, w.Code, w.Header(), test.status, test.code)
		}
	}
	for _, token := range []string{"opaque", "a.b!.c", "a." + base64.RawURLEncoding.EncodeToString([]byte("clay")) + ".c"} { // no claims to be read
		s := newTestService(t, "", func(o *Options, _ *Account) {
			o.VerifyToken = func(string, string) (string, bool, string) { return "tenant-1", true, "" }
		})
		body := "<KeyInfo><Expiry>" + time.Now().Add(time.Hour).UTC().Format(sasTimeLayout) + "</Expiry></KeyInfo>"
		w := call(t, s, "POST", target, body, map[string]string{"Authorization": "Bearer " + token})
		if w.Code != 200 || !strings.Contains(w.Body.String(), "<SignedOid>"+serviceObjectID+"</SignedOid><SignedTid>tenant-1</SignedTid>") {
			t.Errorf("token %q: %d %s", token, w.Code, w.Body)
		}
	}
}

// TestConditionsThatCannotBeRead: every operation with conditions refuses those that it cannot read,
// and changes nothing.
func TestConditionsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "")
	put(t, s, "there", "clay")
	if err := s.Put(t.Context(), testAccount, testContainer, "log", strings.NewReader("clay"), &PutOptions{Append: true}); err != nil {
		t.Fatal(err)
	}
	etag := func(name string) string { return call(t, s, "HEAD", testURL+"/"+name, "", nil).Header().Get("Etag") }
	before := etag("there") + etag("log")
	for _, operation := range []string{
		"GET /there", "HEAD /there", "PUT /there", "DELETE /there", "PUT /there?comp=metadata", "HEAD /there?comp=metadata", "PUT /there?comp=properties", "PUT /there?comp=block&blockid=YQ==",
		"PUT /there?comp=blocklist", "GET /there?comp=blocklist", "PUT /log?comp=appendblock", "GET ?restype=container", "PUT ?restype=container&comp=metadata", "DELETE ?restype=container",
	} {
		method, path, _ := strings.Cut(operation, " ")
		w := call(t, s, method, testURL+path, "<BlockList />", map[string]string{"X-Ms-Lease-Id": "1", "X-Ms-Blob-Type": "BlockBlob"})
		if code := refusalOf(t, method, w.Header(), w.Body.String()); w.Code != 400 || code != "InvalidHeaderValue" {
			t.Errorf("%s = %d %s, want 400 InvalidHeaderValue", operation, w.Code, code)
		}
	}
	if after := etag("there") + etag("log"); after != before {
		t.Errorf("etags %s, were %s", after, before)
	}
}
