package azmlbatch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/azmlbatch/azmlbatch/internal/local"
	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// A Code is a version of a registered folder with a scoring script.
type Code struct {
	Meta
	// Name of the code. The JSON of a version has it in the id only.
	Name string `wire:"-"`
	// Version of the code. Empty registers the next one.
	Version string `wire:"name,readonly"`
	// Description is free text.
	Description string `wire:"properties/description"`
	// Tags are free.
	Tags map[string]string `wire:"properties/tags"`
	// Properties are free; they can be added, not changed or removed. Codes registered with
	// "hash_sha256" and "hash_version" are found again by their content; Upload fills them in.
	Properties map[string]string `wire:"properties/properties"`
	// IsArchived hides the version from lists of active ones; see [AssetsClient.Archive].
	IsArchived bool `wire:"properties/isArchived,always"`
	// IsAnonymous marks code without a name of its own. The service always returns false.
	IsAnonymous bool `wire:"properties/isAnonymous"`
	// CodeURI is the https URL of the folder in blob storage. Needed; Upload fills it in.
	CodeURI string `wire:"properties/codeUri"`
	// ProvisioningState is Succeeded from the start; empty from older versions of the service.
	ProvisioningState ProvisioningState `wire:"properties/provisioningState,readonly"`
	// Outcome says what Upload did; zero when another call returned the version. It is never sent.
	Outcome UploadOutcome `wire:"-"`
	// Extra holds members that this version does not know, by JSON Pointer.
	Extra map[string]json.RawMessage
}

func (c *Code) UnmarshalJSON(b []byte) error {
	err := wire.Decode(b, c)
	setAssetName(ReferenceKindCode, c.ID, &c.Name)
	return err
}

func (c Code) MarshalJSON() ([]byte, error) { return wire.Encode(c, wire.ForCaller) }

func (c Code) String() string { return printed(c) }

func (c *Code) view() assetView {
	return assetView{kind: ReferenceKindCode, id: c.ID, name: &c.Name, version: &c.Version, archived: &c.IsArchived,
		outcome: &c.Outcome, content: c.CodeURI}
}

// Ref is what [CodeConfiguration].CodeID takes.
func (c Code) Ref() string { return assetRef(c.view()) }

func (c Code) check(op operation) error {
	return checkPlace(op, "Code.CodeURI", c.CodeURI, "Codes().Upload")
}

// CodesClient reaches the codes of the workspace. Get one from [Client.Codes].
//
// Besides Upload, it has for versions [AssetsClient.Get], [AssetsClient.Latest],
// [AssetsClient.ListVersions], [AssetsClient.CreateOrUpdate], [AssetsClient.Archive],
// [AssetsClient.Restore], [AssetsClient.Delete] and [AssetsClient.Download], and for names
// [AssetsClient.GetContainer], [AssetsClient.ListContainers], [AssetsClient.ArchiveContainer],
// [AssetsClient.RestoreContainer] and [AssetsClient.DeleteContainer].
type CodesClient struct{ AssetsClient[Code] }

// Codes returns the calls for codes.
func (c *Client) Codes() CodesClient { return CodesClient{AssetsClient[Code]{c}} }

// The properties by which the service finds code again.
const (
	hashProperty        = "hash_sha256"
	hashVersionProperty = "hash_version"
)

// UploadCodeOptions tune [CodesClient.Upload]. Nil means the defaults.
type UploadCodeOptions struct {
	// Script is the scoring script's path in the folder, with forward slashes. If it is missing,
	// Upload fails before sending anything. Empty checks nothing.
	Script string
	// Code has the other fields of the version, such as Tags. Its Name and CodeURI are not used.
	Code Code
	// AlwaysNew registers a new version even if the workspace has equal code; content is not sent
	// again.
	AlwaysNew bool
	// Upload tunes the transfer; nil means the defaults.
	Upload *UploadOptions
}

// Upload registers a local folder, or a single script, as code. When the workspace has code with
// the same content already, under any name, nothing is sent and that version is returned, as az ml
// does it: its Name can be another. With [UploadCodeOptions.AlwaysNew] or a version in the options
// the content is still not sent again, and the name is the caller's. Code.Outcome tells what was
// done.
//
// Files that .amlignore, or else .gitignore, excludes are left out. It blocks until everything is
// sent; if interrupted, call it again. A path that cannot be uploaded, and a script that is not in
// it, is *[ArgumentError]. Stored files cost what storage costs and stay when the version is
// deleted.
func (c CodesClient) Upload(ctx context.Context, name, localPath string, options *UploadCodeOptions) (Code, error) {
	op := c.op("upload", name)
	return inSpan(ctx, c.c, op, func(ctx context.Context) (Code, error) { return c.upload(ctx, op, name, localPath, orZero(options)) })
}

func (c CodesClient) upload(ctx context.Context, op operation, name, localPath string, o UploadCodeOptions) (Code, error) {
	code := o.Code
	code.Name = name
	if err := checkAsset(op, name, code.Version); err != nil {
		return Code{}, err
	}
	files, err := scanLocal(op, localPath)
	if err != nil {
		return Code{}, err
	}
	if err := cmp.Or(checkScriptIn(op, files, o.Script), o.Upload.check(op)); err != nil {
		return Code{}, err
	}
	u := c.c.newUpload(op, files, o.Upload)
	hash, err := files.CodeHash(ctx, u.sums)
	if err != nil {
		return Code{}, unreadable(ctx, u.op, err)
	}
	equal, found, err := c.byHash(ctx, op, name, hash)
	switch own := o.AlwaysNew || code.Version != ""; {
	case err != nil:
		return Code{}, err
	case found && (!own || equal.Name == name && equal.Version == code.Version):
		equal.Outcome = UploadOutcome{Reused: true}
		return equal, nil
	case found:
		code.CodeURI = equal.CodeURI
		return c.register(ctx, op, code, hash, UploadOutcome{Reused: true, Registered: true})
	}
	if code.Version == "" {
		if code.Version, err = c.nextVersion(ctx, name); err != nil {
			return Code{}, err
		}
	}
	if code.CodeURI, err = c.send(ctx, u, code); err != nil {
		return Code{}, err
	}
	created, err := c.register(ctx, op, code, hash, UploadOutcome{Registered: true})
	if o.Code.Version == "" && versionTaken(err) {
		code.Version = "" // a neighbour was faster; the content is there
		return c.register(ctx, op, code, hash, UploadOutcome{Registered: true})
	}
	return created, err
}

// byHash finds code of the same content. The service looks among all names of the workspace,
// whatever name the URL has, and answers an empty list, not a 404, for a name that does not exist.
// Among several the caller's own name comes first.
func (c CodesClient) byHash(ctx context.Context, op operation, name, hash string) (found Code, ok bool, err error) {
	r := c.container(op, http.MethodGet, name, "versions")
	r.query = url.Values{"hash": {hash}, "hashVersion": {local.CodeHashVersion}}
	for code, err := range list[Code](ctx, c.c, r) {
		switch {
		case errors.Is(err, ErrNotFound):
			return found, ok, nil
		case err != nil:
			return Code{}, false, err
		case !ok || code.Name == name && found.Name != name:
			found, ok = code, true
		}
	}
	return found, ok, nil
}

// pendingUpload is the service's answer to startPendingUpload: a new, empty container and a
// signature for it.
type pendingUpload struct {
	Blob struct {
		URI        string `json:"blobUri"`
		Credential struct {
			URL string `json:"sasUri"` // signed: never shown
		} `json:"credential"`
	} `json:"blobReferenceForConsumption"`
}

// send uploads the files into a container of their own and returns the URI for the version.
func (c CodesClient) send(ctx context.Context, u *upload, code Code) (string, error) {
	r := c.request(u.op, http.MethodPost, code.Name, code.Version, "startPendingUpload")
	r.body = map[string]string{"pendingUploadType": "TemporaryBlobReference"}
	pending, err := do[pendingUpload](ctx, c.c, r)
	if err != nil {
		return "", err
	}
	if pending.Blob.URI == "" || pending.Blob.Credential.URL == "" {
		return "", &Error{Operation: u.op.String(), Message: "the service's answer names no container to upload to",
			Remedy: "ask for a newer ClientOptions.APIVersion; uploads of code need 2023-04-01 or later"}
	}
	marker := map[string]*string{markerName: &code.Name, markerVersion: &code.Version}
	folder, err := u.toContainer(ctx, pending.Blob.Credential.URL, marker)
	return strings.TrimSuffix(pending.Blob.URI, "/") + "/" + folder, err
}

// register puts the version with the properties by which it is found again.
func (c CodesClient) register(ctx context.Context, op operation, code Code, hash string, outcome UploadOutcome) (created Code, err error) {
	properties := map[string]string{}
	maps.Copy(properties, code.Properties)
	properties[hashProperty], properties[hashVersionProperty] = hash, local.CodeHashVersion
	code.Properties = properties
	if code.Version == "" {
		created, err = c.createNext(ctx, op, code)
	} else {
		created, err = c.put(ctx, op, code)
	}
	if err == nil {
		created.Outcome = outcome
	}
	return created, err
}

// checkScriptIn checks that the script is among the files that would be uploaded.
func checkScriptIn(op operation, files *local.Tree, script string) error {
	if script == "" {
		return nil
	}
	if err := checkScriptPath(op, "UploadCodeOptions.Script", script); err != nil {
		return err
	}
	return checkHolds(op, files, "UploadCodeOptions.Script", script, "name a file of the folder")
}

// checkScriptPath refuses a script's path that cannot lie in a code folder, and one that cannot be
// imported: Azure ML makes a module's name of the path, so a further dot would separate packages
// (MachineLearningNotebooks issue 1753).
func checkScriptPath(op operation, argument, script string) error {
	switch {
	case strings.TrimSpace(script) == "":
		return op.invalid(argument, "is empty although code is given",
			"name the file in the code folder that defines init and run, for example score.py")
	case strings.Contains(script, `\`):
		return op.invalid(argument, fmt.Sprintf("%q has a backslash", script), "write the path with forward slashes")
	case path.IsAbs(script), driveLetter.MatchString(script), strings.HasPrefix(path.Clean(script)+"/", "../"):
		return op.invalid(argument, fmt.Sprintf("%q leaves the code folder", script),
			"give the path within the code folder, for example score.py")
	case path.Clean(script) == ".":
		return op.invalid(argument, fmt.Sprintf("%q is a folder", script),
			"name the file in it that defines init and run")
	case !strings.HasSuffix(script, ".py"), path.Base(script) == ".py":
		return op.invalid(argument, fmt.Sprintf("%q is not the name of a Python file", script), "name a file that ends with .py, for example score.py")
	case strings.Contains(strings.TrimSuffix(path.Clean(script), ".py"), "."):
		return op.invalid(argument, fmt.Sprintf("%q cannot be imported as a module because of a dot in its name", script),
			"rename it, so that .py has the only dot of the path")
	}
	return nil
}
