package jobs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/blob"
)

// logInterval is how often the logs of a running script are read when no mini-batch ends.
const logInterval = time.Second

// mirror copies a folder of growing files to append blobs, so that the logs and the output of a
// running job can be read. A file that was replaced or truncated is uploaded from the start.
type mirror struct {
	blobs  Blobs
	to     place
	folder string
	log    *slog.Logger
	sent   map[string]sentFile // by path below folder
}

// sentFile is how much of a file has been uploaded.
type sentFile struct {
	info fs.FileInfo
	size int64
}

func (r *Runner) newMirror(to place, folder string) *mirror {
	return &mirror{blobs: r.blobs, to: to, folder: folder, log: r.log, sent: map[string]sentFile{}}
}

// follow uploads new parts of the logs after each value on news, and of logs and output at
// intervals. When news is closed it uploads the rest of the logs and returns.
func follow(logs, output *mirror, news <-chan struct{}) {
	ticker := time.NewTicker(logInterval)
	defer ticker.Stop()
	for {
		select {
		case _, more := <-news:
			logs.send()
			if !more {
				return
			}
		case <-ticker.C:
			logs.send()
			if output != nil {
				output.send()
			}
		}
	}
}

// forget deletes the blobs of files that no longer exist.
func (m *mirror) forget() {
	for name := range m.sent {
		if _, err := os.Lstat(filepath.Join(m.folder, filepath.FromSlash(name))); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		to := m.to.join(name)
		if err := m.blobs.Delete(context.Background(), to.account, to.container, to.path); err != nil && !errors.Is(err, blob.ErrNotFound) {
			m.log.Error("job output", "blob", to.path, "error", err)
		}
	}
}

// send uploads what is new. It ignores cancelling, so that the logs are complete. What cannot be
// uploaded now is retried next time.
func (m *mirror) send() {
	err := filepath.WalkDir(m.folder, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // removed, or not there yet
		case err != nil:
			return err
		case !entry.Type().IsRegular():
			return nil
		}
		name, err := filepath.Rel(m.folder, path)
		if err != nil {
			return err
		}
		return m.sendFile(path, filepath.ToSlash(name))
	})
	if err != nil {
		m.log.Error("job logs", "error", err)
	}
}

func (m *mirror) sendFile(path, name string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	before, known := m.sent[name]
	grown := known && os.SameFile(before.info, info) && info.Size() >= before.size
	if grown && info.Size() == before.size {
		return nil
	}
	from := int64(0)
	if grown {
		from = before.size
	}
	to := m.to.join(name)
	if known && !grown {
		if err := m.blobs.Delete(context.Background(), to.account, to.container, to.path); err != nil && !errors.Is(err, blob.ErrNotFound) {
			return err
		}
	}
	part := io.NewSectionReader(file, from, info.Size()-from)
	if err := m.blobs.Put(context.Background(), to.account, to.container, to.path, part,
		&blob.PutOptions{ContentType: logType, Append: true}); err != nil {
		return err
	}
	m.sent[name] = sentFile{info: info, size: info.Size()}
	return nil
}
