package deploy

import (
	"context"
	"slices"

	"github.com/azmlbatch/azmlbatch"
)

// LocalOptions tune [Local]. The zero value and nil mean the defaults.
type LocalOptions struct {
	// SmokeInput is scored by each deployment of the Spec. Nil scores nothing.
	SmokeInput azmlbatch.Input
	// SmokeInputs by name, for pipeline components; see [PlanOptions].
	SmokeInputs azmlbatch.Inputs
	// Sources are where the Spec was read from; see [PlanOptions].
	Sources *Sources
	// Python parses scoring scripts first; see [PlanOptions].
	Python string
	// OnProgress hears of every step; see [ApplyOptions].
	OnProgress func(StepProgress)
}

// Local tries a Spec on this machine: it applies it to an emulator, whose client it is given, and
// lets each deployment score the smoke input there, before a cluster is paid for:
//
//	azure, err := emulator.New(nil)
//	client, err := azure.Client(nil)
//	result, err := deploy.Local(ctx, client, spec, &deploy.LocalOptions{SmokeInput: azmlbatch.LocalPath{Path: "smoke"}})
//
// What the Spec refers to and the emulator does not have gets a stand-in where one can serve: a
// cluster, an endpoint, an environment. Result.StandIns names them. A model, code or component of a
// workspace has none: add it to the Spec. The scripts run with the Python of the emulator, not in
// the environment's image.
//
// It writes to the workspace of the client, whatever that is: give it an emulator's.
func Local(ctx context.Context, client *azmlbatch.Client, spec Spec, options *LocalOptions) (Result, error) {
	var o LocalOptions
	if options != nil {
		o = *options
	}
	if err := spec.Check(); err != nil {
		return Result{}, o.Sources.located(err)
	}
	standIns, err := standIn(ctx, client, &spec)
	if err != nil {
		return Result{}, o.Sources.located(err)
	}
	p := newPlanner(client, spec, &PlanOptions{SmokeInput: o.SmokeInput, SmokeInputs: o.SmokeInputs, Python: o.Python, Sources: o.Sources})
	p.dryRun = true
	changes, err := p.changesOf(ctx)
	if err != nil {
		return Result{}, err
	}
	result, err := changes.Apply(ctx, &ApplyOptions{OnProgress: o.OnProgress})
	result.StandIns = standIns
	return result, err
}

// standIn adds to a Spec what it refers to and the workspace does not have, as far as something can
// stand in.
func standIn(ctx context.Context, client *azmlbatch.Client, spec *Spec) (names []string, err error) {
	p := newPlanner(client, *spec, nil)
	p.dryRun = true
	if err := p.collect(ctx); err != nil {
		return nil, err
	}
	if err := p.read(ctx); err != nil {
		return nil, err
	}
	for _, o := range p.outsiders() {
		r := o.reference
		if !o.missing {
			continue
		}
		switch r.Kind {
		case azmlbatch.ReferenceKindCompute:
			spec.Computes = append(slices.Clip(spec.Computes), azmlbatch.Compute{Name: r.Name, Properties: azmlbatch.AmlCompute{VMSize: "STANDARD_DS3_V2", MaxNodes: mostInstances(*spec)}})
		case azmlbatch.ReferenceKindEnvironment:
			spec.Environments = append(slices.Clip(spec.Environments), azmlbatch.Environment{Name: r.Name, Version: r.Version, Image: "stand-in"})
		default:
			continue
		}
		names = append(names, part{kind: r.Kind, name: r.Name, version: r.Version}.String())
	}
	for _, e := range p.endpointsByName() {
		if !e.own && e.have == nil {
			spec.Endpoints = append(slices.Clip(spec.Endpoints), azmlbatch.Endpoint{Name: e.want.Name})
			names = append(names, e.part().String())
		}
	}
	return names, nil
}

// mostInstances is as many nodes as a deployment of the Spec asks for.
func mostInstances(spec Spec) int {
	most := 1
	for _, d := range spec.Deployments {
		most = max(most, d.Deployment.Resources.InstanceCount)
	}
	return most
}
