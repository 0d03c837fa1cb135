package transfer

import (
	"errors"
	"maps"
	"strings"
	"syscall"
	"testing"
)

// smallDisk is a folder on a file system of its own, and what gives that another size. Mounting one
// takes root.
func smallDisk(t *testing.T, size string) (dir string, resize func(size string)) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skip("no file system of a small size can be mounted: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir, func(size string) {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size="+size); err != nil {
			t.Fatal(err)
		}
	}
}

// A full disk stops a download, which says so and leaves no half file. When there is room, the next
// one fetches what is missing.
func TestDownloadOntoAFullDisk(t *testing.T) {
	large, small := map[string]string{"large": noise(1, 300<<10)}, map[string]string{}
	for i := range 12 {
		small[strings.Repeat("x", i+1)] = noise(uint64(i), 20<<10)
	}
	for name, want := range map[string]map[string]string{"a large file": large, "small files": small} {
		t.Run(name, func(t *testing.T) {
			s := stored(want)
			dir, resize := smallDisk(t, "128k")
			o := testOptions()
			o.BlockSize, o.Concurrency = 32<<10, 2
			_, err := newDownload(s, dir).Run(t.Context(), o)
			var full *DirError
			if !errors.Is(err, syscall.ENOSPC) || !errors.As(err, &full) || full.Remedy == "" {
				t.Fatalf("Run = %v, want a DirError about ENOSPC, with a remedy", err)
			}
			got := readFiles(t, dir)
			maps.DeleteFunc(got, func(name, _ string) bool { return strings.HasPrefix(name, workPrefix) })
			for name, text := range got {
				if text != want[name] {
					t.Errorf("%s is there and not whole", name)
				}
			}
			if asked := s.asked("get"); asked > 12 {
				t.Errorf("%d requests, want the download to stop", asked)
			}
			resize("1m")
			if _, err := newDownload(s, dir).Run(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			if diff := diffFiles(want, readFiles(t, dir)); diff != "" {
				t.Errorf("written (-want +got):\n%s", diff)
			}
		})
	}
}
