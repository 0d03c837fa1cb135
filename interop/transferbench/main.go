// Command transferbench measures the transfers of the SDK beside azblob at its best, over a Blob server on this machine:
//
//	go run ./transferbench
//
// It prints a table. Every transfer runs in a process of its own, against a server in another; the two clients take turns
// within each round, and a ratio is that of one round: the machine may be busy, the ratio counts. A row shows the median of
// its rounds, with the range. On a busy machine, the ratio of the CPU time says more than that of the wall clock.
//
// The rows "floor" compare with a bare loop of GET and write, which is what the machine allows. The file system is a large part
// of it: a row that differs much with TRANSFERBENCH_DIR=/dev/shm measures the disk.
//
// TRANSFERBENCH_ROUNDS is the number of rounds, 5 by default. TRANSFERBENCH_SCALE multiplies the sizes: 0.1 is enough to see
// whether something is wrong, 1 is what the aims are for. TRANSFERBENCH_ROWS is a regular expression of the rows to run.
// TRANSFERBENCH_DIR is where the files lie, the folder for temporary files by default. With TRANSFERBENCH_PROFILE each transfer
// leaves a CPU profile in that folder.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"log"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) > 2 {
		child(os.Args[1], os.Args[2:]...)
		return
	}
	if err := bench(); err != nil {
		log.Fatal(err)
	}
}

// child is this program as the server or as one of the clients.
func child(role string, arguments ...string) {
	if role == "work" {
		var w work
		if err := json.Unmarshal([]byte(arguments[0]), &w); err != nil {
			log.Fatal(err)
		}
		if err := json.NewEncoder(os.Stdout).Encode(w.run()); err != nil {
			log.Fatal(err)
		}
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	s, err := newServer(arguments[0] == "far", arguments[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(l.Addr())
	log.Fatal(s.serve(l))
}

// seedFile stands for files of one size, spread over folders.
type seedFile struct {
	Folder  string
	Count   int
	Size    int64
	Folders int
}

func (f seedFile) name(i int) string {
	return fmt.Sprintf("%s%02d/%05d.bin", f.Folder, i%max(1, f.Folders), i)
}

type runner struct {
	program, dir string
	rounds       int
	scale        float64
	servers      map[string]string // near and far: host:port
	containers   int
}

func bench() error {
	r := &runner{rounds: 5, scale: 1, servers: map[string]string{}}
	if n, err := strconv.Atoi(os.Getenv("TRANSFERBENCH_ROUNDS")); err == nil {
		r.rounds = n
	}
	if x, err := strconv.ParseFloat(os.Getenv("TRANSFERBENCH_SCALE"), 64); err == nil {
		r.scale = x
	}
	only, err := regexp.Compile(os.Getenv("TRANSFERBENCH_ROWS"))
	if err != nil {
		return err
	}
	if r.program, err = os.Executable(); err != nil {
		return err
	}
	if r.dir, err = os.MkdirTemp(os.Getenv("TRANSFERBENCH_DIR"), "transferbench"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(r.dir) }()
	for _, where := range []string{"near", "far"} {
		stop, err := r.startServer(where)
		if err != nil {
			return err
		}
		defer stop()
	}
	fmt.Printf("| %-22s | %-32s | %9s | %9s | %-18s | %-22s | %-13s | %-21s | %-9s | %-13s |\n",
		"work", "against", "azblob", "azmlbatch", "before", "now: median (range)", "aim", "CPU: median (range)", "peak MiB", "requests, PUTs")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|")
	for _, row := range rows {
		if only.MatchString(row.name) {
			if err := row.run(r, row); err != nil {
				return fmt.Errorf("%s: %w", row.name, err)
			}
		}
	}
	return nil
}

// startServer starts this program as a server.
func (r *runner) startServer(where string) (stop func(), err error) {
	cmd := exec.Command(r.program, "serve", where, r.dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	r.servers[where] = string(bytes.TrimSpace([]byte(line)))
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}, err
}

// work runs one transfer in a process of its own.
func (r *runner) work(w work) (m measured, err error) {
	argument, err := json.Marshal(w)
	if err != nil {
		return m, err
	}
	cmd := exec.Command(r.program, "work", string(argument))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(out, &m); err != nil {
		return m, err
	}
	if m.Error != "" {
		return m, fmt.Errorf("%s: %s", w.Client, m.Error)
	}
	return m, ask(w.Server, "counts", "container="+w.Container, &m.Counts)
}

// newContainer names a container that no transfer has used.
func (r *runner) newContainer() string {
	r.containers++
	return fmt.Sprintf("c%d", r.containers)
}

// folder makes local files and returns their folder.
func (r *runner) folder(name string, files []seedFile) (string, error) {
	dir := filepath.Join(r.dir, name)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	noise := rand.NewChaCha8([32]byte{1})
	for _, f := range files {
		for i := range f.Count {
			if err := writeNoise(filepath.Join(dir, filepath.FromSlash(f.name(i))), f.Size, noise); err != nil {
				return "", err
			}
		}
	}
	return dir, nil
}

func writeNoise(name string, size int64, noise *rand.ChaCha8) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		return err
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	b := make([]byte, min(size, 1<<20))
	for left := size; left > 0 && err == nil; left -= int64(len(b)) {
		b = b[:min(left, int64(len(b)))]
		_, _ = noise.Read(b) // never fails
		_, err = f.Write(b)
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

func median[T cmp.Ordered](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}
