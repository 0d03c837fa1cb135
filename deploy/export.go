package deploy

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/azmlbatch/azmlbatch"
)

// Export reads what the workspace has of an endpoint: the endpoint, its deployments, and the
// models, environments and clusters that they refer to. [Spec.Write] writes it as YAML, and [Read]
// reads that back as the same Spec.
//
// Assets are there by name and version, with the places of their content; nothing is downloaded.
// Code and components have no YAML that the service would give back, and anonymous assets no name:
// deployments refer to them. What the service alone sets, its defaults aside, is left out, and so
// is what the files of the CLI have no key for. Something that a deployment refers to and that does
// not exist any more is left out too.
//
// It reads all things at once, in two rounds, and starts nothing. A missing endpoint is
// azmlbatch.ErrNotFound.
func Export(ctx context.Context, client *azmlbatch.Client, endpoint string) (Spec, error) {
	e := exporter{client: client, workspace: client.Workspace()}
	spec, err := e.read(ctx, endpoint)
	if err != nil {
		return Spec{}, fmt.Errorf("export endpoint %q: %w", endpoint, err)
	}
	var text bytes.Buffer
	if err := spec.Write(&text, nil); err != nil {
		return Spec{}, fmt.Errorf("export endpoint %q: %w", endpoint, err)
	}
	// Read back, so that what these files cannot say is not in the Spec either.
	return readText(text.Bytes())
}

// readText reads a text that does not name other files.
func readText(text []byte) (Spec, error) {
	documents, err := parseDocuments("export", text)
	if err != nil {
		return Spec{}, err
	}
	r := newReader(&ReadOptions{Unchecked: true})
	for _, d := range documents {
		r.pending = append(r.pending, pending{document: d})
	}
	r.read()
	return r.result()
}

// exporter reads an endpoint with what belongs to it.
type exporter struct {
	client    *azmlbatch.Client
	workspace azmlbatch.Workspace
}

func (e exporter) read(ctx context.Context, name string) (Spec, error) {
	var spec Spec
	var details azmlbatch.WorkspaceDetails
	first, within := errgroup.WithContext(ctx)
	first.Go(func() (err error) {
		details, err = e.client.WorkspaceDetails(within)
		return err
	})
	first.Go(func() error {
		v, err := e.client.Endpoints().Get(within, name)
		spec.Endpoints = []azmlbatch.Endpoint{v}
		return err
	})
	first.Go(func() error {
		for v, err := range e.client.Deployments(name).List(within) {
			if err != nil {
				return err
			}
			spec.Deployments = append(spec.Deployments, Deployment{Endpoint: name, Deployment: v})
		}
		return nil
	})
	if err := first.Wait(); err != nil {
		return Spec{}, err
	}
	slices.SortFunc(spec.Deployments, func(a, b Deployment) int {
		return strings.Compare(a.Deployment.Name,
			b.Deployment.Name)
	})
	for i := range spec.Deployments {
		e.shorten(&spec.Deployments[i].Deployment)
	}
	if err := e.assets(ctx, &spec); err != nil {
		return Spec{}, err
	}
	e.clean(&spec, details.Location)
	return spec, nil
}

// shorten writes the references of a deployment as people do, and leaves out what Apply notes on it.
func (e exporter) shorten(d *azmlbatch.Deployment) {
	if delete(d.Tags, smokeTag); len(d.Tags) == 0 {
		d.Tags = nil
	}
	switch m := d.Model.(type) {
	case azmlbatch.ModelByID:
		m.AssetID = e.short(azmlbatch.ReferenceKindModel, m.AssetID)
		d.Model = m
	case *azmlbatch.ModelByID:
		d.Model = azmlbatch.ModelByID{AssetID: e.short(azmlbatch.ReferenceKindModel, m.AssetID)}
	}
	d.EnvironmentID = e.short(azmlbatch.ReferenceKindEnvironment, d.EnvironmentID)
	d.Compute = e.short(azmlbatch.ReferenceKindCompute, d.Compute)
	d.CodeConfiguration.CodeID = e.short(azmlbatch.ReferenceKindCode, d.CodeConfiguration.CodeID)
	if c, ok := pipelineComponent(*d); ok {
		c.ComponentID = e.short(azmlbatch.ReferenceKindComponent, c.ComponentID)
		d.Configuration = c
	}
}

// short is the reference as azureml:NAME:VERSION if it means something of this workspace.
func (e exporter) short(kind azmlbatch.ReferenceKind, text string) string {
	r, err := azmlbatch.ParseReference(kind, text)
	if err != nil || r.Form != azmlbatch.ReferenceFormNamed || r.Registry != "" || !e.own(r) {
		return text
	}
	return part{kind: r.Kind, name: r.Name, version: r.Version}.reference()
}

// own reports whether a reference means this workspace.
func (e exporter) own(r azmlbatch.Reference) bool {
	same := strings.EqualFold(r.Workspace.Name, e.workspace.Name) && strings.EqualFold(r.Workspace.ResourceGroup,
		e.workspace.ResourceGroup) &&
		strings.EqualFold(r.Workspace.SubscriptionID, e.workspace.SubscriptionID)
	return r.WorkspaceID == "" && (same || r.Workspace == azmlbatch.Workspace{})
}

// place is a place of a datastore in its short form.
func (e exporter) place(uri string) string {
	r, err := azmlbatch.ParseReference("", uri)
	if err != nil || r.Form != azmlbatch.ReferenceFormPlace || r.Workspace != (azmlbatch.Workspace{}) && !e.own(r) {
		return uri
	}
	return "azureml://datastores/" + r.Datastore + "/paths/" + r.Path
}

// assets reads what the deployments refer to, each once.
func (e exporter) assets(ctx context.Context, spec *Spec) error {
	wanted := map[part]bool{}
	for _, d := range spec.Deployments {
		for _, r := range []struct {
			kind azmlbatch.ReferenceKind
			text string
		}{
			{azmlbatch.ReferenceKindModel, modelID(d.Deployment)}, {azmlbatch.ReferenceKindEnvironment,
				d.Deployment.EnvironmentID},
			{azmlbatch.ReferenceKindCompute, d.Deployment.Compute},
		} {
			name, version, _ := strings.Cut(strings.TrimPrefix(r.text, "azureml:"), ":")
			if strings.HasPrefix(r.text, "azureml:") && !strings.HasPrefix(r.text, "azureml:/") && name != "" {
				wanted[part{r.kind, name, version}] = true
			}
		}
	}
	parts := slices.SortedFunc(maps.Keys(wanted), func(a, b part) int {
		return strings.Compare(a.String(),
			b.String())
	})
	found := make([]any, len(parts))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i, p := range parts {
		group.Go(func() error {
			v, err := e.get(ctx, p)
			if isMissing(err) {
				return nil
			}
			found[i] = v
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, v := range found {
		switch v := v.(type) {
		case azmlbatch.Model:
			if !v.IsAnonymous {
				spec.Models = append(spec.Models, v)
			}
		case azmlbatch.Environment:
			if !v.IsAnonymous {
				spec.Environments = append(spec.Environments, v)
			}
		case azmlbatch.Compute:
			spec.Computes = append(spec.Computes, v)
		}
	}
	return nil
}

func (e exporter) get(ctx context.Context, p part) (any, error) {
	switch p.kind {
	case azmlbatch.ReferenceKindModel:
		return e.client.Models().Get(ctx, p.name, p.version)
	case azmlbatch.ReferenceKindEnvironment:
		return e.client.Environments().Get(ctx, p.name, p.version)
	}
	return e.client.Computes().Get(ctx, p.name)
}

// clean takes away what the service alone sets and what stands for the workspace's own.
func (e exporter) clean(spec *Spec, location string) {
	local := func(text *string) {
		if strings.EqualFold(*text, location) {
			*text = ""
		}
	}
	for i := range spec.Endpoints {
		v := &spec.Endpoints[i]
		local(&v.Location)
		v.Properties = ownProperties(v.Properties)
		v.Extra = nil
	}
	for i := range spec.Deployments {
		v := &spec.Deployments[i].Deployment
		local(&v.Location)
		v.Properties = ownProperties(v.Properties)
		v.Extra = nil
		if strings.EqualFold(string(v.OutputAction), string(azmlbatch.OutputActionSummaryOnly)) {
			v.OutputFileName = "" // the service fills in a name for a file that is never written
		}
	}
	for i := range spec.Models {
		v := &spec.Models[i]
		v.Properties, v.ModelURI = ownProperties(v.Properties), e.place(v.ModelURI)
	}
	for i := range spec.Environments {
		spec.Environments[i].Properties = ownProperties(spec.Environments[i].Properties)
	}
	for i := range spec.Computes {
		local(&spec.Computes[i].Location)
	}
}

// ownProperties are properties without those that the service puts among the caller's own.
func ownProperties(properties map[string]string) map[string]string {
	own := maps.Clone(properties)
	maps.DeleteFunc(own, func(key, _ string) bool {
		key = strings.ToLower(key)
		return strings.HasPrefix(key, "azureml.") || key == "azureasyncoperationuri" ||
			key == "batchendpointcreationapiversion"
	})
	return own
}
