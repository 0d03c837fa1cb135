#!/usr/bin/env bash
# Makes the pictures of the README anew: a job that runs and one that has failed, as the tests of the pages see them.
# Needs AZMLBATCH_CHROMIUM and AZMLBATCH_AXE; see doc.go.
set -euo pipefail
cd "$(dirname "$0")"
pictures=$(mktemp -d)
trap 'rm -rf "$pictures"' EXIT
AZMLBATCH_SCREENSHOTS=$pictures go test -count=1 -run '^(TestBarOfARunningJobMoves|TestFailedJobShowsItsTraceback)$' .
mkdir -p ../../docs/images
cp "$pictures/TestBarOfARunningJobMoves-picture.png" ../../docs/images/job-running.png
cp "$pictures/TestFailedJobShowsItsTraceback-picture.png" ../../docs/images/job-failed.png
