// Package unplayed marks answers to requests that Azure knows and the emulator does not, so that
// nobody takes them for an answer of Azure.
package unplayed

import "net/http"

// Header is the header of such an answer: what was asked for.
const Header = "X-Azmlbatch-Not-Played"

// Mark marks an answer and returns the sentence for its body. what says what was asked for, such as
// "GET Microsoft.MachineLearningServices/workspaces/onlineEndpoints".
func Mark(header http.Header, what string) string {
	header.Set(Header, what)
	return Sentence(what)
}

// Sentence says that the emulator does not play something.
func Sentence(what string) string { return "The azmlbatch emulator does not play " + what + "." }
