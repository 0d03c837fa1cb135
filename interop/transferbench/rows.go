package main

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// row is a line of the table.
type row struct {
	name, against, aim string
	before             string // what the row showed when the aims were set, on 30 Nov 2026; "" where it was not measured
	where              string // near or far
	data               string // name of the data
	download           bool
	files, blocks      int  // azblob: in flight
	hash               bool // azblob: MD5 first
	bare               bool // against a bare loop and not azblob
	run                func(*runner, row) error
}

// data are the local files, and what lies on the server for downloads, at scale 1.
var data = map[string][]seedFile{
	"small":    {{Folder: "d", Count: 2000, Size: 10 << 10, Folders: 20}},
	"large":    {{Folder: "l", Count: 1, Size: 1 << 30}},
	"mixed":    {{Folder: "l", Count: 1, Size: 512 << 20}, {Folder: "d", Count: 200, Size: 100 << 10, Folders: 4}},
	"huge":     {{Folder: "l", Count: 1, Size: 8 << 30}},
	"few":      {{Folder: "d", Count: 2000, Size: 1 << 10, Folders: 20}},
	"manytiny": {{Folder: "d", Count: 100_000, Size: 1 << 10, Folders: 100}},
}

var rows = []row{
	{name: "upload small, near", before: "1.8, CPU 1.6", against: "azblob, 16 files, MD5 first", aim: "0.85, CPU 0.8", where: "near", data: "small", files: 16, hash: true, run: compare},
	{name: "upload small, far", before: "4.1", against: "azblob, 32 files", aim: "0.35", where: "far", data: "small", files: 32, run: compare},
	{name: "upload large, near", before: "1.8, CPU 2.4", against: "azblob, MD5 first", aim: "0.60", where: "near", data: "large", files: 1, hash: true, run: compare},
	{name: "upload large, far", before: "1.8", against: "azblob, defaults", aim: "0.45", where: "far", data: "large", files: 1, run: compare},
	{name: "upload mixed, far", before: "2.2", against: "azblob, 8 files", aim: "0.40", where: "far", data: "mixed", files: 8, run: compare},
	{name: "download small, near", before: "2.1", against: "azblob, 16 files", aim: "1.0", where: "near", data: "small", download: true, files: 16, run: compare},
	{name: "download small, far", before: "3.8", against: "azblob, 32 files", aim: "0.4", where: "far", data: "small", download: true, files: 32, run: compare},
	{name: "download large, near", before: "1.3", against: "azblob, 16 blocks", aim: "1.05", where: "near", data: "large", download: true, files: 1, blocks: 16, run: compare},
	{name: "download large, far", against: "azblob, 16 blocks", aim: "0.5", where: "far", data: "large", download: true, files: 1, blocks: 16, run: compare},
	{name: "floor, large, near", against: "bare loop, 64 parts", where: "near", data: "large", download: true, files: 1, blocks: 64, bare: true, run: compare},
	{name: "floor, large, far", against: "bare loop, 64 parts", where: "far", data: "large", download: true, files: 1, blocks: 64, bare: true, run: compare},
	{name: "floor, small, far", against: "bare loop, 256 files", where: "far", data: "small", download: true, files: 256, bare: true, run: compare},
	{name: "unchanged folder", before: "2 requests, 0 PUTs", aim: "2 requests, 0 PUTs", where: "near", data: "small", run: unchanged},
	{name: "unchanged, 100,000", aim: "2 requests, 0 PUTs", where: "near", data: "manytiny", run: unchanged},
	{name: "100,000 x 1 KiB", against: "2,000 x 1 KiB, per file", aim: "1.1", where: "near", data: "manytiny", run: perFile},
	{name: "download 100,000", against: "2,000 x 1 KiB, per file", aim: "1.1", where: "near", data: "manytiny", download: true, run: perFile},
	{name: "8 GiB", against: "1 GiB, peak memory", aim: "64 MiB, 1.5", where: "near", data: "huge", run: peak},
}

// seeds are the files of a row at the scale of this run.
func (r *runner) seeds(name string) []seedFile {
	var scaled []seedFile
	for _, f := range data[name] {
		if f.Count > 1 {
			f.Count = max(1, int(float64(f.Count)*r.scale))
		} else {
			f.Size = int64(math.Ceil(float64(f.Size) * r.scale))
		}
		scaled = append(scaled, f)
	}
	return scaled
}

// prepare returns a transfer of the row's data by a client.
func (r *runner) prepare(row row, client string) (work, error) {
	w := work{Client: client, Download: row.download, Server: r.servers[row.where], Container: r.newContainer(), Files: row.files, Blocks: row.blocks, Hash: row.hash}
	if !row.download {
		var err error
		w.Dir, err = r.folder(row.data, r.seeds(row.data))
		return w, err
	}
	w.Dir = filepath.Join(r.dir, w.Container)
	seeds := r.seeds(row.data)
	for i := range seeds {
		seeds[i].Folder = prefix + "/" + seeds[i].Folder
	}
	files, err := json.Marshal(seeds)
	if err != nil {
		return w, err
	}
	return w, ask(w.Server, "seed", url.Values{"container": {w.Container}, "files": {string(files)}}.Encode(), nil)
}

// transfer does one transfer of the row, and removes a large file that it downloaded. Small ones stay until the end: to create
// a file, ext4 without a journal looks at every inode of the folder's group that was freed in the last minutes.
func (r *runner) transfer(row row, client string) (measured, error) {
	w, err := r.prepare(row, client)
	if err != nil {
		return measured{}, err
	}
	m, err := r.work(w)
	if row.download && row.blocks > 0 {
		if removed := os.RemoveAll(w.Dir); err == nil {
			err = removed
		}
	}
	return m, err
}

// compare lets both clients do the work in turn.
func compare(r *runner, row row) error {
	var theirs, ours []measured
	peer := "azblob"
	if row.bare {
		peer = "bare"
	}
	for round := range r.rounds {
		for turn := range 2 {
			client, list := peer, &theirs
			if (turn+round)%2 == 1 {
				client, list = "azmlbatch", &ours
			}
			m, err := r.transfer(row, client)
			if err != nil {
				return err
			}
			*list = append(*list, m)
		}
	}
	var wall, cpu []float64
	for i := range ours {
		wall = append(wall, float64(ours[i].Wall)/float64(theirs[i].Wall))
		cpu = append(cpu, float64(ours[i].CPU)/float64(theirs[i].CPU))
	}
	row.print(medianWall(theirs), medianWall(ours), spread(wall), spread(cpu), ours)
	return nil
}

// unchanged uploads twice, and shows the second time.
func unchanged(r *runner, row row) error {
	w, err := r.prepare(row, "azmlbatch")
	if err != nil {
		return err
	}
	if _, err := r.work(w); err != nil {
		return err
	}
	m, err := r.work(w)
	m.Counts.Requests++ // the workspace is asked for its datastore
	row.print("", m.Wall.Round(time.Millisecond).String(), "", "", []measured{m})
	return err
}

// perFile compares many files with few, by file.
func perFile(r *runner, row row) error {
	var many, few []measured
	var ratios []float64
	n := float64(r.seeds("manytiny")[0].Count) / float64(r.seeds("few")[0].Count)
	for range r.rounds {
		a, err := r.transfer(row, "azmlbatch")
		if err != nil {
			return err
		}
		smaller := row
		smaller.data = "few"
		b, err := r.transfer(smaller, "azmlbatch")
		if err != nil {
			return err
		}
		many, few = append(many, a), append(few, b)
		ratios = append(ratios, float64(a.Wall)/float64(b.Wall)/n)
	}
	row.print(medianWall(few), medianWall(many), spread(ratios),
		fmt.Sprintf("%.2f requests", float64(many[0].Counts.Requests)/float64(few[0].Counts.Requests)/n), many)
	return nil
}

// peak compares the memory that a larger file takes with that of a smaller one.
func peak(r *runner, row row) error {
	big, err := r.transfer(row, "azmlbatch")
	if err != nil {
		return err
	}
	smaller := row
	smaller.data = "large"
	small, err := r.transfer(smaller, "azmlbatch")
	if err != nil {
		return err
	}
	row.print(small.Wall.Round(time.Millisecond).String(), big.Wall.Round(time.Millisecond).String(), fmt.Sprintf("%.2f of the memory", float64(big.Peak)/float64(small.Peak)), "", []measured{big})
	return nil
}

// spread shows the median of ratios, and the range.
func spread(ratios []float64) string {
	m := median(ratios)
	return fmt.Sprintf("%.2f (%.2f to %.2f)", m, slices.Min(ratios), slices.Max(ratios))
}

func medianWall(all []measured) string {
	var walls []time.Duration
	for _, m := range all {
		walls = append(walls, m.Wall)
	}
	return median(walls).Round(time.Millisecond).String()
}

// print writes the line, with the highest peak of memory and the last counts of the SDK.
func (row row) print(theirs, ours, ratio, cpu string, all []measured) {
	var most int64
	for _, m := range all {
		most = max(most, m.Peak)
	}
	counts := all[len(all)-1].Counts
	fmt.Printf("| %-22s | %-32s | %9s | %9s | %-18s | %-22s | %-13s | %-21s | %-9d | %6d, %5d |\n",
		row.name, row.against, theirs, ours, row.before, ratio, row.aim, cpu, most>>20, counts.Requests, counts.Puts)
}
