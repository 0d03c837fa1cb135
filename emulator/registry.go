package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/arm"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// Registry is an Azure ML registry: assets that every workspace can refer to as
// azureml://registries/NAME/…. Clients can register further versions.
type Registry struct {
	// Name is 3 to 33 letters, digits, "-" and "_". The first 16 letters and digits name the
	// registry's storage account, so they must differ from those of other registries, in more than
	// case.
	Name string
	// Dir is a folder with the assets that the registry begins with, each in KIND/NAME/VERSION:
	//
	//	models/NAME/VERSION/        the files of a model; with a file MLmodel it is an MLflow model
	//	data/NAME/VERSION/          the files of a data asset, a uri_folder
	//	codes/NAME/VERSION/         the files of a version of code
	//	environments/NAME/VERSION/  conda.yml, and in image.txt the name of the Docker image
	//	components/NAME/VERSION/    component.json, the component's YAML as JSON
	//
	// Files are not copied, and read-only to clients. Empty means a registry without assets.
	Dir string
	// Location is its region. Empty means that of the first workspace.
	Location string
}

var registryName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_-]{2,32}$`)

// ParseRegistry parses NAME=DIR or NAME, the format of the command's --registry flag. The folder
// must exist.
func ParseRegistry(spec string) (Registry, error) {
	name, dir, _ := strings.Cut(spec, "=")
	r := Registry{Name: name, Dir: dir}
	return r, r.check()
}

func (r Registry) check() error {
	if !registryName.MatchString(r.Name) {
		return fmt.Errorf("registry %q: the name must be 3 to 33 letters, digits, - and _", r.Name)
	}
	if r.Dir == "" {
		return nil
	}
	info, err := os.Stat(r.Dir)
	if err != nil {
		return fmt.Errorf("registry %s: %w", r.Name, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("registry %s: %s is not a folder", r.Name, r.Dir)
	}
	return nil
}

const (
	registryAccountPrefix = "registry"
	accountNameLength     = 24
)

// account is the storage account behind the registry.
func (r Registry) account() string {
	name := registryAccountPrefix + notAccountName.ReplaceAllString(strings.ToLower(r.Name), "")
	return name[:min(len(name), accountNameLength)]
}

// checkRegistries checks the registries and that each has a storage account of its own. taken are
// the accounts of workspaces.
func (o *Options) checkRegistries(taken map[string]bool) error {
	registries := map[string]string{} // by account
	for _, r := range o.Registries {
		if err := r.check(); err != nil {
			return err
		}
		account := r.account()
		if other, known := registries[account]; known {
			return fmt.Errorf("the registries %s and %s would share the storage account %s; give them names that differ in their first %d letters and digits",
				other, r.Name, account, accountNameLength-len(registryAccountPrefix))
		}
		if taken[account] {
			return fmt.Errorf("registry %s: its storage account %q is that of a workspace; give the workspace another", r.Name, account)
		}
		registries[account] = r.Name
	}
	return nil
}

// registryContent is the container of the files in a registry's folder.
const registryContent = "content"

// createRegistries creates the registries and registers what their folders have.
func (s *services) createRegistries() error {
	w := s.options.Workspaces[0]
	for _, r := range s.options.Registries {
		location := r.Location
		if location == "" {
			location = w.Location
		}
		err := s.arm.CreateRegistry(arm.Registry{
			SubscriptionID: w.SubscriptionID, ResourceGroup: w.ResourceGroup, Name: r.Name, Location: location, StorageAccount: r.account(),
		})
		if err == nil && r.Dir != "" {
			err = s.addRegistryAssets(r)
		}
		if err != nil {
			return fmt.Errorf("emulator: registry %s: %w", r.Name, err)
		}
	}
	return nil
}

func (s *services) addRegistryAssets(r Registry) error {
	if err := s.blobs.Seed(r.account(), registryContent, "", r.Dir); err != nil {
		return err
	}
	for kind, properties := range map[string]func(*services, Registry, string, string) (store.Document, error){
		"models": (*services).registryModel, "data": (*services).registryData, "codes": (*services).registryCode,
		"environments": (*services).registryEnvironment, "components": (*services).registryComponent,
	} {
		found, err := fs.Glob(os.DirFS(r.Dir), kind+"/*/*")
		if err != nil {
			return err
		}
		for _, asset := range found {
			dir := filepath.Join(r.Dir, filepath.FromSlash(asset))
			if info, err := os.Stat(dir); err != nil || !info.IsDir() {
				continue // a note beside the versions
			}
			version, name := path.Base(asset), path.Base(path.Dir(asset))
			p, err := properties(s, r, dir, asset)
			if err == nil {
				err = s.arm.AddRegistryAsset(r.Name, kind, name, version, p)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", dir, err)
			}
		}
	}
	return nil
}

func (s *services) registryURI(r Registry, path string) string {
	return "https://" + s.cloud.BlobHost(r.account()) + "/" + registryContent + "/" + path
}

func (s *services) registryModel(r Registry, dir, path string) (store.Document, error) {
	kind := "custom_model"
	if _, err := os.Stat(filepath.Join(dir, "MLmodel")); err == nil {
		kind = "mlflow_model"
	}
	return store.Document{"modelUri": s.registryURI(r, path), "modelType": kind}, nil
}

func (s *services) registryData(r Registry, _, path string) (store.Document, error) {
	return store.Document{"dataUri": s.registryURI(r, path) + "/", "dataType": "uri_folder"}, nil
}

func (s *services) registryCode(r Registry, _, path string) (store.Document, error) {
	return store.Document{"codeUri": s.registryURI(r, path)}, nil
}

func (s *services) registryEnvironment(_ Registry, dir, _ string) (store.Document, error) {
	properties := store.Document{"image": "python:3"}
	for file, member := range map[string]string{"image.txt": "image", "conda.yml": "condaFile", "conda.yaml": "condaFile"} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		switch {
		case err == nil:
			properties[member] = strings.TrimSpace(string(text))
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	return properties, nil
}

func (s *services) registryComponent(_ Registry, dir, _ string) (store.Document, error) {
	text, err := os.ReadFile(filepath.Join(dir, "component.json"))
	if err != nil {
		return nil, err
	}
	var spec store.Document
	var mismatch *json.UnmarshalTypeError
	if err := store.Decode(text, &spec); errors.As(err, &mismatch) || err == nil && spec == nil {
		return nil, errors.New("component.json must hold a JSON object")
	} else if err != nil {
		return nil, fmt.Errorf("component.json: %w", err)
	}
	return store.Document{"componentSpec": spec}, nil
}
