// Package interop holds other people's clients against the emulator, and the SDK against its peers: the benchmarks compare
// it with armmachinelearning, and rows with encoding/csv; transferbench compares its transfers with azblob. It has tests and
// benchmarks and no code of its own.
package interop
