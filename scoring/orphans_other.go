//go:build !linux

package scoring

// endMarked does nothing: other systems do not show the environment of processes.
func endMarked(string) {}
