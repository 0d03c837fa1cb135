// Package interop holds other people's clients against the emulator. It has tests and no code of its own.
package interop
