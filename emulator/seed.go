package emulator

import (
	"fmt"
	"os"
	"strings"
)

// Seed shows the files of a local folder as blobs. They are not copied and cannot be written to; a
// file added to the folder later is a blob at once. A file whose name no blob can have, such as
// "notes.", is left out.
type Seed struct {
	// Account is the storage account, 3 to 24 lower-case letters and digits. An account that
	// belongs to no workspace is made, and anyone may read the container, like the public sample
	// data of Azure ML.
	Account string
	// Container is the blob container. It is made if need be.
	Container string
	// Prefix goes before the names of the files, without slashes at its ends. Empty puts the files
	// at the root of the container.
	Prefix string
	// Dir is the folder. It must exist.
	Dir string
}

// ParseSeed reads ACCOUNT/CONTAINER[/PREFIX]=DIR, the form of the command's --seed flag. The folder
// must exist.
func ParseSeed(spec string) (Seed, error) {
	place, dir, ok := strings.Cut(spec, "=")
	if !ok {
		return Seed{}, fmt.Errorf("seed %q: want ACCOUNT/CONTAINER[/PREFIX]=DIR, but there is no %q", spec, "=")
	}
	account, rest, _ := strings.Cut(place, "/")
	container, prefix, _ := strings.Cut(rest, "/")
	s := Seed{Account: account, Container: container, Prefix: strings.Trim(prefix, "/"), Dir: dir}
	return s, s.check()
}

func (s Seed) check() error {
	switch {
	case !storageAccountName.MatchString(s.Account):
		return fmt.Errorf("seed: %q is no name of a storage account: want 3 to 24 lower-case letters and digits", s.Account)
	case !containerName.MatchString(s.Container) || strings.Contains(s.Container, "--"):
		return fmt.Errorf("seed: %q is no name of a container: want 3 to 63 lower-case letters, digits and single hyphens", s.Container)
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
