package azmlbatch

import (
	stdcmp "cmp"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const workspaceGUID = "11111111-2222-3333-4444-555555555555"

func TestPlaceOfEveryForm(t *testing.T) {
	blob := func(path string) string { return "https://shelf.blob.core.windows.net/blobs/" + path }
	tests := []struct{ uri, want, failed string }{
		{"azureml://datastores/workspaceblobstore/paths/a/b c#.txt", blob("a/b%20c%23.txt"), ""},
		{"azureml://subscriptions/SUB-1/resourceGroups/Pottery/workspaces/kiln/datastores/workspaceblobstore/paths/a", blob("a"), ""},
		{"azureml://workspaces/" + strings.ToUpper(workspaceGUID) + "/datastores/workspaceblobstore/paths/a", blob("a"), ""},
		{"azureml://workspaces/00000000-0000-0000-0000-000000000000/datastores/workspaceblobstore/paths/a", "", "is in another workspace"},
		{"azureml://subscriptions/sub-1/resourcegroups/pottery/workspaces/oven/datastores/workspaceblobstore/paths/a", "", "is in another workspace"},
		{"azureml://datastores/files/paths/a", "", "has no blobs"},
		{"azureml://datastores/plain/paths/a", "", "is reached by http"},
		{"https://SHELF.blob.core.windows.net:443/blobs/a%20b", blob("a%20b"), ""},
		{"https://elsewhere.blob.core.windows.net/c?sv=1&sig=s", "https://elsewhere.blob.core.windows.net/c", ""},
		{"wasbs://blobs@shelf.blob.core.windows.net/a/b", blob("a/b"), ""},
		{"abfss://blobs@shelf.dfs.core.windows.net/a/b", blob("a/b"), ""},
		{"https://shelf.dfs.core.windows.net/blobs/a/b", blob("a/b"), ""},
		{"http://shelf.blob.core.windows.net/blobs/a", "", "not an encrypted URL"},
		{"https://shelf.blob.core.windows.net", "", "names no container"},
		{"https://shelf.blob.core.windows.net.evil.example/blobs/a", "", "no token is sent there"},
		{"https://evil.example/blobs/a", "", "no token is sent there"},
		{"https://a.shelf.blob.core.windows.net/blobs/a", "", "is not the name of one"},
		{"https://my-shelf.blob.core.windows.net/blobs/a", "", "is not the name of one"},
		{"wasbs://blobs@my_shelf.blob.core.windows.net/a", "", "is not the name of one"},
		{"https://shelf-secondary.blob.core.windows.net/blobs/a", "https://shelf-secondary.blob.core.windows.net/blobs/a", ""},
		{"azureml://datastores/odd/paths/a", "", "is not the name of one"},
		{"azureml://datastores/gone/paths/a", "", "not found"},
		{"azureml://datastores/workspaceblobstore/paths/a?sv=1&sig=hush%2Bhush%3D", "", "holds a signature"},
		{"https:///blobs/a", "", "is not a URL"},
		{"ABFSS://blobs@SHELF.dfs.core.windows.net/a", blob("a"), ""},
		{"wasbs://shelf.blob.core.windows.net/a", "", "names no container"},
		{"azureml:digits:1", "", "is not a place in storage"},
		{"./a", "", "is not a place in storage"},
		{"azureml:a b", "", "is not a place in storage"},
		{"azureml://nowhere", "", "is not a place in storage"},
		{"", "", "is not a place in storage"},
	}
	said := newTexts(t)
	for _, tt := range tests {
		service := storeService(blobstore)
		service.answers["GET "] = answer(200, `{"properties":{"workspaceId":"`+workspaceGUID+`"}}`)
		service.answers["GET /datastores/files"] = answer(200, `{"name":"files","properties":{"datastoreType":"AzureFile","accountName":"shelf","fileShareName":"f"}}`)
		service.answers["GET /datastores/plain"] = answer(200, `{"name":"plain","properties":{"datastoreType":"AzureBlob","accountName":"shelf","containerName":"c","protocol":"http"}}`)
		service.answers["GET /datastores/odd"] = answer(200, `{"name":"odd","properties":{"datastoreType":"AzureBlob","accountName":"evil/shelf","containerName":"c"}}`)
		at, err := service.client(t).blobPlace(t.Context(), operation{"download", "data asset", "d:1"}, tt.uri)
		if tt.failed != "" {
			said.add(stdcmp.Or(tt.uri, "no URI"), err)
		}
		switch {
		case tt.failed != "":
			if err == nil || !strings.Contains(err.Error(), tt.failed) || !strings.Contains(err.Error(), `download data asset "d:1"`) {
				t.Errorf("%s: %v, want an error of the call that says %q", tt.uri, err, tt.failed)
			}
		case err != nil:
			t.Errorf("%s: %v", tt.uri, err)
		default:
			if diff := cmp.Diff(tt.want, at.url().String()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.uri, diff)
			}
		}
	}
}

// Whoever may register datastores must not get the tokens of those who use them: a server that is not storage could even
// ask azblob for a token of the management plane.
func TestTokensGoToNoHostThatADatastoreMadeUp(t *testing.T) {
	for _, endpoint := range []string{"evil.example", "core.windows.net.evil.example", "core.chinacloudapi.cn"} {
		evil := strings.ReplaceAll(blobstore, `"core.windows.net"`, `"`+endpoint+`"`)
		var sent []string
		c := storageClient(t, storeService(evil), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sent = append(sent, r.Host+" "+r.Header.Get("Authorization"))
			w.Header().Set("WWW-Authenticate", "Bearer authorization_uri=https://login.microsoftonline.com/t/oauth2/authorize resource_id=https://management.core.windows.net/")
			w.WriteHeader(http.StatusUnauthorized)
		}))
		_, err := c.Upload(t.Context(), storeFiles(t, map[string]string{"a.txt": "clay"}), nil)
		if !errors.Is(err, errForeignHost) {
			t.Errorf("%s: Upload = %v, want it refused", endpoint, err)
		}
		if len(sent) != 0 {
			t.Errorf("%s: sent %q", endpoint, sent)
		}
	}
}

// TestPlaceOfAWorkspaceThatCannotBeRead: whose GUID a URI has is not known then.
func TestPlaceOfAWorkspaceThatCannotBeRead(t *testing.T) {
	service := storeService(blobstore)
	service.answers["GET "] = answer(403, `{"error":{"code":"AuthorizationFailed","message":"no"}}`)
	_, err := service.client(t).blobPlace(t.Context(), operation{"download", "path", "p"}, "azureml://workspaces/"+workspaceGUID+"/datastores/workspaceblobstore/paths/a")
	if !errors.Is(err, ErrForbidden) {
		t.Errorf("blobPlace = %v, want ErrForbidden", err)
	}
}
