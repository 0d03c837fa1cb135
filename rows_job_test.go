package azmlbatch_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
)

// rows reads the rows of a job as lines.
func (s *shop) rows(job string, options *azmlbatch.RowsOptions) (rows []string, err error) {
	for row, err := range azmlbatch.Rows[string](s.ctx, s.client, job, options) {
		if err != nil {
			return rows, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// wantNoRows checks that the error names the job, says each of the words, and is ErrNotFound.
func (s *shop) wantNoRows(job string, options *azmlbatch.RowsOptions, words ...string) {
	s.t.Helper()
	rows, err := s.rows(job, options)
	if len(rows) > 0 || !errors.Is(err, azmlbatch.ErrNotFound) {
		s.t.Fatalf("Rows = %q, %v, want ErrNotFound", rows, err)
	}
	for _, word := range append(words, job) {
		if !strings.Contains(err.Error(), word) {
			s.t.Errorf("Rows = %v, which does not say %q", err, word)
		}
	}
	if strings.Contains(err.Error(), "BlobNotFound") || strings.Contains(err.Error(), "scoring step") {
		s.t.Errorf("Rows = %v, which tells of storage or steps", err)
	}
}

func TestRowsOfAJobThatJustStarted(t *testing.T) {
	s := newShop(t, nil)
	gate := filepath.Join(t.TempDir(), "gate")
	s.deploy(gated(gate))
	job, err := s.client.Endpoints().Invoke(t.Context(), "vases", s.invocation(""))
	s.must(err)
	s.wantNoRows(job.Name, nil, "has no predictions yet", "Jobs().Wait", "RowsOptions.Partial")
	s.must(os.WriteFile(gate, nil, 0o600))
	_, err = s.wait(job.Name)
	s.must(err)
}

func TestRowsOfAFailedJob(t *testing.T) {
	s := newShop(t, nil)
	s.deploy(sour)
	job, err := s.client.Endpoints().Invoke(t.Context(), "vases", s.invocation(""))
	s.must(err)
	if _, err = s.wait(job.Name); err == nil {
		t.Fatal("the job did not fail")
	}
	s.wantNoRows(job.Name, nil, "is Failed and left no predictions", "Jobs().Wait", "RowsOptions.Partial")
}

func TestRowsOfACanceledJob(t *testing.T) {
	s := newShop(t, nil)
	s.deploy(gated(filepath.Join(t.TempDir(), "gate")))
	job, err := s.client.Endpoints().Invoke(t.Context(), "vases", s.invocation(""))
	s.must(err)
	canceled := false
	_, err = s.real().Jobs().Wait(t.Context(), job.Name, &azmlbatch.WaitOptions{OnProgress: func(p azmlbatch.Progress) {
		if p.Counts == nil || p.Counts.FilesDone != 1 || canceled {
			return
		}
		canceled = true
		s.must(s.client.Jobs().Cancel(t.Context(), job.Name, nil))
	}})
	if err == nil {
		t.Fatal("the job was not canceled")
	}
	s.wantNoRows(job.Name, nil, "is Canceled and left no predictions", "RowsOptions.Partial")
	rows, err := s.rows(job.Name, &azmlbatch.RowsOptions{Partial: true})
	if diff := cmp.Diff([]string{"a.txt"}, rows); diff != "" || err != nil {
		t.Errorf("partial rows (-want +got), %v:\n%s", err, diff)
	}
}

func TestRowsOfAJobThatWritesFilesOfItsOwn(t *testing.T) {
	s := newShop(t, nil)
	s.deploy(basenames)
	blue, err := s.client.Deployments("vases").Get(t.Context(), "blue")
	s.must(err)
	blue.OutputAction = azmlbatch.OutputActionSummaryOnly
	_, err = s.client.Deployments("vases").CreateOrUpdate(t.Context(), "blue", blue, nil)
	s.must(err)
	job, err := s.client.Endpoints().Invoke(t.Context(), "vases", s.invocation(""))
	s.must(err)
	_, err = s.wait(job.Name)
	s.must(err)
	for _, options := range []*azmlbatch.RowsOptions{nil, {Partial: true}} {
		s.wantNoRows(job.Name, options, "is Completed and writes files of its own", "Jobs().ListOutputs")
	}
}

// noScript makes the deployment blue one of an MLflow model without a script.
func (s *shop) noScript() {
	s.t.Helper()
	model, err := s.client.Models().Upload(s.ctx, "kiln", files(s.t, "kiln", map[string]string{"MLmodel": "flavors: {}"}), nil)
	s.must(err)
	blue, err := s.client.Deployments("vases").Get(s.ctx, "blue")
	s.must(err)
	blue.Model, blue.CodeConfiguration, blue.EnvironmentID = azmlbatch.ModelByID{AssetID: model.Ref()}, azmlbatch.CodeConfiguration{}, ""
	_, err = s.client.Deployments("vases").CreateOrUpdate(s.ctx, "blue", blue, nil)
	s.must(err)
}

func TestFormatOfRowsFollowsTheDeployment(t *testing.T) {
	s := newShop(t, nil)
	// The rows of both formats, because mlflow need not be there: what counts is which one is read.
	s.deploy("def run(b):\n    return ['0,a b', '1,c d']\n")
	job, err := s.client.Endpoints().Invoke(t.Context(), "vases", s.invocation(""))
	s.must(err)
	_, err = s.wait(job.Name)
	s.must(err)
	columns := func(options *azmlbatch.RowsOptions) []string {
		t.Helper()
		for row, err := range azmlbatch.Rows[[]string](t.Context(), s.client, job.Name, options) {
			s.must(err)
			return row
		}
		return nil
	}
	spaces, commas := []string{"0,a", "b"}, []string{"0", "a b"}
	if diff := cmp.Diff(spaces, columns(nil)); diff != "" {
		t.Errorf("with a script (-want +got):\n%s", diff)
	}
	s.noScript()
	if diff := cmp.Diff(commas, columns(nil)); diff != "" {
		t.Errorf("an MLflow model without a script (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(commas, columns(&azmlbatch.RowsOptions{Partial: true})); diff != "" {
		t.Errorf("the same, partial (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(spaces, columns(&azmlbatch.RowsOptions{Format: azmlbatch.RowFormatSpaceSeparated})); diff != "" {
		t.Errorf("a format that was asked for (-want +got):\n%s", diff)
	}
	s.must(s.client.Deployments("vases").Delete(t.Context(), "blue", nil))
	if diff := cmp.Diff(spaces, columns(nil)); diff != "" {
		t.Errorf("without the deployment (-want +got):\n%s", diff)
	}
}
