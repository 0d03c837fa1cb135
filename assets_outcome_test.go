package azmlbatch_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
)

// TestUploadSaysWhatItDid uploads content of each kind again and again.
func TestUploadSaysWhatItDid(t *testing.T) {
	type result struct {
		Version string
		Outcome azmlbatch.UploadOutcome
	}
	type options struct {
		version, description string
		alwaysNew            bool
	}
	kinds := map[string]func(ctx context.Context, c *azmlbatch.Client, name, dir string, o options) (result, error){
		"model": func(ctx context.Context, c *azmlbatch.Client, name, dir string, o options) (result, error) {
			m, err := c.Models().Upload(ctx, name, dir, &azmlbatch.UploadModelOptions{AlwaysNew: o.alwaysNew,
				Model: azmlbatch.Model{Version: o.version, Description: o.description}})
			return result{m.Version, m.Outcome}, err
		},
		"data": func(ctx context.Context, c *azmlbatch.Client, name, dir string, o options) (result, error) {
			d, err := c.Data().Upload(ctx, name, dir, &azmlbatch.UploadDataOptions{AlwaysNew: o.alwaysNew,
				Data: azmlbatch.Data{Version: o.version, Description: o.description}})
			return result{d.Version, d.Outcome}, err
		},
		"environment": func(ctx context.Context, c *azmlbatch.Client, name, dir string, o options) (result, error) {
			e, err := c.Environments().Upload(ctx, name, dir, &azmlbatch.UploadEnvironmentOptions{AlwaysNew: o.alwaysNew,
				Environment: azmlbatch.Environment{Version: o.version, Description: o.description}})
			return result{e.Version, e.Outcome}, err
		},
		"code": func(ctx context.Context, c *azmlbatch.Client, name, dir string, o options) (result, error) {
			k, err := c.Codes().Upload(ctx, name, dir, &azmlbatch.UploadCodeOptions{AlwaysNew: o.alwaysNew,
				Code: azmlbatch.Code{Version: o.version, Description: o.description}})
			return result{k.Version, k.Outcome}, err
		},
	}
	var (
		fresh  = azmlbatch.UploadOutcome{Registered: true}
		known  = azmlbatch.UploadOutcome{Reused: true}
		halfly = azmlbatch.UploadOutcome{Reused: true, Registered: true}
	)
	for kind, upload := range kinds {
		t.Run(kind, func(t *testing.T) {
			s := newShop(t, nil)
			dir := files(t, "vases", map[string]string{"Dockerfile": "FROM scratch\n"})
			other := files(t, "vases", map[string]string{"Dockerfile": "FROM python\n"})
			for _, step := range []struct {
				name, asset, dir string
				options          options
				want             result
			}{
				{"new", "clay", dir, options{}, result{"1", fresh}},
				{"again", "clay", dir, options{}, result{"1", known}},
				{"again, a new version", "clay", dir, options{alwaysNew: true}, result{"2", halfly}},
				{"another name", "glaze", dir, options{version: "7"}, result{"7", halfly}},
				{"another name again", "glaze", dir, options{version: "7"}, result{"7", known}},
				{"other content", "clay", other, options{}, result{"3", fresh}},
				{"other content again", "clay", other, options{}, result{"3", known}},
			} {
				got, err := upload(t.Context(), s.client, step.asset, step.dir, step.options)
				s.must(err)
				if diff := cmp.Diff(step.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", step.name, diff)
				}
			}
		})
	}
}
