//go:build !race

package azmlbatch_test

// sentTwice is the part of the bytes that killed transfers may send again: half of them.
const sentTwice = 2
