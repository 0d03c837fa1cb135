package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatalf("Open(%q): %v", dir, err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func put(t *testing.T, s *Store, id string, doc Document) (created bool) {
	t.Helper()
	created, err := s.Put(id, doc)
	if err != nil {
		t.Fatalf("Put(%q): %v", id, err)
	}
	return created
}

func names(docs []Document) []string {
	var list []string
	for _, doc := range docs {
		list = append(list, doc["name"].(string))
	}
	return list
}

func TestPutAndGetWithoutRegardToCase(t *testing.T) {
	s := open(t, "")
	if !put(t, s, "/subscriptions/S/resourceGroups/G", Document{"name": "G"}) {
		t.Error("first Put did not create")
	}
	if put(t, s, "/Subscriptions/s/resourcegroups/g/", Document{"name": "G", "tags": Document{}}) {
		t.Error("second Put created")
	}
	got, ok := s.Get("/SUBSCRIPTIONS/s/RESOURCEGROUPS/g")
	if !ok {
		t.Fatal("Get found nothing")
	}
	if diff := cmp.Diff(Document{"name": "G", "tags": Document{}}, got); diff != "" {
		t.Errorf("Get (-want +got):\n%s", diff)
	}
	if _, ok := s.Get("/subscriptions/S"); ok {
		t.Error("Get found a parent that nobody put")
	}
}

func TestDocumentsAreNotShared(t *testing.T) {
	s := open(t, "")
	mine := Document{"list": []any{Document{"a": "1"}}}
	put(t, s, "x", mine)
	mine["list"].([]any)[0].(Document)["a"] = "changed after Put"
	got, _ := s.Get("x")
	got["list"].([]any)[0].(Document)["a"] = "changed after Get"
	s.List("")[0]["list"] = "changed after List"

	again, _ := s.Get("x")
	if diff := cmp.Diff(Document{"list": []any{Document{"a": "1"}}}, again); diff != "" {
		t.Errorf("stored document changed (-want +got):\n%s", diff)
	}
}

func TestPutNormalizesGoValues(t *testing.T) {
	s := open(t, "")
	put(t, s, "x", Document{
		"int": 3, "float": 100.5, "number": json.Number("7"), "null": nil,
		"strings": map[string]string{"k": "v"}, "items": []string{"a"}, "none": Document(nil),
	})
	got, _ := s.Get("x")
	want := Document{
		"int": json.Number("3"), "float": json.Number("100.5"), "number": json.Number("7"), "null": nil,
		"strings": Document{"k": "v"}, "items": []any{"a"}, "none": nil,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Get (-want +got):\n%s", diff)
	}
	if _, err := s.Put("y", Document{"bad": func() {}}); err == nil {
		t.Error("Put of a value that is not JSON did not fail")
	}
}

func TestListIsDirectChildrenInOrderOfCreation(t *testing.T) {
	s := open(t, "")
	for _, name := range []string{"c", "a", "B"} {
		put(t, s, "/w/models/"+name, Document{"name": name})
		put(t, s, "/w/models/"+name+"/versions/1", Document{"name": "1"})
	}
	put(t, s, "/w/models/a", Document{"name": "a"}) // replacing does not move it
	if diff := cmp.Diff([]string{"c", "a", "B"}, names(s.List("/W/Models"))); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"c", "1", "a", "1", "B", "1"}, names(s.Tree("/w/models"))); diff != "" {
		t.Errorf("Tree (-want +got):\n%s", diff)
	}
	if got := s.List("/w/model"); len(got) != 0 {
		t.Errorf("List of a prefix that is no parent = %v", got)
	}
}

func TestUpdate(t *testing.T) {
	s := open(t, "")
	put(t, s, "n", Document{"count": 0})
	increment := func(doc Document) error {
		n, err := doc["count"].(json.Number).Int64()
		doc["count"] = n + 1
		return err
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := s.Update("N", increment); err != nil {
				t.Errorf("Update: %v", err)
			}
		})
	}
	wg.Wait()

	refused := errors.New("refused")
	_, err := s.Update("n", func(doc Document) error { doc["count"] = "lost"; return refused })
	if !errors.Is(err, refused) {
		t.Errorf("Update error = %v, want %v", err, refused)
	}
	got, _ := s.Get("n")
	if diff := cmp.Diff(Document{"count": json.Number("50")}, got); diff != "" {
		t.Errorf("Get (-want +got):\n%s", diff)
	}
	if _, err := s.Update("absent", increment); !errors.Is(err, ErrNotFound) {
		t.Errorf("Update of an absent id: %v, want ErrNotFound", err)
	}
}

func TestDelete(t *testing.T) {
	s := open(t, "")
	for _, id := range []string{"/e/a", "/e/a/deployments/blue", "/e/ab"} {
		put(t, s, id, Document{"name": id})
	}
	if found, err := s.Delete("/E/A"); !found || err != nil {
		t.Errorf("Delete = %v, %v; want true, nil", found, err)
	}
	if found, err := s.Delete("/e/a"); found || err != nil {
		t.Errorf("second Delete = %v, %v; want false, nil", found, err)
	}
	if _, ok := s.Get("/e/a/deployments/blue"); !ok {
		t.Error("Delete took a child along")
	}
	if err := s.DeleteTree("/e/a"); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Get("/e/a/deployments/blue"); ok {
		t.Error("DeleteTree left a child")
	}
	if diff := cmp.Diff([]string{"/e/ab"}, names(s.List("/e"))); diff != "" {
		t.Errorf("List after DeleteTree (-want +got):\n%s", diff)
	}
}

func TestFolderSurvivesReopening(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for i := range 20 {
		put(t, s, fmt.Sprintf("/L/%d", 20-i), Document{"name": fmt.Sprint(i), "n": i})
	}
	if _, err := s.Update("/L/1", func(doc Document) error { doc["n"] = 99; return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Delete("/L/20"); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteTree("/L/19"); err != nil {
		t.Fatal(err)
	}
	want := s.List("/l")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = open(t, dir)
	if diff := cmp.Diff(want, s.List("/l")); diff != "" {
		t.Errorf("List after reopening (-want +got):\n%s", diff)
	}
	put(t, s, "/L/new", Document{"name": "new"})
	if got := names(s.List("/L")); got[len(got)-1] != "new" {
		t.Errorf("a document made after reopening is not the last: %v", got)
	}
}

func TestFolderIsOpenOnce(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	if second, err := Open(dir); err == nil {
		t.Error("second Open of the folder succeeded")
		_ = second.Close()
	}
}

func TestClosedStore(t *testing.T) {
	for name, dir := range map[string]string{"in memory": "", "in a folder": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Put("/a/b", Document{"x": 1}); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			_, put := s.Put("/a/c", Document{})
			_, update := s.Update("/a/b", func(Document) error { return nil })
			_, remove := s.Delete("/a/b")
			for call, err := range map[string]error{"Put": put, "Update": update, "Delete": remove, "DeleteTree": s.DeleteTree("/a")} {
				if !errors.Is(err, ErrClosed) {
					t.Errorf("%s = %v, want ErrClosed", call, err)
				}
			}
			if _, ok := s.Get("/a/b"); ok != (dir == "") || len(s.List("/a")) > 0 != ok {
				t.Errorf("the store has its document: %t", ok)
			}
		})
	}
}

// TestNewest pages through documents, some of which come and go meanwhile.
func TestNewest(t *testing.T) {
	for name, dir := range map[string]string{"in memory": "", "in a folder": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			s := open(t, dir)
			for _, name := range []string{"a", "b", "c", "d", "e"} {
				put(t, s, "kilns/"+name, Document{"name": name})
			}
			page := func(before uint64) (docs []Document, last uint64) {
				for place, doc := range s.Newest("Kilns", before) {
					if docs, last = append(docs, doc), place; len(docs) == 2 {
						break
					}
				}
				return docs, last
			}
			first, last := page(0)
			put(t, s, "kilns/f", Document{"name": "f"})
			for _, gone := range []string{"kilns/d", "kilns/c"} {
				if _, err := s.Delete(gone); err != nil {
					t.Fatal(err)
				}
			}
			second, last := page(last)
			third, _ := page(last)
			if diff := cmp.Diff([]string{"e", "d", "b", "a"}, names(slices.Concat(first, second, third))); diff != "" {
				t.Errorf("pages (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMembersOfDocuments(t *testing.T) {
	doc := Document{"text": "a", "yes": true, "number": json.Number("7"), "in": Document{"text": "b", "in": Document{"text": "c"}}, "list": []any{"x"}}
	for _, test := range []struct {
		path []string
		want string
	}{
		{[]string{"text"}, "a"}, {[]string{"in", "text"}, "b"}, {[]string{"in", "in", "text"}, "c"},
		{[]string{"none"}, ""}, {[]string{"in"}, ""}, {[]string{"text", "text"}, ""}, {[]string{"none", "text"}, ""}, {[]string{"list", "0"}, ""}, {nil, ""},
	} {
		if got := Text(doc, test.path...); got != test.want {
			t.Errorf("Text at %v = %q, want %q", test.path, got, test.want)
		}
	}
	if Text("a") != "a" || Text(nil) != "" || Text(Document(nil), "text") != "" {
		t.Error("Text of a value, of nothing or of a nil document")
	}
	if got := Object(doc, "in", "in"); got["text"] != "c" || Object(doc, "text") != nil || Object(nil, "in") != nil {
		t.Errorf("Object = %v", got)
	}
	if !IsTrue(doc, "yes") || IsTrue(doc, "text") || IsTrue(doc, "none") {
		t.Error("IsTrue")
	}
	if Int(doc, "number") != 7 || Int(doc, "text") != 0 || Int(doc, "none") != 0 {
		t.Error("Int")
	}
	for id, want := range map[string][2]string{"/a/b/c": {"/a/b", "c"}, "a": {"", "a"}, "": {"", ""}, "/a": {"", "a"}} {
		if got := [2]string{ParentID(id), LastSegment(id)}; got != want {
			t.Errorf("parent and last segment of %q = %q, want %q", id, got, want)
		}
	}
	at := time.Date(2026, 3, 4, 1, 4, 27, 65_959_900, time.FixedZone("", 3600))
	for at, want := range map[time.Time]string{at: "2026-03-04T00:04:27.0659599+00:00", at.Truncate(time.Second): "2026-03-04T00:04:27+00:00"} {
		if got := TimeText(at); got != want {
			t.Errorf("TimeText = %s, want %s", got, want)
		}
	}
}
