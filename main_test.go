package azmlbatch_test

import (
	"log"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// exampleDirs are where examples wrote their files, one after another; tests have t.TempDir.
var exampleDirs []string

// TestMain leaves no folder of the examples behind, and fails when a goroutine has outlived its call.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		for _, dir := range exampleDirs {
			if err := os.RemoveAll(dir); err != nil {
				log.Print(err)
			}
		}
		os.Exit(code)
	}))
}
