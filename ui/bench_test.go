package ui

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// BenchmarkPredictions reads the page of a job with 2,000 images and a million rows: the first view, a
// sorted one, and the counts of all columns. Nothing is remembered between two views.
func BenchmarkPredictions(b *testing.B) {
	const images, rowsOfEach = 2_000, 500
	scorer := func(_ context.Context, files []string) ([]string, error) {
		var rows []string
		for _, f := range files {
			for i := range rowsOfEach {
				rows = append(rows, fmt.Sprintf("%s %d 0.%d", filepath.Base(f), i%10, i*7919%100_003))
			}
		}
		return rows, nil
	}
	client, endpoint := emulator.NewEndpoint(b, emulator.Func(scorer), &emulator.DeployOptions{Deployment: azmlbatch.Deployment{MiniBatchSize: 100}})
	dir := b.TempDir()
	for i := range images {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("image-%04d.png", i)), []byte{byte(i), byte(i >> 8)}, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	started, err := client.Endpoints().Invoke(b.Context(), endpoint, azmlbatch.Invocation{Input: azmlbatch.LocalPath{Path: dir}})
	if err != nil {
		b.Fatal(err)
	}
	job, err := client.Jobs().Wait(b.Context(), started.Name, nil)
	if err != nil {
		b.Fatal(err)
	}
	for name, query := range map[string]url.Values{"first": nil, "sorted": {"sort": {"2"}}, "filtered": {"value": {"image-1999"}}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				benchmarkView(b, client, job.Name, query)
			}
		})
	}
	b.Run("summary", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s, err := summarize(b.Context(), &rowReader{client: client, job: job.Name})
			if err != nil || s.Rows != images*rowsOfEach {
				b.Fatalf("%v, want %d rows", err, images*rowsOfEach)
			}
		}
	})
}

// benchmarkView loads a page anew.
func benchmarkView(b *testing.B, client *azmlbatch.Client, job string, query url.Values) {
	b.Helper()
	h, err := New(client, nil)
	if err != nil {
		b.Fatal(err)
	}
	v, err := loadPredictions(b.Context(), h, visit{path: func(string) string { return job }, query: query})
	if err != nil || len(v.data.(*predictionsView).Rows) != rowsPerPage {
		b.Errorf("the page has not %d rows: %v", rowsPerPage, err)
	}
	if err := h.Close(); err != nil {
		b.Error(err)
	}
}
