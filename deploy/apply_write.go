package deploy

import (
	"context"
	"errors"
	"net/http"

	"github.com/azmlbatch/azmlbatch"
)

// What each kind sends.

func (i *computeItem) reread(ctx context.Context, client *azmlbatch.Client) error {
	return i.read(ctx, client)
}

func (i *computeItem) send(ctx context.Context, client *azmlbatch.Client) (func(context.Context, *azmlbatch.WaitOptions) error, error) {
	return sent(client.Computes().BeginCreateOrUpdate(ctx, i.want.Name, i.wanted()))
}

func (i *endpointItem) reread(ctx context.Context, client *azmlbatch.Client) error {
	have, err := found(client.Endpoints().Get(ctx, i.want.Name))
	i.have = have
	return err
}

// send leaves the default deployment as it is: it is switched after the deployments are there, and
// tested.
func (i *endpointItem) send(ctx context.Context, client *azmlbatch.Client) (func(context.Context, *azmlbatch.WaitOptions) error, error) {
	want := i.want
	want.DefaultDeployment = ""
	if i.have != nil {
		want = overlay(want, *i.have, endpointFields)
	}
	return sent(client.Endpoints().BeginCreateOrUpdate(ctx, want.Name, want))
}

func (i *deploymentItem) reread(ctx context.Context, client *azmlbatch.Client) error {
	have, err := found(client.Deployments(i.want.Endpoint).Get(ctx, i.want.Deployment.Name))
	i.have = have
	return err
}

func (i *deploymentItem) send(ctx context.Context, client *azmlbatch.Client) (func(context.Context, *azmlbatch.WaitOptions) error, error) {
	want := i.resolved()
	if i.have != nil {
		want = overlay(want, *i.have, deploymentFields)
	}
	if i.sent = true; i.marked {
		want.Tags = withProperty(want.Tags, smokeTag, smokePending)
	}
	return sent(client.Deployments(i.want.Endpoint).BeginCreateOrUpdate(ctx, want.Name, want))
}

// registerTries is how often another number is tried, when somebody else takes the next one.
const registerTries = 5

// write uploads what is not there and registers the version.
func (i *assetItem[T]) write(ctx context.Context, s *step) error {
	want := i.want
	if i.files != nil && i.change.Action == ActionCreate {
		options := s.uploading()
		options.Datastore = i.files.datastore
		up, err := s.a.client.Upload(ctx, i.files.path, options)
		if err != nil {
			return err
		}
		i.k.place(&want, up)
	}
	return i.register(ctx, s, i.readVersions, i.plan, nil, func(ctx context.Context, version string) (T, error) {
		v := i.k.view(&want)
		*v.version = version
		return i.k.client(s.a.client).CreateOrUpdate(ctx, *v.name, want, nil)
	})
}

// register puts the version, after a last look at what the workspace has: somebody else may have
// registered the same, or taken its number. What is sent for a version that exists comes from
// request; nil means the Spec's own.
func (i *assetItem[T]) register(ctx context.Context, s *step, read func(context.Context, *azmlbatch.Client) error,
	plan func(context.Context) (Change, error), request func() (T, error), create func(ctx context.Context, version string) (T, error)) error {
	i.writing = true
	was := i.change
	var refused error
	for try, tried := 1, ""; ; try++ {
		if err := read(ctx, s.a.client); err != nil {
			return err
		}
		now, err := plan(ctx)
		if err != nil {
			return err
		}
		var made T
		changed := unplanned(was.Fields, now.Fields)
		switch {
		case now.Action == ActionLeave:
			made = *i.have
		case now.Obstacle != "" || now.Action != was.Action || was.Action == ActionChange && len(changed) > 0:
			return &ConflictError{Resource: now.Resource, Fields: changed}
		case now.Action == ActionChange:
			made, err = i.put(ctx, s.a.client, request)
		case now.Version == tried: // nobody has taken it: the service means something else
			return refused
		default:
			made, err = create(ctx, now.Version)
			tried, refused = now.Version, err
		}
		if tried != "" && isRefused(err) && try < registerTries {
			continue
		}
		i.id = i.k.view(&made).id
		return err
	}
}

// isRefused reports whether the service may have refused a version because it exists by now with
// other content. It says so with 400 or 409 and texts of several kinds (azure-sdk-for-python
// test_component_update_code; azure-ai-ml knows more texts).
func isRefused(err error) bool {
	var e *azmlbatch.Error
	return errors.As(err, &e) && (e.StatusCode == http.StatusBadRequest || errors.Is(err, azmlbatch.ErrConflict))
}

// put sends the version that exists with what changes in place.
func (i *assetItem[T]) put(ctx context.Context, client *azmlbatch.Client, request func() (T, error)) (T, error) {
	want := i.want
	if request != nil {
		var err error
		if want, err = request(); err != nil {
			return want, err
		}
	}
	want = i.updated(want)
	return i.k.client(client).CreateOrUpdate(ctx, *i.k.view(&want).name, want, nil)
}

// updated is the version that exists with what changes in place.
func (i *assetItem[T]) updated(want T) T {
	rules := i.k.rules
	rules.skip = append([]string{i.k.field}, rules.skip...)
	if i.files != nil {
		*i.k.view(&want).uri = "" // the content stays where it is
	}
	all := overlay(want, *i.have, rules)
	*i.k.view(&all).name, *i.k.view(&all).version = *i.k.view(i.have).name, *i.k.view(i.have).version
	return all
}

func (i *codeItem) write(ctx context.Context, s *step) error {
	if i.files == nil {
		return i.assetItem.write(ctx, s)
	}
	return i.register(ctx, s, i.read, i.plan, nil, func(ctx context.Context, version string) (azmlbatch.Code, error) {
		want := i.want
		want.Version, want.CodeURI = version, ""
		return s.a.client.Codes().Upload(ctx, want.Name, i.files.path, &azmlbatch.UploadCodeOptions{Code: want, Upload: s.uploading()})
	})
}

// write sends the specification in the same form for a new version and for one that exists: the
// service compares the two.
func (i *componentItem) write(ctx context.Context, s *step) error {
	return i.register(ctx, s, i.readVersions, i.plan, i.request, func(ctx context.Context, version string) (azmlbatch.Component, error) {
		want, err := i.request()
		if err != nil {
			return want, err
		}
		want.Version = version
		return s.a.client.Components().CreateOrUpdate(ctx, want.Name, want, nil)
	})
}
