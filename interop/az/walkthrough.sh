#!/usr/bin/env bash
# The Azure CLI against the emulator: login, account, group, resources, storage, roles, and batch scoring by `az rest`, as
# teams script it today:
#
#   azmlbatch emulator exec -- bash interop/az/walkthrough.sh
#
# AZ names another az than the one on the PATH.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
digits=$here/../../examples/quickstart/digits
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export AZURE_CONFIG_DIR=$work/config AZURE_CORE_NO_COLOR=1 AZURE_CORE_COLLECT_TELEMETRY=0 AZURE_CORE_SURVEY_MESSAGE=0
command -v "${AZ:=az}" >/dev/null || { echo "az is not installed; AZ names it"; exit 1; }
az() { "$AZ" "$@"; }

say() { printf -- '- [%3ds] %s\n' "$SECONDS" "$*"; }
expect() { # expect WANT GOT WHAT
	[ "$1" = "$2" ] || { echo "$3: got '$2', want '$1'"; exit 1; }
}

group=$AZUREML_ARM_RESOURCEGROUP
workspace=$AZUREML_ARM_WORKSPACE_NAME
ws=/subscriptions/$AZUREML_ARM_SUBSCRIPTION/resourceGroups/$group/providers/Microsoft.MachineLearningServices/workspaces/$workspace
api=api-version=2024-04-01

az login --service-principal -u "$AZURE_CLIENT_ID" -p "$AZURE_CLIENT_SECRET" --tenant "$AZURE_TENANT_ID" --output none
for resource in https://management.azure.com https://ml.azure.com https://storage.azure.com https://graph.microsoft.com; do
	token=$(az account get-access-token --resource "$resource" --query accessToken -o tsv)
	expect 3 "$(tr . '\n' <<<"$token" | wc -l | tr -d ' ')" "parts of the token for $resource"
done
expect "$AZUREML_ARM_SUBSCRIPTION" "$(az account show --query id -o tsv)" "account show"
expect "$AZURE_TENANT_ID" "$(az account list --query '[0].tenantId' -o tsv)" "account list"
say "signed in"

expect "$group" "$(az group show -n "$group" --query name -o tsv)" "group show"
expect "$group" "$(az group list --query '[0].name' -o tsv)" "group list"
expect true "$(az group exists -n "$group")" "group exists"
id=$(az resource list -g "$group" --resource-type Microsoft.MachineLearningServices/workspaces --query '[0].id' -o tsv)
expect "$ws" "$id" "resource list"
expect "$workspace" "$(az resource show --ids "$id" --query name -o tsv)" "resource show"
expect Registered "$(az provider show -n Microsoft.MachineLearningServices --query registrationState -o tsv)" "provider show"
az provider list --query '[].namespace' -o tsv | grep -qx Microsoft.MachineLearningServices
az role assignment list --scope "$ws" --output none
say "account, group, resources, roles"

account=$(az rest --url "$ws?$api" --query properties.storageAccount -o tsv)
account=${account##*/}
container=$(az rest --url "$ws/datastores/workspaceblobstore?$api" --query properties.containerName -o tsv)
expect "$account" "$(az storage account show -n "$account" -g "$group" --query name -o tsv)" "storage account show"
key=$(az storage account keys list -n "$account" -g "$group" --query '[0].value' -o tsv)
blobs() { # blobs VERB ARG...: with the sign-in; the next lines try key and signature
	az storage blob "$@" --account-name "$account" --auth-mode login --only-show-errors
}
mkdir "$work/images"
cp "$digits"/images/*1.pgm "$work/images"
count=$(find "$work/images" -type f | wc -l | tr -d ' ')
blobs upload-batch -d "$container" --destination-path az/images -s "$work/images" --no-progress --output none
expect "$count" "$(blobs list -c "$container" --prefix az/images/ --query 'length(@)' -o tsv)" "uploaded blobs"
first=$(basename "$(find "$work/images" -type f | sort | head -1)")
mkdir "$work/down"
az storage blob download-batch -s "$container" --pattern 'az/images/*' -d "$work/down" --account-name "$account" --account-key "$key" --only-show-errors --no-progress --output none
diff -r "$work/images" "$work/down/az/images"
# A second upload without --overwrite is refused as Azure refuses it, at once, also when the file is large.
head -c 9000000 /dev/urandom >"$work/large"
blobs upload -c "$container" -n az/large -f "$work/large" --no-progress --output none
if blobs upload -c "$container" -n az/large -f "$work/large" --no-progress --output none 2>"$work/refused"; then echo "a second upload was taken"; exit 1; fi
grep -q BlobAlreadyExists "$work/refused" || { cat "$work/refused"; exit 1; }
sas=$(az storage blob generate-sas -c "$container" -n "az/images/$first" --account-name "$account" --account-key "$key" --permissions r --expiry 2099-01-01 -o tsv)
az storage blob download -c "$container" -n "az/images/$first" -f "$work/one" --account-name "$account" --sas-token "$sas" --only-show-errors --no-progress --output none
cmp "$work/one" "$work/images/$first"
say "storage: $count files up and down by sign-in, key and signature"

# ids for the walk-through; az rest signs in by itself where the URL is ARM's, and by --resource elsewhere
put() { # put PATH BODY
	printf '%s' "$2" >"$work/body.json"
	az rest --method put --url "$ws/$1?$api" --body "@$work/body.json" --headers Content-Type=application/json
}
wait_for() { # wait_for PATH WHAT
	local state
	for _ in $(seq 60); do
		state=$(az rest --url "$ws/$1?$api" --query properties.provisioningState -o tsv)
		case $state in
		Succeeded) return ;;
		Failed | Canceled) echo "$2: $state"; exit 1 ;;
		esac
	done
	echo "$2: still $state"
	exit 1
}
blobs upload-batch -d "$container" --destination-path az/code -s "$digits/code" --no-progress --output none
blobs upload-batch -d "$container" --destination-path az/model/model -s "$digits/model" --no-progress --output none
base=https://$account.blob.core.windows.net/$container
put codes/az-score/versions/1 "{\"properties\": {\"codeUri\": \"$base/az/code\"}}" >/dev/null
put models/az-digits/versions/1 "{\"properties\": {\"modelType\": \"custom_model\", \"modelUri\": \"azureml://datastores/workspaceblobstore/paths/az/model/model\"}}" >/dev/null
put environments/az-env/versions/1 '{"properties": {"image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest"}}' >/dev/null
put computes/az-cluster '{"location": "eastus", "properties": {"computeType": "AmlCompute", "properties": {"vmSize": "STANDARD_DS3_V2", "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 1}}}}' >/dev/null
wait_for computes/az-cluster cluster
put batchEndpoints/az-digits '{"location": "eastus", "identity": {"type": "SystemAssigned"}, "properties": {"authMode": "AADToken"}}' >/dev/null
wait_for batchEndpoints/az-digits endpoint
put batchEndpoints/az-digits/deployments/blue "{\"location\": \"eastus\", \"properties\": {
	\"model\": {\"referenceType\": \"Id\", \"assetId\": \"$ws/models/az-digits/versions/1\"},
	\"codeConfiguration\": {\"codeId\": \"$ws/codes/az-score/versions/1\", \"scoringScript\": \"score.py\"},
	\"environmentId\": \"$ws/environments/az-env/versions/1\", \"compute\": \"$ws/computes/az-cluster\",
	\"outputAction\": \"AppendRow\", \"outputFileName\": \"predictions.csv\", \"miniBatchSize\": 10}}" >/dev/null
wait_for batchEndpoints/az-digits/deployments/blue deployment
put batchEndpoints/az-digits '{"location": "eastus", "identity": {"type": "SystemAssigned"}, "properties": {"authMode": "AADToken", "defaults": {"deploymentName": "blue"}}}' >/dev/null
wait_for batchEndpoints/az-digits "default deployment"
uri=$(az rest --url "$ws/batchEndpoints/az-digits?$api" --query properties.scoringUri -o tsv)
say "endpoint at $uri"

cat >"$work/invoke.json" <<BODY
{"properties": {"InputData": {"images": {"JobInputType": "UriFolder", "Uri": "azureml://datastores/workspaceblobstore/paths/az/images"}},
	"OutputData": {"score": {"JobOutputType": "UriFile", "Uri": "azureml://datastores/workspaceblobstore/paths/az/out/predictions.csv"}}}}
BODY
job=$(az rest --method post --url "$uri" --resource https://ml.azure.com --body "@$work/invoke.json" --headers Content-Type=application/json --query name -o tsv)
for _ in $(seq 120); do
	status=$(az rest --url "$ws/jobs/$job?$api" --query properties.status -o tsv)
	case $status in Completed | Failed | Canceled) break ;; esac
done
expect Completed "$status" "job $job"
blobs download -c "$container" -n az/out/predictions.csv -f "$work/predictions.csv" --no-progress --output none
expect "$count" "$(wc -l <"$work/predictions.csv" | tr -d ' ')" "rows"
say "job $job: $count rows"

az rest --method delete --url "$ws/batchEndpoints/az-digits?$api" --output none
az rest --method delete --url "$ws/computes/az-cluster?$api&underlyingResourceAction=Delete" --output none
blobs delete-batch -s "$container" --pattern 'az/*' --output none
expect 0 "$(blobs list -c "$container" --prefix az/ --query 'length(@)' -o tsv)" "blobs after delete-batch"
az logout
say "deleted"
