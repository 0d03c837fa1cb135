package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/azmlbatch/azmlbatch"
)

func (a *app) jobDownload() *cobra.Command {
	var folder string
	var overwrite bool
	cmd := &cobra.Command{
		Use: "download JOB...", Short: "Download the outputs of jobs.",
		Long: `Download the output files of jobs into a folder for each job, of the job's name. An interrupted
download resumes when it is started again, and files that are there already are not fetched again.`,
		Example: "azmlbatch job download $JOB --download-path ./outputs",
		Args:    arguments("JOB..."), ValidArgsFunction: a.complete(true, jobNames),
		RunE: a.asking(func(ctx context.Context, client *azmlbatch.Client, args []string) error {
			return a.each(args, func(name string) error {
				into := filepath.Join(folder, filepath.Base(name))
				w := a.newProgress()
				result, err := client.Jobs().Download(ctx, name, into, w.download("output of "+name, overwrite))
				w.end()
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(a.out, "%s: %s, %s; %d there already\n", into, plural(result.Files, "file", "files"), size(result.Bytes), result.Skipped)
				return err
			})
		}),
	}
	cmd.Flags().StringVarP(&folder, "download-path", "p", ".", "`DIR` that gets the folders of the jobs")
	cmd.Flags().BoolVar(&overwrite, "overwrite", false, "replace files that are there and differ")
	return cmd
}
