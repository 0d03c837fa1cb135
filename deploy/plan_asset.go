package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/internal/local"
)

// assetKind is what the planner must know of a kind of asset.
type assetKind[T azmlbatch.Asset] struct {
	kind   azmlbatch.ReferenceKind
	client func(*azmlbatch.Client) azmlbatch.AssetsClient[T]
	view   func(*T) assetView
	field  string // of the content's place
	rules  fieldRules
	// shown is a change as a plan shows it; nil for as it is.
	shown func(FieldChange) FieldChange
	// fill sets what an upload finds out from the files.
	fill func(asset *T, files *content)
	// place notes where uploaded content lies.
	place func(asset *T, up azmlbatch.Uploaded)
}

// assetView leads into an asset of any kind.
type assetView struct {
	id            string
	name, version *string
	uri           *string // nil for kinds without files
	properties    *map[string]string
	archived      bool
}

// assetItem is an asset of a Spec, of any kind but code.
type assetItem[T azmlbatch.Asset] struct {
	planned
	k     *assetKind[T]
	of    part
	want  T
	files *content // nil where the content is elsewhere
	have  *T       // the version that counts, nil for none
	used  *T       // the version that a deployment has in the place of this anonymous one, nil for none
	next  string   // the version that a new one gets
	there bool     // storage has the content

	writing bool   // what is read decides about a write
	id      string // of the version that Apply made or changed
}

func newAssetItem[T azmlbatch.Asset](k *assetKind[T], want T) (*assetItem[T], error) {
	v := k.view(&want)
	i := &assetItem[T]{k: k, of: part{k.kind, *v.name, *v.version}, want: want}
	if v.uri == nil || *v.uri == "" {
		return i, nil
	}
	files, err := localContent(*v.uri)
	if files != nil {
		i.files = files
		k.fill(&i.want, files)
	}
	return i, badContent(i.of, k.field, err)
}

// badContent is the error of local content that cannot be uploaded.
func badContent(p part, field string, err error) error {
	if err == nil {
		return nil
	}
	mistake := &SpecError{Field: field, Problem: "cannot be read: " + reasonOf(err), Err: err, part: p}
	if p.name != "" {
		mistake.Part = p.String()
	}
	var bad *local.Error
	if errors.As(err, &bad) {
		mistake.Problem, mistake.Remedy = fmt.Sprintf("%q %s", bad.Path, bad.Problem), bad.Remedy
	}
	return mistake
}

func (i *assetItem[T]) part() part { return i.of }

// read asks for the version that the Spec names, or for the newest one and the number of the next.
func (i *assetItem[T]) read(ctx context.Context, client *azmlbatch.Client) error {
	return i.readVersions(ctx, client)
}

// findUpload looks whether storage has the content, unless the version that exists tells.
func (i *assetItem[T]) findUpload(ctx context.Context, client *azmlbatch.Client) error {
	if i.have != nil {
		same, err := i.files.liesAt(ctx, *i.k.view(i.have).uri)
		if i.there = same; err != nil || same {
			return err
		}
	}
	_, err := client.FindUpload(ctx, i.files.path, &azmlbatch.UploadOptions{Datastore: i.files.datastore})
	i.there = err == nil
	if isMissing(err) {
		return nil
	}
	return err
}

func (i *assetItem[T]) readVersions(ctx context.Context, client *azmlbatch.Client) error {
	v := i.k.view(&i.want)
	if *v.version != "" {
		have, err := i.k.client(client).Get(ctx, *v.name, *v.version)
		i.have, i.next, err = foundVersion(have, err, *v.version)
		return err
	}
	// The number comes first: whatever has a lower one by then, the second look sees.
	newest := ""
	err := i.looks(ctx, func(ctx context.Context) error {
		container, err := i.k.client(client).GetContainer(ctx, *v.name)
		newest, i.next = container.LatestVersion, cmp.Or(container.NextVersion, "1")
		_, err = found(container, err)
		return err
	}, func(ctx context.Context) error {
		have, err := i.k.client(client).Latest(ctx, *v.name)
		i.have, err = found(have, err)
		return err
	})
	if err != nil || newest == "" || i.have != nil && *i.k.view(i.have).version == newest {
		return err
	}
	return i.readNewest(ctx, client, newest)
}

// readNewest reads a version that the list does not show: lists can be some seconds late, and leave
// out what is archived.
func (i *assetItem[T]) readNewest(ctx context.Context, client *azmlbatch.Client, version string) error {
	newest, err := found(i.k.client(client).Get(ctx, *i.k.view(&i.want).name, version))
	if newest != nil && !i.k.view(newest).archived {
		i.have = newest
	}
	return err
}

// looks asks several things: at once for a plan, one after the other just before a version is
// registered.
func (i *assetItem[T]) looks(ctx context.Context, ask ...func(context.Context) error) error {
	if !i.writing {
		return together(ctx, ask...)
	}
	for _, f := range ask {
		if err := f(ctx); err != nil {
			return err
		}
	}
	return nil
}

// isMissing reports that the workspace lacks a resource, not that there is no such workspace.
func isMissing(err error) bool {
	return errors.Is(err, azmlbatch.ErrNotFound) && !errors.Is(err, azmlbatch.ErrWorkspaceNotFound)
}

// found turns a missing resource into nil.
func found[T any](v T, err error) (*T, error) {
	switch {
	case isMissing(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &v, nil
}

func foundVersion[T any](v T, err error, version string) (*T, string, error) {
	have, err := found(v, err)
	return have, version, err
}

// differences are the fields in which the version that exists differs: those that change in place,
// and those that need a new version.
func (i *assetItem[T]) differences(ctx context.Context) (inPlace, content []FieldChange, err error) {
	rules := i.k.rules
	if i.files != nil {
		rules.skip = append([]string{i.k.field}, rules.skip...)
		have := *i.k.view(i.have).uri
		switch same, err := i.files.liesAt(ctx, have); {
		case err != nil:
			return nil, nil, err
		case !same:
			content = append(content, FieldChange{Field: i.k.field, Old: shownText(i.k.field, have), New: i.files.path})
		}
	}
	for _, f := range changedFields(i.want, *i.have, rules) {
		if i.k.shown != nil {
			f = i.k.shown(f)
		}
		if inPlaceField(f) {
			inPlace = append(inPlace, f)
		} else {
			content = append(content, f)
		}
	}
	return inPlace, content, nil
}

// inPlaceField reports whether a field of an asset's version can change (environments: table in
// azure-sdk-for-python pull request 38590; the others PUT the version back as az ml does).
// Properties can be added, not changed (armmachinelearning).
func inPlaceField(f FieldChange) bool {
	name, _, _ := strings.Cut(f.Field, "[")
	switch name {
	case "Description", "Tags", "Stage":
		return true
	case "Properties":
		return f.Old == nil
	}
	return false
}

// plan compares with the version that counts, and else with the one that a deployment uses: the
// name of an anonymous asset says nothing.
func (i *assetItem[T]) plan(ctx context.Context) (Change, error) {
	c, err := i.planVersion(ctx)
	if err != nil || i.used == nil || c.Action == ActionLeave {
		return c, err
	}
	own := i.have
	i.have = i.used
	used, err := i.planVersion(ctx)
	if err != nil || used.Action != ActionLeave {
		i.have = own
		return c, err
	}
	v := i.k.view(i.used)
	used.Notes = append(used.Notes, fmt.Sprintf("it is %s:%s", *v.name, *v.version))
	return used, nil
}

func (i *assetItem[T]) planVersion(ctx context.Context) (Change, error) {
	c := newChange(i.of)
	if i.have == nil {
		c.Action, c.Version = ActionCreate, i.next
		return i.withUpload(c), nil
	}
	c.Action, c.Version = ActionLeave, *i.k.view(i.have).version
	inPlace, content, err := i.differences(ctx)
	if err != nil {
		return c, err
	}
	c.Fields = append(content, inPlace...)
	switch {
	case len(content) > 0 && i.of.version != "":
		c.Action = ActionChange
		c.Obstacle = fmt.Sprintf("%s cannot change in a version that exists; write another Version, or leave it out for the next one", content[0].Field)
	case len(content) > 0:
		c.Action, c.Version = ActionCreate, i.next
		c = i.withUpload(c)
	case len(inPlace) > 0:
		c.Action = ActionChange
	}
	return c, nil
}

func (i *assetItem[T]) withUpload(c Change) Change {
	if i.files != nil {
		c.Upload = i.files.planned(i.there)
	}
	return c
}

// ref is how others refer to the asset: the id of the version that exists, or the name of the one
// to come.
func (i *assetItem[T]) ref() string {
	if i.id != "" {
		return i.id
	}
	if i.have != nil && i.change.Action != ActionCreate {
		return i.k.view(i.have).id
	}
	return "azureml:" + *i.k.view(&i.want).name + ":" + i.change.Version
}

func newChange(p part) Change {
	return Change{Resource: p.String(), Kind: p.kind, Name: p.name, Version: p.version, part: p}
}
