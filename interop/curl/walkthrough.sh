#!/usr/bin/env bash
# Microsoft's walk-through "Deploy models with REST for batch scoring", with nothing but curl and python3 for reading JSON:
#
#   azmlbatch emulator exec -- bash interop/curl/walkthrough.sh
#
# It knows no CA, no proxy and no host of ours: it asks https://management.azure.com and follows what the answers say. It
# sends what people's scripts send: trailing commas, numbers as text, names in PascalCase, a poll of the operation's URL in
# the body.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
digits=$here/../../examples/quickstart/digits
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

api=2022-05-01
arm=https://management.azure.com
ws=/subscriptions/$AZUREML_ARM_SUBSCRIPTION/resourceGroups/$AZUREML_ARM_RESOURCEGROUP/providers/Microsoft.MachineLearningServices/workspaces/$AZUREML_ARM_WORKSPACE_NAME

# get PATH: the member of the JSON on standard input, for example value.0.name; empty for null and for what is not there.
get() {
	python3 -c '
import json, sys
v = json.load(sys.stdin)
for key in sys.argv[1].split("."):
    v = v[int(key)] if isinstance(v, list) else (v or {}).get(key)
print("" if v is None else v)' "$1"
}

say() { printf '%s\n' "- $*"; }

token() { # token SCOPE
	curl -sS --fail-with-body "https://login.microsoftonline.com/$AZURE_TENANT_ID/oauth2/v2.0/token" \
		--data-urlencode grant_type=client_credentials --data-urlencode "client_id=$AZURE_CLIENT_ID" \
		--data-urlencode "client_secret=$AZURE_CLIENT_SECRET" --data-urlencode "scope=$1" | get access_token
}

call() { # call TOKEN METHOD URL [BODY]
	local args=(-sS --fail-with-body -X "$2" -H "Authorization: Bearer $1")
	if [ $# -gt 3 ]; then args+=(-H 'Content-Type: application/json' --data-raw "$4"); fi
	curl "${args[@]}" "$3"
}

wait_operation() { # wait_operation WHAT BODY
	local url status
	url=$(get properties.properties.AzureAsyncOperationUri <<<"$2")
	[ -n "$url" ] || { echo "$1: no AzureAsyncOperationUri in the answer"; exit 1; }
	for _ in $(seq 100); do
		status=$(call "$management" GET "$url" | get status)
		case $status in
		Succeeded) say "$1: $status"; return ;;
		Failed | Canceled | "") echo "$1: ${status:-no status}"; exit 1 ;;
		esac
	done
	echo "$1: still $status"
	exit 1
}

wait_job() { # wait_job NAME
	local status=
	for _ in $(seq 600); do
		status=$(call "$scoring" GET "$scoring_uri/$1" | get properties.status)
		case $status in
		Completed) say "job $1: $status"; return ;;
		Failed | Canceled) echo "job $1: $status"; exit 1 ;;
		esac
		sleep 0.2
	done
	echo "job $1: still $status"
	exit 1
}

# upload FOLDER PREFIX: all files of a folder, as block blobs, in one curl. $sas begins with a question mark.
upload() {
	local f name
	while IFS= read -r f; do
		name=${f#"$1"/}
		printf 'upload-file = "%s"\nurl = "%s/%s/%s%s"\noutput = "/dev/null"\n' "$f" "$container_url" "$2" "$name" "$sas"
	done < <(find "$1" -type f -not -path '*/__pycache__/*' | sort) >"$work/upload"
	curl -sS --fail --fail-early -H 'x-ms-blob-type: BlockBlob' -H 'x-ms-version: 2023-11-03' --config "$work/upload"
}

# 1. tokens of the three audiences
management=$(token https://management.azure.com/.default)
scoring=$(token https://ml.azure.com/.default)
say "signed in"

# 2. a unique name
endpoint=digits-curl-$(od -An -N4 -tx1 /dev/urandom | tr -d ' \n')

# 3. the default datastore and the way into its storage
store=$(call "$management" GET "$arm$ws/datastores?api-version=$api&isDefault=true")
datastore=$(get value.0.name <<<"$store")
container_url=$(get value.0.properties.protocol <<<"$store")://$(get value.0.properties.accountName <<<"$store").blob.$(get value.0.properties.endpoint <<<"$store")/$(get value.0.properties.containerName <<<"$store")
sas=$(call "$management" POST "$arm$ws/datastores/$datastore/listSecrets?api-version=2024-07-01-preview" \
	'{"expirableSecret": true, "expireAfterHours": 1}' | get sasToken)
location=$(call "$management" GET "$arm$ws?api-version=2024-04-01" | get location)
say "default datastore $datastore"

# 4, 5. code and model
upload "$digits/code" score-digits-curl
call "$management" PUT "$arm$ws/codes/score-digits-curl/versions/1?api-version=$api" \
	'{"properties": {"description": "Scores digits", "codeUri": "'"$container_url"'/score-digits-curl"}}' >/dev/null
upload "$digits/model" digits-curl/model
call "$management" PUT "$arm$ws/models/digits-curl/versions/1?api-version=$api" \
	'{"properties": {"modelUri": "azureml:/'"$ws"'/datastores/'"$datastore"'/paths/digits-curl/model"}}' >/dev/null
say "code and model"

# 6. environment: the conda file as JSON text
conda=$(python3 -c 'import json; print(json.dumps(json.dumps({"name": "digits", "channels": ["conda-forge"], "dependencies": ["python=3.11", "pip", {"pip": ["azureml-core"]}]})))')
call "$management" PUT "$arm$ws/environments/digits-curl/versions/$RANDOM?api-version=$api" \
	'{"properties": {"condaFile": '"$conda"', "image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"}}' >"$work/environment"
environment=$(get id <"$work/environment")
say "environment"

# 7. compute, with a comma too many
call "$management" PUT "$arm$ws/computes/batch-cluster?api-version=$api" '{
  "location": "'"$location"'",
  "properties": {"computeType": "AmlCompute", "properties": {
    "osType": "Linux", "vmSize": "STANDARD_D2_V2",
    "scaleSettings": {"maxNodeCount": 5, "minNodeCount": 0},
    "remoteLoginPortPublicAccess": "NotSpecified",
  }}
}' >/dev/null
say "compute"

# 8. endpoint
created=$(call "$management" PUT "$arm$ws/batchEndpoints/$endpoint?api-version=$api" \
	'{"properties": {"authMode": "aadToken"}, "location": "'"$location"'"}')
wait_operation "endpoint $endpoint" "$created"

# 9. deployment, with numbers as text and a comma too many
created=$(call "$management" PUT "$arm$ws/batchEndpoints/$endpoint/deployments/blue?api-version=$api" '{
  "location": "'"$location"'",
  "properties": {
    "model": {"referenceType": "Id", "assetId": "'"$ws"'/models/digits-curl/versions/1"},
    "codeConfiguration": {"codeId": "'"$ws"'/codes/score-digits-curl/versions/1", "scoringScript": "score.py"},
    "environmentId": "'"$environment"'",
    "compute": "'"$ws"'/computes/batch-cluster",
    "resources": {"instanceCount": 1},
    "maxConcurrencyPerInstance": "2",
    "retrySettings": {"maxRetries": 3, "timeout": "PT30S"},
    "errorThreshold": "10",
    "loggingLevel": "info",
    "miniBatchSize": "20",
  }
}')
wait_operation "deployment blue" "$created"

# 10. default deployment
created=$(call "$management" PUT "$arm$ws/batchEndpoints/$endpoint?api-version=$api" \
	'{"properties": {"authMode": "aadToken", "defaults": {"deploymentName": "blue"}}, "location": "'"$location"'"}')
wait_operation "default deployment" "$created"
scoring_uri=$(call "$management" GET "$arm$ws/batchEndpoints/$endpoint?api-version=$api" | get properties.scoringUri)

# 11. invoke with a folder in cloud storage, in the older form
upload "$digits/images" digits-curl/images
job=$(call "$scoring" POST "$scoring_uri" \
	'{"properties": {"dataset": {"dataInputType": "DataUrl", "Path": "'"$container_url"'/digits-curl/images"}}}' | get id)
first=${job##*/}
say "invoked: $first"

# 12. register the data twice, in the older form and in today's, and invoke with either
version=$RANDOM
call "$management" PUT "$arm$ws/datasets/digits-curl/versions/$version?api-version=$api" \
	'{"properties": {"paths": [{"folder": "'"$container_url"'/digits-curl/images"}]}}' >/dev/null
job=$(call "$scoring" POST "$scoring_uri" '{
  "properties": {
    "dataset": {"dataInputType": "DatasetVersion", "datasetName": "digits-curl", "datasetVersion": "'"$version"'"},
    "outputDataset": {"datastoreId": "'"$ws"'/datastores/'"$datastore"'", "path": "'"$endpoint"'-2"},
    "outputFileName": "predictions_2.csv"
  }
}' | get id)
second=${job##*/}
say "invoked: $second"
call "$management" PUT "$arm$ws/data/digits-curl/versions/$((version + 1))?api-version=$api" \
	'{"properties": {"dataType": "uri_folder", "dataUri": "azureml://datastores/'"$datastore"'/paths/digits-curl/images/"}}' >/dev/null
job=$(call "$scoring" POST "$scoring_uri" '{
  "Properties": {
    "InputData": {"digits": {"JobInputType": "UriFolder", "Uri": "azureml://locations/'"$location"'/workspaces/'"$AZUREML_ARM_WORKSPACE_NAME"'/data/digits-curl/versions/labels/latest"}},
    "OutputData": {"predictions": {"JobOutputType": "UriFile", "Uri": "azureml://datastores/'"$datastore"'/paths/'"$endpoint"'-3/predictions_3.csv",},},
  }
}' | get id)
third=${job##*/}
say "invoked: $third"

# 13. follow the jobs, and compare the predictions with the labels
for job in "$first" "$second" "$third"; do wait_job "$job"; done
for name in "$endpoint-2/predictions_2.csv" "$endpoint-3/predictions_3.csv"; do
	curl -sS --fail-with-body -H 'x-ms-version: 2023-11-03' "$container_url/$name$sas" >"$work/predictions.csv"
	python3 - "$work/predictions.csv" "$digits/labels.csv" <<'PY'
import csv, sys
rows = [line.split() for line in open(sys.argv[1])]
labels = {r["file"]: r["label"] for r in csv.DictReader(open(sys.argv[2]))}
right = sum(labels[r[0]] == r[1] for r in rows)
assert {r[0] for r in rows} == set(labels), "the predictions are not one row for each image"
print(f"- {len(rows)} rows, accuracy {right / len(rows):.3f}")
assert right / len(rows) > 0.8, "that is no better than guessing"
PY
done

# 14. delete the endpoint with its deployment
call "$management" DELETE "$arm$ws/batchEndpoints/$endpoint?api-version=$api" >/dev/null
for _ in $(seq 100); do
	status=$(curl -sS -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $management" "$arm$ws/batchEndpoints/$endpoint?api-version=$api")
	[ "$status" = 404 ] && break
done
[ "$status" = 404 ] || { echo "the endpoint is still there: $status"; exit 1; }

# what the service must refuse: tokens of the wrong audience
status=$(curl -sS -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $scoring" "$arm$ws/batchEndpoints?api-version=$api")
[ "$status" = 401 ] || { echo "management took a scoring token: $status"; exit 1; }
say "all 14 steps done"
