//go:build !unix

package scoring

import (
	"context"
	"errors"
	"os/exec"
	"syscall"
)

func guardAttributes() *syscall.SysProcAttr { return nil }

var errNoScripts = errors.New("scoring: scripts run on Unix systems only; use Job.Func")

func runInGroup(context.Context, *exec.Cmd) error { return errNoScripts }

// pythonWorker returns an error from every call: scripts run on Unix systems only.
type pythonWorker struct{}

func newPythonWorker(*interpreter, launch) worker { return pythonWorker{} }

func (pythonWorker) load(context.Context) error             { return errNoScripts }
func (pythonWorker) init(context.Context) error             { return errNoScripts }
func (pythonWorker) submit(context.Context, []string) error { return errNoScripts }
func (pythonWorker) result(context.Context) (reply, error)  { return reply{}, errNoScripts }
func (pythonWorker) shutdown(context.Context) error         { return nil }
func (pythonWorker) close()                                 {}
func (pythonWorker) pid() int                               { return 0 }
func (pythonWorker) rows() part                             { return part{} }
func (pythonWorker) logs() []string                         { return nil }
