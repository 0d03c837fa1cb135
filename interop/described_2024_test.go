package interop

import (
	"net/http"
	"slices"

	ml "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/machinelearning/armmachinelearning/v4"
)

// described2024 is what v4 of armmachinelearning knows of 2024-04-01. How operations are polled is no
// part of a description.
func described2024() description {
	resources := map[string]any{
		"codes/*/versions/*": ml.CodeVersion{}, "models/*/versions/*": ml.ModelVersion{}, "environments/*/versions/*": ml.EnvironmentVersion{},
		"data/*/versions/*": ml.DataVersionBase{}, "components/*/versions/*": ml.ComponentVersion{},
		"datastores/*": ml.Datastore{}, "computes/*": ml.ComputeResource{}, "schedules/*": ml.Schedule{}, "jobs/*": ml.JobBase{},
		"batchEndpoints/*": ml.BatchEndpoint{}, "batchEndpoints/*/deployments/*": ml.BatchDeployment{},
	}
	containers := map[string]any{
		"codes": ml.CodeContainerResourceArmPaginatedResult{}, "codes/*": ml.CodeContainer{},
		"models": ml.ModelContainerResourceArmPaginatedResult{}, "models/*": ml.ModelContainer{},
		"environments": ml.EnvironmentContainerResourceArmPaginatedResult{}, "environments/*": ml.EnvironmentContainer{},
		"data": ml.DataContainerResourceArmPaginatedResult{}, "data/*": ml.DataContainer{},
		"components": ml.ComponentContainerResourceArmPaginatedResult{}, "components/*": ml.ComponentContainer{},
		"codes/*/versions": ml.CodeVersionResourceArmPaginatedResult{}, "models/*/versions": ml.ModelVersionResourceArmPaginatedResult{},
		"environments/*/versions": ml.EnvironmentVersionResourceArmPaginatedResult{}, "data/*/versions": ml.DataVersionBaseResourceArmPaginatedResult{},
		"components/*/versions": ml.ComponentVersionResourceArmPaginatedResult{},
	}
	lists := map[string]any{
		"datastores": ml.DatastoreResourceArmPaginatedResult{}, "computes": ml.PaginatedComputeResourcesList{},
		"schedules": ml.ScheduleResourceArmPaginatedResult{}, "jobs": ml.JobBaseResourceArmPaginatedResult{},
		"batchEndpoints": ml.BatchEndpointTrackedResourceArmPaginatedResult{}, "batchEndpoints/*/deployments": ml.BatchDeploymentTrackedResourceArmPaginatedResult{},
		"workspaces": ml.WorkspaceListResult{}, "workspaces/*": ml.Workspace{},
		"usages": ml.ListUsagesResult{}, "vmSizes": ml.VirtualMachineSizeListResult{},
		"mfeOperationsStatus/*": nil, "mfeOperationResults/*": nil, "computeOperationsStatus/*": nil,
	}
	actions := map[string]any{
		"batchEndpoints/*/listkeys": ml.EndpointAuthKeys{}, "computes/*/listNodes": ml.AmlComputeNodesInformation{},
		"datastores/*/listSecrets":              ml.AccountKeyDatastoreSecrets{},
		"codes/*/versions/*/startPendingUpload": ml.PendingUploadResponseDto{}, "data/*/versions/*/startPendingUpload": ml.PendingUploadResponseDto{},
		"models/*/versions/*/startPendingUpload": ml.PendingUploadResponseDto{},
	}
	changes := map[string]any{
		"batchEndpoints/*": ml.BatchEndpoint{}, "batchEndpoints/*/deployments/*": ml.BatchDeployment{}, "computes/*": ml.ComputeResource{},
	}
	return description{
		version: "2024-04-01",
		answers: slices.Concat(answering(http.MethodGet, resources), answering(http.MethodGet, containers), answering(http.MethodGet, lists), answering(http.MethodPut, resources),
			answering(http.MethodPost, actions), answering(http.MethodPatch, changes)),
		enums: enumsOf(
			ml.PossibleAllocationStateValues, ml.PossibleAssetProvisioningStateValues, ml.PossibleAutoRebuildSettingValues,
			ml.PossibleBatchLoggingLevelValues, ml.PossibleBatchOutputActionValues, ml.PossibleComputeTypeValues,
			ml.PossibleCreatedByTypeValues, ml.PossibleCredentialsTypeValues, ml.PossibleDataTypeValues,
			ml.PossibleDatastoreTypeValues, ml.PossibleDeploymentProvisioningStateValues, ml.PossibleEndpointAuthModeValues,
			ml.PossibleEndpointProvisioningStateValues, ml.PossibleEnvironmentTypeValues, ml.PossibleInputDeliveryModeValues,
			ml.PossibleIsolationModeValues, ml.PossibleJobInputTypeValues, ml.PossibleJobOutputTypeValues,
			ml.PossibleJobStatusValues, ml.PossibleJobTierValues, ml.PossibleJobTypeValues,
			ml.PossibleManagedServiceIdentityTypeValues, ml.PossibleOperatingSystemTypeValues, ml.PossibleOsTypeValues,
			ml.PossibleOutputDeliveryModeValues, ml.PossiblePendingUploadCredentialTypeValues,
			ml.PossiblePendingUploadTypeValues, ml.PossibleProvisioningStateValues, ml.PossiblePublicNetworkAccessValues,
			ml.PossibleQuotaUnitValues, ml.PossibleRecurrenceFrequencyValues, ml.PossibleReferenceTypeValues,
			ml.PossibleRemoteLoginPortPublicAccessValues, ml.PossibleSKUTierValues, ml.PossibleScheduleActionTypeValues,
			ml.PossibleScheduleProvisioningStatusValues, ml.PossibleSecretsTypeValues,
			ml.PossibleServiceDataAccessAuthIdentityValues, ml.PossibleTriggerTypeValues, ml.PossibleUsageUnitValues,
			ml.PossibleVMPriorityValues, ml.PossibleWeekDayValues,
		),
	}
}
