package arm

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/emulator/internal/validation"
)

// TestShapesOfRequests walks every member of every request that is read by a shape: its name and its
// values come in any case, and numbers and booleans as text, as the service takes them. A kind is
// text, int, bool, any, or the values of an enum; {} and [] are a dictionary and a list of it.
func TestShapesOfRequests(t *testing.T) {
	version := func(k *assetKind) object { return object{"properties": withShape(commonAssetShape, k.shape)} }
	const asset = `properties.description text, properties.tags {}text, properties.properties {}text, properties.isArchived bool, properties.isAnonymous bool, properties.autoDeleteSetting any,
		properties.stage text,`
	const reference = `.referenceType Id|DataPath|OutputPath, X.assetId text, X.datastoreId text, X.path text, X.jobId text,`
	refer := func(path string) string { return path + strings.ReplaceAll(reference, "X", path) }
	for name, tt := range map[string]struct {
		shape   object
		members string
	}{
		"endpoint": {endpointShape, `location text, tags {}text, kind text, sku any, identity.type text, identity.userAssignedIdentities any, properties.authMode AADToken|Key|AMLToken,
			properties.description text, properties.properties {}text, properties.defaults.deploymentName text, properties.keys.primaryKey text, properties.keys.secondaryKey text`},
		"deployment": {deploymentShape, `location text, tags {}text, kind text, sku any, identity any, properties.description text, properties.properties {}text,
			properties.codeConfiguration.codeId text, properties.codeConfiguration.scoringScript text, properties.environmentId text, properties.environmentVariables {}text,
			properties.compute text, properties.deploymentConfiguration.deploymentConfigurationType Model|PipelineComponent,` + refer("properties.deploymentConfiguration.componentId") +
			`properties.deploymentConfiguration.description text, properties.deploymentConfiguration.settings {}text, properties.deploymentConfiguration.tags {}text,
			properties.errorThreshold int, properties.retrySettings.maxRetries int, properties.retrySettings.timeout text, properties.miniBatchSize int,
			properties.loggingLevel Info|Warning|Debug,` + refer("properties.model") + `properties.maxConcurrencyPerInstance int, properties.outputAction AppendRow|SummaryOnly,
			properties.outputFileName text, properties.resources.instanceCount int, properties.resources.instanceType text, properties.resources.properties any`},
		"compute": {computeShape, `location text, tags {}text, sku any, identity.type text, identity.userAssignedIdentities any, properties.computeType
			AKS|AmlCompute|ComputeInstance|DataFactory|DataLakeAnalytics|Databricks|HDInsight|Kubernetes|SynapseSpark|VirtualMachine, properties.description text,
			properties.disableLocalAuth bool, properties.computeLocation text, properties.resourceId text, properties.properties any`},
		"cluster": {amlComputeShape, `osType Linux|Windows, vmSize text, vmPriority Dedicated|LowPriority, scaleSettings.maxNodeCount int, scaleSettings.minNodeCount int,
			scaleSettings.nodeIdleTimeBeforeScaleDown text, userAccountCredentials.adminUserName text, userAccountCredentials.adminUserPassword text,
			userAccountCredentials.adminUserSshPublicKey text, remoteLoginPortPublicAccess Enabled|Disabled|NotSpecified, enableNodePublicIp bool, enableBatchPrivateLink bool,
			isolatedNetwork bool, subnet.id text, virtualMachineImage.id text, propertyBag any`},
		"datastore": {datastoreShape, `properties.description text, properties.tags {}text, properties.properties {}text, properties.isDefault bool,
			properties.credentials.credentialsType AccountKey|Certificate|None|Sas|ServicePrincipal, properties.credentials.secrets.secretsType AccountKey|Certificate|Sas|ServicePrincipal,
			properties.credentials.secrets.key text, properties.credentials.secrets.sasToken text, properties.credentials.secrets.clientSecret text,
			properties.credentials.secrets.certificate text, properties.credentials.authorityUrl text, properties.credentials.clientId text, properties.credentials.resourceUrl text,
			properties.credentials.tenantId text, properties.credentials.thumbprint text, properties.datastoreType AzureBlob|AzureDataLakeGen1|AzureDataLakeGen2|AzureFile|OneLake,
			properties.accountName text, properties.containerName text, properties.fileShareName text, properties.filesystem text, properties.storeName text, properties.endpoint text,
			properties.protocol text, properties.subscriptionId text, properties.resourceGroup text,
			properties.serviceDataAccessAuthIdentity None|WorkspaceSystemAssignedIdentity|WorkspaceUserAssignedIdentity`},
		"secrets": {secretRequestShape, `expirableSecret bool, expireAfterHours int`},
		"job": {jobShape, `properties.jobType AutoML|Command|Pipeline|Spark|Sweep, properties.description text, properties.displayName text, properties.experimentName text,
			properties.isArchived bool, properties.tags {}text, properties.properties {}text, properties.computeId text, properties.componentId text, properties.command text,
			properties.codeId text, properties.environmentId text, properties.environmentVariables {}text, properties.resources.instanceCount int, properties.resources.instanceType text,
			properties.resources.shmSize text, properties.resources.dockerArgs text, properties.resources.properties any, properties.settings any, properties.jobs any,
			properties.services any, properties.identity any, properties.limits any`},
		"job input": {jobInputShape, `jobInputType literal|uri_file|uri_folder|mltable|custom_model|mlflow_model|triton_model,
			mode Direct|Download|EvalDownload|EvalMount|ReadOnlyMount|ReadWriteMount, uri text, value text, description text`},
		"job output": {jobOutputShape, `jobOutputType uri_file|uri_folder|mltable|custom_model|mlflow_model|triton_model, mode Direct|ReadWriteMount|Upload, uri text, assetName text,
			assetVersion text, description text`},
		"schedule": {scheduleShape, `properties.description text, properties.displayName text, properties.isEnabled bool, properties.tags {}text, properties.properties {}text,
			properties.action.actionType CreateJob|InvokeBatchEndpoint|CreateMonitor, properties.action.jobDefinition any, properties.action.endpointInvocationDefinition any,
			properties.trigger.triggerType Cron|Recurrence, properties.trigger.expression text, properties.trigger.startTime text, properties.trigger.endTime text,
			properties.trigger.timeZone text, properties.trigger.frequency Minute|Hour|Day|Week|Month, properties.trigger.interval int, properties.trigger.schedule.hours []int,
			properties.trigger.schedule.minutes []int, properties.trigger.schedule.monthDays []int,
			properties.trigger.schedule.weekDays []Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday`},
		"container": {containerShape, asset},
		"dataset":   {datasetShape, `properties.description text, properties.tags {}text, properties.properties {}text, properties.isArchived bool, properties.isAnonymous bool`},
		"data":      {version(dataKind()), asset + `properties.dataType uri_file|uri_folder|mltable, properties.dataUri text, properties.referencedUris []text`},
		"environment": {version(environmentKind()), asset + `properties.image text, properties.condaFile text, properties.osType Linux|Windows,
			properties.environmentType UserCreated|Curated, properties.autoRebuild Disabled|OnBaseImageUpdate, properties.build.contextUri text, properties.build.dockerfilePath text,
			properties.inferenceConfig any`},
		"model":     {version(modelKind()), asset + `properties.modelUri text, properties.modelType custom_model|mlflow_model|triton_model, properties.jobName text`},
		"code":      {version(codeKind()), asset + `properties.codeUri text`},
		"component": {version(componentKind()), asset + `properties.componentSpec any`},
	} {
		for member := range strings.SplitSeq(tt.members, ",") {
			if path, kind, found := strings.Cut(strings.TrimSpace(member), " "); found {
				checkMember(t, name, tt.shape, path, strings.TrimSpace(kind))
			}
		}
	}
}

// checkMember reads values of a member whose name and text are in capitals, and one of a wrong kind.
func checkMember(t *testing.T, request string, of object, path, kind string) {
	t.Helper()
	around := func(v any) any { return v }
	inner := strings.TrimPrefix(strings.TrimPrefix(kind, "{}"), "[]")
	switch {
	case strings.HasPrefix(kind, "{}"):
		around = func(v any) any { return store.Document{"Own": v} }
	case strings.HasPrefix(kind, "[]"):
		around = func(v any) any { return []any{v} }
	}
	values := map[string]any{} // as sent: as read
	var wrong any = store.Document{}
	switch inner {
	case "text":
		values["Kept as it IS"] = "Kept as it IS"
	case "int":
		values[" 12 "] = json.Number("12")
	case "bool":
		values["TRUE"], values["False"] = true, false
	case "any":
		values["Kept"], wrong = "Kept", nil
	default:
		for value := range strings.SplitSeq(inner, "|") {
			values[strings.ToUpper(value)], values[strings.ToLower(value)] = value, value
		}
	}
	read := func(v any) (any, int) {
		var complaints []validation.Violation
		got := of.read(nested(strings.ToUpper(path), v), "", &complaints)
		return got, len(complaints)
	}
	for sent, want := range values {
		got, complaints := read(around(sent))
		if diff := cmp.Diff(nested(path, around(want)), got); diff != "" || complaints > 0 {
			t.Errorf("%s: %s %q: %d complaints (-want +got):\n%s", request, path, sent, complaints, diff)
		}
	}
	if _, complaints := read(around(wrong)); wrong != nil && complaints != 1 {
		t.Errorf("%s: %s that is an object: %d complaints, want one", request, path, complaints)
	}
}

// nested is a document with one member, at a path of names separated by dots.
func nested(path string, v any) any {
	first, rest, deeper := strings.Cut(path, ".")
	if deeper {
		v = nested(rest, v)
	}
	return store.Document{first: v}
}
