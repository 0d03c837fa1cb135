package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/azmlbatch/azmlbatch"
)

// prediction is one row of predictions.csv: the script writes the name of the image, the digit, and how sure it is.
type prediction struct {
	File        string
	Digit       string
	Probability float64
}

// readPredictions waits for the jobs, prints the first rows, and compares all of them with the labels.
func (t *tour) readPredictions(ctx context.Context) (string, error) {
	labels, err := readLabels(filepath.Join(t.digits, "labels.csv"))
	if err != nil {
		return "", err
	}
	summary := ""
	for _, job := range t.jobs {
		last := ""
		done, err := t.client.Jobs().Wait(ctx, job.Name, &azmlbatch.WaitOptions{OnProgress: func(p azmlbatch.Progress) {
			if p.Status != last {
				last = p.Status
				fmt.Fprintf(t.out, "    %s: %s after %.1f s\n", job.Name, p.Status, p.Elapsed.Seconds())
			}
		}})
		if err != nil {
			return "", err
		}
		if summary, err = t.compare(ctx, done.Name, labels); err != nil {
			return "", err
		}
		fmt.Fprintf(t.out, "    %s: %s\n", job.Name, summary)
	}
	return summary, nil
}

// compare prints the first rows of a job and returns its measured accuracy.
func (t *tour) compare(ctx context.Context, job string, labels map[string]string) (string, error) {
	rows, correct := 0, 0
	for p, err := range azmlbatch.Rows[prediction](ctx, t.client, job, nil) {
		if err != nil {
			return "", err
		}
		label, ok := labels[p.File]
		if !ok {
			return "", fmt.Errorf("%s is not among the labels", p.File)
		}
		if rows++; rows <= 3 {
			fmt.Fprintf(t.out, "    %s  is a %s (%.0f %% sure), label %s\n", p.File, p.Digit, 100*p.Probability, label)
		}
		if p.Digit == label {
			correct++
		}
	}
	if rows != len(labels) {
		return "", fmt.Errorf("%d rows for %d images", rows, len(labels))
	}
	return fmt.Sprintf("%d rows, accuracy %.3f", rows, float64(correct)/float64(rows)), nil
}

// readLabels reads the true digits: a header, then file,label.
func readLabels(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(records) < 2 || len(records[0]) != 2 {
		return nil, errors.New(path + " has no labels")
	}
	labels := make(map[string]string, len(records)-1)
	for _, r := range records[1:] {
		labels[r[0]] = r[1]
	}
	return labels, nil
}
