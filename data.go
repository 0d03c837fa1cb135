package azmlbatch

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/azmlbatch/azmlbatch/internal/local"
	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// DataType is the kind of a data asset. Unknown values pass through.
type DataType string

// The kinds of data assets.
const (
	DataTypeURIFile   DataType = "uri_file"   // one file
	DataTypeURIFolder DataType = "uri_folder" // a folder
	DataTypeMLTable   DataType = "mltable"    // a folder with an MLTable file that describes a table
)

// A Data is a version of a registered data asset: a name for a file or folder in storage.
type Data struct {
	Meta
	// Name of the asset. The JSON of a version has it in the id only.
	Name string `wire:"-"`
	// Version of the asset. Empty registers the next one.
	Version string `wire:"name,readonly"`
	// Description is free text.
	Description string `wire:"properties/description"`
	// Tags are free.
	Tags map[string]string `wire:"properties/tags"`
	// Properties are free; they can be added, not changed or removed.
	Properties map[string]string `wire:"properties/properties"`
	// IsArchived hides the version from lists of active ones; see [AssetsClient.Archive].
	IsArchived bool `wire:"properties/isArchived,always"`
	// IsAnonymous marks an asset that was made along with a job.
	IsAnonymous bool `wire:"properties/isAnonymous"`
	// DataType is the kind, [DataTypeURIFolder] when empty.
	DataType DataType `wire:"properties/dataType"`
	// DataURI is the place: a datastore place or a cloud URL. Needed; Upload fills it in. The
	// service does not look whether it is there, and spells a datastore place in three ways in its
	// answers: compare with [Reference.Equal].
	DataURI string `wire:"properties/dataUri"`
	// ReferencedURIs are the places that an MLTable file names.
	ReferencedURIs []string `wire:"properties/referencedUris"`
	// Stage is set by the service, usually empty.
	Stage string `wire:"properties/stage,readonly"`
	// Outcome says what Upload did; zero when another call returned the version. It is never sent.
	Outcome UploadOutcome `wire:"-"`
	// Extra holds members that this version does not know, by JSON Pointer.
	Extra map[string]json.RawMessage
}

func (d *Data) UnmarshalJSON(b []byte) error {
	err := wire.Decode(b, d)
	setAssetName(ReferenceKindData, d.ID, &d.Name)
	return err
}

func (d Data) MarshalJSON() ([]byte, error) { return wire.Encode(d, wire.ForCaller) }

func (d Data) String() string { return printed(d) }

func (d *Data) view() assetView {
	return assetView{kind: ReferenceKindData, id: d.ID, name: &d.Name, version: &d.Version, archived: &d.IsArchived,
		outcome: &d.Outcome, content: d.DataURI}
}

// Ref is what the URI of an input takes: URIFolder{URI: data.Ref()}.
func (d Data) Ref() string { return assetRef(d.view()) }

func (d *Data) setDefaults() {
	if d.DataType == "" {
		d.DataType = DataTypeURIFolder
	}
}

func (d Data) check(op operation) error {
	return checkPlace(op, "Data.DataURI", d.DataURI, "Data().Upload")
}

// DataClient reaches the data assets of the workspace. Get one from [Client.Data].
//
// Besides Upload, it has for versions [AssetsClient.Get], [AssetsClient.Latest],
// [AssetsClient.ListVersions], [AssetsClient.CreateOrUpdate], [AssetsClient.Archive],
// [AssetsClient.Restore], [AssetsClient.Delete] and [AssetsClient.Download], and for names
// [AssetsClient.GetContainer], [AssetsClient.ListContainers], [AssetsClient.ArchiveContainer],
// [AssetsClient.RestoreContainer] and [AssetsClient.DeleteContainer].
type DataClient struct{ AssetsClient[Data] }

// Data returns the calls for data assets.
func (c *Client) Data() DataClient { return DataClient{AssetsClient[Data]{c}} }

// UploadDataOptions tune [DataClient.Upload]. Nil means the defaults.
type UploadDataOptions struct {
	// Data has the other fields of the version, such as Tags. Its Name and DataURI are not used. An
	// empty DataType becomes [DataTypeURIFile] or [DataTypeURIFolder].
	Data Data
	// AlwaysNew registers a new version even if the latest one is equal; content is not sent again.
	AlwaysNew bool
	// Upload tunes the transfer; nil means the defaults.
	Upload *UploadOptions
}

// Upload sends a local file or folder to a datastore and registers it as a data asset. Equal
// content that is there already is not sent again. When the version that the options name, or else
// the latest active one, has this content and all that the options say of it, it is returned and
// nothing is registered. Data.Outcome tells what was done.
//
// It blocks until everything is sent. If interrupted, call it again; it resumes where it stopped. A
// path that cannot be uploaded, or does not fit the type, is *[ArgumentError]. Stored files cost
// what storage costs and stay when the version is deleted.
func (d DataClient) Upload(ctx context.Context, name, localPath string, options *UploadDataOptions) (Data, error) {
	o := orZero(options)
	return d.upload(ctx, name, localPath, assetUpload[Data]{asset: o.Data, alwaysNew: o.AlwaysNew, options: o.Upload,
		check: func(op operation, files *local.Tree) error { return checkDataPath(op, o.Data.DataType, files) },
		place: func(data *Data, up uploaded) {
			data.DataURI = Reference{Form: ReferenceFormPlace, Datastore: up.Datastore, Path: up.Path}.String()
			if up.IsFolder {
				data.DataURI = strings.TrimSuffix(data.DataURI, "/") + "/"
			} else if data.DataType == "" {
				data.DataType = DataTypeURIFile
			}
			data.setDefaults()
		}})
}

// checkDataPath checks a local path against the kind of asset it shall be.
func checkDataPath(op operation, kind DataType, files *local.Tree) error {
	bad := func(problem, remedy string) error {
		return op.invalid(localPathArgument, fmt.Sprintf("%q %s", files.Root, problem), remedy)
	}
	switch {
	case kind == DataTypeMLTable:
		return checkFolderHolds(op, files, "MLTable")
	case kind == DataTypeURIFile && files.IsFolder:
		return bad("is a folder; a uri_file must be a single file", "use DataTypeURIFolder, or name a file")
	case kind == DataTypeURIFolder && !files.IsFolder:
		return bad("is a file; a uri_folder must be a folder", "use DataTypeURIFile, or name a folder")
	}
	return nil
}
