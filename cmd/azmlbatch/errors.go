package main

import "strings"

// errorText is the text of an error for people: without the prefix of the package.
func errorText(err error) string { return strings.TrimPrefix(err.Error(), "azmlbatch: ") }
