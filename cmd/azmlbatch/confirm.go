package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
)

// confirm asks a person before something is deleted.
func (a *app) confirm(ctx context.Context, what string, yes bool) error {
	if yes {
		return nil
	}
	if !isTerminal(a.in) {
		return usagef("there is no terminal to ask on; add --yes to %s", what)
	}
	fmt.Fprintf(a.err, "%s? [y/N] ", strings.ToUpper(what[:1])+what[1:])
	answer := make(chan string, 1)
	go func() { // it ends with the process if nobody answers: a read of a terminal cannot be interrupted
		line, _ := bufio.NewReader(a.in).ReadString('\n') // at the end of the input it is no yes
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case said := <-answer:
		if said != "y" && said != "yes" {
			return errors.New("nothing was deleted, because you did not say yes")
		}
		return nil
	}
}
