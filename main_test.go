package azmlbatch_test

import (
	"log"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// exampleDir is where examples write their files; tests have t.TempDir.
var exampleDir string

// TestMain leaves no folder of the examples behind, and fails when a goroutine has outlived its call.
func TestMain(m *testing.M) {
	var err error
	if exampleDir, err = os.MkdirTemp("", "azmlbatch-examples-"); err != nil {
		log.Fatal(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := os.RemoveAll(exampleDir); err != nil {
			log.Print(err)
		}
		os.Exit(code)
	}))
}
