package azmlbatch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// The environment variables in which Azure ML's own tools look for the workspace.
const (
	envSubscription  = "AZUREML_ARM_SUBSCRIPTION"
	envResourceGroup = "AZUREML_ARM_RESOURCEGROUP"
	envWorkspace     = "AZUREML_ARM_WORKSPACE_NAME"
)

// FindWorkspace finds the workspace as Azure ML's Python client does: from the environment variables
// AZUREML_ARM_SUBSCRIPTION, AZUREML_ARM_RESOURCEGROUP and AZUREML_ARM_WORKSPACE_NAME if all three are set, else from the
// file config.json in dir, in its folder .azureml, or in one of the folders above. An empty dir means the working
// directory. It sends nothing. When there is none, or the file lacks a member, the error is *[ArgumentError].
func FindWorkspace(dir string) (Workspace, error) {
	ws := Workspace{SubscriptionID: os.Getenv(envSubscription), ResourceGroup: os.Getenv(envResourceGroup), Name: os.Getenv(envWorkspace)}
	if ws.SubscriptionID != "" && ws.ResourceGroup != "" && ws.Name != "" {
		return ws, nil
	}
	start, err := filepath.Abs(dir)
	if err != nil {
		return Workspace{}, noWorkspace("dir", "cannot be made absolute", err)
	}
	for folder := start; ; folder = filepath.Dir(folder) {
		for _, file := range []string{filepath.Join(folder, "config.json"), filepath.Join(folder, ".azureml", "config.json")} {
			b, err := os.ReadFile(file)
			switch {
			case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR): // .azureml is a file
			case err != nil:
				return Workspace{}, noWorkspace(file, "cannot be read", err)
			default:
				return parseConfig(file, b)
			}
		}
		if folder == filepath.Dir(folder) {
			return Workspace{}, noWorkspace("dir", fmt.Sprintf("no config.json in %s or above, and the environment names no workspace", start), nil)
		}
	}
}

func parseConfig(file string, b []byte) (Workspace, error) {
	var c struct {
		SubscriptionID string `json:"subscription_id"`
		ResourceGroup  string `json:"resource_group"`
		Workspace      string `json:"workspace_name"`
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return Workspace{}, noWorkspace(file, "is not JSON", err)
	}
	if c.SubscriptionID == "" || c.ResourceGroup == "" || c.Workspace == "" {
		return Workspace{}, noWorkspace(file, "lacks subscription_id, resource_group or workspace_name", nil)
	}
	return Workspace{SubscriptionID: c.SubscriptionID, ResourceGroup: c.ResourceGroup, Name: c.Workspace}, nil
}

func noWorkspace(argument, problem string, err error) error {
	return &ArgumentError{Operation: "find workspace", Argument: argument, Problem: problem, Err: err,
		Remedy: "download config.json from the studio, or set " + envSubscription + ", " + envResourceGroup + " and " + envWorkspace}
}
