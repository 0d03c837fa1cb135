package azmlbatch_test

import (
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/azmlbatch/azmlbatch"

// dependencies are the packages that a package links, without those of the standard library.
func dependencies(t *testing.T, pattern string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", pattern).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}

// TestHouse keeps imports running one way, and the root light: whoever imports it links these modules and no others.
func TestHouse(t *testing.T) {
	own := func(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }
	allowed := []string{"github.com/Azure/azure-sdk-for-go/sdk/", "github.com/AzureAD/microsoft-authentication-library-for-go/", "github.com/hashicorp/go-retryablehttp",
		"github.com/hashicorp/go-cleanhttp", "github.com/google/uuid", "github.com/golang-jwt/jwt/", "github.com/kylelemons/godebug/",
		"github.com/pkg/browser", "github.com/minio/crc64nvme", "github.com/klauspost/cpuid/", "golang.org/x/"}
	for _, path := range dependencies(t, ".") {
		fine := path == module || strings.HasPrefix(path, module+"/internal/")
		for _, prefix := range allowed {
			fine = fine || strings.HasPrefix(path, prefix)
		}
		if !fine {
			t.Errorf("the root links %s", path)
		}
	}
	for _, path := range dependencies(t, "./internal/...") {
		if own(path) && !strings.HasPrefix(path, module+"/internal/") {
			t.Errorf("a room below internal imports %s", path)
		}
	}
	for _, path := range dependencies(t, "./scoring") {
		if own(path) && path != module+"/scoring" && path != module+"/internal/scratch" {
			t.Errorf("scoring imports %s", path)
		}
	}
	for _, path := range dependencies(t, "./ui") {
		if own(path) && path != module && path != module+"/deploy" && !strings.HasPrefix(path, module+"/internal/") && !strings.HasPrefix(path, module+"/ui") {
			t.Errorf("ui imports %s", path)
		}
	}
	for _, room := range []string{"./deploy", "./emulator", "./scoring"} {
		for _, path := range dependencies(t, room) {
			if strings.HasPrefix(path, module+"/ui") || strings.HasPrefix(path, module+"/cmd") {
				t.Errorf("%s imports %s", room, path)
			}
		}
	}
	for _, path := range dependencies(t, "./emulator/internal/...") {
		if path == module || strings.HasPrefix(path, module+"/cmd") {
			t.Errorf("a room of the emulator imports %s", path)
		}
	}
}

// smallest is a program that imports the root and makes a client.
const smallest = `package main

import "github.com/azmlbatch/azmlbatch"

func main() { _, _ = azmlbatch.NewClient(azmlbatch.Workspace{}, nil, nil) }
`

// TestSmallestProgram builds what a user's program is at least, prints its modules and its size, and fails when it grows: what
// makes it grow needs a reason, and then a new number here.
func TestSmallestProgram(t *testing.T) {
	const modules, megabytes = 19, 9 // two for CRC64 at 20 times the speed of hash/crc64
	dir := t.TempDir()
	source, program := filepath.Join(dir, "main.go"), filepath.Join(dir, "smallest")
	if err := os.WriteFile(source, []byte(smallest), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	file, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range info.Deps {
		t.Log(m.Path, m.Version)
	}
	t.Logf("%d modules, %.1f MB", len(info.Deps), float64(file.Size())/1e6)
	if len(info.Deps) > modules {
		t.Errorf("the smallest program links %d modules, %d are allowed", len(info.Deps), modules)
	}
	if file.Size() > megabytes*1e6 {
		t.Errorf("the smallest program has %d bytes, %d MB are allowed", file.Size(), megabytes)
	}
}
