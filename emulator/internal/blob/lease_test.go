package blob

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	azcontainer "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	azlease "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"
)

const (
	leaseA = "aaaaaaaa-0000-4000-8000-000000000001"
	leaseB = "bbbbbbbb-0000-4000-8000-000000000002"
	leaseC = "cccccccc-0000-4000-8000-000000000003"
)

// leaseTest has azblob's clients of one blob, "bowl", and the clock by which its leases end.
type leaseTest struct {
	*testing.T
	service   *Service
	clock     time.Time
	container *azcontainer.Client
	blob      *blockblob.Client
}

func newLeaseTest(t *testing.T, dir string) *leaseTest {
	t.Helper()
	lt := &leaseTest{T: t, clock: testTime}
	lt.service = newTestService(t, dir, func(o *Options, _ *Account) { o.Now = func() time.Time { return lt.clock } })
	c, err := azcontainer.NewClient(testURL, staticToken(goodToken),
		&azcontainer.ClientOptions{ClientOptions: clientOptions(lt.service)})
	if err != nil {
		t.Fatal(err)
	}
	lt.container, lt.blob = c, c.NewBlockBlobClient("bowl")
	return lt
}

func (t *leaseTest) wait(d time.Duration) { t.clock = t.clock.Add(d) }

// holder is azblob's lease client, which acquires with id unless it is empty. azblob invents an ID
// then.
func (t *leaseTest) holder(id string) *azlease.BlobClient {
	t.Helper()
	o := &azlease.BlobClientOptions{}
	if id != "" {
		o.LeaseID = &id
	}
	c, err := azlease.NewBlobClient(t.blob, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// in brings the blob into a lease state: held by leaseA for 30 s, or once held by leaseA.
func (t *leaseTest) in(state string) {
	t.Helper()
	t.must(t.service.Delete(t.Context(), testAccount, testContainer, "bowl"))
	put(t, t.service, "bowl", "clay")
	if state == "available" {
		return
	}
	a := t.holder(leaseA)
	_, err := a.AcquireLease(t.Context(), 30, nil)
	switch state {
	case "breaking":
		_, err = a.BreakLease(t.Context(), &azlease.BlobBreakOptions{BreakPeriod: new(int32(10))})
	case "broken":
		_, err = a.BreakLease(t.Context(), &azlease.BlobBreakOptions{BreakPeriod: new(int32(0))})
	case "expired":
		t.wait(30 * time.Second)
	case "released":
		_, err = a.ReleaseLease(t.Context(), nil)
	}
	t.must(err)
}

func (t *leaseTest) must(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// state is what a HEAD says: state, status and duration.
func (t *leaseTest) state() string {
	t.Helper()
	p, err := t.blob.GetProperties(t.Context(), nil)
	t.must(err)
	said := []string{string(*p.LeaseState), string(*p.LeaseStatus)}
	if p.LeaseDuration != nil {
		said = append(said, string(*p.LeaseDuration))
	}
	return strings.Join(said, " ")
}

// code is the service's code of an error, or "ok".
func code(err error) string {
	var re *azcore.ResponseError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &re):
		return re.ErrorCode
	}
	return err.Error()
}

// leaseActions are the operations of Lease Blob, each as one client would send it.
var leaseActions = map[string]func(ctx context.Context, t *leaseTest) error{
	"acquire": func(ctx context.Context, t *leaseTest) error {
		_, err := t.holder("").AcquireLease(ctx, 15, nil)
		return err
	},
	"acquire A": func(ctx context.Context, t *leaseTest) error {
		_, err := t.holder(leaseA).AcquireLease(ctx, 15, nil)
		return err
	},
	"acquire B": func(ctx context.Context, t *leaseTest) error {
		_, err := t.holder(leaseB).AcquireLease(ctx, -1, nil)
		return err
	},
	"renew A": func(ctx context.Context, t *leaseTest) error {
		_, err := t.holder(leaseA).RenewLease(ctx, nil)
		return err
	},
	"renew B": func(ctx context.Context, t *leaseTest) error {
		_, err := t.holder(leaseB).RenewLease(ctx, nil)
		return err
	},
	"A to B": func(ctx context.Context, t *leaseTest) error {
		_, err := t.holder(leaseA).ChangeLease(ctx, leaseB, nil)
		return err
	},
	"B to A": func(ctx context.Context, t *leaseTest) error {
		_, err := t.holder(leaseB).ChangeLease(ctx, leaseA, nil)
		return err
	},
	"B to C": func(ctx context.Context, t *leaseTest) error {
		_, err := t.holder(leaseB).ChangeLease(ctx, leaseC, nil)
		return err
	},
	"release A": func(ctx context.Context, t *leaseTest) error {
		_, err := t.holder(leaseA).ReleaseLease(ctx, nil)
		return err
	},
	"release B": func(ctx context.Context, t *leaseTest) error {
		_, err := t.holder(leaseB).ReleaseLease(ctx, nil)
		return err
	},
	"break": func(ctx context.Context, t *leaseTest) error {
		_, err := t.holder(leaseB).BreakLease(ctx, nil)
		return err
	},
	"break in 0": func(ctx context.Context, t *leaseTest) error {
		_, err := t.holder(leaseB).BreakLease(ctx, &azlease.BlobBreakOptions{BreakPeriod: new(int32(0))})
		return err
	},
}

// The outcomes are those of Microsoft Learn, "Lease Blob", and of the tests that Azure's own .NET
// client runs against the service. A state in the last column is what a successful action leaves
// behind.
func TestLeaseActions(t *testing.T) {
	t.Parallel()
	const (
		fixed    = "leased locked fixed"
		forever  = "leased locked infinite"
		free     = "available unlocked"
		breaking = "breaking locked"
		broken   = "broken unlocked"
	)
	for _, test := range []struct{ from, action, want string }{
		{"available", "acquire", fixed},
		{"available", "acquire A", fixed},
		{"available", "acquire B", forever},
		{"available", "renew A", "LeaseIdMismatchWithLeaseOperation"},
		{"available", "A to B", "LeaseNotPresentWithLeaseOperation"},
		{"available", "release A", "LeaseIdMismatchWithLeaseOperation"},
		{"available", "break", "LeaseNotPresentWithLeaseOperation"},

		{"leased", "acquire", "LeaseAlreadyPresent"},
		{"leased", "acquire A", fixed},
		{"leased", "acquire B", "LeaseAlreadyPresent"},
		{"leased", "renew A", fixed},
		{"leased", "renew B", "LeaseIdMismatchWithLeaseOperation"},
		{"leased", "A to B", fixed},
		{"leased", "B to A", fixed},
		{"leased", "B to C", "LeaseIdMismatchWithLeaseOperation"},
		{"leased", "release A", free},
		{"leased", "release B", "LeaseIdMismatchWithLeaseOperation"},
		{"leased", "break", breaking},
		{"leased", "break in 0", broken},

		{"breaking", "acquire", "LeaseAlreadyPresent"},
		{"breaking", "acquire A", "LeaseIsBreakingAndCannotBeAcquired"},
		{"breaking", "acquire B", "LeaseAlreadyPresent"},
		{"breaking", "renew A", "LeaseIsBrokenAndCannotBeRenewed"},
		{"breaking", "renew B", "LeaseIdMismatchWithLeaseOperation"},
		{"breaking", "A to B", "LeaseIsBreakingAndCannotBeChanged"},
		{"breaking", "B to C", "LeaseIdMismatchWithLeaseOperation"},
		{"breaking", "release A", free},
		{"breaking", "release B", "LeaseIdMismatchWithLeaseOperation"},
		{"breaking", "break", breaking},
		{"breaking", "break in 0", broken},

		{"broken", "acquire", fixed},
		{"broken", "acquire A", fixed},
		{"broken", "acquire B", forever},
		{"broken", "renew A", "LeaseIsBrokenAndCannotBeRenewed"},
		{"broken", "renew B", "LeaseIdMismatchWithLeaseOperation"},
		{"broken", "A to B", "LeaseNotPresentWithLeaseOperation"},
		{"broken", "B to C", "LeaseNotPresentWithLeaseOperation"},
		{"broken", "release A", free},
		{"broken", "release B", "LeaseIdMismatchWithLeaseOperation"},
		{"broken", "break", broken},
		{"broken", "break in 0", broken},

		{"expired", "acquire", fixed},
		{"expired", "acquire A", fixed},
		{"expired", "acquire B", forever},
		{"expired", "renew A", fixed},
		{"expired", "renew B", "LeaseIdMismatchWithLeaseOperation"},
		{"expired", "A to B", "LeaseNotPresentWithLeaseOperation"},
		{"expired", "release A", free},
		{"expired", "release B", "LeaseIdMismatchWithLeaseOperation"},
		{"expired", "break", broken},
		{"expired", "break in 0", broken},

		{"released", "acquire", fixed},
		{"released", "renew A", "LeaseIdMismatchWithLeaseOperation"},
		{"released", "A to B", "LeaseNotPresentWithLeaseOperation"},
		{"released", "release A", "LeaseIdMismatchWithLeaseOperation"},
		{"released", "break", "LeaseNotPresentWithLeaseOperation"},
	} {
		t.Run(test.from+", "+test.action, func(t *testing.T) {
			t.Parallel()
			lt := newLeaseTest(t, "")
			put(t, lt.service, "bowl", "")
			lt.in(test.from)
			before := lt.state()
			err := leaseActions[test.action](t.Context(), lt)
			after := lt.state()
			if got := cmp.Or(map[bool]string{true: after}[err == nil], code(err)); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if err != nil {
				wantCode(t, test.action, err, http.StatusConflict, test.want)
				if after != before {
					t.Errorf("a refused action changed the lease from %q to %q", before, after)
				}
			}
		})
	}
}

func TestBreakPeriods(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		held     int32 // seconds, -1 for ever
		breakIn  []int32
		wantTime []int32
	}{
		{held: -1, breakIn: []int32{azlease.BreakNaturally}, wantTime: []int32{0}},
		{held: -1, breakIn: []int32{60, 5, 30, azlease.BreakNaturally}, wantTime: []int32{60, 5, 5, 5}},
		{held: 50, breakIn: []int32{60}, wantTime: []int32{50}},
		{held: 50, breakIn: []int32{azlease.BreakNaturally}, wantTime: []int32{50}},
		{held: 50, breakIn: []int32{7, 0, 7}, wantTime: []int32{7, 0, 0}},
	} {
		lt := newLeaseTest(t, "")
		put(t, lt.service, "bowl", "")
		_, err := lt.holder(leaseA).AcquireLease(t.Context(), test.held, nil)
		lt.must(err)
		var last int32
		for i, period := range test.breakIn {
			resp, err := lt.holder("").BreakLease(t.Context(), &azlease.BlobBreakOptions{BreakPeriod: &period})
			lt.must(err)
			if last = *resp.LeaseTime; last != test.wantTime[i] {
				t.Errorf("held for %d s, break %d of %v: x-ms-lease-time %d, want %d", test.held, i, test.breakIn, last, test.wantTime[i])
			}
		}
		lt.wait(time.Duration(last) * time.Second)
		if got := lt.state(); got != "broken unlocked" {
			t.Errorf("held for %d s, broken in %v, %d s later: %s", test.held, test.breakIn, last, got)
		}
	}
}

// A lease ends at its second, not before it and not after it, and a renewal starts the same time
// again.
func TestLeaseEnds(t *testing.T) {
	t.Parallel()
	lt := newLeaseTest(t, "")
	put(t, lt.service, "bowl", "")
	holder := lt.holder(leaseA)
	_, err := holder.AcquireLease(t.Context(), 15, nil)
	lt.must(err)
	for range 2 {
		lt.wait(14999 * time.Millisecond)
		if got := lt.state(); got != "leased locked fixed" {
			t.Errorf("15 s lease after 14.999 s: %s", got)
		}
		_, err = holder.RenewLease(t.Context(), nil)
		lt.must(err)
	}
	lt.wait(15 * time.Second)
	if got := lt.state(); got != "expired unlocked" {
		t.Errorf("15 s lease after 15 s: %s", got)
	}
	_, err = lt.holder(leaseB).AcquireLease(t.Context(), -1, nil)
	lt.must(err)
	lt.wait(1000 * time.Hour)
	if got := lt.state(); got != "leased locked infinite" {
		t.Errorf("infinite lease: %s", got)
	}
}

func TestLeasesInListing(t *testing.T) {
	t.Parallel()
	lt := newLeaseTest(t, "")
	for _, state := range []string{"available", "leased", "breaking"} {
		put(t, lt.service, "bowl", "")
		lt.in(state)
		page, err := lt.container.NewListBlobsFlatPager(nil).NextPage(t.Context())
		lt.must(err)
		p := page.Segment.BlobItems[0].Properties
		got := string(*p.LeaseState) + " " + string(*p.LeaseStatus)
		if p.LeaseDuration != nil {
			got += " " + string(*p.LeaseDuration)
		}
		if want := lt.state(); got != want {
			t.Errorf("listed as %q, want %q as HEAD says", got, want)
		}
		lt.wait(time.Hour)
	}
}

func TestLeaseRequestsThatAreWrong(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "")
	put(t, s, "bowl", "clay")
	type h = map[string]string
	const (
		action, duration, id, proposed, period = "x-ms-lease-action", "x-ms-lease-duration", "x-ms-lease-id",
			"x-ms-proposed-lease-id", "x-ms-lease-break-period"
		missing, invalid = "MissingRequiredHeader", "InvalidHeaderValue"
	)
	for _, test := range []struct {
		name         string
		header       h
		code, detail string
	}{
		{"no action", h{}, missing, action},
		{"unknown action", h{action: "keep"}, invalid, action},
		{"no duration", h{action: "acquire"}, missing, duration},
		{"too short", h{action: "acquire", duration: "14"}, invalid, duration},
		{"too long", h{action: "acquire", duration: "61"}, invalid, duration},
		{"no number", h{action: "acquire", duration: "long"}, invalid, duration},
		{"proposed ID is no GUID", h{action: "acquire", duration: "15", proposed: "mine"}, invalid, proposed},
		{"renew without ID", h{action: "renew"}, missing, id},
		{"release without ID", h{action: "release"}, missing, id},
		{"change without ID", h{action: "change", proposed: leaseA}, missing, id},
		{"change to nothing", h{action: "change", id: leaseA}, missing, proposed},
		{"ID is no GUID", h{action: "renew", id: "mine"}, invalid, id},
		{"break period too long", h{action: "break", period: "61"}, invalid, period},
		{"break period negative", h{action: "break", period: "-1"}, invalid, period},
	} {
		w := call(t, s, "PUT", testURL+"/bowl?comp=lease", "", test.header)
		told := w.Header().Get("X-Ms-Error-Code") == test.code && strings.Contains(w.Body.String(), ">"+test.detail+"<")
		if w.Code != 400 || !told {
			t.Errorf("%s: %d %s, want 400 %s for %s", test.name, w.Code, w.Body, test.code, test.detail)
		}
	}
	for _, test := range []struct {
		name, method, target string
		header               h
		status               int
		code                 string
	}{
		{"lease of no blob", "PUT", "/nothing?comp=lease", h{action: "acquire", duration: "15"}, 404, "BlobNotFound"},
		{"lease of another version", "PUT", "/bowl?comp=lease", h{action: "acquire", duration: "15", "If-Match": `"0x1"`}, 412, "ConditionNotMet"},
		{"read with an ID that is no GUID", "HEAD", "/bowl", h{id: "mine"}, 400, invalid},
	} {
		w := call(t, s, test.method, testURL+test.target, "", test.header)
		if w.Code != test.status || w.Header().Get("X-Ms-Error-Code") != test.code {
			t.Errorf("%s: %d %v, want %d %s", test.name, w.Code, w.Header(), test.status, test.code)
		}
	}
}

// Every way to write a GUID means the same lease, and the answer has the usual form.
func TestLeaseIDForms(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "")
	put(t, s, "bowl", "clay")
	plain := strings.ReplaceAll(leaseA, "-", "")
	for _, id := range []string{leaseA, strings.ToUpper(leaseA), plain, "{" + leaseA + "}"} {
		w := call(t, s, "PUT", testURL+"/bowl?comp=lease", "", map[string]string{
			"X-Ms-Lease-Action": "acquire", "X-Ms-Lease-Duration": "-1", "X-Ms-Proposed-Lease-Id": id,
		})
		if w.Code != 201 || w.Header().Get("X-Ms-Lease-Id") != leaseA {
			t.Errorf("acquire %s = %d %s, want 201 and %s", id, w.Code, w.Header().Get("X-Ms-Lease-Id"), leaseA)
		}
	}
	for action, status := range map[string]int{"renew": 200, "break": 202, "release": 200} {
		put(t, s, action, "clay")
		target := testURL + "/" + action + "?comp=lease"
		call(t, s, "PUT", target, "", map[string]string{
			"X-Ms-Lease-Action": "acquire", "X-Ms-Lease-Duration": "-1", "X-Ms-Proposed-Lease-Id": leaseA,
		})
		w := call(t, s, "PUT", target, "", map[string]string{"X-Ms-Lease-Action": action, "X-Ms-Lease-Id": leaseA})
		if w.Code != status {
			t.Errorf("%s = %d, want %d", action, w.Code, status)
		}
	}
}

// A lease is a lock for the emulator's own writers too, such as jobs that write their output.
func TestLeaseHoldsOffDirectWrites(t *testing.T) {
	t.Parallel()
	lt := newLeaseTest(t, "")
	put(t, lt.service, "bowl", "")
	lt.in("leased")
	var f *fault
	err := lt.service.Put(t.Context(), testAccount, testContainer, "bowl", strings.NewReader("x"), nil)
	if !errors.As(err, &f) || f.code != "LeaseIdMissing" {
		t.Errorf("Put = %v, want LeaseIdMissing", err)
	}
	err = lt.service.Delete(t.Context(), testAccount, testContainer, "bowl")
	if !errors.As(err, &f) || f.code != "LeaseIdMissing" {
		t.Errorf("Delete = %v, want LeaseIdMissing", err)
	}
	lt.wait(30 * time.Second)
	lt.must(lt.service.Put(t.Context(), testAccount, testContainer, "bowl", strings.NewReader("x"), nil))
}

func TestLeaseSurvivesRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := newLeaseTest(t, dir)
	put(t, first.service, "bowl", "clay")
	_, err := first.holder(leaseA).AcquireLease(t.Context(), 60, nil)
	first.must(err)
	first.must(first.service.Close())

	second := newLeaseTest(t, dir)
	second.wait(59 * time.Second)
	wantCode(t, "write after the restart", leasedUses["Put Blob"].run(second, nil), 412, "LeaseIdMissing")
	second.wait(time.Second)
	second.must(leasedUses["Put Blob"].run(second, nil))
}

// Of many that want the lease at once, one gets it.
func TestOneOfManyGetsTheLease(t *testing.T) {
	t.Parallel()
	onEachBackend(t, func(t *testing.T, s *Service) {
		put(t, s, "bowl", "clay")
		const clients = 16
		codes := make(chan string, clients)
		for range clients {
			go func() {
				l, err := azlease.NewBlobClient(keyClient(t, s).NewBlobClient("bowl"), nil)
				if err == nil {
					_, err = l.AcquireLease(context.WithoutCancel(t.Context()), 60, nil)
				}
				codes <- code(err)
			}()
		}
		got := map[string]int{}
		for range clients {
			got[<-codes]++
		}
		if got["ok"] != 1 || got["LeaseAlreadyPresent"] != clients-1 {
			t.Errorf("outcomes = %v, want one ok", got)
		}
	})
}

func TestContainerLease(t *testing.T) {
	t.Parallel()
	lt := newLeaseTest(t, t.TempDir())
	holder := func(id string) *azlease.ContainerClient {
		c, err := azlease.NewContainerClient(lt.container, &azlease.ContainerClientOptions{LeaseID: &id})
		lt.must(err)
		return c
	}
	remove := func(id string) error {
		o := &azcontainer.DeleteOptions{AccessConditions: &azcontainer.AccessConditions{}}
		if id != "" {
			o.AccessConditions.LeaseAccessConditions = &azcontainer.LeaseAccessConditions{LeaseID: &id}
		}
		_, err := lt.container.Delete(t.Context(), o)
		return err
	}
	wantCode(t, "Delete with a lease ID where there is none", remove(leaseA), 412, "LeaseNotPresentWithContainerOperation")
	_, err := holder(leaseA).AcquireLease(t.Context(), 15, nil)
	lt.must(err)
	_, err = holder(leaseB).AcquireLease(t.Context(), 15, nil)
	wantCode(t, "AcquireLease", err, 409, "LeaseAlreadyPresent")
	p, err := lt.container.GetProperties(t.Context(), nil)
	lt.must(err)
	if *p.LeaseState != "leased" || *p.LeaseStatus != "locked" || *p.LeaseDuration != "fixed" {
		t.Errorf("GetProperties = %s %s %s", *p.LeaseState, *p.LeaseStatus, *p.LeaseDuration)
	}
	put(t, lt.service, "bowl", "clay") // a container's lease does not hold off writes to its blobs
	_, err = lt.container.SetMetadata(t.Context(), &azcontainer.SetMetadataOptions{Metadata: map[string]*string{"a": new("b")}})
	lt.must(err)
	wantCode(t, "Delete without the lease", remove(""), 412, "LeaseIdMissing")
	wantCode(t, "Delete with another lease", remove(leaseB), 412, "LeaseIdMismatchWithContainerOperation")
	_, err = lt.container.GetProperties(t.Context(), &azcontainer.GetPropertiesOptions{
		LeaseAccessConditions: &azcontainer.LeaseAccessConditions{LeaseID: new(leaseB)},
	})
	wantCode(t, "GetProperties with another lease", err, 412, "LeaseIdMismatchWithContainerOperation")
	lt.wait(15 * time.Second)
	wantCode(t, "Delete with a lease that has expired", remove(leaseA), 412, "LeaseLost")
	_, err = holder(leaseA).RenewLease(t.Context(), nil)
	lt.must(err)
	_, err = holder(leaseA).ChangeLease(t.Context(), leaseB, nil)
	lt.must(err)
	broken, err := holder("").BreakLease(t.Context(), &azlease.ContainerBreakOptions{BreakPeriod: new(int32(9))})
	lt.must(err)
	if *broken.LeaseTime != 9 {
		t.Errorf("BreakLease: %d s, want 9", *broken.LeaseTime)
	}
	_, err = holder(leaseB).ReleaseLease(t.Context(), nil)
	lt.must(err)
	_, err = holder(leaseC).AcquireLease(t.Context(), -1, nil)
	lt.must(err)
	lt.must(remove(leaseC))
}

// The delete permission of a SAS breaks leases and does nothing else to them; the write permission
// does all.
func TestLeaseNeedsWritePermission(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "")
	put(t, s, "bowl", "clay")
	do := func(permissions, action string) string {
		t.Helper()
		sas, err := s.AccountSAS(testAccount, permissions, time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		w := call(t, s, "PUT", testURL+"/bowl?comp=lease&"+sas, "", map[string]string{
			"X-Ms-Lease-Action": action, "X-Ms-Lease-Duration": "-1", "X-Ms-Proposed-Lease-Id": leaseA, "X-Ms-Lease-Id": leaseA,
		})
		return cmp.Or(w.Header().Get("X-Ms-Error-Code"), "ok")
	}
	for _, test := range []struct{ permissions, action, want string }{
		{"r", "acquire", "AuthorizationPermissionMismatch"},
		{"d", "acquire", "AuthorizationPermissionMismatch"},
		{"w", "acquire", "ok"},
		{"d", "renew", "AuthorizationPermissionMismatch"},
		{"w", "renew", "ok"},
		{"r", "break", "AuthorizationPermissionMismatch"},
		{"d", "break", "ok"},
		{"w", "release", "ok"},
	} {
		if got := do(test.permissions, test.action); got != test.want {
			t.Errorf("%s with permission %s: %s, want %s", test.action, test.permissions, got, test.want)
		}
	}
}
