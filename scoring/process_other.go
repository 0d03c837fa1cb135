//go:build !unix

package scoring

import (
	"context"
	"errors"
	"os/exec"
	"syscall"
)

func endMarked(string) {}

func guardAttributes() *syscall.SysProcAttr { return nil }

var errNoScripts = errors.New("scoring: scripts run on Unix systems only; use Job.Func")

func runInGroup(context.Context, *exec.Cmd) error { return errNoScripts }

// process stands in for the worker of Unix systems and says that there is none.
type process struct{}

func newProcess(*interpreter, launch) worker { return process{} }

func (process) load(context.Context) error             { return errNoScripts }
func (process) init(context.Context) error             { return errNoScripts }
func (process) submit(context.Context, []string) error { return errNoScripts }
func (process) result(context.Context) (reply, error)  { return reply{}, errNoScripts }
func (process) shutdown(context.Context) error         { return nil }
func (process) close()                                 {}
func (process) pid() int                               { return 0 }
func (process) rows() part                             { return part{} }
func (process) logs() []string                         { return nil }
