package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// mltable is what an MLTable file says of the files of a table (Microsoft Learn:
// reference-yaml-mltable).
type mltable struct {
	Paths []struct {
		File, Folder, Pattern string
	}
	Transformations []yaml.Node
}

// mltableItems returns a folder with the files that an mltable names, which are the items of a
// parallel step. dir is the copy of the mltable's folder.
//
// Transformations make rows of the files. That needs the Python package mltable, and mini-batches of
// rows, which the engine does not make.
func (t *task) mltableItems(ctx context.Context, dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "MLTable"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", errors.New("its input is an mltable without a file MLTable")
	}
	var table mltable
	if err == nil {
		err = yaml.Unmarshal(text, &table)
	}
	if err != nil {
		return "", fmt.Errorf("its MLTable cannot be read: %w", err)
	}
	if len(table.Transformations) > 0 {
		return "", fmt.Errorf("its MLTable has the transformation %s, and the items of a parallel step are files here. "+
			"Remove the transformations, or read the table with the Python package mltable in a command step", transformationName(table.Transformations[0]))
	}
	items := filepath.Join(t.dir, "items")
	if err := os.Mkdir(items, 0o700); err != nil {
		return "", err
	}
	for i, p := range table.Paths {
		if err := t.addItems(ctx, items, dir, filepath.Join(t.dir, "mltable", strconv.Itoa(i)), cmp.Or(p.File, p.Folder), p.Pattern); err != nil {
			return "", fmt.Errorf("its MLTable: %w", err)
		}
	}
	return items, nil
}

// transformationName is the name of a transformation, which stands alone or before its settings.
func transformationName(node yaml.Node) string {
	if node.Kind == yaml.MappingNode && len(node.Content) > 0 {
		return node.Content[0].Value
	}
	return node.Value
}

// addItems links the files of one entry of an MLTable into the folder of items. A place elsewhere is
// copied to the folder remote first.
func (t *task) addItems(ctx context.Context, items, dir, remote, place, pattern string) error {
	switch {
	case place == "" && pattern == "":
		return errors.New("an entry of its paths has neither file nor folder nor pattern")
	case strings.Contains(place, ":"):
		from, err := t.runner.resolver(t.job.workspace).resolve(place, "data")
		if err == nil {
			err = t.runner.copyEither(ctx, from, filepath.Join(remote, from.base()))
		}
		if err != nil {
			return fmt.Errorf("%s cannot be read: %w", withoutQuery(place), err)
		}
		dir, place = remote, "."
	case strings.Contains(pattern, ":"):
		return fmt.Errorf("the pattern %s leads out of its folder; name a folder or files there", withoutQuery(pattern))
	case pattern != "":
		place = "."
	}
	if !filepath.IsLocal(filepath.FromSlash(place)) {
		return fmt.Errorf("%s lies outside of its folder", place)
	}
	wanted := strings.Split(path.Clean(pattern), "/")
	return filepath.WalkDir(filepath.Join(dir, filepath.FromSlash(place)), func(file string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		if pattern != "" && !matchesPattern(wanted, strings.Split(filepath.ToSlash(name), "/")) || name == "MLTable" {
			return nil
		}
		err = os.Link(file, filepath.Join(items, filepath.Base(file)))
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("two of its files are called %s; items of a parallel step need names of their own here", filepath.Base(file))
		}
		return err
	})
}

// matchesPattern compares the segments of a path with those of a pattern, where ** stands for any
// number of them.
func matchesPattern(pattern, name []string) bool {
	switch {
	case len(pattern) == 0:
		return len(name) == 0
	case pattern[0] == "**":
		return matchesPattern(pattern[1:], name) || len(name) > 0 && matchesPattern(pattern, name[1:])
	case len(name) == 0:
		return false
	}
	matched, err := path.Match(pattern[0], name[0])
	return err == nil && matched && matchesPattern(pattern[1:], name[1:])
}
