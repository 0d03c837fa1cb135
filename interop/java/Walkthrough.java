import java.io.InputStream;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.net.ssl.HttpsURLConnection;

/**
 * Azure as any Java program sees it, with nothing but the JDK:
 *
 * <pre>azmlbatch emulator exec -- java interop/java/Walkthrough.java</pre>
 *
 * It knows no proxy and no certificate authority: JAVA_TOOL_OPTIONS names them.
 */
public class Walkthrough {
    private static final HttpClient http = HttpClient.newHttpClient();

    public static void main(String[] args) throws Exception {
        String token = token("https://management.azure.com/.default");
        String workspace = "/subscriptions/" + env("AZUREML_ARM_SUBSCRIPTION") + "/resourceGroups/" + env("AZUREML_ARM_RESOURCEGROUP")
            + "/providers/Microsoft.MachineLearningServices/workspaces/" + env("AZUREML_ARM_WORKSPACE_NAME");
        String url = "https://management.azure.com" + workspace + "?api-version=2024-04-01";

        HttpRequest request = HttpRequest.newBuilder(URI.create(url)).header("Authorization", "Bearer " + token).build();
        HttpResponse<String> response = http.send(request, HttpResponse.BodyHandlers.ofString());
        check("java.net.http", response.statusCode(), response.body());

        HttpsURLConnection connection = (HttpsURLConnection) URI.create(url).toURL().openConnection();
        connection.setRequestProperty("Authorization", "Bearer " + token);
        try (InputStream body = connection.getInputStream()) {
            check("HttpsURLConnection", connection.getResponseCode(), new String(body.readAllBytes(), StandardCharsets.UTF_8));
        }
    }

    private static String token(String scope) throws Exception {
        Map<String, String> form = Map.of("grant_type", "client_credentials", "client_id", env("AZURE_CLIENT_ID"),
            "client_secret", env("AZURE_CLIENT_SECRET"), "scope", scope);
        String body = form.entrySet().stream().map(e -> e.getKey() + "=" + URLEncoder.encode(e.getValue(), StandardCharsets.UTF_8))
            .collect(Collectors.joining("&"));
        HttpRequest request = HttpRequest.newBuilder(URI.create(env("AZURE_AUTHORITY_HOST") + env("AZURE_TENANT_ID") + "/oauth2/v2.0/token"))
            .header("Content-Type", "application/x-www-form-urlencoded").POST(HttpRequest.BodyPublishers.ofString(body)).build();
        HttpResponse<String> response = http.send(request, HttpResponse.BodyHandlers.ofString());
        Matcher member = Pattern.compile("\"access_token\"\\s*:\\s*\"([^\"]+)\"").matcher(response.body());
        if (!member.find()) {
            throw new IllegalStateException("no token: status " + response.statusCode());
        }
        return member.group(1);
    }

    private static void check(String client, int status, String body) {
        if (status != 200 || !body.contains("\"" + env("AZUREML_ARM_WORKSPACE_NAME") + "\"")) {
            throw new IllegalStateException(client + ": status " + status + ": " + body);
        }
        System.out.println(client + " reads the workspace");
    }

    private static String env(String name) {
        String value = System.getenv(name);
        if (value == null) {
            throw new IllegalStateException(name + " is not set: run this with azmlbatch emulator exec");
        }
        return value;
    }
}
