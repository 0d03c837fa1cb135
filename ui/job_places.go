package ui

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/azmlbatch/azmlbatch"
)

// A place is an input or an output of a job.
type place struct {
	Name, Kind string
	// Text is the URI without a signature, or the value of a literal.
	Text string
	// URI says that Text is one.
	URI bool
}

func inputPlaces(inputs azmlbatch.Inputs) []place {
	var all []place
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		all = append(all, newPlace(name, inputs[name]))
	}
	return all
}

func outputPlaces(outputs azmlbatch.Outputs) []place {
	var all []place
	for _, name := range slices.Sorted(maps.Keys(outputs)) {
		all = append(all, newPlace(name, outputs[name]))
	}
	return all
}

// newPlace describes an input or an output, whatever its kind.
func newPlace(name string, value any) place {
	uri := func(kind string, data azmlbatch.URIFolder) place {
		return place{Name: name, Kind: kind, Text: redacted(data.URI), URI: true}
	}
	switch v := value.(type) {
	case azmlbatch.URIFolder:
		return uri("folder", v)
	case azmlbatch.URIFile:
		return uri("file", azmlbatch.URIFolder(v))
	case azmlbatch.MLTable:
		return uri("mltable", azmlbatch.URIFolder(v))
	case azmlbatch.CustomModel:
		return uri("model", azmlbatch.URIFolder(v))
	case azmlbatch.MLFlowModel:
		return uri("MLflow model", azmlbatch.URIFolder(v))
	case azmlbatch.TritonModel:
		return uri("Triton model", azmlbatch.URIFolder(v))
	case azmlbatch.Literal:
		return place{Name: name, Kind: "value", Text: redacted(fmt.Sprint(v.Value))}
	}
	return place{Name: name, Kind: "other", Text: redacted(fmt.Sprint(value))}
}

// logOf is the run and the name of a log from its URI; empty if it is not the URI of a log.
func logOf(uri string) (run, name string) {
	_, rest, _ := strings.Cut(uri, "/ExperimentRun/dcid.")
	run, name, _ = strings.Cut(rest, "/")
	return run, name
}
