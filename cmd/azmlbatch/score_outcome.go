package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/azmlbatch/azmlbatch/scoring"
)

// tell prints the outcome and returns the error for standard error, with everything that helps to
// find the cause.
func (s *score) tell(result scoring.Result, logs string, err error) error {
	printed := s.print(result, err)
	if err != nil {
		return errors.Join(explained(err, logs), printed)
	}
	if result.FirstError != nil {
		fmt.Fprintf(s.err, "calls of the script that failed or returned too few rows: %d; the first:\n%s\n", result.ScriptErrors,
			result.FirstError.Details()+filesOf(result.FirstError))
	}
	if logs != "" {
		fmt.Fprintln(s.err, "logs:", logs)
	}
	return printed
}

// print writes the outcome to standard output. As text, there is one only if the job completed.
func (s *score) print(result scoring.Result, err error) error {
	switch {
	case s.json:
		return printJSON(s.console, result, err)
	case result.Status != scoring.StatusCompleted:
		return nil
	}
	outcome := fmt.Sprintf("%s: %d of %d files succeeded, %d failed\n", result.Status, result.Items.Succeeded, result.Items.Total, result.Items.Failed)
	if result.OutputFile != "" {
		outcome += fmt.Sprintln("predictions:", result.OutputFile)
	}
	_, err = fmt.Fprint(s.out, outcome)
	return err
}

// scoreOutcome is what --json prints.
type scoreOutcome struct {
	Status      scoring.Status      `json:"status"`
	Items       scoring.Items       `json:"items"`
	MiniBatches scoring.MiniBatches `json:"miniBatches"`
	OutputFile  string              `json:"outputFile"` // empty when there is none
	Error       *scoreError         `json:"error"`      // null if the exit code is 0
}

// scoreError says why the job did not complete. Unknown fields are empty.
type scoreError struct {
	Message   string        `json:"message"` // the cause in one line
	Reason    string        `json:"reason"`  // why the job failed, in the service's words
	Phase     scoring.Phase `json:"phase"`
	File      string        `json:"file"`
	Traceback string        `json:"traceback"`
	Hint      string        `json:"hint"`
	Log       string        `json:"log"`
}

func newScoreError(err error) *scoreError {
	if err == nil {
		return nil
	}
	message, _, _ := strings.Cut(withoutPrefix(err), "\n")
	outcome := &scoreError{Message: message}
	var failure *scoring.Failure
	if errors.As(err, &failure) {
		outcome.Reason = failure.Reason
	}
	var unbuilt *scoring.EnvironmentError
	if errors.As(err, &unbuilt) {
		outcome.Log = unbuilt.Log
	}
	var cause *scoring.ScriptError
	if errors.As(err, &cause) {
		outcome.Message, outcome.Phase, outcome.File = cause.Message, cause.Phase, cause.File
		outcome.Traceback, outcome.Hint, outcome.Log = cause.Traceback, cause.Hint, cause.Log
	}
	return outcome
}

func printJSON(c console, result scoring.Result, err error) error {
	encoder := json.NewEncoder(c.out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(scoreOutcome{
		Status: result.Status, Items: result.Items, MiniBatches: result.MiniBatches, OutputFile: result.OutputFile, Error: newScoreError(err),
	})
}

// withoutPrefix is the text of an error without the prefix of the package.
func withoutPrefix(err error) string { return strings.TrimPrefix(err.Error(), "scoring: ") }

// explainedError adds text to an error.
type explainedError struct {
	text string
	err  error
}

func (e *explainedError) Error() string { return e.text }
func (e *explainedError) Unwrap() error { return e.err }

// explained adds the files of the mini-batch and the place of the logs.
func explained(err error, logs string) error {
	text := withoutPrefix(err)
	if errors.Is(err, scoring.ErrOutputExists) {
		text += "; --force replaces it"
	}
	var cause *scoring.ScriptError
	if errors.As(err, &cause) {
		text += filesOf(cause)
	}
	if logs != "" {
		text += "\nlogs: " + logs
	}
	return &explainedError{text, err}
}

// maxNamedFiles is how many file names an error can have.
const maxNamedFiles = 10

// filesOf is a line with the files of the mini-batch. It is empty if the engine knows the file.
func filesOf(cause *scoring.ScriptError) string {
	if cause.File != "" || len(cause.Files) == 0 {
		return ""
	}
	names := make([]string, 0, maxNamedFiles+1)
	for _, file := range cause.Files[:min(len(cause.Files), maxNamedFiles)] {
		names = append(names, fmt.Sprintf("%q", filepath.Base(file)))
	}
	if len(cause.Files) > maxNamedFiles {
		names = append(names, "…")
	}
	return fmt.Sprintf("\nfiles of mini-batch %d: %s", cause.MiniBatch, strings.Join(names, ", "))
}
