#!/usr/bin/env bash
# Nothing but requests that are wrong in one way each. Every host must refuse them as Azure does, with a status of the 4xx
# family and a text that says why, and still answer a right request afterwards:
#
#   azmlbatch emulator exec -- bash interop/curl/malformed.sh
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

arm=https://management.azure.com
ws=/subscriptions/$AZUREML_ARM_SUBSCRIPTION/resourceGroups/$AZUREML_ARM_RESOURCEGROUP/providers/Microsoft.MachineLearningServices/workspaces/$AZUREML_ARM_WORKSPACE_NAME
api=api-version=2024-04-01
login=https://login.microsoftonline.com/$AZURE_TENANT_ID/oauth2/v2.0/token

token() { # token SCOPE
	curl -sS --fail-with-body "$login" --data-urlencode grant_type=client_credentials --data-urlencode "client_id=$AZURE_CLIENT_ID" \
		--data-urlencode "client_secret=$AZURE_CLIENT_SECRET" --data-urlencode "scope=$1" |
		python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])'
}
management=$(token https://management.azure.com/.default)
scoring=$(token https://ml.azure.com/.default)
storage=$(token https://storage.azure.com/.default)

count=0
refused() { # refused STATUS... -- CURL-ARG...: one of the statuses, and a body unless it answers a HEAD
	local wanted=()
	while [ "$1" != -- ]; do wanted+=("$1"); shift; done
	shift
	local got
	got=$(curl -sS -o "$work/body" -w '%{http_code}' "$@") || { echo "curl ended with $?: $*"; exit 1; }
	case " ${wanted[*]} " in
	*" $got "*) ;;
	*) echo "answered $got, want ${wanted[*]}: $*" | sed 's/Bearer [^ ]*/Bearer …/'; cat "$work/body"; exit 1 ;;
	esac
	[ -s "$work/body" ] || { echo "$got without a word: $*" | sed 's/Bearer [^ ]*/Bearer …/'; exit 1; }
	count=$((count + 1))
}
as() { printf 'Authorization: Bearer %s' "$1"; }
json='Content-Type: application/json'

# Tokens
refused 400 401 -- "$login" --data grant_type=client_credentials
refused 401 -- "$login" --data-urlencode grant_type=client_credentials --data-urlencode "client_id=$AZURE_CLIENT_ID" --data-urlencode client_secret=wrong --data-urlencode scope=https://management.azure.com/.default
refused 400 -- "$login" --data-urlencode grant_type=client_credentials --data-urlencode "client_id=$AZURE_CLIENT_ID" --data-urlencode "client_secret=$AZURE_CLIENT_SECRET" --data-urlencode scope=https://nowhere.example/.default
refused 400 -- "https://login.microsoftonline.com/no-tenant/oauth2/v2.0/token" --data grant_type=client_credentials

# Management: no token, another audience, half a token, no or unknown api-version, unknown paths and methods
refused 401 -- "$arm$ws?$api"
refused 401 -- -H "$(as "$storage")" "$arm$ws?$api"
refused 401 -- -H "$(as "${management%.*}")" "$arm$ws?$api"
refused 401 -- -H 'Authorization: Basic dXNlcjpwYXNz' "$arm$ws?$api"
refused 400 -- -H "$(as "$management")" "$arm$ws"
refused 400 -- -H "$(as "$management")" "$arm$ws?api-version=1999-12-31"
refused 404 400 -- -H "$(as "$management")" "$arm$ws/kilns?$api"
refused 404 405 -- -X PUT -H "$(as "$management")" -H "$json" -d '{}' "$arm$ws/batchEndpoints?$api"
refused 404 -- -H "$(as "$management")" "$arm${ws%/*}/other?$api"

# Bodies: none, no JSON, another type, wrong kinds of values, too deep
put() { printf -- '-X\nPUT\n-H\n%s\n-H\n%s\n' "$(as "$management")" "$json" >"$work/args"; mapfile -t args <"$work/args"; refused "${statuses[@]}" -- "${args[@]}" --data-binary "$2" "$arm$ws/$1?$api"; }
statuses=(400)
for body in '' '{' '[]' '"text"' '{"properties": 7}' '{"properties": []}' "$(printf '[%.0s' $(seq 20000))"; do
	put batchEndpoints/wrong "$body"
	put models/wrong/versions/1 "$body"
	put environments/wrong/versions/1 "$body"
	put computes/wrong "$body"
	put codes/wrong/versions/1 "$body"
	put data/wrong/versions/1 "$body"
done
put batchEndpoints/wrong '{"location": "eastus", "properties": {"authMode": "Nothing"}}'
put data/wrong/versions/1 '{"properties": {"dataType": "uri_kiln", "dataUri": "azureml://datastores/workspaceblobstore/paths/a"}}'
put 'batchEndpoints/-wrong-' '{"location": "eastus", "properties": {"authMode": "AADToken"}}'

# Scoring and data plane
host=digits.eastus.inference.ml.azure.com
refused 401 404 -- -X POST -d '{}' "https://$host/jobs"
refused 404 -- -X POST -H "$(as "$scoring")" -H "$json" -d '{}' "https://$host/jobs"
refused 401 -- "https://eastus.api.azureml.ms/history/v1.0$ws/experiments"

# Storage: no version, no token, another account, bad ranges and signatures
account=https://azmlbatchlaptop.blob.core.windows.net
version='x-ms-version: 2023-11-03'
refused 400 401 403 404 409 -- "$account/?comp=list"
refused 403 404 -- -H "$version" "$account/none/blob?sv=2023-11-03&sr=b&sig=AAAA&se=2099-01-01&sp=r"
refused 404 -- -H "$version" -H "$(as "$storage")" "$account/none/blob"
refused 400 -- -X PUT -H "$version" -H "$(as "$storage")" -d x "$account/none/blob"
refused 400 403 -- -H "$version" -H 'Authorization: SharedKey azmlbatchlaptop:AAAA' "$account/?comp=list"
refused 400 -- -H "$version" -H "$(as "$storage")" "$account/NO_NAME?restype=container"
refused 404 400 -- -H "$version" -H "$(as "$storage")" "https://nobody0.blob.core.windows.net/?comp=list"

curl -sS --fail-with-body -o /dev/null -H "$(as "$management")" "$arm$ws?$api"
echo "$count malformed requests were refused"
