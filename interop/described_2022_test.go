package interop

import (
	"net/http"
	"slices"

	ml3 "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/machinelearning/armmachinelearning/v3"
)

// described2022 is what v3 of armmachinelearning knows of 2022-10-01. How operations are polled is no
// part of a description.
func described2022() description {
	resources := map[string]any{
		"codes/*/versions/*": ml3.CodeVersion{}, "models/*/versions/*": ml3.ModelVersion{}, "environments/*/versions/*": ml3.EnvironmentVersion{},
		"data/*/versions/*": ml3.DataVersionBase{}, "components/*/versions/*": ml3.ComponentVersion{},
		"datastores/*": ml3.Datastore{}, "computes/*": ml3.ComputeResource{}, "schedules/*": ml3.Schedule{}, "jobs/*": ml3.JobBase{},
		"batchEndpoints/*": ml3.BatchEndpoint{}, "batchEndpoints/*/deployments/*": ml3.BatchDeployment{},
	}
	containers := map[string]any{
		"codes": ml3.CodeContainerResourceArmPaginatedResult{}, "codes/*": ml3.CodeContainer{},
		"models": ml3.ModelContainerResourceArmPaginatedResult{}, "models/*": ml3.ModelContainer{},
		"environments": ml3.EnvironmentContainerResourceArmPaginatedResult{}, "environments/*": ml3.EnvironmentContainer{},
		"data": ml3.DataContainerResourceArmPaginatedResult{}, "data/*": ml3.DataContainer{},
		"components": ml3.ComponentContainerResourceArmPaginatedResult{}, "components/*": ml3.ComponentContainer{},
		"codes/*/versions": ml3.CodeVersionResourceArmPaginatedResult{}, "models/*/versions": ml3.ModelVersionResourceArmPaginatedResult{},
		"environments/*/versions": ml3.EnvironmentVersionResourceArmPaginatedResult{}, "data/*/versions": ml3.DataVersionBaseResourceArmPaginatedResult{},
		"components/*/versions": ml3.ComponentVersionResourceArmPaginatedResult{},
	}
	lists := map[string]any{
		"datastores": ml3.DatastoreResourceArmPaginatedResult{}, "computes": ml3.PaginatedComputeResourcesList{},
		"schedules": ml3.ScheduleResourceArmPaginatedResult{}, "jobs": ml3.JobBaseResourceArmPaginatedResult{},
		"batchEndpoints": ml3.BatchEndpointTrackedResourceArmPaginatedResult{}, "batchEndpoints/*/deployments": ml3.BatchDeploymentTrackedResourceArmPaginatedResult{},
		"workspaces": ml3.WorkspaceListResult{}, "workspaces/*": ml3.Workspace{},
		"usages": ml3.ListUsagesResult{}, "vmSizes": ml3.VirtualMachineSizeListResult{},
		"mfeOperationsStatus/*": nil, "mfeOperationResults/*": nil, "computeOperationsStatus/*": nil,
	}
	actions := map[string]any{
		"batchEndpoints/*/listkeys": ml3.EndpointAuthKeys{}, "computes/*/listNodes": ml3.AmlComputeNodesInformation{},
		"datastores/*/listSecrets": ml3.AccountKeyDatastoreSecrets{},
	}
	changes := map[string]any{
		"batchEndpoints/*": ml3.BatchEndpoint{}, "batchEndpoints/*/deployments/*": ml3.BatchDeployment{}, "computes/*": ml3.ComputeResource{},
	}
	return description{
		version: "2022-10-01",
		answers: slices.Concat(answering(http.MethodGet, resources), answering(http.MethodGet, containers), answering(http.MethodGet, lists), answering(http.MethodPut, resources),
			answering(http.MethodPost, actions), answering(http.MethodPatch, changes)),
		enums: enumsOf(
			ml3.PossibleAllocationStateValues, ml3.PossibleAutoRebuildSettingValues, ml3.PossibleBatchLoggingLevelValues,
			ml3.PossibleBatchOutputActionValues, ml3.PossibleComputeTypeValues, ml3.PossibleCreatedByTypeValues,
			ml3.PossibleCredentialsTypeValues, ml3.PossibleDataTypeValues, ml3.PossibleDatastoreTypeValues,
			ml3.PossibleDeploymentProvisioningStateValues, ml3.PossibleEndpointAuthModeValues,
			ml3.PossibleEndpointProvisioningStateValues, ml3.PossibleEnvironmentTypeValues, ml3.PossibleInputDeliveryModeValues,
			ml3.PossibleJobInputTypeValues, ml3.PossibleJobOutputTypeValues, ml3.PossibleJobStatusValues,
			ml3.PossibleJobTypeValues, ml3.PossibleManagedServiceIdentityTypeValues, ml3.PossibleOperatingSystemTypeValues,
			ml3.PossibleOsTypeValues, ml3.PossibleOutputDeliveryModeValues, ml3.PossibleProvisioningStateValues,
			ml3.PossiblePublicNetworkAccessValues, ml3.PossibleQuotaUnitValues, ml3.PossibleRecurrenceFrequencyValues,
			ml3.PossibleReferenceTypeValues, ml3.PossibleRemoteLoginPortPublicAccessValues, ml3.PossibleSKUTierValues,
			ml3.PossibleScheduleActionTypeValues, ml3.PossibleScheduleProvisioningStatusValues, ml3.PossibleSecretsTypeValues,
			ml3.PossibleServiceDataAccessAuthIdentityValues, ml3.PossibleTriggerTypeValues, ml3.PossibleUsageUnitValues,
			ml3.PossibleVMPriorityValues, ml3.PossibleWeekDayValues,
		),
	}
}
