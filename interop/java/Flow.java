import com.azure.core.credential.TokenCredential;
import com.azure.core.http.HttpMethod;
import com.azure.core.http.HttpPipeline;
import com.azure.core.http.HttpPipelineBuilder;
import com.azure.core.http.HttpRequest;
import com.azure.core.http.HttpResponse;
import com.azure.core.http.policy.BearerTokenAuthenticationPolicy;
import com.azure.core.http.policy.RetryPolicy;
import com.azure.core.util.BinaryData;
import com.azure.identity.DefaultAzureCredentialBuilder;
import com.azure.storage.blob.BlobContainerClient;
import com.azure.storage.blob.BlobServiceClientBuilder;
import com.azure.storage.blob.models.ListBlobsOptions;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * Batch scoring with Azure's own Java packages (those of pom.xml beside this file), from the uploaded model to the deleted
 * endpoint:
 *
 * <pre>azmlbatch emulator exec -- java -cp 'LIBRARIES/*' interop/java/Flow.java</pre>
 *
 * Maven Central has no released management package for machine learning, so Azure Resource Manager is asked through
 * azure-core, as a program would do that cannot have one.
 */
public class Flow {
    private static final ObjectMapper json = new ObjectMapper();
    private static final TokenCredential credential = new DefaultAzureCredentialBuilder().build();
    private static final HttpPipeline management = pipeline("https://management.azure.com/.default");
    private static final HttpPipeline scoring = pipeline("https://ml.azure.com/.default");
    private static final String workspace = "/subscriptions/" + env("AZUREML_ARM_SUBSCRIPTION") + "/resourceGroups/" + env("AZUREML_ARM_RESOURCEGROUP")
        + "/providers/Microsoft.MachineLearningServices/workspaces/" + env("AZUREML_ARM_WORKSPACE_NAME");

    public static void main(String[] args) throws Exception {
        JsonNode store = arm(HttpMethod.GET, "/datastores/workspaceblobstore", null).at("/properties");
        BlobContainerClient container = new BlobServiceClientBuilder().credential(credential)
            .endpoint("https://" + store.get("accountName").asText() + ".blob." + store.get("endpoint").asText()).buildClient()
            .getBlobContainerClient(store.get("containerName").asText());
        int images = upload(container);
        register(container);
        deploy();
        score(container, images);
        delete(container);
    }

    private static int upload(BlobContainerClient container) throws IOException {
        int images = 0;
        for (String folder : List.of("code", "model", "images")) {
            try (Stream<Path> files = Files.list(Path.of("examples/quickstart/digits", folder))) {
                for (Path file : files.filter(Files::isRegularFile).toList()) {
                    container.getBlobClient("java/" + folder + "/" + file.getFileName()).upload(BinaryData.fromFile(file), true);
                    images += folder.equals("images") ? 1 : 0;
                }
            }
        }
        System.out.println("- " + images + " images uploaded");
        return images;
    }

    private static void register(BlobContainerClient container) throws IOException {
        arm(HttpMethod.PUT, "/codes/java-score/versions/1", "{'properties': {'codeUri': '" + container.getBlobContainerUrl() + "/java/code'}}");
        arm(HttpMethod.PUT, "/models/java-digits/versions/1",
            "{'properties': {'modelType': 'custom_model', 'modelUri': 'azureml://datastores/workspaceblobstore/paths/java/model'}}");
        arm(HttpMethod.PUT, "/environments/java-env/versions/1", "{'properties': {'image': 'mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest'}}");
        arm(HttpMethod.PUT, "/computes/java-cluster", "{'location': 'eastus', 'properties': {'computeType': 'AmlCompute', 'properties': "
            + "{'vmSize': 'STANDARD_DS3_V2', 'scaleSettings': {'minNodeCount': 0, 'maxNodeCount': 1}}}}");
        provisioned("/computes/java-cluster");
        System.out.println("- assets and cluster");
    }

    private static void deploy() throws IOException {
        String endpoint = "{'location': 'eastus', 'properties': {'authMode': 'AADToken'%s}}";
        arm(HttpMethod.PUT, "/batchEndpoints/java-digits", String.format(endpoint, ""));
        provisioned("/batchEndpoints/java-digits");
        arm(HttpMethod.PUT, "/batchEndpoints/java-digits/deployments/blue", ("{'location': 'eastus', 'properties': {"
            + "'model': {'referenceType': 'Id', 'assetId': 'WS/models/java-digits/versions/1'}, "
            + "'codeConfiguration': {'codeId': 'WS/codes/java-score/versions/1', 'scoringScript': 'score.py'}, "
            + "'environmentId': 'WS/environments/java-env/versions/1', 'compute': 'WS/computes/java-cluster', "
            + "'miniBatchSize': 10, 'outputAction': 'AppendRow', 'outputFileName': 'predictions.csv'}}").replace("WS", workspace));
        provisioned("/batchEndpoints/java-digits/deployments/blue");
        arm(HttpMethod.PUT, "/batchEndpoints/java-digits", String.format(endpoint, ", 'defaults': {'deploymentName': 'blue'}"));
        provisioned("/batchEndpoints/java-digits");
        System.out.println("- endpoint with a default deployment");
    }

    private static void score(BlobContainerClient container, int images) throws IOException {
        String uri = arm(HttpMethod.GET, "/batchEndpoints/java-digits", null).at("/properties/scoringUri").asText();
        String body = "{'properties': {'InputData': {'images': {'JobInputType': 'UriFolder', 'Uri': 'azureml://datastores/workspaceblobstore/paths/java/images'}}, "
            + "'OutputData': {'score': {'JobOutputType': 'UriFile', 'Uri': 'azureml://datastores/workspaceblobstore/paths/java/out/predictions.csv'}}}}";
        String job = send(scoring, HttpMethod.POST, uri, body).get("name").asText();
        String status = "";
        while (!List.of("Completed", "Failed", "Canceled").contains(status)) {
            status = arm(HttpMethod.GET, "/jobs/" + job, null).at("/properties/status").asText();
        }
        expect("Completed", status, "status of " + job);
        long rows = container.getBlobClient("java/out/predictions.csv").downloadContent().toString().lines().count();
        expect((long) images, rows, "rows of " + job);
        System.out.println("- job " + job + ": " + rows + " rows");
    }

    private static void delete(BlobContainerClient container) throws IOException {
        arm(HttpMethod.DELETE, "/batchEndpoints/java-digits", null);
        arm(HttpMethod.DELETE, "/computes/java-cluster?underlyingResourceAction=Delete", null);
        container.listBlobs(new ListBlobsOptions().setPrefix("java/"), null).forEach(blob -> container.getBlobClient(blob.getName()).delete());
        System.out.println("- deleted");
    }

    private static void provisioned(String path) throws IOException {
        String state = "";
        while (!List.of("Succeeded", "Failed", "Canceled").contains(state)) {
            state = arm(HttpMethod.GET, path, null).at("/properties/provisioningState").asText();
        }
        expect("Succeeded", state, path);
    }

    private static JsonNode arm(HttpMethod method, String path, String body) throws IOException {
        String query = path.contains("?") ? "&" : "?";
        return send(management, method, "https://management.azure.com" + workspace + path + query + "api-version=2024-04-01", body);
    }

    private static JsonNode send(HttpPipeline pipeline, HttpMethod method, String url, String body) throws IOException {
        HttpRequest request = new HttpRequest(method, url);
        if (body != null) {
            request.setHeader("Content-Type", "application/json").setBody(body.replace('\'', '"'));
        }
        try (HttpResponse response = pipeline.sendSync(request, com.azure.core.util.Context.NONE)) {
            String text = response.getBodyAsString().block();
            expect(2, response.getStatusCode() / 100, "family of the status of " + method + " " + url + ": " + text);
            return text == null || text.isEmpty() ? json.nullNode() : json.readTree(text);
        }
    }

    private static HttpPipeline pipeline(String scope) {
        return new HttpPipelineBuilder().policies(new RetryPolicy(), new BearerTokenAuthenticationPolicy(credential, scope)).build();
    }

    private static void expect(Object want, Object got, String what) {
        if (!want.equals(got)) {
            throw new IllegalStateException(what + ": got " + got + ", want " + want);
        }
    }

    private static String env(String name) {
        String value = System.getenv(name);
        if (value == null) {
            throw new IllegalStateException(name + " is not set: run this with azmlbatch emulator exec");
        }
        return value;
    }
}
