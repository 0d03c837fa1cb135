package emulator

import (
	"fmt"
	"os"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
)

// Seed shows the files of a local folder as read-only blobs. Files are not copied; a file added
// later is a blob at once. A file whose name no blob can have, such as "notes.", is left out.
type Seed struct {
	// Account is the storage account, 3 to 24 lower-case letters and digits. An account that
	// belongs to no workspace is created, and anyone can read the container, like Azure ML's public
	// sample data.
	Account string
	// Container is the blob container. It is created if needed.
	Container string
	// Prefix is the folder of the files in the container. Empty means the container's root.
	Prefix string
	// Dir is the folder. It must exist.
	Dir string
}

// ParseSeed parses ACCOUNT/CONTAINER[/PREFIX]=DIR, the format of the command's --seed flag. The
// folder must exist.
func ParseSeed(spec string) (Seed, error) {
	place, dir, ok := strings.Cut(spec, "=")
	if !ok {
		return Seed{}, fmt.Errorf("seed %q has no %q: write ACCOUNT/CONTAINER[/PREFIX]=DIR", spec, "=")
	}
	account, rest, _ := strings.Cut(place, "/")
	container, prefix, _ := strings.Cut(rest, "/")
	s := Seed{Account: account, Container: container, Prefix: strings.Trim(prefix, "/"), Dir: dir}
	return s, s.check()
}

func (s Seed) check() error {
	switch {
	case !cloud.IsStorageAccount(s.Account):
		return fmt.Errorf("seed: storage account %q: must be 3 to 24 lower-case letters and digits", s.Account)
	case !containerName.MatchString(s.Container) || strings.Contains(s.Container, "--"):
		return fmt.Errorf("seed: container %q: must be 3 to 63 lower-case letters, digits and single hyphens", s.Container)
	}
	info, err := os.Stat(s.Dir)
	if err != nil {
		return fmt.Errorf("seed %s/%s: %w", s.Account, s.Container, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("seed %s/%s: %s is not a folder", s.Account, s.Container, s.Dir)
	}
	return nil
}
