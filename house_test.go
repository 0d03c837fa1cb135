package azmlbatch_test

import (
	"os/exec"
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
		"github.com/hashicorp/go-cleanhttp", "github.com/sosodev/duration", "github.com/google/uuid", "github.com/golang-jwt/jwt/", "github.com/kylelemons/godebug/",
		"github.com/pkg/browser", "golang.org/x/"}
	for _, path := range dependencies(t, ".") {
		fine := path == module
		for _, prefix := range allowed {
			fine = fine || strings.HasPrefix(path, prefix)
		}
		if !fine {
			t.Errorf("the root links %s", path)
		}
	}
	for _, path := range dependencies(t, "./scoring") {
		if own(path) && path != module+"/scoring" {
			t.Errorf("scoring imports %s", path)
		}
	}
	for _, path := range dependencies(t, "./emulator/internal/...") {
		if path == module || strings.HasPrefix(path, module+"/cmd") {
			t.Errorf("a room of the emulator imports %s", path)
		}
	}
}
