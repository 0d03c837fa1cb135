//go:build race

package azmlbatch_test

// sentTwice is the part of the bytes that killed transfers may send again. Under the race detector a child gets less done
// before it is killed.
const sentTwice = 1
