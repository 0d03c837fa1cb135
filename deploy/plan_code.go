package deploy

import (
	"context"
	"fmt"
	"net/url"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/internal/local"
)

var codes = &assetKind[azmlbatch.Code]{
	kind:   azmlbatch.ReferenceKindCode,
	client: func(c *azmlbatch.Client) azmlbatch.AssetsClient[azmlbatch.Code] { return c.Codes().AssetsClient },
	field:  "CodeURI",
	view: func(c *azmlbatch.Code) assetView {
		return assetView{c.ID, &c.Name, &c.Version, &c.CodeURI, &c.Properties, c.IsArchived}
	},
	rules: assetRules(func(r *fieldRules) {
		r.same = map[string]func(string, string) bool{"CodeURI": samePlace}
	}),
	fill:  func(*azmlbatch.Code, *content) {},
	place: func(*azmlbatch.Code, azmlbatch.Uploaded) {},
}

// hashProperty is the property by which the service finds code again
// (test_download_directory_code).
const hashProperty = "hash_sha256"

// codeItem is code of a Spec. The service finds equal code by its hash, under any name.
type codeItem struct {
	assetItem[azmlbatch.Code]
	anonymous bool            // a deployment names a folder: equal code of any name will do
	equal     *azmlbatch.Code // code with this content that counts for nothing but its place
}

func (i *codeItem) read(ctx context.Context, client *azmlbatch.Client) error {
	if i.files == nil {
		return i.readVersions(ctx, client)
	}
	hash, err := i.files.codeHash(ctx)
	if err != nil {
		return err
	}
	i.have, i.equal = nil, nil
	var listed []azmlbatch.Code
	err = i.looks(ctx, func(ctx context.Context) error {
		return i.readVersions(ctx, client) // also of an anonymous one, because the list by hash can be late
	}, func(ctx context.Context) error {
		filter := url.Values{"hash": {hash}, "hashVersion": {local.CodeHashVersion}}
		for code, err := range client.Codes().ListVersions(ctx, i.want.Name, &azmlbatch.ListAssetsOptions{Filter: filter}) {
			if err != nil {
				_, err = found(code, err)
				return err
			}
			listed = append(listed, code)
		}
		return nil
	})
	i.choose(listed)
	return err
}

// choose takes the code that counts among all of equal content: one of the own name, or for an
// anonymous one any. Another one has the content at least.
func (i *codeItem) choose(equal []azmlbatch.Code) {
	for n := range equal {
		own := equal[n].Name == i.want.Name && i.of.version == ""
		if (own || i.anonymous) && (i.have == nil || !i.same(i.have)) {
			i.have = &equal[n]
		}
		if i.equal == nil {
			i.equal = &equal[n]
		}
	}
	i.there = i.equal != nil
}

// same reports whether code has the local content. Code that was registered without its hash cannot
// be told.
func (i *codeItem) same(have *azmlbatch.Code) bool {
	hash, err := i.files.codeHash(context.Background()) // it was made while reading
	return err == nil && have.Properties[hashProperty] == hash
}

func (i *codeItem) plan(ctx context.Context) (Change, error) {
	if i.files == nil || i.have == nil {
		return i.assetItem.plan(ctx)
	}
	c := newChange(i.of)
	c.Action, c.Version = ActionLeave, i.have.Version
	rules := i.k.rules
	rules.skip = append([]string{"CodeURI"}, rules.skip...)
	c.Fields = changedFields(i.want, *i.have, rules)
	switch same := i.same(i.have); {
	case !same && i.of.version != "":
		c.Action = ActionChange
		c.Obstacle = fmt.Sprintf("the code of version %s cannot change; write another Version, or leave it out for the next one", i.of.version)
	case !same:
		c.Action, c.Version = ActionCreate, i.next
		c = i.withUpload(c)
	case len(c.Fields) > 0:
		c.Action = ActionChange
	}
	return c, nil
}
