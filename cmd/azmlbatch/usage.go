package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hbollon/go-edlib"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usageMistake is a mistake in the arguments, found before anything was done.
type usageMistake struct{ text string }

func (m *usageMistake) Error() string { return m.text }

func usagef(format string, args ...any) error { return &usageMistake{fmt.Sprintf(format, args...)} }

// flagMistake words what the flag library refuses.
func flagMistake(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		return usagef("%v%s", err, didYouMean(cmd, unknown.GetSpecifiedName()))
	}
	var value *pflag.InvalidValueError
	if !errors.As(err, &value) {
		return &usageMistake{err.Error()}
	}
	flag := value.GetFlag()
	switch flag.Value.Type() {
	case "int", "int64":
		if errors.Is(value, strconv.ErrRange) {
			return usagef("--%s is too large or too small: %s", flag.Name, value.GetValue())
		}
		return usagef("--%s must be a whole number, not %q", flag.Name, value.GetValue())
	case "bool":
		return usagef("--%s must be true or false, not %q", flag.Name, value.GetValue())
	}
	return usagef("--%s: %v", flag.Name, errors.Unwrap(value))
}

// didYouMean suggests the flag that was probably meant, in words to follow a mistake.
func didYouMean(cmd *cobra.Command, name string) string {
	best, least := "", max(len(name)/3, 1)+1
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if d := edlib.OSADamerauLevenshteinDistance(name, flag.Name); d < least && len(name) > 1 {
			best, least = flag.Name, d
		}
	})
	if best == "" {
		return ""
	}
	return "; did you mean --" + best + "?"
}

// group is a command that has verbs and does nothing itself. Its example is that of the verb that
// most people want first.
func group(use, short string, verbs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, SuggestionsMinimumDistance: 2, Example: verbs[0].Example}
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usagef("which command? expected one of %s", strings.Join(verbNames(cmd), ", "))
		}
		remedy := "expected one of " + strings.Join(verbNames(cmd), ", ")
		if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
			remedy = "did you mean " + like[0] + "?"
		}
		return usagef("unknown command %q; %s", args[0], remedy)
	}
	cmd.AddCommand(verbs...)
	return cmd
}

func verbNames(cmd *cobra.Command) []string {
	var names []string
	for _, verb := range cmd.Commands() {
		if verb.IsAvailableCommand() {
			names = append(names, verb.Name())
		}
	}
	return names
}

// arguments checks the number of arguments against their names: "ENDPOINT", "JOB...".
func arguments(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		many := len(names) > 0 && strings.HasSuffix(names[len(names)-1], "...")
		switch {
		case len(args) < len(names):
			return usagef("%s is missing", strings.TrimSuffix(names[len(args)], "..."))
		case len(args) > len(names) && !many:
			return usagef("unexpected argument %q", args[len(names)])
		}
		if i := slices.Index(args, ""); i >= 0 {
			return usagef("%s must not be empty", strings.TrimSuffix(names[min(i, len(names)-1)], "..."))
		}
		return nil
	}
}

// required refuses flags that were not given.
func required(cmd *cobra.Command, flags ...string) error {
	for _, name := range flags {
		if !cmd.Flags().Changed(name) {
			return usagef("--%s is required", name)
		}
	}
	return nil
}

// choice is a flag that takes one of a few words.
type choice struct {
	value   string
	allowed []string
}

func (c *choice) String() string { return c.value }

// Type is the placeholder of the help.
func (c *choice) Type() string { return strings.Join(c.allowed, "|") }

// Set reads a flag's value.
func (c *choice) Set(text string) error {
	if !slices.Contains(c.allowed, text) {
		return fmt.Errorf("must be one of %s, not %q", strings.Join(c.allowed, ", "), text)
	}
	c.value = text
	return nil
}

// asArgument checks an argument that is no flag.
func (c *choice) asArgument(name, text string) error {
	if err := c.Set(text); err != nil {
		return usagef("%s %v", name, err)
	}
	return nil
}

// choiceVar adds a flag that takes one of the words; the first is the default. Shells complete them.
func choiceVar(cmd *cobra.Command, c *choice, name, usage string, allowed ...string) {
	*c = choice{allowed[0], allowed}
	cmd.Flags().Var(c, name, usage)
	if err := cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(allowed, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag was added a line before
	}
}

// timeLimit is a Go duration, or a number of seconds as in the YAML of a deployment.
type timeLimit time.Duration

func (t *timeLimit) String() string { return time.Duration(*t).String() }

// Type is the placeholder of the help.
func (t *timeLimit) Type() string { return "DURATION" }

// Set reads a flag's value.
func (t *timeLimit) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil {
		d, err = time.ParseDuration(text + "s")
	}
	if seconds, numberErr := strconv.ParseFloat(text, 64); err != nil && numberErr == nil && seconds > math.MaxInt32 {
		return fmt.Errorf("%q is too long; at most ten years are possible", text)
	}
	if err != nil {
		return fmt.Errorf("%q is neither a duration such as 90s nor a number of seconds", text)
	}
	*t = timeLimit(d)
	return nil
}

// age is a Go duration, or a number of days such as 7d.
type age time.Duration

func (a *age) String() string {
	if *a == 0 {
		return ""
	}
	return time.Duration(*a).String()
}

// Type is the placeholder of the help.
func (a *age) Type() string { return "AGE" }

// Set reads a flag's value.
func (a *age) Set(text string) error {
	d, err := time.ParseDuration(text)
	if days, found := strings.CutSuffix(text, "d"); found {
		var n int
		n, err = strconv.Atoi(days)
		d = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is no age such as 30m, 12h or 7d", text)
	}
	*a = age(d)
	return nil
}

// variables are NAME=VALUE pairs by name.
type variables map[string]string

func (v variables) String() string { return "" }

// Type is the placeholder of the help.
func (v variables) Type() string { return "K=V" }

// Set reads a flag's value.
func (v variables) Set(text string) error {
	name, value, found := strings.Cut(text, "=")
	if !found || name == "" {
		return fmt.Errorf("%q is not NAME=VALUE", text)
	}
	v[name] = value
	return nil
}
