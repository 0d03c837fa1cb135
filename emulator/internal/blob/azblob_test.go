package blob

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/appendblob"
	azb "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	azcontainer "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	azsas "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"
	"github.com/google/go-cmp/cmp"
)

// Azure's own client is the judge here: it signs requests, makes SAS and reads answers by the
// service's documentation.

func TestSharedKeyRoundTrip(t *testing.T) {
	t.Parallel()
	onEachBackend(t, func(t *testing.T, s *Service) {
		c := keyClient(t, s)
		b := c.NewBlockBlobClient("raku/log 1+ü.txt")
		// A hyphen cannot be in a name; an underscore and digits try the order of signed headers.
		metadata := map[string]*string{"a_b": new("1"), "ab": new("2"), "a1": new("3"), "upload_status": new("completed")}
		_, err := b.Upload(t.Context(), streaming.NopCloser(strings.NewReader("hello world")), &blockblob.UploadOptions{
			Metadata: metadata, HTTPHeaders: &azb.HTTPHeaders{BlobContentType: new("text/plain")},
		})
		if err != nil {
			t.Fatalf("Upload: %v", err)
		}
		props, err := b.GetProperties(t.Context(), nil)
		if err != nil {
			t.Fatalf("GetProperties: %v", err)
		}
		got := map[string]string{}
		for name, value := range props.Metadata {
			got[strings.ToLower(name)] = *value
		}
		want := map[string]string{"a_b": "1", "ab": "2", "a1": "3", "upload_status": "completed"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("GetProperties metadata (-want +got):\n%s", diff)
		}
		if *props.ContentType != "text/plain" || *props.ContentLength != 11 || *props.BlobType != azb.BlobTypeBlockBlob {
			t.Errorf("GetProperties = %s %d %s, want text/plain 11 BlockBlob", *props.ContentType, *props.ContentLength, *props.BlobType)
		}
		if text := download(t, c, "raku/log 1+ü.txt", azb.HTTPRange{}); text != "hello world" {
			t.Errorf("download = %q, want hello world", text)
		}
		if _, err := b.Delete(t.Context(), nil); err != nil {
			t.Errorf("Delete: %v", err)
		}
		_, err = b.GetProperties(t.Context(), nil)
		wantCode(t, "GetProperties after Delete", err, 404, "BlobNotFound")
	})
}

func download(t testing.TB, c *azcontainer.Client, name string, r azb.HTTPRange) string {
	t.Helper()
	resp, err := c.NewBlobClient(name).DownloadStream(t.Context(), &azb.DownloadStreamOptions{Range: r})
	if err != nil {
		t.Fatalf("DownloadStream %q: %v", name, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("read %q: %v", name, err)
	}
	return string(data)
}

func TestUploadStreamInBlocks(t *testing.T) {
	t.Parallel()
	onEachBackend(t, func(t *testing.T, s *Service) {
		c := keyClient(t, s)
		want := make([]byte, 5<<20+17)
		for i := range want {
			want[i] = byte(rand.Uint32())
		}
		_, err := c.NewBlockBlobClient("big.bin").UploadStream(t.Context(), bytes.NewReader(want),
			&blockblob.UploadStreamOptions{BlockSize: 1 << 20, Concurrency: 4})
		if err != nil {
			t.Fatalf("UploadStream: %v", err)
		}
		if got := get(t, s, "big.bin"); got != string(want) {
			t.Errorf("content differs: %d bytes, want %d", len(got), len(want))
		}
		buf := make([]byte, 3<<20)
		n, err := c.NewBlobClient("big.bin").DownloadBuffer(t.Context(), buf,
			&azb.DownloadBufferOptions{Range: azb.HTTPRange{Offset: 12345, Count: int64(len(buf))}, BlockSize: 1 << 20})
		if err != nil || n != int64(len(buf)) || !bytes.Equal(buf, want[12345:12345+len(buf)]) {
			t.Errorf("DownloadBuffer = %d, %v; content equal: %v", n, err, bytes.Equal(buf, want[12345:12345+len(buf)]))
		}
		list, err := c.NewBlockBlobClient("big.bin").GetBlockList(t.Context(), blockblob.BlockListTypeAll, nil)
		if err != nil {
			t.Fatalf("GetBlockList: %v", err)
		}
		if len(list.CommittedBlocks) != 6 || len(list.UncommittedBlocks) != 0 || *list.CommittedBlocks[5].Size != 17 {
			t.Errorf("GetBlockList = %d committed, %d uncommitted", len(list.CommittedBlocks), len(list.UncommittedBlocks))
		}
	})
}

func TestBlocksAreReused(t *testing.T) {
	t.Parallel()
	onEachBackend(t, func(t *testing.T, s *Service) {
		b := keyClient(t, s).NewBlockBlobClient("glaze.txt")
		stage := func(id, text string) {
			t.Helper()
			if _, err := b.StageBlock(t.Context(), id, streaming.NopCloser(strings.NewReader(text)), nil); err != nil {
				t.Fatalf("StageBlock %s: %v", id, err)
			}
		}
		commit := func(ids ...string) error {
			_, err := b.CommitBlockList(t.Context(), ids, nil)
			return err
		}
		stage("YTE=", "one ")
		stage("YTI=", "two ")
		if err := commit("YTE=", "YTI=", "YTE="); err != nil {
			t.Fatalf("first commit: %v", err)
		}
		if got := get(t, s, "glaze.txt"); got != "one two one " {
			t.Errorf("content = %q", got)
		}
		stage("YTE=", "ONE ")
		if err := commit("YTI=", "YTE="); err != nil {
			t.Fatalf("second commit: %v", err)
		}
		if got := get(t, s, "glaze.txt"); got != "two ONE " {
			t.Errorf("content = %q, want the committed block and the newer uncommitted one", got)
		}
		wantCode(t, "commit of an unknown block", commit("YTk="), 400, "InvalidBlockList")
		if got := get(t, s, "glaze.txt"); got != "two ONE " {
			t.Errorf("content after a refused commit = %q", got)
		}
	})
}

func TestSASMadeByTheService(t *testing.T) {
	t.Parallel()
	onEachBackend(t, func(t *testing.T, s *Service) {
		put(t, s, "mug.txt", "clay")
		account, err := s.AccountSAS(testAccount, "rcuwdl", time.Now().Add(time.Hour))
		if err != nil {
			t.Fatalf("AccountSAS: %v", err)
		}
		delegated, err := s.UserDelegationSAS(testAccount, testContainer, "rcwl", time.Now().Add(-time.Minute), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatalf("UserDelegationSAS: %v", err)
		}
		for name, token := range map[string]string{"account": account, "delegation": delegated} {
			c := sasClient(t, s, token)
			if got := download(t, c, "mug.txt", azb.HTTPRange{}); got != "clay" {
				t.Errorf("%s SAS: download = %q", name, got)
			}
			if _, err := c.NewBlockBlobClient(name+".txt").UploadBuffer(t.Context(), []byte(name), nil); err != nil {
				t.Errorf("%s SAS: upload: %v", name, err)
			}
			if got := listNames(t, c, ""); len(got) < 2 {
				t.Errorf("%s SAS: list = %v", name, got)
			}
		}
		_, err = sasClient(t, s, delegated).NewBlobClient("mug.txt").Delete(t.Context(), nil)
		wantCode(t, "Delete with a delegation SAS without d", err, 403, "AuthorizationPermissionMismatch")
	})
}

func TestSASMadeByAzblob(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "")
	put(t, s, "mug.txt", "clay")
	c := keyClient(t, s)
	expiry := time.Now().Add(time.Hour)

	blobURL, err := c.NewBlobClient("mug.txt").GetSASURL(azsas.BlobPermissions{Read: true}, expiry, nil)
	if err != nil {
		t.Fatalf("GetSASURL of a blob: %v", err)
	}
	opts := clientOptions(s)
	b, err := azb.NewClientWithNoCredential(blobURL, &azb.ClientOptions{ClientOptions: opts})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.GetProperties(t.Context(), nil); err != nil {
		t.Errorf("blob SAS: %v", err)
	}
	other, _, _ := strings.Cut(blobURL, "?")
	_, query, _ := strings.Cut(blobURL, "?")
	wrong, err := azb.NewClientWithNoCredential(strings.Replace(other, "mug.txt", "vase.txt", 1)+"?"+query, &azb.ClientOptions{ClientOptions: opts})
	if err != nil {
		t.Fatal(err)
	}
	_, err = wrong.GetProperties(t.Context(), nil)
	wantCode(t, "blob SAS on another blob", err, 403, "AuthenticationFailed")

	containerURL, err := c.GetSASURL(azsas.ContainerPermissions{Read: true, List: true}, expiry, nil)
	if err != nil {
		t.Fatalf("GetSASURL of a container: %v", err)
	}
	_, query, _ = strings.Cut(containerURL, "?")
	if got := listNames(t, sasClient(t, s, query), ""); !cmp.Equal(got, []string{"mug.txt"}) {
		t.Errorf("container SAS: list = %v", got)
	}
}

func TestUserDelegationKeyOfAToken(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "", withoutKeys)
	put(t, s, "mug.txt", "clay")
	client, err := service.NewClient("https://"+testHost+"/", staticToken(goodToken), &service.ClientOptions{ClientOptions: clientOptions(s)})
	if err != nil {
		t.Fatal(err)
	}
	start, expiry := time.Now().UTC().Add(-time.Minute), time.Now().UTC().Add(time.Hour)
	cred, err := client.GetUserDelegationCredential(t.Context(), service.KeyInfo{
		Start: new(start.Format(azsas.TimeFormat)), Expiry: new(expiry.Format(azsas.TimeFormat)),
	}, nil)
	if err != nil {
		t.Fatalf("GetUserDelegationCredential: %v", err)
	}
	query, err := azsas.BlobSignatureValues{
		StartTime: start, ExpiryTime: expiry, Permissions: "r", ContainerName: testContainer, BlobName: "mug.txt",
		ContentType: "text/clay", Protocol: azsas.ProtocolHTTPS,
	}.SignWithUserDelegation(cred)
	if err != nil {
		t.Fatalf("SignWithUserDelegation: %v", err)
	}
	props, err := sasClient(t, s, query.Encode()).NewBlobClient("mug.txt").GetProperties(t.Context(), nil)
	if err != nil {
		t.Fatalf("GetProperties: %v", err)
	}
	if *props.ContentType != "text/clay" {
		t.Errorf("Content-Type = %s, want the SAS's own", *props.ContentType)
	}
}

func TestTokenCredential(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "", withoutKeys)
	client := func(token azcore.TokenCredential) *azcontainer.Client {
		c, err := azcontainer.NewClient(testURL, token, &azcontainer.ClientOptions{ClientOptions: clientOptions(s)})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if _, err := client(staticToken(goodToken)).NewBlockBlobClient("a").UploadBuffer(t.Context(), []byte("x"), nil); err != nil {
		t.Errorf("upload with a good token: %v", err)
	}
	_, err := client(staticToken("of-another-service")).NewBlobClient("a").GetProperties(t.Context(), nil)
	wantCode(t, "bad token", err, 401, "InvalidAuthenticationInfo")
	_, err = keyClient(t, s).NewBlobClient("a").GetProperties(t.Context(), nil)
	wantCode(t, "key on an account without keys", err, 403, "KeyBasedAuthenticationNotPermitted")
}

func listNames(t testing.TB, c *azcontainer.Client, prefix string) []string {
	t.Helper()
	var all []string
	pager := c.NewListBlobsFlatPager(&azcontainer.ListBlobsFlatOptions{Prefix: &prefix, MaxResults: new(int32(3))})
	for pager.More() {
		page, err := pager.NextPage(t.Context())
		if err != nil {
			t.Fatalf("list %q: %v", prefix, err)
		}
		for _, item := range page.Segment.BlobItems {
			all = append(all, *item.Name)
		}
	}
	return all
}

func TestListPagesAndHierarchy(t *testing.T) {
	t.Parallel()
	onEachBackend(t, func(t *testing.T, s *Service) {
		for _, name := range []string{"b/1", "b/2", "a.txt", "a/x/1", "a/x/2", "a/y", "c", "b.txt", "no XML \ufffe", "z&<>\"'"} {
			put(t, s, name, name)
		}
		c := keyClient(t, s)
		want := []string{"a.txt", "a/x/1", "a/x/2", "a/y", "b.txt", "b/1", "b/2", "c", "no XML \ufffe", "z&<>\"'"}
		if diff := cmp.Diff(want, listNames(t, c, "")); diff != "" {
			t.Errorf("flat list (-want +got):\n%s", diff)
		}
		var got []string
		pager := c.NewListBlobsHierarchyPager("/", &azcontainer.ListBlobsHierarchyOptions{MaxResults: new(int32(2))})
		for pager.More() {
			page, err := pager.NextPage(t.Context())
			if err != nil {
				t.Fatalf("hierarchy: %v", err)
			}
			for _, p := range page.Segment.BlobPrefixes {
				got = append(got, *p.Name)
			}
			for _, b := range page.Segment.BlobItems {
				got = append(got, *b.Name)
			}
		}
		// Within a page azblob hands out prefixes before blobs.
		if diff := cmp.Diff([]string{"a/", "a.txt", "b/", "b.txt", "c", "no XML \ufffe", "z&<>\"'"}, got); diff != "" {
			t.Errorf("hierarchy (-want +got):\n%s", diff)
		}
	})
}

func TestConditions(t *testing.T) {
	t.Parallel()
	onEachBackend(t, func(t *testing.T, s *Service) {
		b := keyClient(t, s).NewBlockBlobClient("bowl")
		upload := func(text string, m *azb.ModifiedAccessConditions) (azcore.ETag, error) {
			resp, err := b.Upload(t.Context(), streaming.NopCloser(strings.NewReader(text)),
				&blockblob.UploadOptions{AccessConditions: &azb.AccessConditions{ModifiedAccessConditions: m}})
			if err != nil {
				return "", err
			}
			return *resp.ETag, nil
		}
		first, err := upload("1", &azb.ModifiedAccessConditions{IfNoneMatch: new(azcore.ETagAny)})
		if err != nil {
			t.Fatalf("create: %v", err)
		}
		_, err = upload("2", &azb.ModifiedAccessConditions{IfNoneMatch: new(azcore.ETagAny)})
		wantCode(t, "create again", err, 409, "BlobAlreadyExists")
		second, err := upload("2", &azb.ModifiedAccessConditions{IfMatch: &first})
		if err != nil || second == first {
			t.Fatalf("replace by ETag: %s after %s, %v", second, first, err)
		}
		_, err = upload("3", &azb.ModifiedAccessConditions{IfMatch: &first})
		wantCode(t, "replace by an old ETag", err, 412, "ConditionNotMet")
		conditions := func(m *azb.ModifiedAccessConditions) *azb.DownloadStreamOptions {
			return &azb.DownloadStreamOptions{AccessConditions: &azb.AccessConditions{ModifiedAccessConditions: m}}
		}
		_, err = b.DownloadStream(t.Context(), conditions(&azb.ModifiedAccessConditions{IfMatch: &second}))
		if err != nil {
			t.Errorf("download of the version that is there: %v", err)
		}
		_, err = b.DownloadStream(t.Context(), conditions(&azb.ModifiedAccessConditions{IfMatch: &first}))
		wantCode(t, "download another version", err, 412, "ConditionNotMet")
	})
}

// azblob takes a 304 for an answer, so this one is asked by hand.
func TestNotModified(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "", at(testTime))
	put(t, s, "bowl", "1")
	etag := call(t, s, "HEAD", testURL+"/bowl", "", nil).Header().Get("Etag")
	for name, value := range map[string]string{"If-None-Match": etag, "If-Modified-Since": testTime.Format(http.TimeFormat)} {
		for _, method := range []string{"GET", "HEAD"} {
			w := call(t, s, method, testURL+"/bowl", "", map[string]string{name: value})
			if w.Code != 304 || w.Header().Get("X-Ms-Error-Code") != "ConditionNotMet" || w.Header().Get("Etag") != etag || w.Body.Len() != 0 {
				t.Errorf("%s with %s = %d %v %q, want 304, the ETag and no body", method, name, w.Code, w.Header(), w.Body)
			}
		}
	}
}

func TestAppendBlob(t *testing.T) {
	t.Parallel()
	onEachBackend(t, func(t *testing.T, s *Service) {
		b := keyClient(t, s).NewAppendBlobClient("logs/kiln.txt")
		if _, err := b.Create(t.Context(), nil); err != nil {
			t.Fatalf("Create: %v", err)
		}
		add := func(text string, o *appendblob.AppendBlockOptions) error {
			_, err := b.AppendBlock(t.Context(), streaming.NopCloser(strings.NewReader(text)), o)
			return err
		}
		if err := add("heating\n", nil); err != nil {
			t.Fatalf("AppendBlock: %v", err)
		}
		reader, _, err := s.Open(t.Context(), testAccount, testContainer, "logs/kiln.txt")
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		at := appendblob.AppendPositionAccessConditions{AppendPosition: new(int64(8))}
		if err := add("cooling\n", &appendblob.AppendBlockOptions{AppendPositionAccessConditions: &at}); err != nil {
			t.Fatalf("AppendBlock at 8: %v", err)
		}
		err = add("lost\n", &appendblob.AppendBlockOptions{AppendPositionAccessConditions: &at})
		wantCode(t, "AppendBlock at an old position", err, 412, "AppendPositionConditionNotMet")
		if early, _ := io.ReadAll(reader); string(early) != "heating\n" {
			t.Errorf("a reader opened before the append sees %q", early)
		}
		if got := get(t, s, "logs/kiln.txt"); got != "heating\ncooling\n" {
			t.Errorf("content = %q", got)
		}
		props, err := b.GetProperties(t.Context(), nil)
		if err != nil || *props.BlobCommittedBlockCount != 2 || *props.BlobType != azb.BlobTypeAppendBlob {
			t.Errorf("GetProperties = %+v, %v", props.BlobCommittedBlockCount, err)
		}
		put(t, s, "plain", "x")
		_, err = keyClient(t, s).NewAppendBlobClient("plain").AppendBlock(t.Context(), streaming.NopCloser(strings.NewReader("y")), nil)
		wantCode(t, "AppendBlock to a block blob", err, 409, "InvalidBlobType")
	})
}

func TestContainersOfAnAccount(t *testing.T) {
	t.Parallel()
	onEachBackend(t, func(t *testing.T, s *Service) {
		token := staticToken(goodToken)
		client, err := service.NewClient("https://"+testHost+"/", token, &service.ClientOptions{ClientOptions: clientOptions(s)})
		if err != nil {
			t.Fatal(err)
		}
		c := client.NewContainerClient("shelves")
		if _, err := c.Create(t.Context(), &azcontainer.CreateOptions{Metadata: map[string]*string{"room": new("two")}}); err != nil {
			t.Fatalf("Create: %v", err)
		}
		_, err = c.Create(t.Context(), nil)
		wantCode(t, "Create again", err, 409, "ContainerAlreadyExists")
		var got []string
		pager := client.NewListContainersPager(&service.ListContainersOptions{MaxResults: new(int32(1)), Include: service.ListContainersInclude{Metadata: true}})
		for pager.More() {
			page, err := pager.NextPage(t.Context())
			if err != nil {
				t.Fatalf("list containers: %v", err)
			}
			for _, item := range page.ContainerItems {
				got = append(got, *item.Name)
			}
		}
		if diff := cmp.Diff([]string{testContainer, "shelves"}, got); diff != "" {
			t.Errorf("list containers (-want +got):\n%s", diff)
		}
		props, err := c.GetProperties(t.Context(), nil)
		if err != nil || *props.LeaseState != "available" {
			t.Errorf("GetProperties: %v", err)
		}
		if _, err := c.Delete(t.Context(), nil); err != nil {
			t.Fatalf("Delete: %v", err)
		}
		_, err = c.NewBlockBlobClient("a").UploadBuffer(t.Context(), nil, nil)
		wantCode(t, "upload to a deleted container", err, 404, "ContainerNotFound")
		info, err := client.GetAccountInfo(t.Context(), nil)
		if err != nil || *info.AccountKind != "StorageV2" {
			t.Errorf("GetAccountInfo: %v", err)
		}
	})
}
